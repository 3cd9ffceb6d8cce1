#include "core/redis_pool.h"

#include "core/backoff.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/redis_conn.h"

#include <assert.h>
#include <stdlib.h>

enum {
    TICK_MS = 25,        /* while there is something to watch */
    IDLE_TICK_MS = 1000, /* else: for the check of idle connections */
    BACKOFF_FIRST_MS = 50,
    BACKOFF_MOST_MS = 500, /* service is to be back within a second of Redis' return */
    RETRY_FIRST_MS = 20,
    RETRY_MOST_MS = 200,
    READ_TRIES_MOST = 2, /* of a read whose connection was lost: further connections to try */
    READ_BUFFER_BYTES = 64 * 1024,
    LOG_EVERY_MS = 10 * 1000,
    STRANGE_EVERY_MS = 60 * 1000,
    STEADY_MS = 1000, /* a connection that lived this long was a good one */
};

struct lane {
    struct redis_conn *conns;
    unsigned size;
    struct list waiting; /* calls */
    unsigned n_waiting;
    bool known_down; /* the last attempt failed and no connection is ready */
    uint64_t logged_ms;
    enum redis_health logged;
};

struct redis_pool {
    uv_loop_t *loop;
    const struct redis_options *options;
    struct lane lanes[REDIS_LANE_COUNT];
    struct list retrying; /* calls that Redis did not execute, until their time comes */
    uv_timer_t tick;
    bool busy_tick, closing, timer_closed;
    uint64_t random;
    uint64_t strange_ms; /* when an error was last logged; 0: never */
    struct redis_pool_stats stats;
    void (*closed)(void *arg);
    void *closed_arg;
    char read_buffer[READ_BUFFER_BYTES];
};

static struct redis_pool *pool_of(const struct redis_conn *conn)
{
    return (struct redis_pool *)(void *)(conn->read_buffer -
                                         offsetof(struct redis_pool, read_buffer));
}

static const char *const lane_names[] = { [REDIS_LANE_FAST] = "fast", [REDIS_LANE_SCAN] = "scan" };

static const char *const health_names[] = {
    [REDIS_HEALTH_READY] = "ready",
    [REDIS_HEALTH_CONNECTING] = "connecting",
    [REDIS_HEALTH_UNREACHABLE] = "unreachable",
    [REDIS_HEALTH_LOADING] = "loading",
    [REDIS_HEALTH_UNAUTHORIZED] = "unauthorized",
    [REDIS_HEALTH_NOT_MASTER] = "not-master",
    [REDIS_HEALTH_PROTOCOL] = "not-redis",
};
_Static_assert(sizeof health_names / sizeof *health_names == REDIS_HEALTH_COUNT,
               "a name for each health");

const char *redis_health_name(enum redis_health health)
{
    assert(health < REDIS_HEALTH_COUNT);
    return health_names[health];
}

/* ---- ticking: fast while somebody waits for something ---- */

static void ticked(uv_timer_t *timer);

static void set_tick(struct redis_pool *pool, bool busy)
{
    if (pool->closing || pool->busy_tick == busy)
        return;
    pool->busy_tick = busy;
    uv_timer_start(&pool->tick, ticked, busy ? TICK_MS : IDLE_TICK_MS,
                   busy ? TICK_MS : IDLE_TICK_MS);
}

/* ---- calls ---- */

static void end_call(struct redis_call *call, enum err err)
{
    call->ops->done(call, err);
}

static struct redis_conn *pick(struct lane *lane)
{
    for (unsigned i = 0; i < lane->size; i++)
        if (redis_conn_has_room(&lane->conns[i]))
            return &lane->conns[i];
    return NULL;
}

static unsigned count_ready(const struct lane *lane)
{
    unsigned n = 0;

    for (unsigned i = 0; i < lane->size; i++)
        n += lane->conns[i].state == REDIS_CONN_READY;
    return n;
}

static bool may_wait(const struct redis_pool *pool, const struct lane *lane)
{
    return !count_ready(lane) && !lane->known_down && lane->n_waiting < pool->options->max_waiting;
}

/* To a connection, or among the waiting. False: neither can be. */
static bool route(struct redis_pool *pool, struct lane *lane, struct redis_call *call)
{
    struct redis_conn *conn = pick(lane);

    if (pool->closing || uv_now(pool->loop) >= call->deadline_ms)
        return false;
    if (conn) {
        redis_conn_submit(conn, call);
    } else if (may_wait(pool, lane)) {
        list_add_tail(&lane->waiting, &call->link);
        lane->n_waiting++;
    } else {
        return false;
    }
    set_tick(pool, true);
    return true;
}

