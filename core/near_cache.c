#include "core/near_cache.h"

#include "core/mem.h"

#include <assert.h>
#include <stdlib.h>

enum {
    FIRST_BUCKETS = 1024,
    CHANGES = 1 << 14,
    MADE_OVERHEAD = 1024, /* bytes of what is made, besides those that it holds */
    LARGEST_SHARE = 8,    /* of an entry: so much of the cache, at most */
};

struct near_cache {
    size_t max_bytes;
    struct write_marks *marks;
    void (*unmake)(void *made);
    bool (*catch_up)(void *arg);
    void *arg;
    bool is_open;
    uint64_t era; /* counts what concerns all statuses */
    struct near_entry **buckets;
    size_t n_buckets;
    struct list used; /* the most recently used last */
    struct near_cache_stats stats;
    unsigned change[CHANGES]; /* by hash: counts what Redis says of changes */
};

/* ---- entries ---- */

static struct near_entry **slot_of(struct near_cache *cache, uint64_t hash, struct text id)
{
    struct near_entry **slot = &cache->buckets[hash & (cache->n_buckets - 1)];

    while (*slot && !((*slot)->hash == hash && text_equal((*slot)->id, id)))
        slot = &(*slot)->next;
    return slot;
}

static void remove_at(struct near_cache *cache, struct near_entry **slot)
{
    struct near_entry *entry = *slot;

    assert(entry);
    *slot = entry->next;
    list_remove(&entry->link);
    cache->stats.entries--;
    cache->stats.bytes -= entry->bytes;
    if (entry->made)
        cache->unmake(entry->made);
    free(entry);
}

static void remove_id(struct near_cache *cache, uint64_t hash, struct text id)
{
    struct near_entry **slot = slot_of(cache, hash, id);

    if (!*slot)
        return;
    cache->stats.dropped++;
    remove_at(cache, slot);
}

static void remove_all(struct near_cache *cache)
{
    while (!list_empty(&cache->used)) {
        struct near_entry *entry = container_of(cache->used.next, struct near_entry, link);
        remove_at(cache, slot_of(cache, entry->hash, entry->id));
        cache->stats.dropped++;
    }
}

static void make_room(struct near_cache *cache, const struct near_entry *keep)
{
    while (cache->stats.bytes > cache->max_bytes) {
        struct near_entry *entry = container_of(cache->used.next, struct near_entry, link);
        if (entry == keep)
            return;
        remove_at(cache, slot_of(cache, entry->hash, entry->id));
    }
}

static void grow(struct near_cache *cache)
{
    size_t n_buckets = cache->n_buckets ? 2 * cache->n_buckets : FIRST_BUCKETS;
    struct near_entry **buckets = mem_zalloc(n_buckets * sizeof *buckets);

    for (size_t i = 0; i < cache->n_buckets; i++) {
        while (cache->buckets[i]) {
            struct near_entry *entry = cache->buckets[i];
            struct near_entry **bucket = &buckets[entry->hash & (n_buckets - 1)];
            cache->buckets[i] = entry->next;
            entry->next = *bucket;
            *bucket = entry;
        }
    }
    free(cache->buckets);
    cache->buckets = buckets;
    cache->n_buckets = n_buckets;
}

/* ---- asking ---- */

static uint64_t hash_of(const struct near_cache *cache, struct text id)
{
    return id_hash(cache->marks->seed, id);
}

static uint64_t status_hash_of(const struct near_cache *cache, struct text id)
{
    return id_hash(cache->marks->seed, id_of_status(id));
}

struct near_entry *near_cache_find(struct near_cache *cache, struct text id)
{
    uint64_t hash = hash_of(cache, id);
    bool is_current = cache->catch_up(cache->arg);
    struct near_entry *entry = is_current ? *slot_of(cache, hash, id) : NULL;

    if (!entry || entry->mark != write_marks_get(cache->marks, status_hash_of(cache, id))) {
        cache->stats.misses++;
        return NULL;
    }
    cache->stats.hits++;
    list_remove(&entry->link);
    list_add_tail(&cache->used, &entry->link);
    return entry;
}

