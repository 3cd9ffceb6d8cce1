#include "core/bulk.h"

#include "core/near_cache.h"
#include "core/redis_pool.h"
#include "core/script_args.h"

#include <assert.h>

enum { APPLY_AT_A_TIME = 10 }; /* changes by one script: less than 1 ms of Redis */

static struct bulk *bulk_of(struct query *query)
{
    return query->arg;
}

/* Its place among the long walks is free from now on, not when the client has taken the answer. */
static void end(struct bulk *bulk, enum err err)
{
    bulk_finish(bulk);
    bulk->done(bulk, err);
}

static void go_on_or_end(struct bulk *bulk, enum err err)
{
    if (err != ERR_NONE)
        end(bulk, err);
}

static void list_clauses(struct bulk *bulk)
{
    assert(bulk->n_clauses < PLAN_CLAUSES_MAX - 1);
    for (size_t i = 0; i < bulk->n_clauses; i++)
        bulk->all[i] = bulk->clauses[i];
    bulk->n_all = bulk->n_clauses;
}

/* Besides the caller's clauses: in a completed state, or in one that is not. */
static void add_states(struct bulk *bulk, bool completed)
{
    struct clause clause = { .kind = CLAUSE_SETS, .index = TEXT(""), .values = bulk->states };

    for (enum state state = 0; state < STATE_COUNT; state++)
        if (state_info(state)->completed == completed)
            bulk->states[clause.n_values++] = text_of(state_info(state)->name);
    bulk->all[bulk->n_all++] = clause;
}

static void prepare_query(struct bulk *bulk, query_done_fn *done)
{
    struct query *query = &bulk->query;

    query->store = bulk->store;
    query->clauses = bulk->all;
    query->n_clauses = bulk->n_all;
    query->call_ms = bulk->call_ms;
    query->deadline_ms = bulk->deadline_ms;
    query->done = done;
    query->arg = bulk;
}

/* ---- the script ---- */

static const char *const replies[] = {
    [BULK_CHANGED] = "changed", [BULK_KEY_REUSED] = "key-reused",
    [BULK_NEW] = "new",         [BULK_OPEN] = "open",
    [BULK_DONE] = "done",
};

static size_t apply_size(const struct bulk *bulk);

/* How far it got in the ids that it was given: at least one. */
static bool take_applied(struct bulk *bulk, const struct redis_reply *reply)
{
    if (reply->n_items != 4 || reply->items[3].type != REDIS_INTEGER ||
        reply->items[3].integer < 1 || (size_t)reply->items[3].integer > apply_size(bulk))
        return false;
    bulk->applied = (size_t)reply->items[3].integer;
    return true;
}

static bool script_replied(struct redis_call *call, unsigned index, const struct redis_reply *reply)
{
    struct bulk *bulk = container_of(call, struct bulk, call);
    char digits[20];
    struct buf nonce = { .data = digits, .cap = sizeof digits };

    (void)index;
    buf_add_u64(&nonce, bulk->nonce);
    if (reply->type != REDIS_ARRAY || reply->n_items < 3 || reply->items[1].type != REDIS_STRING ||
        reply->items[2].type != REDIS_INTEGER ||
        !text_equal(reply->items[0].text, buf_text(&nonce)))
        return false;
    bulk->reply_n = (uint64_t)reply->items[2].integer;
    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        bulk->reply = (enum bulk_reply)i;
        if (text_is(reply->items[1].text, replies[i]))
            return bulk->reply != BULK_CHANGED || take_applied(bulk, reply);
    }
    return false;
}

static void add_head(struct script_args *args, const struct bulk *bulk, const char *step)
{
    script_args_add_u64(args, bulk->nonce);
    script_args_add_str(args, step);
    script_args_add(args, bulk->guards->key);
    script_args_add_str(args, bulk->guards->fingerprint);
    script_args_add_u64(args, bulk->store->key_lifetime_ms);
}

static enum err submit(struct bulk *bulk, const struct redis_call_ops *ops)
{
    uint64_t now_ms = redis_pool_now(bulk->store->pool);

    if (now_ms >= bulk->deadline_ms)
        return ERR_TIME_OVER;
    bulk->nonce++;
    bulk->call = (struct redis_call){
        .ops = ops,
        .n_commands = 1,
        .deadline_ms = now_ms + bulk->call_ms,
    };
    return redis_pool_submit(bulk->store->pool, REDIS_LANE_SCAN, &bulk->call);
}

