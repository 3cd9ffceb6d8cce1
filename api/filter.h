/*
 * What a client asks of many statuses (api.md "Many statuses"): names and values, from a query
 * string or from the elements of `where`, to the clauses of a query. Values of one name in one
 * element are OR, everything else is AND.
 */
#pragma once

#include "core/clause.h"
#include "core/plan.h"
#include "core/state.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FILTER_CLAUSES_MAX = PLAN_CLAUSES_MAX - 2, FILTER_VALUES_MAX = 1000 };

struct filter {
    struct clause clauses[FILTER_CLAUSES_MAX];
    unsigned element[FILTER_CLAUSES_MAX]; /* that the clause comes from */
    size_t n_clauses, n_values;
    uint64_t hash; /* of all names and values, in whatever order; ties a cursor to its query */
    uint64_t now;  /* microseconds: what relative times are relative to; set by the caller */
    bool relative; /* whether they are taken */
};

/*
 * Takes one value. `name` and `value` are borrowed: they live as long as the filter. Returns NULL,
 * or what is wrong with it, static. *ret_known (when not NULL) tells whether it is a filter's name
 * at all.
 */
const char *filter_take(struct filter *filter, unsigned element, struct text name,
                        struct text value, bool *ret_known);

/*
 * The same of a JSON value: a string, number or boolean, a list of them, or for a time an object
 * with `after` and `before`, or a list of the two. An empty list matches nothing.
 */
const char *filter_take_json(struct filter *filter, unsigned element, struct text name,
                             json_t *value, struct text raw, bool *ret_known);

/* Whether the name of a state, or of a group (completed, incomplete, terminal), means this one too.
 */
bool filter_state_is_in(struct text group, enum state state);

void filter_finish(struct filter *filter);
