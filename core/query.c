#include "core/query.h"

#include "core/keys.h"
#include "core/redis_command.h"
#include "core/redis_pool.h"
#include "core/redis_script.h"

#include <assert.h>
#include <stdlib.h>

enum {
    SLICE_BUDGET = 1500, /* candidates: 1 to 3 ms of Redis */
    FETCH_AT_A_TIME = 100,
    SLICE_HEAD = 5, /* items of a slice's reply before its matches */
};

static struct query *query_of(struct redis_call *call)
{
    return container_of(call, struct query, call);
}

static enum err submit(struct query *query, const struct redis_call_ops *ops, unsigned n_commands)
{
    query->call = (struct redis_call){
        .ops = ops,
        .n_commands = n_commands,
        .read_only = true,
        .deadline_ms = query->deadline_ms,
    };
    return redis_pool_submit(query->store->pool, REDIS_LANE_SCAN, &query->call);
}

static bool is_ordered(const struct query *query)
{
    return query->order != FIELD_ID && !query->counting;
}

/* ---- FETCH ---- */

static size_t fetch_size(const struct query *query)
{
    size_t left = query->page_end - query->page;
    return left < FETCH_AT_A_TIME ? left : FETCH_AT_A_TIME;
}

static void fetch_format(struct redis_call *call, struct buf *out, bool with_source)
{
    struct query *query = query_of(call);

    (void)with_source;
    for (size_t i = 0; i < call->n_commands; i++) {
        struct text id = matches_id(&query->matches, query->page + i);
        if (query->fields == FIELDS_ALL)
            status_view_ask_all(out, query->store->prefix, id);
        else
            status_view_ask_fields(out, query->store->prefix, id, query->fields);
    }
}

static bool fetch_replied(struct redis_call *call, unsigned index, const struct redis_reply *reply)
{
    struct query *query = query_of(call);
    struct status_view view;
    bool found, parsed;

    parsed = query->fields == FIELDS_ALL
                 ? status_view_of_all(reply, &view, &found)
                 : status_view_of_fields(reply, query->fields, &view, &found);
    if (!parsed)
        return false;
    if (query->page + index < query->fetched) /* the call was sent again */
        return true;
    query->fetched = query->page + index + 1;
    if (found)
        query->each(query, &view);
    return true;
}

static enum err fetch(struct query *query);

static void fetch_done(struct redis_call *call, enum err err)
{
    struct query *query = query_of(call);

    query->page += call->n_commands;
    if (err == ERR_NONE && query->page < query->page_end) {
        err = fetch(query);
        if (err == ERR_NONE)
            return;
    }
    query->done(query, err);
}

static enum err fetch(struct query *query)
{
    static const struct redis_call_ops ops = {
        .format = fetch_format,
        .reply = fetch_replied,
        .done = fetch_done,
    };

    return submit(query, &ops, (unsigned)fetch_size(query));
}

/* The walk has found what there is: the page, and whether anything is behind it. False: no status
 * to fetch. */
static bool cut_page(struct query *query)
{
    struct matches *matches = &query->matches;
    uint64_t end = query->offset + query->limit;

    if (query->plan.driver != PLAN_BY_ORDER)
        matches_sort(matches);
    query->page = query->fetched = query->offset < matches->n ? query->offset : matches->n;
    query->page_end = end < matches->n ? end : matches->n;
    query->has_more = matches->n > end && query->page_end > 0;
    if (query->has_more)
        query->next = (struct query_place){ .score = matches->items[query->page_end - 1].score,
                                            .id = matches_id(matches, query->page_end - 1) };
    return query->page < query->page_end;
}

/* ---- SLICE: the arguments ---- */

/* Arguments of scan.lua, counted as they are added. */
struct args {
    struct buf bytes;
    size_t n;
};

static void add(struct args *args, struct text text)
{
    redis_arg(&args->bytes, text);
    args->n++;
}

static void add_str(struct args *args, const char *string)
{
    add(args, text_of(string));
}

static void add_u64(struct args *args, uint64_t number)
{
    redis_arg_u64(&args->bytes, number);
    args->n++;
}

/* Names of sets: the index and each of the first `n` values. */
static void add_sets(struct args *args, const struct clause *clause, size_t n)
{
    add_u64(args, n);
    for (size_t i = 0; i < n; i++) {
        redis_arg_join(&args->bytes, clause->index, clause->values[i]);
        args->n++;
    }
}

static void add_values(struct args *args, const struct clause *clause)
{
    add_u64(args, clause->n_values);
    for (size_t i = 0; i < clause->n_values; i++)
        add(args, clause->values[i]);
}

