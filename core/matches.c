#include "core/matches.h"

#include "core/mem.h"

#include <stdlib.h>

static int compare_ids(struct text a, struct text b)
{
    int order = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

bool matches_before(const struct matches *matches, uint64_t score_a, struct text id_a,
                    uint64_t score_b, struct text id_b)
{
    if (score_a != score_b)
        return (score_a < score_b) != matches->descending;
    return compare_ids(id_a, id_b) * (matches->descending ? -1 : 1) < 0;
}

struct text matches_id(const struct matches *matches, size_t i)
{
    return (struct text){ matches->ids.data + matches->items[i].id_at, matches->items[i].id_len };
}

/* Those behind the sorted ones wait until there are so many: few enough to be no pause for others
 * in this thread, and enough to be worth moving the sorted ones. */
static size_t run_most(const struct matches *matches)
{
    enum { LEAST = 32, MOST = 1024 };

    return matches->most < LEAST ? LEAST : matches->most > MOST ? MOST : matches->most;
}

static bool comes_too_late(const struct matches *matches, uint64_t score, struct text id)
{
    size_t last = matches->most - 1;

    return matches->most && matches->n_sorted == matches->most &&
           !matches_before(matches, score, id, matches->items[last].score,
                           matches_id(matches, last));
}

void matches_add(struct matches *matches, uint64_t score, struct text id)
{
    if (comes_too_late(matches, score, id))
        return;
    if (matches->n == matches->cap) {
        matches->cap = matches->cap ? 2 * matches->cap : 64;
        matches->items = mem_realloc(matches->items, matches->cap * sizeof *matches->items);
    }
    matches->items[matches->n++] =
        (struct match){ .score = score, .id_at = matches->ids.len, .id_len = id.len };
    buf_add_text(&matches->ids, id);
    if (matches->most && matches->n - matches->n_sorted == run_most(matches))
        matches_sort(matches);
}

static bool item_before(const struct matches *matches, const struct match *x, const struct match *y)
{
    struct text id_x = { matches->ids.data + x->id_at, x->id_len };
    struct text id_y = { matches->ids.data + y->id_at, y->id_len };

    return matches_before(matches, x->score, id_x, y->score, id_y);
}

static int compare_items(const void *a, const void *b, void *arg)
{
    return item_before(arg, b, a) - item_before(arg, a, b);
}

/* How many of the first `n` do not come behind it. */
static size_t rank_of(const struct matches *matches, const struct match *item, size_t n)
{
    size_t low = 0;

    while (low < n) {
        size_t middle = low + (n - low) / 2;
        if (item_before(matches, item, &matches->items[middle]))
            n = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* The new ones go between the sorted ones, from the last on, which moves each of those once. */
static void merge(struct matches *matches)
{
    size_t n_new = matches->n - matches->n_sorted, end = matches->n_sorted, to = matches->n;
    struct match *items = matches->items, *new = mem_alloc(n_new * sizeof *new);

    memcpy(new, items + matches->n_sorted, n_new * sizeof *new);
    for (size_t i = n_new; i-- > 0;) {
        size_t rank = rank_of(matches, &new[i], end);
        to -= end - rank;
        memmove(items + to, items + rank, (end - rank) * sizeof *items);
        items[--to] = new[i];
        end = rank;
    }
    free(new);
}

/* The ids of those that are left, without the gaps of those that went. */
static void compact(struct matches *matches)
{
    struct buf ids = { 0 };

    for (size_t i = 0; i < matches->n; i++) {
        struct text id = matches_id(matches, i);
        matches->items[i].id_at = ids.len;
        buf_add_text(&ids, id);
    }
    buf_finish(&matches->ids);
    matches->ids = ids;
}

static void drop_last(struct matches *matches)
{
    enum { WASTE = 4096 };

    for (; matches->n > matches->most; matches->n--)
        matches->dropped += matches->items[matches->n - 1].id_len;
    if (matches->dropped < WASTE || 2 * matches->dropped < matches->ids.len)
        return;
    compact(matches);
    matches->dropped = 0;
}

void matches_sort(struct matches *matches)
{
    size_t n_new = matches->n - matches->n_sorted;

    if (n_new > 1)
        qsort_r(matches->items + matches->n_sorted, n_new, sizeof *matches->items, compare_items,
                matches);
    if (n_new && matches->n_sorted)
        merge(matches);
    if (matches->most)
        drop_last(matches);
    matches->n_sorted = matches->n;
}

void matches_clear(struct matches *matches)
{
    matches->n = matches->n_sorted = matches->dropped = 0;
    buf_clear(&matches->ids);
}

void matches_finish(struct matches *matches)
{
    free(matches->items);
    buf_finish(&matches->ids);
    matches->items = NULL;
    matches->n = matches->n_sorted = matches->dropped = matches->cap = 0;
}
