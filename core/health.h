/* Whether Redis can serve at this moment: asked, not assumed. */
#pragma once

#include "core/err.h"
#include "core/redis_call.h"

#include <stdint.h>

struct redis_pool;
struct health_check;

/* `reason` is NULL when Redis answered as it should, else a word for people; static. */
typedef void health_done_fn(struct health_check *check, const char *reason);

struct health_check {
    /* Set by the caller. */
    struct redis_pool *pool;
    uint64_t deadline_ms; /* on the clock of uv_now() */
    health_done_fn
        *done; /* once; from inside health_check_start() when the answer is known at once */

    /* Private. */
    struct redis_call call;
};

/* PING in the fast lane: Redis refuses it while it loads, and when it can't write to its disk. */
void health_check_start(struct health_check *check);
