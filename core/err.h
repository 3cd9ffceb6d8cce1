/* The outcomes that core can report. Only api/problem.c knows what they are in HTTP. */
#pragma once

#define MUST_CHECK __attribute__((warn_unused_result))

enum err {
    ERR_NONE,
    ERR_NOT_FOUND,       /* no such status (or archived attempt) */
    ERR_EXISTS,          /* create: the id is taken */
    ERR_NOT_COMPLETED,   /* delete without force: neither succeeded nor failed */
    ERR_WRONG_ATTEMPT,   /* guard: the present attempt is another; nothing was changed */
    ERR_WRONG_STATE,     /* guard: the present state is another; nothing was changed */
    ERR_WRONG_ETAG,      /* guard: the status is not as it was; nothing was changed */
    ERR_KEY_REUSED,      /* guard: another request has used this key; nothing was changed */
    ERR_ERRORS_FULL,     /* the list of errors has reached its limit; nothing was changed */
    ERR_UNAVAILABLE,     /* not applied: Redis away, loading, read-only, or we are over a bound */
    ERR_TIME_OVER,       /* the time for the request was over before all was looked at or done */
    ERR_TOO_MANY,        /* bulk: more match than may be changed; nothing was changed */
    ERR_OUTCOME_UNKNOWN, /* sent to Redis, no answer: a write may or may not have been applied */
    ERR_STORE_FULL,      /* not applied: Redis is out of memory */
    ERR_INTERNAL,        /* a bug, or data under our keys that is not ours */
    ERR_COUNT
};