uint64_t redis_pool_now(const struct redis_pool *pool)
{
    return uv_now(pool->loop);
}

enum err redis_pool_submit(struct redis_pool *pool, enum redis_lane lane, struct redis_call *call)
{
    assert(lane < REDIS_LANE_COUNT && call->n_commands > 0);
    list_init(&call->link);
    call->lane = (unsigned)lane;
    call->with_source = false;
    call->tries = 0;
    if (!route(pool, &pool->lanes[lane], call)) {
        pool->stats.refused++;
        return ERR_UNAVAILABLE;
    }
    pool->stats.calls++;
    return ERR_NONE;
}

static void retry_later(struct redis_pool *pool, struct redis_call *call)
{
    uint64_t delay_ms = (uint64_t)RETRY_FIRST_MS << (call->tries < 4 ? call->tries : 4);

    if (pool->closing) {
        end_call(call, ERR_UNAVAILABLE);
        return;
    }
    call->tries++;
    call->retry_at_ms = uv_now(pool->loop) + (delay_ms < RETRY_MOST_MS ? delay_ms : RETRY_MOST_MS);
    pool->stats.retries++;
    list_add_tail(&pool->retrying, &call->link);
    set_tick(pool, true);
}

/* A call that Redis did not execute, or may execute twice without harm. */
static void try_again(struct redis_pool *pool, struct redis_call *call)
{
    pool->stats.retries++;
    call->tries++;
    if (!route(pool, &pool->lanes[call->lane], call))
        end_call(call, ERR_UNAVAILABLE);
}

static void call_ended(struct redis_conn *conn, struct redis_call *call, enum redis_fate fate)
{
    struct redis_pool *pool = pool_of(conn);

    switch (fate) {
    case REDIS_FATE_ANSWERED:
        end_call(call, call->err);
        return;
    case REDIS_FATE_REFUSED:
        retry_later(pool, call);
        return;
    case REDIS_FATE_NOT_SENT:
        try_again(pool, call);
        return;
    case REDIS_FATE_UNANSWERED:
        if (call->read_only && call->tries < READ_TRIES_MOST)
            try_again(pool, call);
        else
            end_call(call, call->read_only ? ERR_UNAVAILABLE : ERR_OUTCOME_UNKNOWN);
        return;
    case REDIS_FATE_OVERDUE:
        pool->stats.deadline_misses++;
        end_call(call, call->read_only ? ERR_UNAVAILABLE : ERR_OUTCOME_UNKNOWN);
        return;
    }
}

static void run_due_retries(struct redis_pool *pool, uint64_t now_ms)
{
    struct list due;

    list_take_all(&pool->retrying, &due);
    while (!list_empty(&due)) {
        struct redis_call *call = container_of(due.next, struct redis_call, link);

        list_remove(&call->link);
        if (now_ms < call->retry_at_ms && now_ms < call->deadline_ms)
            list_add_tail(&pool->retrying, &call->link);
        else if (!route(pool, &pool->lanes[call->lane], call))
            end_call(call, ERR_UNAVAILABLE); /* too late, or nowhere to go */
    }
}

/* Ends those that have waited long enough; all of them if there is nothing to wait for. */
static void end_waiting(struct lane *lane, bool all, uint64_t now_ms)
{
    struct list waiting;

    list_take_all(&lane->waiting, &waiting);
    lane->n_waiting = 0;
    while (!list_empty(&waiting)) {
        struct redis_call *call = container_of(waiting.next, struct redis_call, link);

        list_remove(&call->link);
        if (all || now_ms >= call->deadline_ms) {
            end_call(call, ERR_UNAVAILABLE);
        } else {
            list_add_tail(&lane->waiting, &call->link);
            lane->n_waiting++;
        }
    }
}

static void run_waiting(struct redis_pool *pool, struct lane *lane)
{
    struct list waiting;

    list_take_all(&lane->waiting, &waiting);
    lane->n_waiting = 0;
    while (!list_empty(&waiting)) {
        struct redis_call *call = container_of(waiting.next, struct redis_call, link);

        list_remove(&call->link);
        if (!route(pool, lane, call))
            end_call(call, ERR_UNAVAILABLE);
    }
}

/* ---- connections ---- */

static void connect_now(struct redis_pool *pool, struct redis_conn *conn)
{
    pool->stats.connects++;
    redis_conn_connect(conn);
}

