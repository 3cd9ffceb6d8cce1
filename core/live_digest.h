/* Which change of a status matters to whom, from hashes of its fields. */
#pragma once

#include "core/status_view.h"

#include <stdbool.h>
#include <stdint.h>

/* Zeroed: nothing has been seen yet. */
struct live_digest {
    uint64_t whole;   /* of all fields */
    uint64_t essence; /* of all but those that each report of progress changes */
};

/* `view` NULL: there is no such status. */
void live_digest_of(const struct status_view *view, struct live_digest *ret);

static inline bool live_digest_same(const struct live_digest *a, const struct live_digest *b)
{
    return a->whole == b->whole;
}

/* Of two that are not the same: whether they differ by progress only. */
static inline bool live_digest_is_progress(const struct live_digest *a, const struct live_digest *b)
{
    return a->essence == b->essence;
}
