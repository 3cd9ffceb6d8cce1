/*
 *            changed(), watch()            live_flush()            answered
 *   IDLE ----------------------> DIRTY ---------------> IN A BATCH ---------> told, or HELD
 *    ^                                    changed() meanwhile: DIRTY again          |
 *    +------------------------------------------------------------ its time comes --+
 */
#include "core/live.h"

#include "core/id_hash.h"
#include "core/keys.h"
#include "core/live_digest.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/near_cache.h"
#include "core/redis_command.h"
#include "core/redis_pool.h"
#include "core/status_id.h"

#include <assert.h>
#include <stdlib.h>

enum {
    FIRST_BUCKETS = 1024,
    BATCH_MOST = 256, /* statuses of a batch, */
    READS_MOST = 64,  /* and those of them that are read; fewer when they are big: */
    READS_BYTES = 256 * 1024,
    RETRY_FIRST_MS = 100,
    RETRY_MOST_MS = 1000,
    DEAF_MS = 1000, /* between reads of all that is watched, when Redis' messages are not heard */
};

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

struct item {
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
    struct alarm deaf_alarm, retry_alarm;
    unsigned era; /* counts what concerns all statuses */

    /* The batch in flight. */
    struct redis_call call;
    struct item items[BATCH_MOST];
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

/* ---- statuses ---- */

static uint64_t hash_of(const struct live *live, struct text id)
{
    return id_hash((uint64_t)(uintptr_t)live, id);
}

static struct live_status **slot_of(const struct live *live, uint64_t hash, struct text id)
{
    struct live_status **slot = &live->buckets[hash & (live->n_buckets - 1)];

    while (*slot && !((*slot)->hash == hash && text_equal((*slot)->id, id)))
        slot = &(*slot)->next;
    return slot;
}

static void grow(struct live *live)
{
    size_t n_buckets = live->n_buckets ? 2 * live->n_buckets : FIRST_BUCKETS;
    struct live_status **buckets = mem_zalloc(n_buckets * sizeof *buckets);

    for (size_t i = 0; i < live->n_buckets; i++) {
        while (live->buckets[i]) {
            struct live_status *status = live->buckets[i];
            struct live_status **bucket = &buckets[status->hash & (n_buckets - 1)];
            live->buckets[i] = status->next;
            status->next = *bucket;
            *bucket = status;
        }
    }
    free(live->buckets);
    live->buckets = buckets;
    live->n_buckets = n_buckets;
}

static struct live_status *find(const struct live *live, struct text id)
{
    return *slot_of(live, hash_of(live, id), id);
}

static void hold_rang(struct alarm *alarm);

static struct live_status *find_or_add(struct live *live, struct text id)
{
    uint64_t hash = hash_of(live, id);
    struct live_status **slot = slot_of(live, hash, id), *status = *slot;

