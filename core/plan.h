/*
 * Which index a query walks. Pure: cardinalities in, decision out.
 *
 * Walking the order's own sorted set finds matches in order and may stop at the limit; it is
 * expected to look at limit / (share of the statuses that match) candidates, if the clauses are
 * independent of the order and of each other. Walking the smallest clause looks at all of it, and
 * sorts. Between them is a third: nothing fails before it has been recorded, so the newest of those
 * that failed are found by walking the times of failure, which skips all that never failed, until
 * what is left can't be newer than what was found. The cheapest one drives.
 */
#pragma once

#include "core/clause.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAN_CLAUSES_MAX 32
#define PLAN_BY_ORDER    PLAN_CLAUSES_MAX       /* as a driver: the order's sorted set */
#define PLAN_BY_STATE    (PLAN_CLAUSES_MAX + 1) /* the sorted set of a state's time */

struct plan_input {
    const struct clause *clauses;
    const uint64_t *cardinalities; /* of each clause; of those that can't drive: ignored */
    size_t n_clauses;
    uint64_t order_cardinality; /* of the order's sorted set between the bounds of the walk */
    bool has_order;             /* there is such a set, and it was asked for in that order */
    bool has_state;             /* the newest are asked for, and `state_clause` is a state: */
    unsigned state_clause;
    uint64_t state_cardinality; /* of the sorted set of the time at which it was entered */
    uint64_t want;              /* matches after which the walk may stop; 0: all are needed */
};

struct plan {
    unsigned driver;                   /* index of a clause, PLAN_BY_ORDER or PLAN_BY_STATE */
    uint64_t cost;                     /* candidates that the driver is expected to look at */
    uint64_t give_up_at;               /* candidates after which that was a bad guess; 0: never */
    unsigned fallback;                 /* the clause to drive then */
    unsigned checks[PLAN_CLAUSES_MAX]; /* the other clauses, those that let least through first */
    size_t n_checks;
};

/* False: there is nothing to walk, as some clause matches nothing. */
bool plan_make(const struct plan_input *input, struct plan *ret);
/* The same once the walk in order has been given up. */
void plan_fall_back(const struct plan_input *input, struct plan *plan);
