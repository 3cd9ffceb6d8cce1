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

/* Candidates of a walk in order, until `want` of them match. */
static uint64_t cost_in_order(const struct plan_input *input)
{
    double total = (double)input->order_cardinality, cost = (double)input->want;

    if (!input->want)
        return input->order_cardinality;
    for (unsigned i = 0; i < input->n_clauses; i++) {
        double matching =
            clause_can_drive(&input->clauses[i]) ? (double)input->cardinalities[i] : total;
        if (matching < total)
            cost *= total / matching;
    }
    return cost < total ? (uint64_t)cost : input->order_cardinality;
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
    if (by_order <= by_clause) {
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