    if (status)
        return status;
    if (live->stats.statuses >= live->n_buckets) {
        grow(live);
        slot = slot_of(live, hash, id);
    }
    status = mem_zalloc(sizeof *status + id.len);
    status->live = live;
    status->hash = hash;
    status->hold_alarm.rang = hold_rang;
    memcpy(status->id_bytes, id.at, id.len);
    status->id = (struct text){ .at = status->id_bytes, .len = id.len };
    list_init(&status->watches);
    list_init(&status->dirty_link);
    list_init(&status->held_link);
    list_init(&status->log_link);
    list_init(&status->watched_link);
    *slot = status;
    live->stats.statuses++;
    return status;
}

static void unhold(struct live *live, struct live_status *status)
{
    list_remove(&status->held_link);
    alarms_clear(live->options.alarms, &status->hold_alarm);
}

static void free_if_idle(struct live *live, struct live_status *status)
{
    if (!list_empty(&status->watches) || !list_empty(&status->dirty_link) ||
        !list_empty(&status->held_link) || !list_empty(&status->log_link) || status->in_batch ||
        status->busy)
        return;
    *slot_of(live, status->hash, status->id) = status->next;
    list_remove(&status->watched_link);
    live->stats.statuses--;
    free(status);
}

/* ---- dirty ---- */

static bool is_dirty(const struct live_status *status)
{
    return !list_empty(&status->dirty_link);
}

static void mark_dirty(struct live *live, struct live_status *status, bool is_changed)
{
    status->is_changed |= is_changed;
    if (is_dirty(status))
        return;
    list_add_tail(&live->dirty, &status->dirty_link);
    live->stats.dirty++;
}

static void take_dirty(struct live *live, struct live_status *status)
{
    list_remove(&status->dirty_link);
    status->is_changed = false;
    live->stats.dirty--;
}

static void mark_all_watched(struct live *live)
{
    for (struct list *node = live->watched.next; node != &live->watched; node = node->next)
        mark_dirty(live, container_of(node, struct live_status, watched_link), true);
}

static bool is_watched(const struct live *live, const struct live_status *status)
{
    return !list_empty(&status->watches) || !list_empty(&live->feeds);
}

/* ---- the log ---- */

static void forget(struct live *live, struct live_status *status)
{
    list_remove(&status->log_link);
    live->stats.logged--;
    free_if_idle(live, status);
}

static void clear_log(struct live *live)
{
    while (!list_empty(&live->log))
        forget(live, container_of(live->log.next, struct live_status, log_link));
}

static uint64_t clock_ms(void)
{
    return uv_hrtime() / 1000000;
}

static bool is_out_of_use(const struct live *live)
{
    const struct live_shared *shared = live->options.shared;

    return atomic_load(&shared->streams) == 0 &&
           clock_ms() - atomic_load(&shared->closed_ms) > live->options.log_ms;
}

/* Whether changes are to be logged: asked at each, so that a log which begins misses none. */
static bool is_logging(struct live *live)
{
    unsigned generation = atomic_load(&live->options.shared->generation);

    if (generation == 0 || is_out_of_use(live)) {
        clear_log(live);
        return false;
    }
    if (live->generation != generation) {
        clear_log(live);
        live->generation = generation;
    }
    return true;
}

static void shorten_log(struct live *live)
{
    while (!list_empty(&live->log)) {
        struct live_status *oldest = container_of(live->log.next, struct live_status, log_link);
        if (live->stats.logged <= live->options.log_most &&
            oldest->position + live->options.log_ms * 1000 >= live->time)
            return;
        if (live->floor < oldest->position)
            live->floor = oldest->position;
        forget(live, oldest);
    }
}

static void log_change(struct live *live, struct live_status *status)
{
    if (list_empty(&status->log_link))
        live->stats.logged++;
    list_remove(&status->log_link);
    list_add_tail(&live->log, &status->log_link);
    status->position = live->time;
}

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
    struct list watches;

    list_take_all(&status->watches, &watches);
    while (!list_empty(&watches)) {
        struct live_watch *watch = container_of(watches.next, struct live_watch, link);
        list_remove(&watch->link);
        list_add_tail(&status->watches, &watch->link);
        if (watch->is_fresh || (watch->coalesced ? streams : waits))
            tell_watch(live, watch, news);
    }
}

static void tell_feeds(struct live *live, const struct live_news *news)
{
    struct list feeds;

    list_take_all(&live->feeds, &feeds);
    while (!list_empty(&feeds)) {
        struct live_feed *feed = container_of(feeds.next, struct live_feed, link);
        list_remove(&feed->link);
        list_add_tail(&live->feeds, &feed->link);
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
        unhold(live, status);
        return false;
    }
    if (live_digest_is_progress(&status->seen, &status->sent) &&
        now_ms < status->sent_ms + live->options.interval_ms) {
        hold(live, status);
        return false;
    }
    unhold(live, status);
    status->sent = status->seen;
    status->sent_ms = now_ms;
    return true;
}

/*
 * The status has been read: all who ought to know are told. Unless Redis has said that it has
 * changed, those are the fresh ones; what the read may have brought already is told to the others
 * when Redis says so.
 */
static void take_news(struct live *live, struct live_status *status, const struct status_view *view,
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
    free_if_idle(live, status);
}

/* ---- batches ---- */

static struct live *live_of(struct redis_call *call)
{
    return container_of(call, struct live, call);
}

static void batch_format(struct redis_call *call, struct buf *out, bool with_source)
{
    struct live *live = live_of(call);

    (void)with_source;
    redis_command(out, 1);
    redis_arg_str(out, "TIME");
    for (unsigned i = 0; i < live->n_items; i++)
        if (live->items[i].is_read)
            status_view_ask_all(out, live->options.store->prefix, live->items[i].status->id);
}

static bool read_number(struct text text, uint64_t *ret)
{
    *ret = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        *ret = *ret * 10 + (uint64_t)(text.at[i] - '0');
    }
    return text.len > 0 && text.len < 18;
}

