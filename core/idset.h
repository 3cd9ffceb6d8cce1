/*
 * A set of ids that have been seen, kept as 64-bit hashes with a seed of its own: 16 bytes for
 * each, and among a million two that differ are taken for one with a chance of 1 in 10^7. Zeroed
 * memory is empty.
 */
#pragma once

#include "core/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct idset {
    uint64_t *slots; /* 0: free */
    size_t n_slots, n;
    uint64_t seed;
};

/* Whether it was not in it yet. */
bool idset_add(struct idset *set, struct text id);
bool idset_has(const struct idset *set, struct text id);
/* Whether it was in it. */
bool idset_remove(struct idset *set, struct text id);
void idset_finish(struct idset *set);
