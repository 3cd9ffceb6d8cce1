/* What Redis' error replies mean to a client (one table). Internal to the Redis client. */
#pragma once

#include "core/err.h"
#include "core/redis_pool.h"
#include "core/text.h"

enum redis_action {
    REDIS_ACTION_FAIL,        /* the call ends with `err` */
    REDIS_ACTION_WITH_SOURCE, /* not executed: send it again with the script's source, at once */
    REDIS_ACTION_RETRY, /* not executed: send it again a little later; at the deadline it ends with
                           `err` */
    REDIS_ACTION_RECONNECT, /* not executed: as RETRY, and this connection is of no more use */
};

struct redis_error {
    const char *prefix; /* the error's first word */
    enum redis_action action;
    enum err err;
    enum redis_health health; /* of RECONNECT, and of an error while connecting */
};

/* Never NULL: the last row stands for all that are not known. */
const struct redis_error *redis_error_of(struct text error);