static void add_walk_in_order(struct args *args, struct query *query, enum status_field field,
                              uint64_t min, uint64_t max)
{
    add_str(args, "zset");
    add_str(args, status_field_name(field));
    add_u64(args, query->descending);
    add_u64(args, min);
    add_u64(args, max);
    add(args, buf_text(&query->place));
    add(args, buf_text(&query->place_id));
}

/* A value belongs to one status only once, whatever other values it has: states, names, provider's
 * ids. */
static bool is_exclusive(const struct clause *clause)
{
    return !text_is(clause->index, "job_arg:");
}

static void add_driver(struct args *args, struct query *query)
{
    const struct clause *clause = &query->all[query->plan.driver];

    if (query->plan.driver == PLAN_BY_ORDER) {
        add_walk_in_order(args, query, query->order, query->min, query->max);
        return;
    }
    switch (clause->kind) {
    case CLAUSE_RANGE:
        add_walk_in_order(args, query, clause->field, clause->min, clause->max);
        return;
    case CLAUSE_IDS:
        add_str(args, "ids");
        add_values(args, clause);
        return;
    case CLAUSE_SETS:
    case CLAUSE_ARG:
        add_str(args, "set");
        redis_arg_join(&args->bytes, clause->index, clause->values[query->set]);
        args->n++;
        add(args, query->place.len ? buf_text(&query->place) : TEXT("0"));
        add_sets(args, clause, is_exclusive(clause) ? 0 : query->set);
        return;
    case CLAUSE_KILL:
    case CLAUSE_KIND_COUNT:
        break;
    }
    abort(); /* the plan let a clause drive that can't */
}

/* What the indexes tell. */
static void add_index_check(struct args *args, const struct query *query,
                            const struct clause *clause)
{
    switch (clause->kind) {
    case CLAUSE_SETS:
    case CLAUSE_ARG:
        add_str(args, "sets");
        add_sets(args, clause, clause->n_values);
        break;
    case CLAUSE_RANGE:
        if (query->plan.driver == PLAN_BY_ORDER && clause->field == query->order)
            break; /* a bound of the walk */
        add_str(args, "range");
        add_str(args, status_field_name(clause->field));
        add_u64(args, clause->min);
        add_u64(args, clause->max);
        break;
    case CLAUSE_IDS:
        add_str(args, "ids");
        add_values(args, clause);
        break;
    case CLAUSE_KILL:
    case CLAUSE_KIND_COUNT:
        break;
    }
}

/* What only the hash tells: last, as each costs a read of it. */
static void add_hash_check(struct args *args, const struct clause *clause)
{
    if (clause->kind == CLAUSE_KILL) {
        add_str(args, "kill");
        add_u64(args, clause->wanted);
    } else if (clause->kind == CLAUSE_ARG) {
        add_str(args, "arg");
        add(args, clause->name);
        add_values(args, clause);
    }
}

/* Matches after which the walk may stop; 0: it goes to the end. */
static uint64_t still_wanted(const struct query *query)
{
    return query->plan.driver == PLAN_BY_ORDER ? query->offset + query->limit + 1 - query->matches.n
                                               : 0;
}

static void add_all(struct args *args, struct query *query)
{
    const struct plan *plan = &query->plan;

    add_u64(args, query->nonce);
    add_u64(args, SLICE_BUDGET);
    add_u64(args, still_wanted(query));
    add_str(args, is_ordered(query) ? status_field_name(query->order) : "");
    add_driver(args, query);
    for (size_t i = 0; i < plan->n_checks; i++)
        add_index_check(args, query, &query->all[plan->checks[i]]);
    for (size_t i = 0; i < query->n_all; i++)
        add_hash_check(args, &query->all[i]);
}

static void slice_format(struct redis_call *call, struct buf *out, bool with_source)
{
    struct query *query = query_of(call);
    struct args args = { 0 };

    add_all(&args, query);
    redis_script_command(out, REDIS_SCRIPT_SCAN, with_source, args.n);
    redis_arg(out, query->store->prefix);
    buf_add_text(out, buf_text(&args.bytes));
    buf_finish(&args.bytes);
}

/* ---- SLICE: the reply ---- */

static uint64_t number_of(struct text text)
{
    uint64_t number = 0;

    for (size_t i = 0; i < text.len && text.at[i] >= '0' && text.at[i] <= '9'; i++)
        number = number * 10 + (uint64_t)(text.at[i] - '0');
    return number;
}

static void remember(struct buf *buf, struct text text)
{
    buf_clear(buf);
    buf_add_text(buf, text);
}

static void take_match(struct query *query, struct text id, struct text score_text)
{
    bool in_order = query->plan.driver == PLAN_BY_ORDER;
    uint64_t score = is_ordered(query) ? number_of(score_text) : 0;

    if (!in_order && !idset_add(&query->seen, id))
        return; /* a set that is rehashed meanwhile tells some of its members twice */
    if (query->counting)
        query->count++;
    else if (in_order || !query->from.id.at ||
             matches_before(&query->matches, query->from.score, query->from.id, score, id))
        matches_add(&query->matches, score, id);
}

