/* A slice of a query as a command: the arguments of scan.lua. */
#include "core/query_slice.h"

#include "core/script_args.h"

#include <stdlib.h>

/*
 * Candidates of a slice: 1 to 2 ms of Redis. Walks are long, and others are to notice little.
 * Checks that cost more than what is usual come out of it.
 */
enum { SLICE_BUDGET = 1500, WALK_BUDGET = 200, LEAST_BUDGET = 64, USUAL_COST = 8 };

/* Up to so many, a slice of an unordered walk sorts out those that come first; more are sorted
 * here. */
enum { BEST_MOST = 128 };

static void add_walk_in_order(struct script_args *args, struct query *query,
                              enum status_field field, uint64_t min, uint64_t max)
{
    script_args_add_str(args, "zset");
    script_args_add_str(args, status_field_name(field));
    script_args_add_u64(args, query->descending);
    script_args_add_u64(args, min);
    script_args_add_u64(args, max);
    script_args_add(args, buf_text(&query->place));
    script_args_add(args, buf_text(&query->place_id));
}

/* What was recorded after a bound entered its states after it as well. */
static void add_walk_by_state(struct script_args *args, struct query *query)
{
    uint64_t min = query->min > QUERY_CLOCK_SKEW ? query->min - QUERY_CLOCK_SKEW : 0;

    add_walk_in_order(args, query, query->state_time, min, CLAUSE_TIME_MAX);
}

static void add_driver(struct script_args *args, struct query *query)
{
    const struct clause *clause;

    if (query->plan.driver == PLAN_BY_STATE) {
        add_walk_by_state(args, query);
        return;
    }
    if (query->plan.driver == PLAN_BY_ORDER) {
        add_walk_in_order(args, query, query->order, query->min, query->max);
        return;
    }
    clause = &query->all[query->plan.driver];
    switch (clause->kind) {
    case CLAUSE_RANGE:
        add_walk_in_order(args, query, clause->field, clause->min, clause->max);
        return;
    case CLAUSE_IDS:
        script_args_add_str(args, "ids");
        script_args_add(args, query->place.len ? buf_text(&query->place) : TEXT("0"));
        script_args_add_values(args, clause);
        return;
    case CLAUSE_SETS:
    case CLAUSE_ARG:
        script_args_add_str(args, "set");
        script_args_add_set(args, clause, query->set);
        script_args_add(args, query->place.len ? buf_text(&query->place) : TEXT("0"));
        return;
    case CLAUSE_KILL:
    case CLAUSE_KIND_COUNT:
        break;
    }
    abort(); /* the plan let a clause drive that can't */
}

/* A range of the order's own time bounds the walk already. */
static bool is_bound(const struct query *query, const struct clause *clause)
{
    return clause->kind == CLAUSE_RANGE && query->plan.driver == PLAN_BY_ORDER &&
           clause->field == query->order;
}

/* Matches after which the walk may stop; 0: it goes to the end. */
static uint64_t still_wanted(const struct query *query)
{
    return query->plan.driver == PLAN_BY_ORDER ? query->offset + query->limit + 1 - query->matches.n
                                               : 0;
}

/* Matches that a slice may leave out, as others come before them; not behind a cursor, which knows
 * of none. */
static uint64_t best_wanted(const struct query *query)
{
    uint64_t wanted = query->offset + query->limit + 1;
    bool sorts = query_is_ordered(query) && query->plan.driver != PLAN_BY_ORDER;

    return sorts && !query->from.id.at && wanted <= BEST_MOST ? wanted : 0;
}

/* What the plan needs, or what is bearable. */
static uint64_t wanted_budget(const struct query *query)
{
    uint64_t expected = query->plan.cost + query->looked_at;

    if (query->mode == QUERY_WALK)
        return WALK_BUDGET;
    if (query->plan.driver != PLAN_BY_STATE || expected > SLICE_BUDGET)
        return SLICE_BUDGET;
    return expected > LEAST_BUDGET ? expected : LEAST_BUDGET; /* this walk's end is found in C */
}

static uint64_t budget(const struct query *query)
{
    uint64_t cost = 0, bearable, wanted = wanted_budget(query);

    for (size_t i = 0; i < query->n_all; i++)
        cost += script_args_check_cost(&query->all[i]);
    bearable = cost > USUAL_COST ? SLICE_BUDGET * USUAL_COST / cost : SLICE_BUDGET;
    return wanted < bearable ? wanted : bearable;
}

void query_slice_command(struct query *query, struct buf *out, bool with_source)
{
    const struct plan *plan = &query->plan;
    struct script_args args = { 0 };

    script_args_add_u64(&args, query->nonce);
    script_args_add_u64(&args, budget(query));
    script_args_add_u64(&args, still_wanted(query));
    script_args_add_u64(&args, query->slices == 0);
    script_args_add_str(&args, query_is_ordered(query) ? status_field_name(query->order) : "");
    script_args_add_u64(&args, best_wanted(query));
    script_args_add_u64(&args, query->descending);
    add_driver(&args, query);
    for (size_t i = 0; i < plan->n_checks; i++)
        if (!is_bound(query, &query->all[plan->checks[i]]))
            script_args_add_index_check(&args, &query->all[plan->checks[i]]);
    for (size_t i = 0; i < query->n_all; i++)
        script_args_add_hash_check(&args, &query->all[i]);
    script_args_finish(&args, out, REDIS_SCRIPT_SCAN, query->store->prefix, with_source);
}