static void conn_ready(struct redis_conn *conn)
{
    struct redis_pool *pool = pool_of(conn);
    struct lane *lane = &pool->lanes[conn->lane];

    lane->known_down = false;
    lane->logged_ms = 0;
    log_event(LOG_DEBUG, "redis_ready", LOG_S("lane", lane_names[conn->lane]));
    run_waiting(pool, lane);
}

static void log_down(struct redis_pool *pool, struct redis_conn *conn, bool was_ready)
{
    struct lane *lane = &pool->lanes[conn->lane];
    uint64_t now_ms = uv_now(pool->loop);

    if (pool->closing ||
        (!was_ready && conn->failures == 0)) /* a first try may just have been too early */
        return;
    if (!was_ready && lane->logged_ms && lane->logged == conn->health &&
        now_ms - lane->logged_ms < LOG_EVERY_MS)
        return;
    lane->logged_ms = now_ms;
    lane->logged = conn->health;
    log_event(LOG_WARN, was_ready ? "redis_lost" : "redis_connect_failed",
              LOG_S("lane", lane_names[conn->lane]),
              LOG_S("health", redis_health_name(conn->health)), LOG_S("reason", conn->reason),
              LOG_I("after_ms", now_ms - conn->since_ms));
}

static void check_closed(struct redis_pool *pool);

/* Not so: Redis, or what stands before it, accepts and then closes, again and again. */
static bool was_steady(struct redis_conn *conn, bool was_ready, uint64_t now_ms)
{
    bool steady = was_ready && now_ms - conn->since_ms >= STEADY_MS;

    if (steady)
        conn->failures = 0;
    return steady;
}

static void conn_down(struct redis_conn *conn, bool was_ready)
{
    struct redis_pool *pool = pool_of(conn);
    struct lane *lane = &pool->lanes[conn->lane];
    uint64_t now_ms = uv_now(pool->loop);

    log_down(pool, conn, was_ready);
    pool->stats.drops += was_ready;
    pool->stats.connect_failures += !was_ready;
    if (!was_ready && !count_ready(lane)) {
        lane->known_down = true;
        end_waiting(lane, true, now_ms);
    }
    set_tick(pool, true);
    if (pool->closing)
        check_closed(pool);
    else if (was_steady(conn, was_ready, now_ms))
        connect_now(pool, conn); /* Redis may just have been restarted: look at once */
    else
        conn->connect_at_ms =
            now_ms + backoff_ms(&pool->random, conn->failures++, BACKOFF_FIRST_MS, BACKOFF_MOST_MS);
}

static void conn_strange(struct redis_conn *conn, struct text error)
{
    struct redis_pool *pool = pool_of(conn);
    uint64_t now_ms = uv_now(pool->loop);

    if (pool->strange_ms && now_ms - pool->strange_ms < STRANGE_EVERY_MS)
        return;
    pool->strange_ms = now_ms;
    log_event(LOG_ERROR, "redis_error", LOG_T("error", error));
}

static const struct redis_conn_owner owner = {
    .ready = conn_ready,
    .ended = call_ended,
    .down = conn_down,
    .strange = conn_strange,
};

/* ---- the tick ---- */

static bool tick_lane(struct redis_pool *pool, struct lane *lane, uint64_t now_ms)
{
    bool busy = false;

    for (unsigned i = 0; i < lane->size; i++) {
        struct redis_conn *conn = &lane->conns[i];
        redis_conn_tick(conn, now_ms);
        if (conn->state == REDIS_CONN_DOWN && now_ms >= conn->connect_at_ms)
            connect_now(pool, conn);
        busy |= conn->state != REDIS_CONN_READY || conn->n_flights;
    }
    end_waiting(lane, false, now_ms);
    return busy || lane->n_waiting;
}

static void ticked(uv_timer_t *timer)
{
    struct redis_pool *pool = timer->data;
    uint64_t now_ms = uv_now(pool->loop);
    bool busy = false;

    run_due_retries(pool, now_ms); /* first: what it sends has to be watched */
    for (unsigned i = 0; i < REDIS_LANE_COUNT; i++)
        busy |= tick_lane(pool, &pool->lanes[i], now_ms);
    set_tick(pool, busy || !list_empty(&pool->retrying));
}

void redis_pool_flush(struct redis_pool *pool)
{
    for (unsigned i = 0; i < REDIS_LANE_COUNT; i++)
        for (unsigned k = 0; k < pool->lanes[i].size; k++)
            redis_conn_flush(&pool->lanes[i].conns[k]);
}

