/* The hash of a status' id, with a seed against ids that are chosen to collide. */
#pragma once

#include "core/text.h"

#include <stdint.h>

/* FNV-1a, then mixed so that neighbours do not cluster. */
static inline uint64_t id_hash(uint64_t seed, struct text id)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ seed;

    for (size_t i = 0; i < id.len; i++)
        hash = (hash ^ (unsigned char)id.at[i]) * UINT64_C(1099511628211);
    hash = (hash ^ hash >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

/* The status of an archived attempt "ID:N" is "ID". */
static inline struct text id_of_status(struct text id)
{
    const char *colon = memchr(id.at, ':', id.len);

    return colon ? (struct text){ .at = id.at, .len = (size_t)(colon - id.at) } : id;
}