/* Whether the key ends it here; then it has been ended. */
static bool ended_by_key(struct bulk *bulk, enum err err)
{
    if (err == ERR_NONE && bulk->reply == BULK_KEY_REUSED)
        err = ERR_KEY_REUSED;
    if (err == ERR_NONE && bulk->reply != BULK_DONE)
        return false;
    if (err == ERR_NONE) {
        bulk->replayed = true;
        bulk->changed = bulk->reply_n;
    }
    end(bulk, err);
    return true;
}

/* ---- FINISH ---- */

static void finish_format(struct redis_call *call, struct buf *out, bool with_source)
{
    struct bulk *bulk = container_of(call, struct bulk, call);
    struct script_args args = { 0 };

    add_head(&args, bulk, "finish");
    script_args_add_u64(
        &args, bulk->change == BULK_DELETE ? 0 : bulk->changed); /* deletions are counted */
    script_args_finish(&args, out, REDIS_SCRIPT_BULK, bulk->store->prefix, with_source);
}

static void finish_done(struct redis_call *call, enum err err)
{
    struct bulk *bulk = container_of(call, struct bulk, call);

    if (err == ERR_NONE && bulk->reply == BULK_KEY_REUSED)
        err = ERR_KEY_REUSED;
    if (err == ERR_NONE)
        bulk->changed = bulk->reply_n;
    end(bulk, err);
}

static enum err finish(struct bulk *bulk)
{
    static const struct redis_call_ops ops = {
        .format = finish_format,
        .reply = script_replied,
        .done = finish_done,
    };
    return submit(bulk, &ops);
}

static void end_walk(struct bulk *bulk)
{
    if (bulk->guards->key.at)
        go_on_or_end(bulk, finish(bulk));
    else
        end(bulk, ERR_NONE);
}

/* ---- APPLY ---- */

/* No more than `most`, also when more match by now than when they were counted. */
static size_t apply_size(const struct bulk *bulk)
{
    uint64_t left = bulk->query.matches.n - bulk->at, may = bulk->most - bulk->changed;

    if (may < left)
        left = may;
    return left < APPLY_AT_A_TIME ? left : APPLY_AT_A_TIME;
}

/* The sets that a status may have to leave. */
static void add_indexes(struct script_args *args)
{
    size_t n_times = 0;

    script_args_add_u64(args, STATE_COUNT);
    for (enum state state = 0; state < STATE_COUNT; state++)
        script_args_add_str(args, state_info(state)->name);
    for (enum status_field field = 0; field < FIELD_COUNT; field++)
        n_times += status_field_is_indexed_time(field);
    script_args_add_u64(args, n_times);
    for (enum status_field field = 0; field < FIELD_COUNT; field++)
        if (status_field_is_indexed_time(field))
            script_args_add_str(args, status_field_name(field));
}

static void apply_format(struct redis_call *call, struct buf *out, bool with_source)
{
    struct bulk *bulk = container_of(call, struct bulk, call);
    struct script_args args = { 0 };
    size_t n = apply_size(bulk);

    add_head(&args, bulk, bulk->change == BULK_DELETE ? "delete" : "kill");
    script_args_add_u64(&args, n);
    for (size_t i = 0; i < n; i++)
        script_args_add(&args, matches_id(&bulk->query.matches, bulk->at + i));
    add_indexes(&args);
    for (size_t i = 0; i < bulk->n_all; i++)
        script_args_add_index_check(&args, &bulk->all[i]);
    for (size_t i = 0; i < bulk->n_all; i++)
        script_args_add_hash_check(&args, &bulk->all[i]);
    script_args_finish(&args, out, REDIS_SCRIPT_BULK, bulk->store->prefix, with_source);
}

/* Whatever has become of them: they may have been applied. */
static void note_writes(const struct bulk *bulk)
{
    for (size_t i = 0; bulk->store->cache && i < apply_size(bulk); i++)
        near_cache_wrote(bulk->store->cache, matches_id(&bulk->query.matches, bulk->at + i));
}

static enum err apply(struct bulk *bulk);

static void apply_done(struct redis_call *call, enum err err)
{
    struct bulk *bulk = container_of(call, struct bulk, call);

    note_writes(bulk);
    if (ended_by_key(bulk, err))
        return;
    bulk->changed += bulk->reply_n;
    bulk->at += bulk->applied;
    if (bulk->changed == bulk->most)
        end_walk(bulk);
    else if (bulk->at < bulk->query.matches.n)
        go_on_or_end(bulk, apply(bulk));
    else
        query_go_on(&bulk->query);
}

