#include "core/plan.h"

#include <assert.h>

static uint64_t cardinality(const struct plan_input *input, unsigned i)
{
    return clause_can_drive(&input->clauses[i]) ? input->cardinalities[i] : UINT64_MAX;
}

/* PLAN_BY_ORDER when none can drive. */
static unsigned smallest_clause(const struct plan_input *input)
{
    unsigned best = PLAN_BY_ORDER;

    for (unsigned i = 0; i < input->n_clauses; i++)
        if (clause_can_drive(&input->clauses[i]) &&
            (best == PLAN_BY_ORDER || input->cardinalities[i] < input->cardinalities[best]))
            best = i;
    return best;
}

/* Those that let least through first; stable, so that a plan is always the same. */
static void list_checks(const struct plan_input *input, struct plan *plan)
{
    plan->n_checks = 0;
    for (unsigned i = 0; i < input->n_clauses; i++) {
        size_t at = plan->n_checks;
        if (i == plan->driver)
            continue;
        for (; at > 0 && cardinality(input, plan->checks[at - 1]) > cardinality(input, i); at--)
            plan->checks[at] = plan->checks[at - 1];
        plan->checks[at] = i;
        plan->n_checks++;
    }
}

/* How many of all it takes for one that the clauses let through, all but `without`. */
static double ones_for_a_match(const struct plan_input *input, unsigned without)
{
    double total = (double)input->order_cardinality, ones = 1;

    for (unsigned i = 0; i < input->n_clauses; i++) {
        double matching =
            clause_can_drive(&input->clauses[i]) ? (double)input->cardinalities[i] : total;
        if (i != without && matching < total)
            ones *= total / matching;
    }
    return ones;
}

/* Candidates of a walk in order, until `want` of them match. */
static uint64_t cost_in_order(const struct plan_input *input)
{
    double cost = (double)input->want * ones_for_a_match(input, PLAN_CLAUSES_MAX);

    if (!input->want || cost >= (double)input->order_cardinality)
        return input->order_cardinality;
    return (uint64_t)cost;
}

/* The same through the times of the state: those that are in it no more are looked at in vain, and
 * some beyond the last match, to be sure. */
static uint64_t cost_by_state(const struct plan_input *input)
{
    double members = (double)input->cardinalities[input->state_clause];
    double times = (double)input->state_cardinality;
    double cost = 2 * (double)input->want * ones_for_a_match(input, input->state_clause);

    if (!input->want)
        return input->state_cardinality;
    if (times > members)
        cost *= times / members;
    return cost < times ? (uint64_t)cost : input->state_cardinality;
}

bool plan_make(const struct plan_input *input, struct plan *ret)
{
    unsigned smallest = smallest_clause(input);
    uint64_t by_clause = smallest == PLAN_BY_ORDER ? UINT64_MAX : input->cardinalities[smallest];
    uint64_t by_order = input->has_order ? cost_in_order(input) : UINT64_MAX;

    assert(input->n_clauses <= PLAN_CLAUSES_MAX);
    assert(input->has_order || smallest != PLAN_BY_ORDER);
    *ret = (struct plan){ .fallback = smallest };
    if (by_clause == 0 || (input->has_order && input->order_cardinality == 0))
        return false;
    uint64_t by_state = input->has_state ? cost_by_state(input) : UINT64_MAX;
    if (by_state < by_order && by_state < by_clause) {
        ret->driver = PLAN_BY_STATE;
        ret->cost = by_state;
        ret->give_up_at = 2 * by_clause;
    } else if (by_order <= by_clause) {
        ret->driver = PLAN_BY_ORDER;
        ret->cost = by_order;
        ret->give_up_at = smallest == PLAN_BY_ORDER ? 0 : 2 * by_clause;
    } else {
        ret->driver = smallest;
        ret->cost = by_clause;
    }
    list_checks(input, ret);
    return true;
}

void plan_fall_back(const struct plan_input *input, struct plan *plan)
{
    plan->driver = plan->fallback;
    plan->cost = input->cardinalities[plan->driver];
    plan->give_up_at = 0;
    list_checks(input, plan);
}
