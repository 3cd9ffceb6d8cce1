/*
 * A call: one to a few Redis commands that go out together on one connection and are answered
 * together. Embedded in the operation that needs it; nothing is allocated to submit one.
 *
 * Contract (redis_pool_submit):
 *  - a submit that fails never calls back;
 *  - one that succeeds calls `done` exactly once, never before submit returns, in the same thread,
 * and not later than about 50 ms after `deadline_ms`. The call must stay alive until then.
 *
 * A call has at most one command that writes, and it is the first. That is what makes it sound to
 * send the whole call again when Redis says that it did not execute that command (NOSCRIPT,
 * LOADING, ...) or when its bytes were never handed to the kernel.
 */
#pragma once

#include "core/buf.h"
#include "core/err.h"
#include "core/list.h"
#include "core/redis_reply.h"

#include <stdbool.h>
#include <stdint.h>

struct redis_call;

struct redis_call_ops {
    /*
     * Appends the RESP of exactly `n_commands` commands to `out` (redis_command.h has the
     * formatters). May run again for a retry: what it reads must live until `done`. `with_source`
     * is true after a NOSCRIPT: send EVAL with the source instead of EVALSHA.
     */
    void (*format)(struct redis_call *call, struct buf *out, bool with_source);
    /*
     * The index-th reply, in order of the commands; never an error reply: those end up in `done`.
     * Runs from index 0 again when the call is sent again. Returns false when the reply can't be
     * the answer to this call; the connection is then dropped, as its replies can't be trusted.
     */
    bool (*reply)(struct redis_call *call, unsigned index, const struct redis_reply *reply);
    /*
     * The end. The last reply is still valid. ERR_NONE: all replies came. ERR_UNAVAILABLE and
     * ERR_STORE_FULL: not applied. ERR_OUTCOME_UNKNOWN: sent, not answered (never for `read_only`
     * calls: those report ERR_UNAVAILABLE). ERR_INTERNAL: Redis refused the command for what it is.
     * `call` may be freed or submitted again inside.
     */
    void (*done)(struct redis_call *call, enum err err);
};

struct redis_call {
    /* Set by the owner before submit. */
    const struct redis_call_ops *ops;
    unsigned n_commands;  /* >= 1 */
    bool read_only;       /* may be sent again although an earlier try may have been executed */
    uint64_t deadline_ms; /* on the clock of uv_now() */

    /* Private to the Redis client. */
    struct list link; /* waiting or due for a retry */
    bool with_source;
    unsigned tries, lane;
    uint64_t retry_at_ms;
    enum err err;
};
