/*
 * Recently read statuses of one worker, each as it is stored, so that a hot one is served without
 * Redis. An entry is good as long as nothing has happened to its status: it goes when Redis says
 * that the status has changed, all go when Redis can't be heard, and none is found once a write to
 * its status has been acknowledged by any worker of the process (write_marks.h).
 *
 * Filling it takes a ticket from before the question: what happened between the question and the
 * answer makes the ticket worthless. Bounded in bytes; the least recently used go first.
 */
#pragma once

#include "core/list.h"
#include "core/status_etag.h"
#include "core/status_view.h"
#include "core/write_marks.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct near_cache;

/* Valid until the cache is next told or asked anything. */
struct near_entry {
    struct text id;
    struct status_view view;
    char etag[STATUS_ETAG_LEN + 1]; /* "": not computed yet */
    void *made; /* what the caller has made of it, near_cache_keep(); NULL: nothing */
    size_t made_bytes;

    /* Private. */
    struct list link;
    struct near_entry *next;
    uint64_t hash;
    unsigned mark;
    size_t bytes;
    char data[];
};

struct near_cache_stats {
    uint64_t hits, misses, stored, refused, dropped;
    size_t entries, bytes;
};

struct near_ticket {
    uint64_t hash, status_hash, era;
    unsigned mark, change;
};

/*
 * `marks` are shared by all caches of the process. `unmake` frees what was made of an entry.
 * `catch_up` is called before anything is found: it takes what Redis has said by now
 * (near_cache_changed() may be called from inside), and tells whether that is all.
 */
struct near_cache *near_cache_create(size_t max_bytes, struct write_marks *marks,
                                     void (*unmake)(void *made), bool (*catch_up)(void *arg),
                                     void *arg);
void near_cache_destroy(struct near_cache *cache);

/* NULL: not there, or not known to be still true. */
struct near_entry *near_cache_find(struct near_cache *cache, struct text id);

/* Keeps `made`, which holds so many bytes, with the entry until it goes. */
void near_cache_keep(struct near_cache *cache, struct near_entry *entry, void *made, size_t bytes);

/* Before a status is asked for, and with the answer, all fields of it. */
struct near_ticket near_cache_ask(struct near_cache *cache, struct text id);
void near_cache_put(struct near_cache *cache, const struct near_ticket *ticket, struct text id,
                    const struct status_view *view);

/* Redis can be heard from now on, and until the next near_cache_close(): whatever changes is told.
 */
void near_cache_open(struct near_cache *cache);
void near_cache_close(struct near_cache *cache);
void near_cache_changed(struct near_cache *cache, struct text id);
void near_cache_all_changed(struct near_cache *cache);

/* A write to the status, which may have been applied, is about to be acknowledged by this worker.
 * Its archived attempts are meant too. */
void near_cache_wrote(struct near_cache *cache, struct text id);

void near_cache_get_stats(const struct near_cache *cache, struct near_cache_stats *ret);
