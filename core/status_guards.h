/*
 * What a change is bound to, so that repeating it does no harm (api.md "Retry-safe writes").
 * Checked by the script that makes the change, in the same step (scripts/guards.lua). All texts are
 * borrowed; `at` NULL asks for nothing, and so does zeroed memory.
 */
#pragma once

#include "core/buf.h"
#include "core/digest.h"
#include "core/status_store.h"

#include <stddef.h>

#define STATUS_KEY_MAX 128 /* bytes of an Idempotency-Key */

struct status_guards {
    struct text key; /* one effect under this key, for the time that the store says */
    char fingerprint[DIGEST_LEN + 1]; /* of the request that uses it */
    struct text attempt;              /* a number: the present attempt; started: or the next */
    struct text states;               /* names with commas between: the present one is among them */
    struct text etags;                /* as in If-Match: the status' is among them, or "*" */
};

/* How many arguments of a script they are. */
size_t status_guards_count(const struct status_guards *guards);
/* Appends them. */
void status_guards_add(struct buf *out, const struct status_store *store,
                       const struct status_guards *guards);
