/* Where statuses are kept: one per worker, immutable. */
#pragma once

#include "core/text.h"

#include <stddef.h>
#include <stdint.h>

struct near_cache;
struct redis_pool;
struct gate;

struct status_store {
    struct redis_pool *pool;
    struct near_cache *cache;     /* of what is read whole; NULL: none */
    struct gate *walks;           /* long queries */
    struct text prefix;           /* of all keys: the namespace and ':' */
    size_t errors_max;            /* most bytes that the JSON array of a status' errors may take */
    uint64_t key_lifetime_ms;     /* how long an Idempotency-Key is known */
    uint64_t refusal_lifetime_ms; /* and a refusal under it */
};
