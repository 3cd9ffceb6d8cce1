/* The statuses that are watched, dirty, held or logged: a table by id. */
#include "core/live_parts.h"

#include "core/id_hash.h"
#include "core/mem.h"

#include <stdlib.h>

enum { FIRST_BUCKETS = 1024 };

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

void live_grow(struct live *live)
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

struct live_status *live_find(const struct live *live, struct text id)
{
    return *slot_of(live, hash_of(live, id), id);
}

struct live_status *live_find_or_add(struct live *live, struct text id)
{
    uint64_t hash = hash_of(live, id);
    struct live_status **slot = slot_of(live, hash, id), *status = *slot;

    if (status)
        return status;
    if (live->stats.statuses >= live->n_buckets) {
        live_grow(live);
        slot = slot_of(live, hash, id);
    }
    status = mem_zalloc(sizeof *status + id.len);
    status->live = live;
    status->hash = hash;
    status->hold_alarm.rang = live_hold_rang;
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

void live_unhold(struct live *live, struct live_status *status)
{
    list_remove(&status->held_link);
    alarms_clear(live->options.alarms, &status->hold_alarm);
}

void live_free_if_idle(struct live *live, struct live_status *status)
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

bool live_is_dirty(const struct live_status *status)
{
    return !list_empty(&status->dirty_link);
}

void live_mark_dirty(struct live *live, struct live_status *status, bool is_changed)
{
    status->is_changed |= is_changed;
    if (live_is_dirty(status))
        return;
    list_add_tail(&live->dirty, &status->dirty_link);
    live->stats.dirty++;
}

void live_take_dirty(struct live *live, struct live_status *status)
{
    list_remove(&status->dirty_link);
    status->is_changed = false;
    live->stats.dirty--;
}

bool live_is_watched(const struct live *live, const struct live_status *status)
{
    return !list_empty(&status->watches) || !list_empty(&live->feeds);
}