static enum err apply(struct bulk *bulk)
{
    static const struct redis_call_ops ops = {
        .format = apply_format,
        .reply = script_replied,
        .done = apply_done,
    };
    return submit(bulk, &ops);
}

/* ---- WALK ---- */

static void walk_step(struct query *query)
{
    struct bulk *bulk = bulk_of(query);

    bulk->at = 0;
    go_on_or_end(bulk, apply(bulk));
}

static void walk_done(struct query *query, enum err err)
{
    struct bulk *bulk = bulk_of(query);

    if (err == ERR_NONE)
        end_walk(bulk);
    else
        end(bulk, err);
}

static enum err walk(struct bulk *bulk)
{
    list_clauses(bulk);
    if (bulk->only_completed)
        add_states(bulk, true);
    prepare_query(bulk, walk_done);
    bulk->query.enough = 0;
    bulk->query.step = walk_step;
    return query_walk(&bulk->query);
}

/* ---- COUNT ---- */

static void count_done(struct query *query, enum err err)
{
    struct bulk *bulk = bulk_of(query);

    bulk->matched = query->count;
    if (err == ERR_NONE && query->count > bulk->most)
        err = ERR_TOO_MANY;
    if (err != ERR_NONE || bulk->dry_run)
        end(bulk, err);
    else if (query->count > 0)
        go_on_or_end(bulk, walk(bulk));
    else
        end_walk(bulk);
}

/* If anybody wants to know. */
static enum err count(struct bulk *bulk)
{
    if (bulk->most == UINT64_MAX && !bulk->dry_run)
        return walk(bulk);
    list_clauses(bulk);
    prepare_query(bulk, count_done);
    bulk->query.enough = bulk->most == UINT64_MAX ? 0 : bulk->most + 1;
    return query_count(&bulk->query);
}

/* ---- CHECK ---- */

static void check_done(struct query *query, enum err err)
{
    struct bulk *bulk = bulk_of(query);

    bulk->not_completed = query->count;
    if (err == ERR_NONE && query->count > 0)
        err = ERR_NOT_COMPLETED;
    if (err == ERR_NONE)
        go_on_or_end(bulk, count(bulk));
    else
        end(bulk, err);
}

static enum err check(struct bulk *bulk)
{
    if (!bulk->only_completed)
        return count(bulk);
    list_clauses(bulk);
    add_states(bulk, false);
    prepare_query(bulk, check_done);
    bulk->query.enough = 0;
    return query_count(&bulk->query);
}

/* ---- LOOK ---- */

static void look_format(struct redis_call *call, struct buf *out, bool with_source)
{
    struct bulk *bulk = container_of(call, struct bulk, call);
    struct script_args args = { 0 };

    add_head(&args, bulk, "look");
    script_args_finish(&args, out, REDIS_SCRIPT_BULK, bulk->store->prefix, with_source);
}

/* What has been begun has passed the checks; some of what they saw is gone. */
static void look_done(struct redis_call *call, enum err err)
{
    struct bulk *bulk = container_of(call, struct bulk, call);

    if (err == ERR_OUTCOME_UNKNOWN)
        err = ERR_UNAVAILABLE; /* it only looked */
    if (ended_by_key(bulk, err))
        return;
    bulk->changed = bulk->reply_n;
    if (bulk->reply == BULK_NEW)
        go_on_or_end(bulk, check(bulk));
    else if (bulk->changed < bulk->most)
        go_on_or_end(bulk, walk(bulk));
    else
        end_walk(bulk); /* all that was left was to say so */
}

static enum err look(struct bulk *bulk)
{
    static const struct redis_call_ops ops = {
        .format = look_format,
        .reply = script_replied,
        .done = look_done,
    };
    return submit(bulk, &ops);
}

enum err bulk_start(struct bulk *bulk)
{
    bulk->nonce = (uint64_t)(uintptr_t)bulk ^ redis_pool_now(bulk->store->pool) << 48;
    bulk->replayed = false;
    return bulk->guards->key.at && !bulk->dry_run ? look(bulk) : check(bulk);
}

void bulk_finish(struct bulk *bulk)
{
    query_finish(&bulk->query);
}
