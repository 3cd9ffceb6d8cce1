/* Private to the query engine: what query.c and query_slice.c share. */
#pragma once

#include "core/query.h"

/* Appends the command that looks at the next candidates. */
void query_slice_command(struct query *query, struct buf *out, bool with_source);

/* Whether the answer has an order that a sorted set knows. */
static inline bool query_is_ordered(const struct query *query)
{
    return query->order != FIELD_ID && query->mode == QUERY_LIST;
}
