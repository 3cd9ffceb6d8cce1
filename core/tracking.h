/*
 * What Redis says of changes: the id of each status (or archived attempt) whose hash changes,
 * whoever changes it. Two connections of their own: one subscribes to Redis' invalidation messages,
 * the other turns tracking on in broadcasting mode and has the messages sent to the first, as RESP2
 * asks for.
 *
 *   both READY -> CLIENT ID, SUBSCRIBE -> CLIENT TRACKING ON -> ready() ... lost() -> both anew
 *
 * Between ready() and lost() no change goes unheard; what happened before or between is not told.
 * Both connections are checked (PING, ROLE) about once a second, since one that has died silently
 * looks like one on which nothing happens. Single-threaded, on the thread of `loop`.
 */
#pragma once

#include "core/redis_pool.h"
#include "core/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct tracking;

/* None of them from inside tracking_create(). */
struct tracking_events {
    void (*ready)(void *arg);
    void (*lost)(void *arg);
    /* The status, or the attempt, that has this id ("ID", "ID:N"), has changed or is gone. */
    void (*changed)(void *arg, struct text id);
    /* Anything may have changed: FLUSHALL, FLUSHDB. */
    void (*all_changed)(void *arg);
};

/* Starts connecting. `options` is copied; what it points at, `prefix` and `events` are borrowed
 * until tracking_destroy(). Never NULL. */
struct tracking *tracking_create(uv_loop_t *loop, const struct redis_options *options,
                                 struct text prefix, const struct tracking_events *events,
                                 void *arg);

/* Takes the messages that have arrived by now; events may come from inside. A system call. */
void tracking_drain(struct tracking *tracking);

/*
 * Whether all that Redis has said of changes that it has acknowledged to anybody has arrived here,
 * once tracking_drain() has run. Not so while a check is on its way: see docs/architecture.md,
 * "What Redis guarantees".
 */
bool tracking_is_current(const struct tracking *tracking);

bool tracking_is_ready(const struct tracking *tracking);

struct tracking_stats {
    uint64_t readied, lost, messages, changed;
};
void tracking_get_stats(const struct tracking *tracking, struct tracking_stats *ret);

/* lost(), if it was ready; closes all handles, then calls `closed`: tracking_destroy(). */
void tracking_close(struct tracking *tracking, void (*closed)(void *arg), void *closed_arg);
void tracking_destroy(struct tracking *tracking);
