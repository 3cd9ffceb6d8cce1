/* What the files of live share: live.c (watching), live_status.c (the statuses that matter),
 * live_batch.c (reading them), live_tell.c (telling), live_log.c (what changed when). */
#pragma once

#include "core/live.h"
#include "core/live_digest.h"
#include "core/near_cache.h"
#include "core/redis_call.h"

enum { LIVE_BATCH_MOST = 256, LIVE_READS_MOST = 64 }; /* statuses of a batch; those that are read */

struct live_status {
    struct live *live;
    struct live_status *next; /* of its bucket */
    uint64_t hash;
    struct list watches;
    unsigned n_streams, n_fresh_streams;                       /* of them */
    struct list dirty_link, held_link, log_link, watched_link; /* alone: not in that list */
    bool in_batch, is_changed; /* is_changed: dirty for more than that somebody is fresh */
    unsigned busy;             /* being told: not to be freed */
    uint64_t position;         /* of the last change, while it is in the log */
    struct live_digest seen;   /* of the last read */
    struct live_digest sent;   /* of what streams were told last */
    uint64_t sent_ms;
    struct alarm hold_alarm; /* while held: when it may be told */
    uint64_t held_position;  /* where that change was */
    struct text id;
    char id_bytes[];
};

struct live_item {
    struct live_status *status;
    struct near_ticket ticket;
    bool is_read, is_changed;
};

struct live {
    uv_loop_t *loop;
    struct live_options options;
    struct live_status **buckets;
    size_t n_buckets;
    struct list dirty, held, log, watched; /* statuses */
    struct list feeds, syncs, asked_syncs;
    bool hears, stopped;
    struct alarm deaf_alarm, retry_alarm, settle_alarm;
    uint64_t heard_ms; /* when a change was last heard of */
    unsigned era;      /* counts what concerns all statuses */

    /* The batch in flight. */
    struct redis_call call;
    struct live_item items[LIVE_BATCH_MOST];
    unsigned n_items, n_reads;
    bool in_flight;
    unsigned batch_generation, batch_era; /* of the logs, and ours, when it was asked */
    unsigned reads_most;                  /* of the next */
    unsigned singles; /* so many statuses are read one by one, to find the odd one */
    size_t batch_bytes;
    uint64_t retry_ms, retry_at_ms;

    bool wants_time;     /* a batch is due, if only for its position */
    uint64_t time;       /* of the batch that was answered last */
    uint64_t position;   /* see live_position() */
    unsigned generation; /* of the log */
    uint64_t floor;      /* the log has all behind this position; UINT64_MAX: not known yet */
    struct live_stats stats;
};

/* ---- live_status.c ---- */

struct live_status *live_find(const struct live *live, struct text id); /* NULL: none */
struct live_status *live_find_or_add(struct live *live, struct text id);
/* Whoever lets go of one. It may be gone then. */
void live_free_if_idle(struct live *live, struct live_status *status);
void live_unhold(struct live *live, struct live_status *status);
void live_grow(struct live *live);

bool live_is_dirty(const struct live_status *status);
void live_mark_dirty(struct live *live, struct live_status *status, bool is_changed);
void live_take_dirty(struct live *live, struct live_status *status);
/* By anybody: then it is read. */
bool live_is_watched(const struct live *live, const struct live_status *status);

/* ---- live_log.c ---- */

/* Whether changes are to be logged: asked at each, so that a log which begins misses none. */
bool live_is_logging(struct live *live);
void live_log_change(struct live *live, struct live_status *status);
void live_shorten_log(struct live *live);
void live_clear_log(struct live *live);

/* ---- live_tell.c ---- */

/* The status has been read: all who ought to know are told. It may be gone then. */
void live_take_news(struct live *live, struct live_status *status, const struct status_view *view,
                    bool is_changed);
/* A batch has been told, or what was held. */
void live_settle(struct live *live);
void live_hold_rang(struct alarm *alarm);
void live_settle_rang(struct alarm *alarm);
