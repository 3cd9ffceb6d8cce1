/*
 * Statuses as lines of a table for a console (api.md "Formats"). A line takes at most 80 columns of
 * a terminal, whatever is in it, and nothing in it commands the terminal.
 */
#pragma once

#include "core/buf.h"
#include "core/status_view.h"

#include <stdint.h>

/* The stored fields that a row shows. */
#define STATUS_TABLE_FIELDS                                                     \
    (FIELD_BIT(FIELD_ID) | FIELD_BIT(FIELD_STATE) | FIELD_BIT(FIELD_PROGRESS) | \
     FIELD_BIT(FIELD_JOB_NAME) | FIELD_BIT(FIELD_RECORDED_AT))

void status_table_head(struct buf *out);

/* `now`: microseconds since the epoch; the age of a status is counted up to it. */
void status_table_row(struct buf *out, const struct status_view *view, uint64_t now);
