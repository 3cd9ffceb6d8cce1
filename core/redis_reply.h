/*
 * A reply of Redis (RESP2). hiredis' reader builds it through our own object functions inside an
 * arena of the connection, so a reply of any size costs no malloc per element. Borrowed: it is gone
 * when the callback that received it returns.
 */
#pragma once

#include "core/text.h"

#include <stdint.h>

enum redis_type { REDIS_NIL, REDIS_INTEGER, REDIS_STRING, REDIS_STATUS, REDIS_ERROR, REDIS_ARRAY };

struct redis_reply {
    enum redis_type type;
    int64_t integer;                 /* REDIS_INTEGER */
    struct text text;                /* REDIS_STRING, REDIS_STATUS, REDIS_ERROR */
    size_t n_items;                  /* REDIS_ARRAY */
    const struct redis_reply *items; /* REDIS_ARRAY: n_items of them, in one block */
};
