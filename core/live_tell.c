/* Who is told of what has been read, and when. */
#include "core/live_parts.h"

enum { SETTLE_MS = 100 };

/* ---- telling ---- */

static void tell_watch(struct live *live, struct live_watch *watch, const struct live_news *news)
{
    watch->status->n_fresh_streams -= watch->coalesced && watch->is_fresh;
    watch->is_fresh = false;
    live->stats.told++;
    watch->told(watch, news);
}

/* Those who watch this status; may free it, unless it is busy. */
static void tell_watches(struct live *live, struct live_status *status,
                         const struct live_news *news, bool waits, bool streams)
{
    struct list watches, *node;

    list_take_all(&status->watches, &watches);
    while ((node = list_move_first(&watches, &status->watches))) {
        struct live_watch *watch = container_of(node, struct live_watch, link);
        if (watch->is_fresh || (watch->coalesced ? streams : waits))
            tell_watch(live, watch, news);
    }
}

static void tell_feeds(struct live *live, const struct live_news *news)
{
    struct list feeds, *node;

    list_take_all(&live->feeds, &feeds);
    while ((node = list_move_first(&feeds, &live->feeds))) {
        struct live_feed *feed = container_of(node, struct live_feed, link);
        feed->has_news = true;
        live->stats.told++;
        feed->told(feed, news);
    }
}

static void hold(struct live *live, struct live_status *status)
{
    if (!list_empty(&status->held_link))
        return;
    live->stats.held++;
    status->held_position = live->time;
    list_add_tail(&live->held, &status->held_link);
    alarms_set(live->options.alarms, &status->hold_alarm,
               status->sent_ms + live->options.interval_ms);
}

/* What streams are told of what has been read, and whether they are told at all. */
static bool is_due_to_streams(struct live *live, struct live_status *status)
{
    uint64_t now_ms = uv_now(live->loop);

    if (live_digest_same(&status->seen, &status->sent)) {
        live_unhold(live, status);
        return false;
    }
    if (live_digest_is_progress(&status->seen, &status->sent) &&
        now_ms < status->sent_ms + live->options.interval_ms) {
        hold(live, status);
        return false;
    }
    live_unhold(live, status);
    status->sent = status->seen;
    status->sent_ms = now_ms;
    return true;
}

/*
 * The status has been read: all who ought to know are told. Unless Redis has said that it has
 * changed, those are the fresh ones; what the read may have brought already is told to the others
 * when Redis says so.
 */
void live_take_news(struct live *live, struct live_status *status, const struct status_view *view,
                    bool is_changed)
{
    struct live_digest before = status->seen;
    struct live_news news = { .id = status->id, .view = view, .position = live->time };
    bool is_new, is_due;

    status->busy++;
    live_digest_of(view, &status->seen);
    is_new = !live_digest_same(&before, &status->seen);
    if (status->n_streams == status->n_fresh_streams && list_empty(&live->feeds))
        status->sent = status->seen; /* all streams that there are, are told now */
    is_due = is_changed && is_due_to_streams(live, status);
    tell_watches(live, status, &news, is_new, is_due);
    if (is_due)
        tell_feeds(live, &news);
    if (news.made)
        live->options.unmake(news.made);
    status->busy--;
    if (list_empty(&status->watches))
        list_remove(&status->watched_link);
    live_free_if_idle(live, status);
}

static void tell_settled(struct live *live)
{
    struct list feeds, *node;

    list_take_all(&live->feeds, &feeds);
    while ((node = list_move_first(&feeds, &live->feeds))) {
        struct live_feed *feed = container_of(node, struct live_feed, link);
        if (!feed->has_news)
            continue;
        feed->has_news = false;
        feed->settled(feed, live->position);
    }
}

/*
 * The other workers hear of a change at about the same time, but not at the same: in their logs it
 * may stand a little behind the position that is known here. So feeds are told of a position when
 * all has been quiet for a while: whoever comes back with it, to any worker, hears nothing twice.
 */
static void settle_when_quiet(struct live *live)
{
    uint64_t quiet_ms = live->heard_ms + SETTLE_MS;

    if (uv_now(live->loop) >= quiet_ms)
        tell_settled(live);
    else if (!live->stopped && !list_empty(&live->feeds))
        alarms_set(live->options.alarms, &live->settle_alarm, quiet_ms);
}

void live_settle_rang(struct alarm *alarm)
{
    struct live *live = container_of(alarm, struct live, settle_alarm);

    live->wants_time = true; /* a position behind the quiet */
}

/* All that changed before the batch has been heard of, and told, unless something is dirty or held.
 */
void live_settle(struct live *live)
{
    uint64_t position = live->time;

    if (!live->hears || !live->options.catch_up(live->options.arg) || !list_empty(&live->dirty))
        return;
    if (!list_empty(&live->held))
        position = container_of(live->held.next, struct live_status, held_link)->held_position - 1;
    if (position == live->position)
        return;
    live->position = position;
    settle_when_quiet(live);
}

/* From memory if it is there: it is as it was when it was held, or else dirty already. */
static void tell_held(struct live *live, struct live_status *status)
{
    struct near_cache *cache = live->options.store->cache;
    struct near_entry *entry = NULL;

    if (cache && !live_is_dirty(status) && !status->in_batch)
        entry = near_cache_find(cache, status->id);
    if (entry && !live_is_dirty(status))
        live_take_news(live, status, &entry->view, true);
    else
        live_mark_dirty(live, status, true);
}

void live_hold_rang(struct alarm *alarm)
{
    struct live_status *status = container_of(alarm, struct live_status, hold_alarm);
    struct live *live = status->live;

    tell_held(live, status);
    if (!live->in_flight)
        live_settle(live);
}
