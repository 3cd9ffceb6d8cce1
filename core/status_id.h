/* What may be the id of a status. */
#pragma once

#include "core/text.h"

#include <stdbool.h>

#define STATUS_ID_MAX      128
#define STATUS_ID_PATTERN  "[A-Za-z0-9._~-]{1,128}" /* for messages */
#define STATUS_ID_UUID_LEN 36

/* Whether it matches STATUS_ID_PATTERN. */
bool status_id_valid(struct text id);

/*
 * Whether it is an id, or names an archived attempt: an id, ':' and a number without leading zeros.
 * *ret_archived tells which.
 */
bool status_id_or_attempt_valid(struct text id, bool *ret_archived);

/* A random (version 4) UUID in lower case, with a NUL. */
void status_id_make(char ret_id[STATUS_ID_UUID_LEN + 1]);
