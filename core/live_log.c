/* The log of changes, and who comes back. */
#include "core/live_parts.h"

/* ---- the log ---- */

static void forget(struct live *live, struct live_status *status)
{
    list_remove(&status->log_link);
    live->stats.logged--;
    live_free_if_idle(live, status);
}

void live_clear_log(struct live *live)
{
    while (!list_empty(&live->log))
        forget(live, container_of(live->log.next, struct live_status, log_link));
}

static uint64_t clock_ms(void)
{
    return uv_hrtime() / 1000000;
}

static bool is_out_of_use(const struct live *live)
{
    const struct live_shared *shared = live->options.shared;

    return atomic_load(&shared->streams) == 0 &&
           clock_ms() - atomic_load(&shared->closed_ms) > live->options.log_ms;
}

/* Whether changes are to be logged: asked at each, so that a log which begins misses none. */
bool live_is_logging(struct live *live)
{
    unsigned generation = atomic_load(&live->options.shared->generation);

    if (generation == 0 || is_out_of_use(live)) {
        live_clear_log(live);
        return false;
    }
    if (live->generation != generation) {
        live_clear_log(live);
        live->generation = generation;
    }
    return true;
}

void live_shorten_log(struct live *live)
{
    while (!list_empty(&live->log)) {
        struct live_status *oldest = container_of(live->log.next, struct live_status, log_link);
        if (live->stats.logged <= live->options.log_most &&
            oldest->position + live->options.log_ms * 1000 >= live->time)
            return;
        if (live->floor < oldest->position)
            live->floor = oldest->position;
        forget(live, oldest);
    }
}

void live_log_change(struct live *live, struct live_status *status)
{
    if (list_empty(&status->log_link))
        live->stats.logged++;
    list_remove(&status->log_link);
    list_add_tail(&live->log, &status->log_link);
    status->position = live->time;
}

/* ---- streams and their past ---- */

void live_stream_opened(struct live *live)
{
    struct live_shared *shared = live->options.shared;
    bool was_out_of_use = is_out_of_use(live);

    if (atomic_fetch_add(&shared->streams, 1) == 0 &&
        (was_out_of_use || atomic_load(&shared->generation) == 0)) {
        atomic_store(&shared->since, 0);
        atomic_fetch_add(&shared->generation, 1);
    }
    if (!atomic_load(&shared->since))
        live->wants_time = true;
}

void live_stream_closed(struct live *live)
{
    struct live_shared *shared = live->options.shared;

    atomic_store(&shared->closed_ms, clock_ms());
    atomic_fetch_sub(&shared->streams, 1);
}

bool live_reaches_back(struct live *live, uint64_t position)
{
    uint64_t since = atomic_load(&live->options.shared->since);

    return live->hears && live_is_logging(live) && since && position >= since &&
           position >= live->floor && position <= live->time;
}

void live_each_since(struct live *live, uint64_t position, void (*each)(struct text id, void *arg),
                     void *arg)
{
    for (struct list *node = live->log.prev; node != &live->log; node = node->prev) {
        struct live_status *status = container_of(node, struct live_status, log_link);
        if (status->position <= position)
            return;
        each(status->id, arg);
    }
}

bool live_has_changed_since(struct live *live, struct text id, uint64_t position)
{
    const struct live_status *status = live_find(live, id);

    return status && !list_empty(&status->log_link) && status->position > position;
}