/* ---- looking inside ---- */

enum redis_health redis_pool_health(const struct redis_pool *pool)
{
    const struct lane *lane = &pool->lanes[REDIS_LANE_FAST];

    if (count_ready(lane))
        return REDIS_HEALTH_READY;
    return lane->conns[0].health == REDIS_HEALTH_READY ? REDIS_HEALTH_CONNECTING
                                                       : lane->conns[0].health;
}

void redis_pool_get_stats(const struct redis_pool *pool, struct redis_pool_stats *ret)
{
    *ret = pool->stats;
    for (unsigned i = 0; i < REDIS_LANE_COUNT; i++) {
        const struct lane *lane = &pool->lanes[i];
        ret->waiting += lane->n_waiting;
        ret->ready[i] = count_ready(lane);
        for (unsigned k = 0; k < lane->size; k++) {
            ret->in_flight += lane->conns[k].n_flights;
            ret->writes += lane->conns[k].writes;
        }
    }
}

/* ---- life ---- */

static void init_lane(struct redis_pool *pool, unsigned id)
{
    struct lane *lane = &pool->lanes[id];

    list_init(&lane->waiting);
    lane->size = pool->options->lane_size[id];
    lane->conns = mem_zalloc(lane->size * sizeof *lane->conns);
    for (unsigned i = 0; i < lane->size; i++) {
        struct redis_conn *conn = &lane->conns[i];
        conn->loop = pool->loop;
        conn->options = pool->options;
        conn->owner = &owner;
        conn->read_buffer = pool->read_buffer;
        conn->read_buffer_size = sizeof pool->read_buffer;
        conn->lane = id;
        redis_conn_init(conn);
    }
}

struct redis_pool *redis_pool_create(uv_loop_t *loop, const struct redis_options *options)
{
    struct redis_pool *pool = mem_zalloc(sizeof *pool);

    pool->loop = loop;
    pool->options = options;
    pool->random = uv_hrtime() ^ (uint64_t)(uintptr_t)pool;
    list_init(&pool->retrying);
    uv_timer_init(loop, &pool->tick);
    pool->tick.data = pool;
    for (unsigned i = 0; i < REDIS_LANE_COUNT; i++)
        init_lane(pool, i);
    pool->busy_tick =
        true; /* the first one connects: nothing calls back from inside a constructor */
    uv_timer_start(&pool->tick, ticked, 0, TICK_MS);
    return pool;
}

static void check_closed(struct redis_pool *pool)
{
    for (unsigned i = 0; i < REDIS_LANE_COUNT; i++)
        for (unsigned k = 0; k < pool->lanes[i].size; k++)
            if (pool->lanes[i].conns[k].state != REDIS_CONN_DOWN)
                return;
    if (!pool->timer_closed)
        return;
    pool->closed(pool->closed_arg);
}

void redis_pool_destroy(struct redis_pool *pool)
{
    for (unsigned i = 0; i < REDIS_LANE_COUNT; i++) {
        for (unsigned k = 0; k < pool->lanes[i].size; k++)
            redis_conn_finish(&pool->lanes[i].conns[k]);
        free(pool->lanes[i].conns);
    }
    free(pool);
}

static void timer_closed(uv_handle_t *handle)
{
    struct redis_pool *pool = handle->data;

    pool->timer_closed = true;
    check_closed(pool);
}

static void end_retrying(struct redis_pool *pool)
{
    while (!list_empty(&pool->retrying)) {
        struct redis_call *call = container_of(pool->retrying.next, struct redis_call, link);
        list_remove(&call->link);
        end_call(call, ERR_UNAVAILABLE);
    }
}

void redis_pool_close(struct redis_pool *pool, void (*closed)(void *arg), void *arg)
{
    assert(!pool->closing);
    pool->closing = true;
    pool->closed = closed;
    pool->closed_arg = arg;
    end_retrying(pool);
    for (unsigned i = 0; i < REDIS_LANE_COUNT; i++) {
        end_waiting(&pool->lanes[i], true, 0);
        for (unsigned k = 0; k < pool->lanes[i].size; k++)
            redis_conn_drop(&pool->lanes[i].conns[k], REDIS_HEALTH_CONNECTING, "closing");
    }
    uv_close((uv_handle_t *)&pool->tick,
             timer_closed); /* last: it is what ends the pool if all were down */
}
