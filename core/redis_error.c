#include "core/redis_error.h"

/* Errors raised inside a script keep their first word. */
static const struct redis_error errors[] = {
    { "NOSCRIPT", REDIS_ACTION_WITH_SOURCE, ERR_UNAVAILABLE, REDIS_HEALTH_PROTOCOL },
    { "LOADING", REDIS_ACTION_RETRY, ERR_UNAVAILABLE, REDIS_HEALTH_LOADING },
    { "BUSY", REDIS_ACTION_RETRY, ERR_UNAVAILABLE, REDIS_HEALTH_UNREACHABLE },
    { "TRYAGAIN", REDIS_ACTION_RETRY, ERR_UNAVAILABLE, REDIS_HEALTH_UNREACHABLE },
    { "CLUSTERDOWN", REDIS_ACTION_RETRY, ERR_UNAVAILABLE, REDIS_HEALTH_UNREACHABLE },
    { "MASTERDOWN", REDIS_ACTION_RETRY, ERR_UNAVAILABLE, REDIS_HEALTH_NOT_MASTER },
    { "NOREPLICAS", REDIS_ACTION_RETRY, ERR_UNAVAILABLE, REDIS_HEALTH_UNREACHABLE },
    { "READONLY", REDIS_ACTION_RECONNECT, ERR_UNAVAILABLE, REDIS_HEALTH_NOT_MASTER },
    { "NOAUTH", REDIS_ACTION_RECONNECT, ERR_UNAVAILABLE, REDIS_HEALTH_UNAUTHORIZED },
    { "WRONGPASS", REDIS_ACTION_RECONNECT, ERR_UNAVAILABLE, REDIS_HEALTH_UNAUTHORIZED },
    { "NOPERM", REDIS_ACTION_FAIL, ERR_INTERNAL, REDIS_HEALTH_UNAUTHORIZED },
    { "OOM", REDIS_ACTION_FAIL, ERR_STORE_FULL, REDIS_HEALTH_UNREACHABLE },
    { "MISCONF", REDIS_ACTION_FAIL, ERR_UNAVAILABLE, REDIS_HEALTH_UNREACHABLE },
    { "WRONGTYPE", REDIS_ACTION_FAIL, ERR_INTERNAL, REDIS_HEALTH_PROTOCOL },
    { "", REDIS_ACTION_FAIL, ERR_INTERNAL,
      REDIS_HEALTH_PROTOCOL }, /* a bug of ours, or a proxy's own */
};

enum { N_ERRORS = sizeof errors / sizeof *errors };

static bool first_word_is(struct text error, const char *word)
{
    size_t len = strlen(word);
    return text_starts(error, word) && (error.len == len || error.at[len] == ' ');
}

const struct redis_error *redis_error_of(struct text error)
{
    for (size_t i = 0; i < N_ERRORS - 1; i++)
        if (first_word_is(error, errors[i].prefix))
            return &errors[i];
    return &errors[N_ERRORS - 1];
}
