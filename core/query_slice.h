/* Private to the query engine: what query.c and query_slice.c share. */
#pragma once

#include "core/query.h"

/*
 * By how much, in microseconds, the clocks of those who write may differ: a walk by the time of a
 * state relies on it being after the recording, and goes so much further than it would have to.
 */
#define QUERY_CLOCK_SKEW (UINT64_C(3600) * 1000000)

/* Appends the command that looks at the next candidates. */
void query_slice_command(struct query *query, struct buf *out, bool with_source);

/* Whether the answer has an order that a sorted set knows. */
static inline bool query_is_ordered(const struct query *query)
{
    return query->order != FIELD_ID && query->mode == QUERY_LIST;
}