static bool take_time(struct live *live, const struct redis_reply *reply)
{
    struct live_shared *shared = live->options.shared;
    unsigned long long unknown = 0;
    uint64_t seconds, micros;

    if (reply->type != REDIS_ARRAY || reply->n_items != 2 ||
        !read_number(reply->items[0].text, &seconds) || !read_number(reply->items[1].text, &micros))
        return false;
    uint64_t time = seconds * 1000000 + micros;
    if (time < live->time) { /* the clock was set back: what was logged is in the future */
        clear_log(live);
        live->floor = time;
    }
    live->time = time;
    if (live->floor == UINT64_MAX && live->batch_era == live->era)
        live->floor = time;
    if (live->batch_generation && live->batch_generation == atomic_load(&shared->generation))
        atomic_compare_exchange_strong(&shared->since, &unknown, time);
    return true;
}

static struct item *nth_read(struct live *live, unsigned n)
{
    for (unsigned i = 0; i < live->n_items; i++)
        if (live->items[i].is_read && n-- == 0)
            return &live->items[i];
    return NULL;
}

static bool batch_replied(struct redis_call *call, unsigned index, const struct redis_reply *reply)
{
    struct live *live = live_of(call);
    struct near_cache *cache = live->options.store->cache;
    struct status_view view;
    struct item *item;
    bool found;

    if (index == 0)
        return take_time(live, reply);
    if (!status_view_of_all(reply, &view, &found))
        return false;
    item = nth_read(live, index - 1);
    assert(item);
    live->stats.reads++;
    for (size_t i = 0; i < FIELD_COUNT; i++)
        live->batch_bytes += view.field[i].len;
    if (found && cache)
        near_cache_put(cache, &item->ticket, item->status->id, &view);
    take_news(live, item->status, found ? &view : NULL, item->is_changed);
    return true;
}

static void move_syncs(struct list *from, struct list *to)
{
    struct list syncs;

    list_take_all(from, &syncs);
    while (!list_empty(&syncs)) {
        struct list *node = syncs.next;
        list_remove(node);
        list_add_tail(to, node);
    }
}

/* Those who ask before Redis' messages are heard, or while they are lost, wait for the next. */
static void tell_syncs(struct live *live)
{
    struct list syncs;

    if (live->batch_era != live->era) {
        live->wants_time |= !list_empty(&live->asked_syncs);
        move_syncs(&live->asked_syncs, &live->syncs);
    }
    list_take_all(&live->asked_syncs, &syncs);
    while (!list_empty(&syncs)) {
        struct live_sync *sync = container_of(syncs.next, struct live_sync, link);
        list_remove(&sync->link);
        sync->done(sync, live->position);
    }
}

static void tell_settled(struct live *live)
{
    struct list feeds;

    list_take_all(&live->feeds, &feeds);
    while (!list_empty(&feeds)) {
        struct live_feed *feed = container_of(feeds.next, struct live_feed, link);
        list_remove(&feed->link);
        list_add_tail(&live->feeds, &feed->link);
        if (!feed->has_news)
            continue;
        feed->has_news = false;
        feed->settled(feed, live->position);
    }
}

/* All that changed before the batch has been heard of, and told, unless something is dirty or held.
 */
static void settle(struct live *live)
{
    uint64_t position = live->time;

    if (!live->hears || !live->options.catch_up(live->options.arg) || !list_empty(&live->dirty))
        return;
    if (!list_empty(&live->held))
        position = container_of(live->held.next, struct live_status, held_link)->held_position - 1;
    if (position == live->position)
        return;
    live->position = position;
    tell_settled(live);
}

static void retry_later(struct live *live)
{
    if (live->stopped)
        return;
    live->retry_ms = live->retry_ms ? 2 * live->retry_ms : RETRY_FIRST_MS;
    if (live->retry_ms > RETRY_MOST_MS)
        live->retry_ms = RETRY_MOST_MS;
    live->retry_at_ms = uv_now(live->loop) + live->retry_ms;
    alarms_set(live->options.alarms, &live->retry_alarm, live->retry_at_ms);
}

/* Big statuses: what a batch brings is bounded by what the last one brought. */
static void adapt_reads(struct live *live)
{
    size_t each = live->n_reads ? live->batch_bytes / live->n_reads + 1 : 1;
    size_t fitting = READS_BYTES / each;

    live->reads_most = fitting < 1 ? 1 : fitting > READS_MOST ? READS_MOST : (unsigned)fitting;
    if (live->singles) {
        live->singles--;
        live->reads_most = 1;
    }
}

