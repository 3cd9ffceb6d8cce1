/* Reading what is dirty: a pipeline at a time. */
#include "core/live_parts.h"

#include "core/redis_command.h"
#include "core/redis_pool.h"

#include <assert.h>

enum {
    READS_BYTES = 256 * 1024, /* fewer are read at a time when they are big */
    RETRY_FIRST_MS = 100,
    RETRY_MOST_MS = 1000,
};

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
        live_clear_log(live);
        live->floor = time;
    }
    live->time = time;
    if (live->floor == UINT64_MAX && live->batch_era == live->era)
        live->floor = time;
    if (live->batch_generation && live->batch_generation == atomic_load(&shared->generation))
        atomic_compare_exchange_strong(&shared->since, &unknown, time);
    return true;
}

static struct live_item *nth_read(struct live *live, unsigned n)
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
    struct live_item *item;
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
    live_take_news(live, item->status, found ? &view : NULL, item->is_changed);
    return true;
}

static void move_syncs(struct list *from, struct list *to)
{
    struct list syncs;

    list_take_all(from, &syncs);
    while (list_move_first(&syncs, to))
        ;
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

    live->reads_most = fitting < 1                 ? 1
                       : fitting > LIVE_READS_MOST ? LIVE_READS_MOST
                                                   : (unsigned)fitting;
    if (live->singles) {
        live->singles--;
        live->reads_most = 1;
    }
}

static void end_items(struct live *live, enum err err)
{
    bool is_logged = err == ERR_NONE && live_is_logging(live);

    for (unsigned i = 0; i < live->n_items; i++) {
        struct live_status *status = live->items[i].status;
        status->in_batch = false;
        if (err != ERR_NONE) {
            live_mark_dirty(live, status, live->items[i].is_changed);
            continue;
        }
        if (is_logged && live->items[i].is_changed)
            live_log_change(live, status);
        live_free_if_idle(live, status);
    }
    live->n_items = 0;
}

/* What stands under this key is no status of ours. */
static void take_odd_one(struct live *live)
{
    live_take_news(live, nth_read(live, 0)->status, NULL, true);
}

static void batch_failed(struct live *live, enum err err)
{
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
    if (err == ERR_INTERNAL && live->n_reads == 1 && live->n_items == 1) {
        take_odd_one(live);
        err = ERR_NONE;
    }
    if (err != ERR_NONE) {
        batch_failed(live, err);
        return;
    }
    live->retry_ms = 0;
    end_items(live, ERR_NONE);
    adapt_reads(live);
    live_shorten_log(live);
    live_settle(live);
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
    live_take_dirty(live, status);
    live_take_news(live, status, &entry->view, false);
    return true;
}

static void add_item(struct live *live, struct live_status *status, bool is_read)
{
    struct near_cache *cache = live->options.store->cache;
    struct live_item *item = &live->items[live->n_items++];

    *item = (struct live_item){ .status = status,
                                .is_read = is_read,
                                .is_changed = status->is_changed };
    live_take_dirty(live, status);
    status->in_batch = true;
    live->n_reads += is_read;
    if (is_read && cache)
        item->ticket = near_cache_ask(cache, status->id);
}

/* From the dirty ones, as many as a batch takes. */
static void fill_batch(struct live *live)
{
    unsigned reads_most = live->singles ? 1 : live->reads_most;
    unsigned items_most = live->singles ? 1 : LIVE_BATCH_MOST;

    live->n_items = live->n_reads = 0;
    live->batch_bytes = 0;
    while (!list_empty(&live->dirty) && live->n_items < items_most && live->n_reads < reads_most) {
        struct live_status *status = container_of(live->dirty.next, struct live_status, dirty_link);
        bool is_read = live_is_watched(live, status);
        if (is_read && is_told_from_memory(live, status))
            continue;
        if (!is_read)
            live_unhold(live, status); /* those whom it was held for have left */
        if (is_read || live_is_logging(live)) {
            add_item(live, status, is_read);
        } else {
            live_take_dirty(live, status);
            live_free_if_idle(live, status);
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
    live->batch_generation = live_is_logging(live) ? live->generation : 0;
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
