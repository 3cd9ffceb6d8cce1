/*
 * Redis' messages about changes are taken before HTTP runs, in each turn.
 *
 *   RUNNING --worker_drain()--> DRAINING --no connection left, or drain_ms--> CUTTING --no request
 * left--> STOPPED
 *
 * While CUTTING, Redis is closed first: that ends every call, so every request gets its
 * answer and none is suspended when the HTTP library stops (which would abort the process).
 */
#include "server/worker.h"

#include "api/event_stream.h"
#include "api/watchers.h"
#include "core/gate.h"
#include "core/live.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/near_cache.h"
#include "core/tracking.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    READY_POLL_MS = 5,
    LAST_ANSWERS_MS = 200,
    WALKS_AT_A_TIME = 4,
    BATCH_SLOTS = 128, /* operations of one batch at a time */
};

struct worker {
    const struct worker_options *options;
    uv_thread_t thread;
    uv_loop_t loop;
    uv_async_t drain;
    uv_prepare_t turn;
    uv_timer_t timer; /* first: waiting for Redis; then: the drain's deadline */
    struct http *http;
    struct redis_pool *redis;
    struct tracking *tracking;
    struct near_cache *cache; /* NULL: none is wanted */
    struct alarms alarms;
    struct live *live;
    struct watchers watchers;
    struct gate walks, batches;
    struct api api;
    atomic_bool was_ready;
    bool stopping;
};

/* ---- changes that Redis tells of ---- */

static void tracking_readied(void *arg)
{
    struct worker *worker = arg;

    if (worker->cache)
        near_cache_open(worker->cache);
    live_ready(worker->live);
}

static void tracking_gone(void *arg)
{
    struct worker *worker = arg;

    if (worker->cache)
        near_cache_close(worker->cache);
    live_lost(worker->live);
}

static void status_changed(void *arg, struct text id)
{
    struct worker *worker = arg;

    if (worker->cache)
        near_cache_changed(worker->cache, id);
    live_changed(worker->live, id);
}

static void all_changed(void *arg)
{
    struct worker *worker = arg;

    if (worker->cache)
        near_cache_all_changed(worker->cache);
    live_all_changed(worker->live);
}

static const struct tracking_events tracking_events = {
    .ready = tracking_readied,
    .lost = tracking_gone,
    .changed = status_changed,
    .all_changed = all_changed,
};

static bool catch_up(void *arg)
{
    struct worker *worker = arg;

    tracking_drain(worker->tracking);
    return tracking_is_current(worker->tracking);
}

/* ---- turns ---- */

/* Before the loop sleeps: HTTP first, as it queues commands; then all of them leave in one write.
 */
static void turn_ended(uv_prepare_t *turn)
{
    struct worker *worker = turn->data;

    if (worker->tracking)
        tracking_drain(worker->tracking);
    if (worker->http)
        http_run(worker->http);
    if (worker->live)
        live_flush(worker->live);
    if (worker->redis)
        redis_pool_flush(worker->redis);
}

static void check_ready(uv_timer_t *timer)
{
    struct worker *worker = timer->data;

    if (redis_pool_health(worker->redis) != REDIS_HEALTH_READY)
        return;
    atomic_store(&worker->was_ready, true);
    uv_timer_stop(timer);
}

/* ---- stopping ---- */

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void stop_http(uv_timer_t *timer)
{
    struct worker *worker = timer->data;

    http_run(worker->http);
    http_destroy(worker->http);
    worker->http = NULL;
    redis_pool_destroy(worker->redis); /* not before: until now requests may have come to it */
    tracking_destroy(worker->tracking);
    near_cache_destroy(worker->cache);
    live_destroy(worker->live);
    alarms_close(&worker->alarms, NULL);
    worker->live = NULL;
    worker->redis = NULL;
    worker->tracking = NULL;
    uv_walk(&worker->loop, close_handle, NULL); /* what is left is our own */
}

static void tracking_closed(void *arg)
{
    struct worker *worker = arg;

    assert(http_working(worker->http) == 0);
    if (http_open_connections(worker->http) > 0) /* the last answers leave, then that is that */
        uv_timer_start(&worker->timer, stop_http, LAST_ANSWERS_MS, 0);
    else
        uv_timer_start(&worker->timer, stop_http, 0, 0);
}

static void redis_closed(void *arg)
{
    struct worker *worker = arg;

    tracking_close(worker->tracking, tracking_closed, worker);
}

static void cut(struct worker *worker)
{
    if (worker->stopping)
        return;
    worker->stopping = true;
    uv_timer_stop(&worker->timer);
    live_stop(worker->live);
    redis_pool_close(worker->redis, redis_closed, worker);
}

static void drained(void *arg)
{
    cut(arg);
}

