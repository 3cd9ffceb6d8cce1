#include "api/watchers.h"

enum { RETRY_LEAST_MS = 1000, RETRY_SPREAD_MS = 2001 };

void watchers_init(struct watchers *watchers)
{
    list_init(&watchers->all);
    watchers->ending = false;
    watchers->random = uv_hrtime() ^ (uint64_t)(uintptr_t)watchers;
}

bool watchers_admit(struct watchers *watchers, struct watcher *watcher, const char **ret_detail)
{
    *ret_detail = "The service is about to end. Nothing was changed; repeat the request.";
    if (watchers->ending)
        return false;
    *ret_detail = "All the streams and waits that the setting max_watchers allows are open.";
    if (atomic_fetch_add(&watchers->shared->watchers, 1) >= watchers->most) {
        atomic_fetch_sub(&watchers->shared->watchers, 1);
        return false;
    }
    list_init(&watcher->link);
    list_add_tail(&watchers->all, &watcher->link);
    return true;
}

void watchers_leave(struct watchers *watchers, struct watcher *watcher)
{
    list_remove(&watcher->link);
    atomic_fetch_sub(&watchers->shared->watchers, 1);
}

void watchers_end(struct watchers *watchers)
{
    struct list ending;

    watchers->ending = true;
    list_take_all(&watchers->all, &ending);
    while (!list_empty(&ending)) {
        struct watcher *watcher = container_of(ending.next, struct watcher, link);
        list_remove(&watcher->link);
        list_add_tail(&watchers->all, &watcher->link);
        watcher->end(watcher);
    }
}

unsigned watchers_retry_ms(struct watchers *watchers)
{
    watchers->random ^= watchers->random << 13; /* xorshift: jitter needs no more */
    watchers->random ^= watchers->random >> 7;
    watchers->random ^= watchers->random << 17;
    return RETRY_LEAST_MS + (unsigned)(watchers->random % RETRY_SPREAD_MS);
}
