/*
 * A worker: a thread with a loop, an HTTP daemon and Redis connections of its own. Workers share
 * nothing but the listening socket, the immutable options, the marks of writes and the counts of
 * those who watch.
 */
#pragma once

#include "core/redis_pool.h"
#include "server/http.h"

#include <stdbool.h>
#include <stddef.h>

/* Immutable while any worker runs. */
struct worker_options {
    struct http_options http;
    struct redis_options redis;
    struct text prefix; /* of all keys */
    size_t errors_max;
    uint64_t key_lifetime_ms, refusal_lifetime_ms;
    bool loopback;
    const char *const *allowed_hosts;   /* NULL-terminated */
    const char *const *allowed_origins; /* NULL-terminated */
    uint64_t drain_ms;
    size_t near_cache_bytes;   /* of this worker; 0: none */
    struct write_marks *marks; /* with `live` what workers share and change */
    struct live_shared *live;
    unsigned max_watchers; /* in the process */
    uint64_t max_wait_ms, heartbeat_ms;
    unsigned events_per_second; /* of the progress of a status */
    size_t event_log_entries;
    uint64_t event_log_ms;
};

struct worker;

/* Starts the thread. NULL: it can't be started (the log tells why). `options` is borrowed until
 * worker_join(). */
struct worker *worker_start(const struct worker_options *options);

/* From any thread: whether its Redis connections have been ready once. */
bool worker_was_ready(const struct worker *worker);

/*
 * From any thread: stop accepting, finish what is in flight within drain_ms, then end the thread.
 */
void worker_drain(struct worker *worker);

/* Waits for the thread's end and frees the worker. After worker_drain(). */
void worker_join(struct worker *worker);
