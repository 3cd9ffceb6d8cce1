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

void matches_add(struct matches *matches, uint64_t score, struct text id)
{
    if (matches->n == matches->cap) {
        if (matches->most && matches->n >= 2 * matches->most)
            matches_sort(matches); /* half of them go: a sort for each `most` that come */
        if (matches->n == matches->cap) {
            matches->cap = matches->cap ? 2 * matches->cap : 64;
            matches->items = mem_realloc(matches->items, matches->cap * sizeof *matches->items);
        }
    }
    matches->items[matches->n++] =
        (struct match){ .score = score, .id_at = matches->ids.len, .id_len = id.len };
    buf_add_text(&matches->ids, id);
}

static int compare_items(const void *a, const void *b, void *arg)
{
    const struct matches *matches = arg;
    const struct match *x = a, *y = b;
    struct text id_x = { matches->ids.data + x->id_at, x->id_len };
    struct text id_y = { matches->ids.data + y->id_at, y->id_len };

    if (matches_before(matches, x->score, id_x, y->score, id_y))
        return -1;
    return matches_before(matches, y->score, id_y, x->score, id_x);
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

void matches_sort(struct matches *matches)
{
    if (matches->n > 1)
        qsort_r(matches->items, matches->n, sizeof *matches->items, compare_items, matches);
    if (matches->most && matches->n > matches->most) {
        matches->n = matches->most;
        compact(matches);
    }
}

void matches_clear(struct matches *matches)
{
    matches->n = 0;
    buf_clear(&matches->ids);
}

void matches_finish(struct matches *matches)
{
    free(matches->items);
    buf_finish(&matches->ids);
    matches->items = NULL;
    matches->n = matches->cap = 0;
}
