/*
 *            changed(), watch()            live_flush()            answered
 *   IDLE ----------------------> DIRTY ---------------> IN A BATCH ---------> told, or HELD
 *    ^                                    changed() meanwhile: DIRTY again          |
 *    +------------------------------------------------------------ its time comes --+
 */
#include "core/live_parts.h"

#include "core/mem.h"
#include "core/status_id.h"

#include <assert.h>
#include <stdlib.h>

enum {
    DEAF_MS = 1000
}; /* between reads of all that is watched, when Redis' messages are not heard */

static void mark_all_watched(struct live *live)
{
    for (struct list *node = live->watched.next; node != &live->watched; node = node->next)
        live_mark_dirty(live, container_of(node, struct live_status, watched_link), true);
}

/* ---- alarms: what has been due is then asked for by live_flush() ---- */

static void deaf_rang(struct alarm *alarm)
{
    struct live *live = container_of(alarm, struct live, deaf_alarm);

    mark_all_watched(live);
    alarms_set(live->options.alarms, alarm, uv_now(live->loop) + DEAF_MS);
}

static void retry_rang(struct alarm *alarm)
{
    (void)alarm; /* the loop is awake: that is all */
}

/* ---- what tracking tells ---- */

static void lose_feeds(struct live *live)
{
    struct list feeds, *node;

    list_take_all(&live->feeds, &feeds);
    while ((node = list_move_first(&feeds, &live->feeds))) {
        struct live_feed *feed = container_of(node, struct live_feed, link);
        feed->lost(feed);
    }
}

/* Nothing is known of what changed before this moment. */
static void begin_anew(struct live *live)
{
    live_clear_log(live);
    live->era++;
    live->position = 0;
    if (live_is_logging(live)) {
        live->floor = UINT64_MAX;
        live->wants_time = true;
    } else {
        live->floor = 0;
    }
    live->wants_time |= !list_empty(&live->syncs);
    mark_all_watched(live);
    lose_feeds(live);
}

void live_ready(struct live *live)
{
    live->hears = true;
    alarms_clear(live->options.alarms, &live->deaf_alarm);
    begin_anew(live);
}

void live_lost(struct live *live)
{
    live->hears = false;
    live->era++;
    live->position = 0;
    live->floor = UINT64_MAX;
    live_clear_log(live);
    if (!live->stopped)
        alarms_set(live->options.alarms, &live->deaf_alarm, uv_now(live->loop) + DEAF_MS);
}

void live_changed(struct live *live, struct text id)
{
    struct live_status *status;

    live->heard_ms = uv_now(live->loop);
    if (!status_id_valid(id)) { /* an attempt, or none of ours: only if somebody watches it */
        status = live_find(live, id);
        if (status)
            live_mark_dirty(live, status, true);
        return;
    }
    if (live_is_logging(live) || !list_empty(&live->feeds))
        status = live_find_or_add(live, id);
    else
        status = live_find(live, id);
    if (status)
        live_mark_dirty(live, status, true);
}

void live_all_changed(struct live *live)
{
    begin_anew(live);
}

/* ---- watching ---- */

void live_watch(struct live *live, struct live_watch *watch)
{
    struct live_status *status = live_find_or_add(live, watch->id);

    watch->status = status;
    watch->is_fresh = true;
    list_init(&watch->link);
    list_add_tail(&status->watches, &watch->link);
    status->n_streams += watch->coalesced;
    status->n_fresh_streams += watch->coalesced;
    if (list_empty(&status->watched_link))
        list_add_tail(&live->watched, &status->watched_link);
    live_mark_dirty(live, status, false);
    if (!live->hears && !alarm_is_set(&live->deaf_alarm))
        alarms_set(live->options.alarms, &live->deaf_alarm, uv_now(live->loop) + DEAF_MS);
}

void live_unwatch(struct live *live, struct live_watch *watch)
{
    struct live_status *status = watch->status;

    if (!status)
        return;
    watch->status = NULL;
    list_remove(&watch->link);
    status->n_streams -= watch->coalesced;
    status->n_fresh_streams -= watch->coalesced && watch->is_fresh;
    if (list_empty(&status->watches) && !status->busy)
        list_remove(&status->watched_link);
    live_free_if_idle(live, status);
}

void live_add_feed(struct live *live, struct live_feed *feed)
{
    feed->has_news = false;
    list_init(&feed->link);
    list_add_tail(&live->feeds, &feed->link);
}

void live_remove_feed(struct live *live, struct live_feed *feed)
{
    (void)live;
    list_remove(&feed->link);
}

void live_sync(struct live *live, struct live_sync *sync)
{
    list_init(&sync->link);
    list_add_tail(&live->syncs, &sync->link);
    live->wants_time = true;
}

void live_unsync(struct live *live, struct live_sync *sync)
{
    (void)live;
    if (sync->link.next)
        list_remove(&sync->link);
}

bool live_hears(const struct live *live)
{
    return live->hears;
}

uint64_t live_position(const struct live *live)
{
    return live->position;
}

void live_get_stats(const struct live *live, struct live_stats *ret)
{
    *ret = live->stats;
}

/* ---- life ---- */

struct live *live_create(uv_loop_t *loop, const struct live_options *options)
{
    struct live *live = mem_zalloc(sizeof *live);

    live->loop = loop;
    live->options = *options;
    live->reads_most = LIVE_READS_MOST;
    live->deaf_alarm.rang = deaf_rang;
    live->retry_alarm.rang = retry_rang;
    live->settle_alarm.rang = live_settle_rang;
    list_init(&live->dirty);
    list_init(&live->held);
    list_init(&live->log);
    list_init(&live->watched);
    list_init(&live->feeds);
    list_init(&live->syncs);
    list_init(&live->asked_syncs);
    live_grow(live);
    return live;
}

void live_stop(struct live *live)
{
    live->stopped = true;
    while (!list_empty(&live->held))
        live_unhold(live, container_of(live->held.next, struct live_status, held_link));
    alarms_clear(live->options.alarms, &live->deaf_alarm);
    alarms_clear(live->options.alarms, &live->retry_alarm);
    alarms_clear(live->options.alarms, &live->settle_alarm);
}

void live_destroy(struct live *live)
{
    assert(!live->in_flight);
    for (size_t i = 0; i < live->n_buckets; i++) {
        while (live->buckets[i]) {
            struct live_status *status = live->buckets[i];
            assert(list_empty(&status->watches));
            live->buckets[i] = status->next;
            free(status);
        }
    }
    free(live->buckets);
    free(live);
}
