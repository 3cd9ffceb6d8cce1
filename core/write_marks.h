/*
 * Which statuses have been written through this process: the one thing that workers share. Each
 * write counts up the mark of its status before it is acknowledged; a status that is kept in memory
 * is of use only while its mark is what it was before it was asked for. So no worker serves what
 * another one's acknowledged write has outdated, in whatever order Redis sends its messages.
 *
 * Statuses share marks by their hash: a write then spoils some that it need not.
 */
#pragma once

#include "core/id_hash.h"

#include <stdatomic.h>

enum { WRITE_MARKS = 1 << 16 };

struct write_marks {
    uint64_t seed; /* of all hashes of ids; set before any thread starts */
    atomic_uint mark[WRITE_MARKS];
};

static inline unsigned write_marks_get(const struct write_marks *marks, uint64_t status_hash)
{
    return atomic_load_explicit(&marks->mark[status_hash % WRITE_MARKS], memory_order_acquire);
}

static inline void write_marks_add(struct write_marks *marks, uint64_t status_hash)
{
    atomic_fetch_add_explicit(&marks->mark[status_hash % WRITE_MARKS], 1, memory_order_release);
}
