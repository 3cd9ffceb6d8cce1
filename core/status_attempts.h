/* The archived attempts of a status. */
#pragma once

#include "core/err.h"
#include "core/redis_call.h"
#include "core/status_store.h"
#include "core/status_view.h"

#include <stdbool.h>
#include <stdint.h>

struct status_attempts;

/* For each archived attempt, oldest first; one that is gone is left out. */
typedef void status_attempt_fn(struct status_attempts *attempts, const struct status_view *view);
typedef void status_attempts_done_fn(struct status_attempts *attempts, enum err err);

struct status_attempts {
    /* Set by the caller. */
    const struct status_store *store;
    struct text id;       /* must live until `done` */
    uint64_t deadline_ms; /* on the clock of uv_now() */
    status_attempt_fn *each;
    status_attempts_done_fn *done;
    bool enough; /* `each` may set it: no more are read */

    /* Private. */
    struct redis_call call;
    uint64_t next, end; /* still to read: [next, end) */
    uint64_t told;      /* those before it have been told to `each` */
    bool found;
};

/*
 * Reads them all, a bounded number at a time, in the scan lane. Fails with ERR_UNAVAILABLE and then
 * never calls back; otherwise calls `done` once, later: ERR_NONE, ERR_NOT_FOUND, ERR_UNAVAILABLE or
 * ERR_INTERNAL.
 */
enum err status_attempts_read(struct status_attempts *attempts) MUST_CHECK;
