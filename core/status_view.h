/*
 * A status as it is stored: the JSON text of each field, `at` NULL where it is not set (or was not
 * asked for). Borrowed from the reply: gone when the callback that got it returns.
 */
#pragma once

#include "core/buf.h"
#include "core/redis_reply.h"
#include "core/state.h"
#include "core/status_field.h"

#include <stdbool.h>
#include <stdint.h>

struct status_view {
    struct text field[FIELD_COUNT];
};

/* STATE_NONE when it is missing or not a state. */
enum state status_view_state(const struct status_view *view);

/* The value of a field that holds an unsigned integer; `otherwise` when it is missing or not one.
 */
uint64_t status_view_u64(const struct status_view *view, enum status_field field,
                         uint64_t otherwise);

/* Copies what it borrows into `bytes`, which must be empty and then lives as long as the view is
 * used. */
void status_view_keep(struct status_view *view, struct buf *bytes);

/* The commands that read a status whole, or the set `fields` of its fields; one command each. */
void status_view_ask_all(struct buf *out, struct text prefix, struct text id);
void status_view_ask_fields(struct buf *out, struct text prefix, struct text id, uint32_t fields);

/*
 * Their replies. False: not such a reply. *ret_found tells whether there is such a status (of
 * fields: only if `id` or `state` is among them).
 */
bool status_view_of_all(const struct redis_reply *reply, struct status_view *ret, bool *ret_found);
bool status_view_of_fields(const struct redis_reply *reply, uint32_t fields,
                           struct status_view *ret, bool *ret_found);
