/* A status as the API shows it (api.md "A status"), made of the stored JSON texts without parsing
 * them. */
#pragma once

#include "core/buf.h"
#include "core/status_view.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The keys of a status in the order in which they are shown: the stored fields, whose numbers are
 * those of enum status_field, and two that are derived from them.
 */
enum status_key { STATUS_KEY_COMPLETED = FIELD_COUNT, STATUS_KEY_KILL_REQUESTED, STATUS_KEY_COUNT };

#define STATUS_KEY_BIT(key) (UINT32_C(1) << (key))
#define STATUS_KEYS_ALL     (STATUS_KEY_BIT(STATUS_KEY_COUNT) - 1)

/* STATUS_KEY_COUNT when there is no such key. */
unsigned status_key_of_name(struct text name);

/* The stored fields that are needed to show the set `keys`. */
uint32_t status_keys_fields(uint32_t keys);

/* Appends the object with the set `keys` of its keys. */
void status_json_write(struct buf *out, const struct status_view *view, uint32_t keys);