static void end_items(struct live *live, enum err err)
{
    bool is_logged = err == ERR_NONE && is_logging(live);

    for (unsigned i = 0; i < live->n_items; i++) {
        struct live_status *status = live->items[i].status;
        status->in_batch = false;
        if (err != ERR_NONE)
            mark_dirty(live, status, live->items[i].is_changed);
        else if (is_logged && live->items[i].is_changed)
            log_change(live, status);
        free_if_idle(live, status);
    }
    live->n_items = 0;
}

/* What stands under this key is no status of ours. */
static void take_odd_one(struct live *live)
{
    take_news(live, nth_read(live, 0)->status, NULL, true);
    end_items(live, ERR_NONE);
}

static void batch_failed(struct live *live, enum err err)
{
    if (err == ERR_INTERNAL && live->n_reads == 1 && live->n_items == 1) {
        take_odd_one(live);
        adapt_reads(live);
        return;
    }
    if (err == ERR_INTERNAL && live->n_reads > 0) {
        live->singles = live->n_items;
        live->reads_most = 1;
    } else {
        retry_later(live);
    }
    end_items(live, err);
    move_syncs(&live->asked_syncs, &live->syncs);
    live->wants_time = true;
}

static void batch_done(struct redis_call *call, enum err err)
{
    struct live *live = live_of(call);

    live->in_flight = false;
    if (err != ERR_NONE) {
        batch_failed(live, err);
        return;
    }
    live->retry_ms = 0;
    end_items(live, ERR_NONE);
    adapt_reads(live);
    shorten_log(live);
    settle(live);
    tell_syncs(live);
}

/* Who is new to a status that is in memory need not wait for Redis. */
static bool is_told_from_memory(struct live *live, struct live_status *status)
{
    struct near_cache *cache = live->options.store->cache;
    struct near_entry *entry;

    if (status->is_changed || !cache || !live->time)
        return false;
    entry = near_cache_find(cache, status->id);
    if (!entry)
        return false;
    take_dirty(live, status);
    take_news(live, status, &entry->view, false);
    return true;
}

static void add_item(struct live *live, struct live_status *status, bool is_read)
{
    struct near_cache *cache = live->options.store->cache;
    struct item *item = &live->items[live->n_items++];

    *item = (struct item){ .status = status, .is_read = is_read, .is_changed = status->is_changed };
    take_dirty(live, status);
    status->in_batch = true;
    live->n_reads += is_read;
    if (is_read && cache)
        item->ticket = near_cache_ask(cache, status->id);
}

/* From the dirty ones, as many as a batch takes. */
static void fill_batch(struct live *live)
{
    unsigned reads_most = live->singles ? 1 : live->reads_most;
    unsigned items_most = live->singles ? 1 : BATCH_MOST;

    live->n_items = live->n_reads = 0;
    live->batch_bytes = 0;
    while (!list_empty(&live->dirty) && live->n_items < items_most && live->n_reads < reads_most) {
        struct live_status *status = container_of(live->dirty.next, struct live_status, dirty_link);
        bool is_read = is_watched(live, status);
        if (is_read && is_told_from_memory(live, status))
            continue;
        if (is_read || is_logging(live)) {
            add_item(live, status, is_read);
        } else {
            take_dirty(live, status);
            free_if_idle(live, status);
        }
    }
}

static void ask_batch(struct live *live)
{
    static const struct redis_call_ops ops = {
        .format = batch_format,
        .reply = batch_replied,
        .done = batch_done,
    };

    live->wants_time = false;
    live->batch_generation = is_logging(live) ? live->generation : 0;
    live->batch_era = live->era;
    move_syncs(&live->syncs, live->hears ? &live->asked_syncs : &live->syncs);
    live->call = (struct redis_call){
        .ops = &ops,
        .n_commands = 1 + live->n_reads,
        .read_only = true,
        .deadline_ms = uv_now(live->loop) + live->options.call_ms,
    };
    if (redis_pool_submit(live->options.store->pool, REDIS_LANE_FAST, &live->call) != ERR_NONE) {
        batch_failed(live, ERR_UNAVAILABLE);
        return;
    }
    live->in_flight = true;
    live->stats.batches++;
}

void live_flush(struct live *live)
{
    if (live->in_flight || live->stopped || uv_now(live->loop) < live->retry_at_ms)
        return;
    if (list_empty(&live->dirty) && !live->wants_time)
        return;
    fill_batch(live);
    if (live->n_items || live->wants_time)
        ask_batch(live);
}

/* ---- alarms: what has been due is then asked for by live_flush() ---- */