static void drain_expired(uv_timer_t *timer)
{
    struct worker *worker = timer->data;

    log_event(LOG_WARN, "drain_expired", LOG_I("connections", http_open_connections(worker->http)),
              LOG_I("requests", http_working(worker->http)));
    cut(worker);
}

static void drain_asked(uv_async_t *async)
{
    struct worker *worker = async->data;

    if (worker->stopping)
        return;
    uv_timer_start(&worker->timer, drain_expired, worker->options->drain_ms, 0);
    http_drain(worker->http, drained, worker);
    watchers_end(&worker->watchers);
}

/* ---- life ---- */

static void worker_run(void *arg)
{
    struct worker *worker = arg;

    uv_run(&worker->loop, UV_RUN_DEFAULT);
}

static void init_handles(struct worker *worker)
{
    uv_loop_init(&worker->loop);
    uv_async_init(&worker->loop, &worker->drain, drain_asked);
    uv_prepare_init(&worker->loop, &worker->turn);
    uv_timer_init(&worker->loop, &worker->timer);
    worker->drain.data = worker->turn.data = worker->timer.data = worker;
    uv_prepare_start(&worker->turn, turn_ended);
    uv_timer_start(&worker->timer, check_ready, 0, READY_POLL_MS);
}

static void start_watching(struct worker *worker)
{
    const struct worker_options *options = worker->options;

    alarms_init(&worker->alarms, &worker->loop);
    worker->live = live_create(&worker->loop, &(struct live_options){
                                                  .store = &worker->api.store,
                                                  .alarms = &worker->alarms,
                                                  .shared = options->live,
                                                  .catch_up = catch_up,
                                                  .arg = worker,
                                                  .unmake = event_text_release,
                                                  .interval_ms = 1000 / options->events_per_second,
                                                  .call_ms = options->http.request_ms,
                                                  .log_most = options->event_log_entries,
                                                  .log_ms = options->event_log_ms,
                                              });
    worker->watchers = (struct watchers){
        .live = worker->live,
        .alarms = &worker->alarms,
        .shared = options->live,
        .most = options->max_watchers,
        .max_wait_ms = options->max_wait_ms,
        .heartbeat_ms = options->heartbeat_ms,
    };
    watchers_init(&worker->watchers);
}

/* Batches may fill half of the room for calls in flight: the rest is for single reports. */
static unsigned batch_room(const struct worker_options *options)
{
    unsigned room = options->redis.lane_size[REDIS_LANE_FAST] * options->redis.window / 2;
    return room ? room : 1;
}

static unsigned batch_slots(const struct worker_options *options)
{
    unsigned room = batch_room(options);
    return room < BATCH_SLOTS ? room : BATCH_SLOTS;
}

static void init_gates(struct worker *worker)
{
    gate_init(&worker->walks, WALKS_AT_A_TIME);
    gate_init(&worker->batches, batch_room(worker->options) / batch_slots(worker->options));
}

struct worker *worker_start(const struct worker_options *options)
{
    struct worker *worker = mem_zalloc(sizeof *worker);

    worker->options = options;
    init_handles(worker);
    init_gates(worker);
    worker->redis = redis_pool_create(&worker->loop, &options->redis);
    worker->tracking =
        tracking_create(&worker->loop, &options->redis, options->prefix, &tracking_events, worker);
    if (options->near_cache_bytes)
        worker->cache = near_cache_create(options->near_cache_bytes, options->marks, http_unmake,
                                          catch_up, worker);
    start_watching(worker);
    worker->api = (struct api){
        .watchers = &worker->watchers,
        .store = { .pool = worker->redis,
                   .cache = worker->cache,
                   .walks = &worker->walks,
                   .prefix = options->prefix,
                   .errors_max = options->errors_max,
                   .key_lifetime_ms = options->key_lifetime_ms,
                   .refusal_lifetime_ms = options->refusal_lifetime_ms },
        .batches = &worker->batches,
        .batch_slots = batch_slots(options),
        .loopback = options->loopback,
        .allowed_hosts = options->allowed_hosts,
        .allowed_origins = options->allowed_origins,
    };
    worker->http = http_create(&worker->loop, &options->http, &worker->api);
    if (!worker->http || uv_thread_create(&worker->thread, worker_run, worker) != 0) {
        log_event(LOG_ERROR, "worker_failed",
                  LOG_S("reason", worker->http ? "no thread" : "no HTTP daemon"));
        return NULL; /* the process ends now */
    }
    return worker;
}

bool worker_was_ready(const struct worker *worker)
{
    return atomic_load(&worker->was_ready);
}

void worker_drain(struct worker *worker)
{
    uv_async_send(&worker->drain);
}

void worker_join(struct worker *worker)
{
    uv_thread_join(&worker->thread);
    uv_loop_close(&worker->loop);
    free(worker);
}
