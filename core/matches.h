/*
 * Ids with their scores, in the order of a query. Bounded: of an unordered walk only the first
 * `most` are kept. They are sorted as they come, some at a time, so that no call takes long however
 * many there are. Zeroed memory, with the order set, is empty.
 */
#pragma once

#include "core/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct match {
    uint64_t score; /* microseconds; 0 in the order of ids */
    size_t id_at;   /* in `ids` */
    size_t id_len;
};

struct matches {
    bool descending;
    size_t most; /* 0: all */
    struct match *items;
    size_t n, cap;
    size_t n_sorted; /* the first ones */
    struct buf ids;
    size_t dropped; /* bytes of `ids` that belong to none any more */
};

/* Whether (score, id) a comes before b in the order. */
bool matches_before(const struct matches *matches, uint64_t score_a, struct text id_a,
                    uint64_t score_b, struct text id_b);

void matches_add(struct matches *matches, uint64_t score, struct text id);

/* Puts them in order, and drops what is beyond `most`. */
void matches_sort(struct matches *matches);

/* Valid until the next add or sort. */
struct text matches_id(const struct matches *matches, size_t i);

/* Empties it; keeps the memory. */
void matches_clear(struct matches *matches);

void matches_finish(struct matches *matches);