void near_cache_keep(struct near_cache *cache, struct near_entry *entry, void *made, size_t bytes)
{
    assert(!entry->made);
    entry->made = made;
    entry->made_bytes = bytes;
    entry->bytes += bytes + MADE_OVERHEAD;
    cache->stats.bytes += bytes + MADE_OVERHEAD;
    make_room(cache, entry);
}

/* ---- filling ---- */

struct near_ticket near_cache_ask(struct near_cache *cache, struct text id)
{
    uint64_t hash = hash_of(cache, id), status_hash = status_hash_of(cache, id);

    return (struct near_ticket){
        .hash = hash,
        .status_hash = status_hash,
        .era = cache->is_open ? cache->era : 0,
        .mark = write_marks_get(cache->marks, status_hash),
        .change = cache->change[hash % CHANGES],
    };
}

static bool is_good(const struct near_cache *cache, const struct near_ticket *ticket)
{
    return cache->is_open && ticket->era == cache->era &&
           ticket->change == cache->change[ticket->hash % CHANGES] &&
           ticket->mark == write_marks_get(cache->marks, ticket->status_hash);
}

static size_t size_of_view(const struct status_view *view)
{
    size_t size = 0;

    for (enum status_field field = 0; field < FIELD_COUNT; field++)
        size += view->field[field].len;
    return size;
}

static char *copy_text(char *to, struct text from, struct text *ret)
{
    if (!from.at)
        return to;
    memcpy(to, from.at, from.len);
    *ret = (struct text){ .at = to, .len = from.len };
    return to + from.len;
}

void near_cache_put(struct near_cache *cache, const struct near_ticket *ticket, struct text id,
                    const struct status_view *view)
{
    size_t size = sizeof(struct near_entry) + id.len + size_of_view(view);
    struct near_entry *entry, **bucket;
    char *to;

    if (!is_good(cache, ticket) || size > cache->max_bytes / LARGEST_SHARE) {
        cache->stats.refused++;
        return;
    }
    remove_id(cache, ticket->hash, id);
    if (cache->stats.entries >= cache->n_buckets)
        grow(cache);
    entry = mem_alloc(size);
    bucket = &cache->buckets[ticket->hash & (cache->n_buckets - 1)];
    *entry = (struct near_entry){
        .hash = ticket->hash, .mark = ticket->mark, .bytes = size, .next = *bucket
    };
    *bucket = entry;
    to = copy_text(entry->data, id, &entry->id);
    for (enum status_field field = 0; field < FIELD_COUNT; field++)
        to = copy_text(to, view->field[field], &entry->view.field[field]);
    list_init(&entry->link);
    list_add_tail(&cache->used, &entry->link);
    cache->stats.stored++;
    cache->stats.entries++;
    cache->stats.bytes += size;
    make_room(cache, entry);
}

/* ---- what happens to statuses ---- */

void near_cache_open(struct near_cache *cache)
{
    cache->is_open = true;
    cache->era++;
}

void near_cache_close(struct near_cache *cache)
{
    cache->is_open = false;
    near_cache_all_changed(cache);
}

void near_cache_changed(struct near_cache *cache, struct text id)
{
    uint64_t hash = hash_of(cache, id);

    cache->change[hash % CHANGES]++;
    remove_id(cache, hash, id);
}

void near_cache_all_changed(struct near_cache *cache)
{
    cache->era++;
    remove_all(cache);
}

void near_cache_wrote(struct near_cache *cache, struct text id)
{
    write_marks_add(cache->marks, status_hash_of(cache, id));
}

void near_cache_get_stats(const struct near_cache *cache, struct near_cache_stats *ret)
{
    *ret = cache->stats;
}

/* ---- life ---- */

struct near_cache *near_cache_create(size_t max_bytes, struct write_marks *marks,
                                     void (*unmake)(void *made), bool (*catch_up)(void *arg),
                                     void *arg)
{
    struct near_cache *cache = mem_zalloc(sizeof *cache);

    cache->max_bytes = max_bytes;
    cache->marks = marks;
    cache->unmake = unmake;
    cache->catch_up = catch_up;
    cache->arg = arg;
    list_init(&cache->used);
    grow(cache);
    return cache;
}

void near_cache_destroy(struct near_cache *cache)
{
    if (!cache)
        return;
    remove_all(cache);
    free(cache->buckets);
    free(cache);
}
