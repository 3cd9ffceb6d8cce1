#include "core/idset.h"

#include "core/mem.h"

#include <stdlib.h>
#include <sys/random.h>

enum { FIRST_SLOTS = 64 };

/* FNV-1a, then mixed so that neighbours do not cluster. Never 0, which is a free slot. */
static uint64_t hash_of(const struct idset *set, struct text id)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ set->seed;

    for (size_t i = 0; i < id.len; i++)
        hash = (hash ^ (unsigned char)id.at[i]) * UINT64_C(1099511628211);
    hash = (hash ^ hash >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    hash ^= hash >> 29;
    return hash ? hash : 1;
}

/* Its slot, or the free one where it belongs. */
static uint64_t *slot_of(uint64_t *slots, size_t n_slots, uint64_t hash)
{
    size_t i = hash & (n_slots - 1);

    while (slots[i] && slots[i] != hash)
        i = (i + 1) & (n_slots - 1);
    return &slots[i];
}

static void grow(struct idset *set)
{
    size_t n_slots = set->n_slots ? 2 * set->n_slots : FIRST_SLOTS;
    uint64_t *slots = mem_zalloc(n_slots * sizeof *slots);

    if (!set->n_slots && getrandom(&set->seed, sizeof set->seed, 0) < 0)
        set->seed = (uint64_t)(uintptr_t)set;
    for (size_t i = 0; i < set->n_slots; i++)
        if (set->slots[i])
            *slot_of(slots, n_slots, set->slots[i]) = set->slots[i];
    free(set->slots);
    set->slots = slots;
    set->n_slots = n_slots;
}

bool idset_add(struct idset *set, struct text id)
{
    uint64_t hash, *slot;

    if (2 * set->n >= set->n_slots)
        grow(set);
    hash = hash_of(set, id);
    slot = slot_of(set->slots, set->n_slots, hash);
    if (*slot)
        return false;
    *slot = hash;
    set->n++;
    return true;
}

bool idset_has(const struct idset *set, struct text id)
{
    return set->n_slots && *slot_of(set->slots, set->n_slots, hash_of(set, id));
}

/* Those that stand behind it because their places were taken move up. */
static void close_gap(struct idset *set, size_t gap)
{
    size_t mask = set->n_slots - 1;

    for (size_t i = (gap + 1) & mask; set->slots[i]; i = (i + 1) & mask) {
        size_t home = set->slots[i] & mask;
        if (((i - home) & mask) < ((i - gap) & mask))
            continue; /* its place is behind the gap */
        set->slots[gap] = set->slots[i];
        gap = i;
    }
    set->slots[gap] = 0;
}

bool idset_remove(struct idset *set, struct text id)
{
    uint64_t *slot;

    if (!set->n_slots)
        return false;
    slot = slot_of(set->slots, set->n_slots, hash_of(set, id));
    if (!*slot)
        return false;
    close_gap(set, (size_t)(slot - set->slots));
    set->n--;
    return true;
}

void idset_finish(struct idset *set)
{
    free(set->slots);
    *set = (struct idset){ 0 };
}
