/*
 * All who watch in this worker, streams and waits: how many there may be in the process, and their
 * end when the worker drains.
 */
#pragma once

#include "core/alarms.h"
#include "core/list.h"
#include "core/live.h"

#include <stdbool.h>
#include <stdint.h>

/* One per worker; `live` may be used by handlers. */
struct watchers {
    /* Set by the owner. */
    struct live *live;
    struct alarms *alarms;
    struct live_shared *shared;
    unsigned most; /* in the process */
    uint64_t max_wait_ms, heartbeat_ms;

    /* Private. */
    struct list all;
    bool ending;
    uint64_t random;
};

struct watcher {
    void (*end)(struct watcher *watcher); /* soon, as if its time were over */
    struct list link;                     /* private */
};

void watchers_init(struct watchers *watchers);

/* False: there are too many, or all are ending; *ret_detail says so. */
bool watchers_admit(struct watchers *watchers, struct watcher *watcher, const char **ret_detail);
void watchers_leave(struct watchers *watchers, struct watcher *watcher);

/* Ends all; no more are admitted. */
void watchers_end(struct watchers *watchers);

/* When browsers are to come back, in milliseconds: not all at once. */
unsigned watchers_retry_ms(struct watchers *watchers);
