#include "core/query.h"

#include "core/query_slice.h"
#include "core/redis_command.h"
#include "core/redis_pool.h"

#include <assert.h>

enum {
    FETCH_FIRST = 16, /* statuses of the first round trip; then as many as fill FETCH_BYTES */
    FETCH_MOST = 100,
    FETCH_BYTES = 256 * 1024,
    SLICE_HEAD = 5, /* items of a slice's reply before its matches */
};

static struct query *query_of(struct redis_call *call)
{
    return container_of(call, struct query, call);
}

static enum err submit(struct query *query, const struct redis_call_ops *ops, unsigned n_commands)
{
    uint64_t now_ms = redis_pool_now(query->store->pool);

    if (query->deadline_ms && now_ms >= query->deadline_ms)
        return ERR_TIME_OVER;
    query->call = (struct redis_call){
        .ops = ops,
        .n_commands = n_commands,
        .read_only = true,
        .deadline_ms = now_ms + query->call_ms,
    };
    return redis_pool_submit(query->store->pool, REDIS_LANE_SCAN, &query->call);
}

static void end(struct query *query, enum err err)
{
    gate_leave(&query->pass);
    query->done(query, err);
}

/* The end, unless the next step is under way. */
static void go_on_or_end(struct query *query, enum err err)
{
    if (err != ERR_NONE)
        end(query, err);
}

/* ---- FETCH ---- */

static size_t fetch_size(const struct query *query)
{
    size_t left = query->page_end - query->page;
    return left < query->fetch_size ? left : query->fetch_size;
}

/* Statuses may be big: what one round trip brings is bounded by what the last one brought. */
static void adapt_fetch_size(struct query *query, size_t n)
{
    size_t fitting = FETCH_BYTES / (query->fetched_bytes / n + 1);

    query->fetch_size = fitting < 1 ? 1 : fitting > FETCH_MOST ? FETCH_MOST : fitting;
    query->fetched_bytes = 0;
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
    for (size_t i = 0; found && i < FIELD_COUNT; i++)
        query->fetched_bytes += view.field[i].len;
    if (found)
        query->each(query, &view);
    return true;
}

static enum err fetch(struct query *query);