static bool slice_replied(struct redis_call *call, unsigned index, const struct redis_reply *reply)
{
    struct query *query = query_of(call);
    const struct redis_reply *items = reply->items;

    (void)index;
    if (reply->type != REDIS_ARRAY || reply->n_items < SLICE_HEAD || reply->n_items % 2 == 0 ||
        number_of(items[0].text) != query->nonce || items[1].type != REDIS_INTEGER)
        return false;
    query->slices++;
    query->looked_at += (uint64_t)items[1].integer;
    query->walking_done = !text_is(items[2].text, "1");
    remember(&query->place, items[3].text);
    remember(&query->place_id, items[4].text);
    for (size_t i = SLICE_HEAD; i < reply->n_items; i += 2)
        take_match(query, items[i].text, items[i + 1].text);
    return true;
}

static enum err slice(struct query *query);

/* Back to the start, with the smallest clause: in order it took too long. */
static void fall_back(struct query *query)
{
    plan_fall_back(&(struct plan_input){ .clauses = query->all,
                                         .cardinalities = query->cardinalities,
                                         .n_clauses = query->n_all },
                   &query->plan);
    query->fell_back = true;
    query->matches.n = 0;
    buf_clear(&query->matches.ids);
    buf_clear(&query->place);
    buf_clear(&query->place_id);
}

/* Whether there is another slice to walk. */
static bool walk_on(struct query *query)
{
    const struct plan *plan = &query->plan;

    if (plan->driver == PLAN_BY_ORDER) {
        if (query->walking_done || query->matches.n > query->offset + query->limit)
            return false;
        if (plan->give_up_at && query->looked_at >= plan->give_up_at)
            fall_back(query);
        return true;
    }
    if (!query->walking_done)
        return true;
    const struct clause *clause = &query->all[plan->driver];
    bool has_sets = clause->kind == CLAUSE_SETS || clause->kind == CLAUSE_ARG;
    buf_clear(&query->place);
    return has_sets && ++query->set < clause->n_values;
}

static void slice_done(struct redis_call *call, enum err err)
{
    struct query *query = query_of(call);

    if (err == ERR_NONE && walk_on(query))
        err = slice(query);
    else if (err == ERR_NONE && !query->counting && cut_page(query))
        err = fetch(query);
    else {
        query->done(query, err);
        return;
    }
    if (err != ERR_NONE)
        query->done(query, err);
}

static enum err slice(struct query *query)
{
    static const struct redis_call_ops ops = {
        .format = slice_format,
        .reply = slice_replied,
        .done = slice_done,
    };

    return submit(query, &ops, 1);
}

/* ---- PLAN ---- */

static unsigned n_questions(const struct clause *clause)
{
    switch (clause->kind) {
    case CLAUSE_SETS:
    case CLAUSE_ARG:
        return (unsigned)clause->n_values;
    case CLAUSE_RANGE:
        return 1;
    case CLAUSE_IDS:
    case CLAUSE_KILL:
    case CLAUSE_KIND_COUNT:
        break;
    }
    return 0;
}

static void ask_zcount(struct buf *out, const struct query *query, enum status_field field,
                       uint64_t min, uint64_t max)
{
    redis_command(out, 4);
    redis_arg_str(out, "ZCOUNT");
    redis_arg_join(out, query->store->prefix, text_of(status_field_name(field)));
    redis_arg_u64(out, min);
    redis_arg_u64(out, max);
}

static void plan_format(struct redis_call *call, struct buf *out, bool with_source)
{
    struct query *query = query_of(call);
    struct buf name = { 0 };

    (void)with_source;
    for (size_t i = 0; i < query->n_all; i++) {
        const struct clause *clause = &query->all[i];
        if (clause->kind == CLAUSE_RANGE) {
            ask_zcount(out, query, clause->field, clause->min, clause->max);
            continue;
        }
        for (size_t k = 0; k < n_questions(clause); k++) {
            buf_clear(&name);
            buf_add_text(&name, clause->index);
            buf_add_text(&name, clause->values[k]);
            redis_command(out, 2);
            redis_arg_str(out, "SCARD");
            redis_arg_join(out, query->store->prefix, buf_text(&name));
        }
    }
    /* Also when it is of no use, so that there is always a question. */
    ask_zcount(out, query, is_ordered(query) ? query->order : FIELD_RECORDED_AT, query->min,
               query->max);
    buf_finish(&name);
}

