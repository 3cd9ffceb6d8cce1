/* Whether a status matches a filter, from its fields alone: what a query finds by Redis' indexes.
 */
#pragma once

#include "core/clause.h"
#include "core/status_view.h"

#include <stdbool.h>
#include <stddef.h>

/* `view` is of all fields. */
bool filter_matches(const struct clause *clauses, size_t n_clauses, struct text id,
                    const struct status_view *view);
