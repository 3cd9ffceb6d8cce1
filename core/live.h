/*
 * Watching statuses change. Redis names what has changed (tracking.h); each such status that
 * somebody of this worker watches is read, once however many they are, and all are told.
 *
 *   changed(id) -> DIRTY -> one pipeline: TIME, HGETALL... -> told, position
 *
 * A batch of reads is in flight at a time, so the news of a status come in their order, and what
 * changes meanwhile again is in the next batch. The time by Redis' clock that a batch begins with
 * is the position of its news: all that changed before it is in them, whoever's worker tells it,
 * so positions mean the same in every worker and process.
 *
 * Changes of the progress alone are told to streams at most once in an interval (`interval_ms`),
 * the last one always; waits (watches that are not `coalesced`) are told of each.
 *
 * While event streams are open, or were not long ago, a log keeps for each status the position of
 * its last change: who comes back is told what has changed since. It is in memory, not in Redis: it
 * costs no write, and vouches only for what this worker has heard itself.
 *
 * While Redis' messages can't be heard, watched statuses are read once a second.
 */
#pragma once

#include "core/alarms.h"
#include "core/list.h"
#include "core/status_store.h"
#include "core/status_view.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct live;
struct live_status;

/* Of all workers of the process. Zeroed memory is good. */
struct live_shared {
    atomic_uint watchers;    /* streams and waits */
    atomic_uint streams;     /* open ones */
    atomic_ullong closed_ms; /* when the last one was closed, on the clock of uv_hrtime() */
    atomic_uint generation;  /* of the logs: counts up when they begin anew */
    atomic_ullong since;     /* from this position on all workers log; 0: not known yet */
};

/* What has become of a status. Gone when the callback that got it returns. */
struct live_news {
    struct text id;
    const struct status_view *view; /* NULL: there is no such status (any more) */
    uint64_t position;
    void *made; /* what the first who is told has made of it for all; NULL: nothing yet */
};

/* One who watches one status. Set the first part, live_watch(). */
struct live_watch {
    struct text id; /* valid; lives as long as the watch */
    bool coalesced; /* progress alone may come late */
    /* First with how it is, soon but not from inside live_watch(), then at changes. May unwatch. */
    void (*told)(struct live_watch *watch, const struct live_news *news);

    /* Private. */
    struct live_status *status;
    struct list link;
    bool is_fresh; /* not told anything yet */
};

/* One who is told of all statuses. */
struct live_feed {
    void (*told)(struct live_feed *feed, const struct live_news *news);
    /* All that changed before this position has been told. */
    void (*settled)(struct live_feed *feed, uint64_t position);
    /* Anything may have changed without being told. */
    void (*lost)(struct live_feed *feed);

    /* Private. */
    struct list link;
    bool has_news;
};

/* Who wants to know a position that is behind this moment, with Redis' messages heard. */
struct live_sync {
    void (*done)(struct live_sync *sync, uint64_t position);

    /* Private. */
    struct list link;
};

struct live_options {
    const struct status_store *store;
    struct alarms *alarms;
    struct live_shared *shared;
    bool (*catch_up)(void *arg); /* as for near_cache_create() */
    void *arg;
    void (*unmake)(void *made); /* of news */
    uint64_t interval_ms;       /* between news of the progress of a status */
    uint64_t call_ms;           /* what a batch may take */
    size_t log_most;            /* statuses in the log */
    uint64_t log_ms;            /* age of its entries, and of the log behind the last stream */
};

/* `options` are copied. Never NULL. */
struct live *live_create(uv_loop_t *loop, const struct live_options *options);
/* Nobody may watch any more, and no batch be in flight: the pool is closed. */
void live_destroy(struct live *live);
/* No more batches. */
void live_stop(struct live *live);

/* What tracking tells. */
void live_ready(struct live *live);
void live_lost(struct live *live);
void live_changed(struct live *live, struct text id);
void live_all_changed(struct live *live);

/* Asks for what is due. The worker calls it in each turn, before redis_pool_flush(). */
void live_flush(struct live *live);

void live_watch(struct live *live, struct live_watch *watch);
void live_unwatch(struct live *live, struct live_watch *watch);
void live_add_feed(struct live *live, struct live_feed *feed);
void live_remove_feed(struct live *live, struct live_feed *feed);
void live_sync(struct live *live, struct live_sync *sync);
/* Safe on one that has been told, or was never used (zeroed). */
void live_unsync(struct live *live, struct live_sync *sync);

/* Whether Redis' messages are heard. */
bool live_hears(const struct live *live);

/* The latest position before which nothing is untold; 0: none is known. */
uint64_t live_position(const struct live *live);

/* Streams keep the logs of all workers. */
void live_stream_opened(struct live *live);
void live_stream_closed(struct live *live);

/* Whether the log has all that changed since this position. Behind a live_sync(). */
bool live_reaches_back(struct live *live, uint64_t position);
/* The ids of what has changed since. */
void live_each_since(struct live *live, uint64_t position, void (*each)(struct text id, void *arg),
                     void *arg);
/* Whether this status is among them. */
bool live_has_changed_since(struct live *live, struct text id, uint64_t position);

struct live_stats {
    uint64_t batches, reads, told, held;
    size_t statuses, logged, dirty;
};
void live_get_stats(const struct live *live, struct live_stats *ret);