static void fetch_done(struct redis_call *call, enum err err)
{
    struct query *query = query_of(call);

    query->page += call->n_commands;
    adapt_fetch_size(query, call->n_commands);
    if (err != ERR_NONE || query->page == query->page_end)
        end(query, err);
    else if (query->step)
        query->step(query);
    else
        go_on_or_end(query, fetch(query));
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

/* ---- SLICE ---- */

static void slice_format(struct redis_call *call, struct buf *out, bool with_source)
{
    struct query *query = query_of(call);

    query_slice_command(query, out, with_source);
}

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
    uint64_t score = query_is_ordered(query) ? number_of(score_text) : 0;

    if (!in_order && !idset_add(&query->seen, id))
        return; /* a set that is rehashed meanwhile tells some of its members twice */
    query->count++;
    if (query->mode == QUERY_COUNT)
        return;
    if (query->mode == QUERY_WALK)
        matches_add(&query->matches, 0, id);
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
static void walked(struct query *query);

/* Back to the start, with the smallest clause: in order it took too long. */
static void fall_back(struct query *query)
{
    plan_fall_back(&(struct plan_input){ .clauses = query->all,
                                         .cardinalities = query->cardinalities,
                                         .n_clauses = query->n_all },
                   &query->plan);
    query->fell_back = true;
    query->count = 0;
    matches_clear(&query->matches);
    idset_finish(&query->seen);
    buf_clear(&query->place);
    buf_clear(&query->place_id);
}

/* By state: whether what is left was recorded before all that is wanted. */
static bool is_settled(struct query *query)
{
    struct matches *matches = &query->matches;

    matches_sort(matches);
    return matches->n == matches->most && number_of(buf_text(&query->place)) + QUERY_CLOCK_SKEW <=
                                              matches->items[matches->n - 1].score;
}

/* Whether there is another slice to walk. */
static bool walk_on(struct query *query)
{
    const struct plan *plan = &query->plan;

    if (query->enough && query->count >= query->enough)
        return false;

    if (plan->driver == PLAN_BY_ORDER || plan->driver == PLAN_BY_STATE) {
        if (query->walking_done ||
            (plan->driver == PLAN_BY_ORDER ? query->matches.n > query->offset + query->limit
                                           : is_settled(query)))
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

    if (err != ERR_NONE)
        end(query, err);
    else if (query->mode == QUERY_WALK && query->matches.n)
        query->step(query);
    else
        walked(query);
}

static void let_in(struct gate_pass *pass)
{
    struct query *query = container_of(pass, struct query, pass);

    go_on_or_end(query, slice(query));
}

/* False: this has become a long walk, and others are on theirs; let_in() follows. */
static bool may_walk_on(struct query *query)
{
    enum { LONG_SLICES = 64, LONG_CANDIDATES = 4500 };
    bool is_long = query->slices >= LONG_SLICES || query->looked_at >= LONG_CANDIDATES;

    return !is_long || query->pass.is_in || gate_enter(query->store->walks, &query->pass, let_in);
}

/* A slice has been dealt with: to the next, or to what comes behind the last. */
static void walked(struct query *query)
{
    if (query->mode == QUERY_WALK)
        matches_clear(&query->matches);
    if (walk_on(query)) {
        if (may_walk_on(query))
            go_on_or_end(query, slice(query));
        return;
    }
    gate_leave(&query->pass); /* a reader may take its time with the page */
    idset_finish(&query->seen);
    if (query->mode == QUERY_LIST && cut_page(query))
        go_on_or_end(query, fetch(query));
    else
        end(query, ERR_NONE);
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
    ask_zcount(out, query, query_is_ordered(query) ? query->order : FIELD_RECORDED_AT, query->min,
               query->max);
    if (query->state_time != FIELD_NONE)
        ask_zcount(out, query, query->state_time, 0, CLAUSE_TIME_MAX);
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
    if (index == first)
        query->order_cardinality = (uint64_t)reply->integer;
    else
        query->state_cardinality = (uint64_t)reply->integer;
    return true;
}

static struct plan_input plan_input_of(const struct query *query)
{
    return (struct plan_input){
        .clauses = query->all,
        .cardinalities = query->cardinalities,
        .n_clauses = query->n_all,
        .order_cardinality = query->order_cardinality,
        .has_order = query_is_ordered(query),
        .has_state = query->state_time != FIELD_NONE,
        .state_clause = query->state_clause,
        .state_cardinality = query->state_cardinality,
        .want = query->mode == QUERY_LIST ? query->offset + query->limit + 1 : 0,
    };
}

/* The index itself knows, exactly: nothing is in two of its sets. */
static bool is_counted(struct query *query)
{
    const struct clause *only = &query->all[0];

    if (query->mode != QUERY_COUNT || query->n_all != 1)
        return false;
    query->count = query->cardinalities[0];
    return only->kind == CLAUSE_RANGE ||
           (only->kind == CLAUSE_SETS && (only->n_values == 1 || clause_is_exclusive(only)));
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
    end(query, err);
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
    bool walkable = query_is_ordered(query);

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

/* The state whose times lead to the newest that are in it. Not on later pages: those times tell
 * only where to stop, not where to begin. */
static void find_state_time(struct query *query)
{
    query->state_time = FIELD_NONE;
    if (!query_is_ordered(query) || query->order != FIELD_RECORDED_AT || !query->descending ||
        query->max != CLAUSE_TIME_MAX)
        return;
    for (unsigned i = 0; i < query->n_all; i++) {
        const struct clause *clause = &query->all[i];
        enum state state = STATE_NONE;
        if (clause->kind == CLAUSE_SETS && !clause->index.len && clause->n_values == 1)
            state = state_of_name(clause->values[0]);
        if (state == STATE_NONE || state_info(state)->timestamp == FIELD_RECORDED_AT)
            continue;
        query->state_time = state_info(state)->timestamp;
        query->state_clause = i;
    }
}

/* What an earlier start with this query left. */
static void reset(struct query *query)
{
    gate_leave(&query->pass);
    matches_clear(&query->matches);
    idset_finish(&query->seen);
    query->fetch_size = FETCH_FIRST;
    query->fetched_bytes = 0;
    buf_clear(&query->place);
    buf_clear(&query->place_id);
    query->count = query->looked_at = 0;
    query->slices = query->set = 0;
    query->fell_back = query->has_more = query->walking_done = false;
}

static enum err start(struct query *query, enum query_mode mode)
{
    static const struct redis_call_ops ops = {
        .format = plan_format,
        .reply = plan_replied,
        .done = plan_done,
    };
    unsigned n = 0;

    assert(query->n_clauses < PLAN_CLAUSES_MAX);
    reset(query);
    query->mode = mode;
    query->nonce = (uint64_t)(uintptr_t)query ^ redis_pool_now(query->store->pool) << 48;
    query->fields |= FIELD_BIT(FIELD_ID);
    query->matches.descending = query->descending;
    query->matches.most = mode == QUERY_LIST ? query->offset + query->limit + 1 : 0;
    list_clauses(query);
    bound_walk(query);
    find_state_time(query);
    for (size_t i = 0; i < query->n_all; i++) {
        n += n_questions(&query->all[i]);
        query->cardinalities[i] = query->all[i].kind == CLAUSE_IDS ? query->all[i].n_values : 0;
    }
    return submit(query, &ops, n + 1 + (query->state_time != FIELD_NONE));
}

enum err query_list(struct query *query)
{
    return start(query, QUERY_LIST);
}

enum err query_count(struct query *query)
{
    return start(query, QUERY_COUNT);
}

enum err query_walk(struct query *query)
{
    assert(query->step);
    return start(query, QUERY_WALK);
}

void query_go_on(struct query *query)
{
    if (query->mode == QUERY_WALK)
        walked(query);
    else
        go_on_or_end(query, fetch(query));
}

void query_finish(struct query *query)
{
    gate_leave(&query->pass);
    matches_finish(&query->matches);
    idset_finish(&query->seen);
    buf_finish(&query->place);
    buf_finish(&query->place_id);
}