static bool plan_replied(struct redis_call *call, unsigned index, const struct redis_reply *reply)
{
    struct query *query = query_of(call);
    unsigned first = 0;

    if (reply->type != REDIS_INTEGER || reply->integer < 0)
        return false;
    for (size_t i = 0; i < query->n_all; i++) {
        unsigned n = n_questions(&query->all[i]);
        if (index < first + n) {
            query->cardinalities[i] =
                (index == first ? 0 : query->cardinalities[i]) + (uint64_t)reply->integer;
            return true;
        }
        first += n;
    }
    query->order_cardinality = (uint64_t)reply->integer;
    return true;
}

static struct plan_input plan_input_of(const struct query *query)
{
    return (struct plan_input){
        .clauses = query->all,
        .cardinalities = query->cardinalities,
        .n_clauses = query->n_all,
        .order_cardinality = query->order_cardinality,
        .has_order = is_ordered(query),
        .want = query->counting ? 0 : query->offset + query->limit + 1,
    };
}

/* The index itself knows, exactly: nothing is in two of its sets. */
static bool is_counted(struct query *query)
{
    const struct clause *only = &query->all[0];

    if (!query->counting || query->n_all != 1)
        return false;
    query->count = query->cardinalities[0];
    return only->kind == CLAUSE_RANGE ||
           (only->kind == CLAUSE_SETS && (only->n_values == 1 || is_exclusive(only)));
}

static void start_place(struct query *query)
{
    if (query->plan.driver != PLAN_BY_ORDER || !query->from.id.at)
        return;
    buf_add_u64(&query->place, query->from.score);
    buf_add_text(&query->place_id, query->from.id);
}

static void plan_done(struct redis_call *call, enum err err)
{
    struct query *query = query_of(call);
    struct plan_input input = plan_input_of(query);

    if (err == ERR_NONE && !is_counted(query)) {
        query->count = 0;
        if (plan_make(&input, &query->plan)) {
            start_place(query);
            err = slice(query);
            if (err == ERR_NONE)
                return;
        }
    }
    query->done(query, err);
}

/* ---- starting ---- */

/* All statuses: each is in one state. */
static struct clause all_states(void)
{
    static _Thread_local struct text names[STATE_COUNT];
    static _Thread_local bool made;

    if (!made) {
        for (enum state state = 0; state < STATE_COUNT; state++)
            names[state] = text_of(state_info(state)->name);
        made = true;
    }
    return (struct clause){
        .kind = CLAUSE_SETS, .index = TEXT(""), .values = names, .n_values = STATE_COUNT
    };
}

/* The caller's clauses, and all states if none of those can be walked. */
static void list_clauses(struct query *query)
{
    bool walkable = is_ordered(query);

    query->n_all = 0;
    for (size_t i = 0; i < query->n_clauses; i++) {
        query->all[query->n_all++] = query->clauses[i];
        walkable |= clause_can_drive(&query->clauses[i]);
    }
    if (!walkable)
        query->all[query->n_all++] = all_states();
}

static void bound_walk(struct query *query)
{
    query->min = 0;
    query->max = CLAUSE_TIME_MAX;
    for (size_t i = 0; i < query->n_all; i++) {
        const struct clause *clause = &query->all[i];
        if (clause->kind != CLAUSE_RANGE || clause->field != query->order)
            continue;
        query->min = clause->min > query->min ? clause->min : query->min;
        query->max = clause->max < query->max ? clause->max : query->max;
    }
    if (query->from.id.at && query->descending && query->from.score < query->max)
        query->max = query->from.score;
    if (query->from.id.at && !query->descending && query->from.score > query->min)
        query->min = query->from.score;
}

static enum err start(struct query *query, bool counting)
{
    static const struct redis_call_ops ops = {
        .format = plan_format,
        .reply = plan_replied,
        .done = plan_done,
    };
    unsigned n = 0;

    assert(query->n_clauses < PLAN_CLAUSES_MAX);
    query->counting = counting;
    query->nonce = (uint64_t)(uintptr_t)query ^ query->deadline_ms << 48;
    query->fields |= FIELD_BIT(FIELD_ID);
    query->matches.descending = query->descending;
    query->matches.most = query->offset + query->limit + 1;
    list_clauses(query);
    bound_walk(query);
    for (size_t i = 0; i < query->n_all; i++) {
        n += n_questions(&query->all[i]);
        query->cardinalities[i] = query->all[i].kind == CLAUSE_IDS ? query->all[i].n_values : 0;
    }
    return submit(query, &ops, n + 1);
}

enum err query_list(struct query *query)
{
    return start(query, false);
}

enum err query_count(struct query *query)
{
    return start(query, true);
}

void query_finish(struct query *query)
{
    matches_finish(&query->matches);
    idset_finish(&query->seen);
    buf_finish(&query->place);
    buf_finish(&query->place_id);
}