/* From memory if it is there: it is as it was when it was held, or else dirty already. */
static void tell_held(struct live *live, struct live_status *status)
{
    struct near_cache *cache = live->options.store->cache;
    struct near_entry *entry = NULL;

    if (cache && !is_dirty(status) && !status->in_batch)
        entry = near_cache_find(cache, status->id);
    if (entry && !is_dirty(status))
        take_news(live, status, &entry->view, true);
    else
        mark_dirty(live, status, true);
}

static void hold_rang(struct alarm *alarm)
{
    struct live_status *status = container_of(alarm, struct live_status, hold_alarm);
    struct live *live = status->live;

    tell_held(live, status);
    if (!live->in_flight)
        settle(live);
}

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
    struct list feeds;

    list_take_all(&live->feeds, &feeds);
    while (!list_empty(&feeds)) {
        struct live_feed *feed = container_of(feeds.next, struct live_feed, link);
        list_remove(&feed->link);
        list_add_tail(&live->feeds, &feed->link);
        feed->lost(feed);
    }
}

/* Nothing is known of what changed before this moment. */
static void begin_anew(struct live *live)
{
    clear_log(live);
    live->era++;
    live->position = 0;
    if (is_logging(live)) {
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
    clear_log(live);
    if (!live->stopped)
        alarms_set(live->options.alarms, &live->deaf_alarm, uv_now(live->loop) + DEAF_MS);
}

void live_changed(struct live *live, struct text id)
{
    struct live_status *status;

    if (!status_id_valid(id)) { /* an attempt, or none of ours: only if somebody watches it */
        status = find(live, id);
        if (status)
            mark_dirty(live, status, true);
        return;
    }
    if (is_logging(live) || !list_empty(&live->feeds))
        status = find_or_add(live, id);
    else
        status = find(live, id);
    if (status)
        mark_dirty(live, status, true);
}

void live_all_changed(struct live *live)
{
    begin_anew(live);
}

/* ---- watching ---- */

void live_watch(struct live *live, struct live_watch *watch)
{
    struct live_status *status = find_or_add(live, watch->id);

    watch->status = status;
    watch->is_fresh = true;
    list_init(&watch->link);
    list_add_tail(&status->watches, &watch->link);
    status->n_streams += watch->coalesced;
    status->n_fresh_streams += watch->coalesced;
    if (list_empty(&status->watched_link))
        list_add_tail(&live->watched, &status->watched_link);
    mark_dirty(live, status, false);
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
    free_if_idle(live, status);
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

/* ---- streams and their past ---- */

void live_stream_opened(struct live *live)
{
    struct live_shared *shared = live->options.shared;
    bool was_out_of_use = is_out_of_use(live);

    if (atomic_fetch_add(&shared->streams, 1) == 0 &&
        (was_out_of_use || atomic_load(&shared->generation) == 0)) {
        atomic_store(&shared->since, 0);
        atomic_fetch_add(&shared->generation, 1);
    }
    if (!atomic_load(&shared->since))
        live->wants_time = true;
}

void live_stream_closed(struct live *live)
{
    struct live_shared *shared = live->options.shared;

    atomic_store(&shared->closed_ms, clock_ms());
    atomic_fetch_sub(&shared->streams, 1);
}

bool live_reaches_back(struct live *live, uint64_t position)
{
    uint64_t since = atomic_load(&live->options.shared->since);

    return live->hears && is_logging(live) && since && position >= since &&
           position >= live->floor && position <= live->time;
}

void live_each_since(struct live *live, uint64_t position, void (*each)(struct text id, void *arg),
                     void *arg)
{
    for (struct list *node = live->log.prev; node != &live->log; node = node->prev) {
        struct live_status *status = container_of(node, struct live_status, log_link);
        if (status->position <= position)
            return;
        each(status->id, arg);
    }
}

bool live_has_changed_since(struct live *live, struct text id, uint64_t position)
{
    const struct live_status *status = find(live, id);

    return status && !list_empty(&status->log_link) && status->position > position;
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
    live->reads_most = READS_MOST;
    live->deaf_alarm.rang = deaf_rang;
    live->retry_alarm.rang = retry_rang;
    list_init(&live->dirty);
    list_init(&live->held);
    list_init(&live->log);
    list_init(&live->watched);
    list_init(&live->feeds);
    list_init(&live->syncs);
    list_init(&live->asked_syncs);
    grow(live);
    return live;
}

void live_stop(struct live *live)
{
    live->stopped = true;
    while (!list_empty(&live->held))
        unhold(live, container_of(live->held.next, struct live_status, held_link));
    alarms_clear(live->options.alarms, &live->deaf_alarm);
    alarms_clear(live->options.alarms, &live->retry_alarm);
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
