/*
 * One condition of a query. A query is an AND of clauses; what a clause allows is an OR of values,
 * or a range of times. What the indexes can't tell (a named argument, a kill request) is read from
 * the status' hash.
 */
#pragma once

#include "core/buf.h"
#include "core/status_field.h"
#include "core/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum clause_kind {
    CLAUSE_SETS,  /* in one of the sets `index` + value */
    CLAUSE_RANGE, /* the time `field` is in [min, max] */
    CLAUSE_IDS,   /* the id is one of the values */
    CLAUSE_ARG,   /* the argument `name` has one of the values: in one of their sets, and the hash
                     says so */
    CLAUSE_KILL,  /* a kill was requested, or was not: `wanted` */
    CLAUSE_KIND_COUNT
};

struct clause {
    enum clause_kind kind;
    struct text
        index; /* SETS, ARG: what stands before a value in the name of its set: "job_name:" */
    struct text *values; /* SETS, IDS, ARG: none of them twice; none at all matches nothing */
    size_t n_values;
    struct text name;        /* ARG */
    enum status_field field; /* RANGE */
    uint64_t min, max;       /* RANGE, microseconds, both included */
    bool wanted;             /* KILL */
};

/* Latest time there is, for a range without an end. Exact as a double, which scores are. */
#define CLAUSE_TIME_MAX (UINT64_C(1) << 53)

/* A value belongs to a status only once, whatever other values it has: states, names, provider's
 * ids. */
static inline bool clause_is_exclusive(const struct clause *clause)
{
    return !text_is(clause->index, "job_arg:");
}

/* Whether all that match can be listed from the clause's own indexes. */
static inline bool clause_can_drive(const struct clause *clause)
{
    return clause->kind != CLAUSE_KILL;
}
