#include "core/tracking.h"

#include "core/backoff.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/redis_command.h"
#include "core/redis_conn.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    BUSY_TICK_MS = 25,
    IDLE_TICK_MS = 500,
    CHECK_MS = 900, /* so about once a second */
    WINDOW = 8,
    BACKOFF_FIRST_MS = 50,
    BACKOFF_MOST_MS = 1000,
    STEADY_MS = 1000, /* a connection that lived this long was a good one */
    LOG_EVERY_MS = 10 * 1000,
    READ_BUFFER_BYTES = 64 * 1024,
};

#define CHANNEL "__redis__:invalidate"

enum { SUBSCRIBER, TRACKER, CONN_COUNT };

struct tracking {
    uv_loop_t *loop;
    struct redis_options options;
    struct text prefix;
    const struct tracking_events *events;
    void *arg;
    struct redis_conn conns[CONN_COUNT];
    struct redis_call subscribe, track;
    int epoll_fd; /* of both connections */
    bool is_subscribed, is_ready;
    int64_t subscriber_id;
    uv_timer_t tick;
    bool busy_tick, closing, tick_closed;
    uint64_t random;
    uint64_t logged_ms; /* 0: never */
    struct tracking_stats stats;
    void (*closed)(void *arg);
    void *closed_arg;
    char read_buffer[READ_BUFFER_BYTES];
};

static struct tracking *tracking_of(const struct redis_conn *conn)
{
    return container_of(conn->read_buffer, struct tracking, read_buffer);
}

static void ticked(uv_timer_t *timer);

static void set_tick(struct tracking *tracking, bool busy)
{
    uint64_t every_ms = busy ? BUSY_TICK_MS : IDLE_TICK_MS;

    if (tracking->closing || tracking->busy_tick == busy)
        return;
    tracking->busy_tick = busy;
    uv_timer_start(&tracking->tick, ticked, every_ms, every_ms);
}

/* Whatever is wrong with one of them: both begin anew, and tell their ids anew. */
static void start_over(struct tracking *tracking, enum redis_health health, const char *reason)
{
    bool was_ready = tracking->is_ready;

    tracking->is_ready = tracking->is_subscribed = false;
    for (unsigned i = 0; i < CONN_COUNT; i++)
        redis_conn_drop(&tracking->conns[i], health, reason);
    if (was_ready) {
        tracking->stats.lost++;
        tracking->events->lost(tracking->arg);
    }
}

/* ---- calls: what both connections are told once they are ready ---- */

static void submit(struct tracking *tracking, unsigned conn, struct redis_call *call,
                   const struct redis_call_ops *ops, unsigned n_commands)
{
    *call = (struct redis_call){
        .ops = ops,
        .n_commands = n_commands,
        .deadline_ms = uv_now(tracking->loop) + tracking->options.command_timeout_ms,
    };
    list_init(&call->link);
    redis_conn_submit(&tracking->conns[conn], call);
    redis_conn_flush(&tracking->conns[conn]);
}

static void track_format(struct redis_call *call, struct buf *out, bool with_source)
{
    const struct tracking *tracking = container_of(call, struct tracking, track);

    (void)with_source;
    redis_command(out, 8);
    redis_arg_str(out, "CLIENT");
    redis_arg_str(out, "TRACKING");
    redis_arg_str(out, "ON");
    redis_arg_str(out, "REDIRECT");
    redis_arg_u64(out, (uint64_t)tracking->subscriber_id);
    redis_arg_str(out, "BCAST");
    redis_arg_str(out, "PREFIX");
    redis_arg_join(out, tracking->prefix, TEXT("id:"));
}

static bool track_replied(struct redis_call *call, unsigned index, const struct redis_reply *reply)
{
    (void)call;
    (void)index;
    return reply->type == REDIS_STATUS && text_is(reply->text, "OK");
}

static void track_done(struct redis_call *call, enum err err)
{
    struct tracking *tracking = container_of(call, struct tracking, track);

    if (err != ERR_NONE) {
        start_over(tracking, REDIS_HEALTH_PROTOCOL, "CLIENT TRACKING was refused");
        return;
    }
    tracking->is_ready = true;
    tracking->stats.readied++;
    log_event(LOG_DEBUG, "tracking_ready", LOG_I("redirect", tracking->subscriber_id));
    tracking->events->ready(tracking->arg);
}

static void track_if_both(struct tracking *tracking)
{
    static const struct redis_call_ops ops = {
        .format = track_format,
        .reply = track_replied,
        .done = track_done,
    };

    if (tracking->is_subscribed && tracking->conns[TRACKER].state == REDIS_CONN_READY)
        submit(tracking, TRACKER, &tracking->track, &ops, 1);
}

static void subscribe_format(struct redis_call *call, struct buf *out, bool with_source)
{
    (void)call;
    (void)with_source;
    redis_command(out, 2);
    redis_arg_str(out, "CLIENT");
    redis_arg_str(out, "ID");
    redis_command(out, 2);
    redis_arg_str(out, "SUBSCRIBE");
    redis_arg_str(out, CHANNEL);
}

static bool subscribe_replied(struct redis_call *call, unsigned index,
                              const struct redis_reply *reply)
{
    struct tracking *tracking = container_of(call, struct tracking, subscribe);

    if (index == 0) {
        tracking->subscriber_id = reply->integer;
        return reply->type == REDIS_INTEGER && reply->integer > 0;
    }
    return reply->type == REDIS_ARRAY && reply->n_items == 3 &&
           text_is(reply->items[0].text, "subscribe");
}

static void subscribe_done(struct redis_call *call, enum err err)
{
    struct tracking *tracking = container_of(call, struct tracking, subscribe);

    if (err != ERR_NONE) {
        start_over(tracking, REDIS_HEALTH_PROTOCOL, "SUBSCRIBE was refused");
        return;
    }
    tracking->is_subscribed = true;
    track_if_both(tracking);
}

static void listen_to(struct tracking *tracking, struct redis_conn *conn);

static void conn_ready(struct redis_conn *conn)
{
    static const struct redis_call_ops ops = {
        .format = subscribe_format,
        .reply = subscribe_replied,
        .done = subscribe_done,
    };
    struct tracking *tracking = tracking_of(conn);

    listen_to(tracking, conn);
    if (conn->is_subscriber)
        submit(tracking, SUBSCRIBER, &tracking->subscribe, &ops, 2);
    else
        track_if_both(tracking);
}

static void call_ended(struct redis_conn *conn, struct redis_call *call, enum redis_fate fate)
{
    (void)conn;
    call->ops->done(call, fate == REDIS_FATE_ANSWERED ? call->err : ERR_UNAVAILABLE);
}

/* ---- messages ---- */

static void take_key(struct tracking *tracking, struct text key)
{
    size_t skip = tracking->prefix.len + strlen("id:");

    tracking->stats.changed++;
    if (key.len > skip)
        tracking->events->changed(tracking->arg,
                                  (struct text){ .at = key.at + skip, .len = key.len - skip });
}

/* "message", the channel, and the keys; nil: all of them. */
static void conn_pushed(struct redis_conn *conn, const struct redis_reply *message)
{
    struct tracking *tracking = tracking_of(conn);
    const struct redis_reply *keys = &message->items[2];

    if (!tracking->is_ready) /* who hears of ready() knows that all may have changed before */
        return;
    tracking->stats.messages++;
    if (keys->type != REDIS_ARRAY) {
        tracking->events->all_changed(tracking->arg);
        return;
    }
    for (size_t i = 0; i < keys->n_items; i++)
        take_key(tracking, keys->items[i].text);
}

/* ---- connections ---- */

static void log_down(struct tracking *tracking, const struct redis_conn *conn, bool was_ready)
{
    uint64_t now_ms = uv_now(tracking->loop);

    if (tracking->closing || (!was_ready && conn->failures == 0) ||
        (tracking->logged_ms && now_ms - tracking->logged_ms < LOG_EVERY_MS))
        return;
    tracking->logged_ms = now_ms;
    log_event(LOG_WARN, "tracking_lost", LOG_S("health", redis_health_name(conn->health)),
              LOG_S("reason", conn->reason));
}

static void check_closed(struct tracking *tracking)
{
    for (unsigned i = 0; i < CONN_COUNT; i++)
        if (tracking->conns[i].state != REDIS_CONN_DOWN)
            return;
    if (tracking->tick_closed)
        tracking->closed(tracking->closed_arg);
}

static void conn_down(struct redis_conn *conn, bool was_ready)
{
    struct tracking *tracking = tracking_of(conn);
    uint64_t now_ms = uv_now(tracking->loop);

    log_down(tracking, conn, was_ready);
    if (tracking->closing) {
        check_closed(tracking);
        return;
    }
    if (was_ready && now_ms - conn->since_ms >= STEADY_MS)
        conn->failures = 0;
    conn->connect_at_ms =
        now_ms + backoff_ms(&tracking->random, conn->failures++, BACKOFF_FIRST_MS, BACKOFF_MOST_MS);
    start_over(tracking, conn->health, conn->reason);
    set_tick(tracking, true);
}

static void conn_strange(struct redis_conn *conn, struct text error)
{
    (void)conn;
    log_event(LOG_DEBUG, "tracking_error", LOG_T("error", error));
}

static const struct redis_conn_owner owner = {
    .ready = conn_ready,
    .ended = call_ended,
    .down = conn_down,
    .strange = conn_strange,
    .pushed = conn_pushed,
};

static void ticked(uv_timer_t *timer)
{
    struct tracking *tracking = timer->data;
    uint64_t now_ms = uv_now(tracking->loop);
    bool busy = false;

    for (unsigned i = 0; i < CONN_COUNT; i++) {
        struct redis_conn *conn = &tracking->conns[i];
        redis_conn_tick(conn, now_ms);
        if (conn->state == REDIS_CONN_DOWN && now_ms >= conn->connect_at_ms)
            redis_conn_connect(conn);
        busy |= conn->state != REDIS_CONN_READY || conn->n_flights;
    }
    set_tick(tracking, busy);
}

/* Both: when the tracker is gone, Redis says nothing more to the subscriber. To ask whether
 * anything has come costs a tenth of a poll() or of two recv(), and this is asked for each status
 * served from memory. */
void tracking_drain(struct tracking *tracking)
{
    struct epoll_event events[CONN_COUNT];
    int n = epoll_wait(tracking->epoll_fd, events, CONN_COUNT, 0);

    for (int i = 0; i < n; i++)
        redis_conn_drain(events[i].data.ptr);
}

/* A descriptor leaves when it is closed. */
static void listen_to(struct tracking *tracking, struct redis_conn *conn)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP, .data.ptr = conn };

    if (epoll_ctl(tracking->epoll_fd, EPOLL_CTL_ADD, redis_conn_fd(conn), &event) != 0)
        abort();
}

bool tracking_is_ready(const struct tracking *tracking)
{
    return tracking->is_ready;
}

bool tracking_is_current(const struct tracking *tracking)
{
    return tracking->is_ready && !tracking->conns[SUBSCRIBER].n_flights;
}

void tracking_get_stats(const struct tracking *tracking, struct tracking_stats *ret)
{
    *ret = tracking->stats;
}

/* ---- life ---- */

struct tracking *tracking_create(uv_loop_t *loop, const struct redis_options *options,
                                 struct text prefix, const struct tracking_events *events,
                                 void *arg)
{
    struct tracking *tracking = mem_zalloc(sizeof *tracking);

    tracking->loop = loop;
    tracking->options = *options;
    tracking->options.window = WINDOW;
    tracking->options.check_ms = CHECK_MS;
    tracking->options.without_scripts = true;
    tracking->prefix = prefix;
    tracking->events = events;
    tracking->arg = arg;
    tracking->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (tracking->epoll_fd < 0)
        abort(); /* no descriptors at the very start */
    tracking->random = uv_hrtime() ^ (uint64_t)(uintptr_t)tracking;
    for (unsigned i = 0; i < CONN_COUNT; i++) {
        struct redis_conn *conn = &tracking->conns[i];
        conn->loop = loop;
        conn->options = &tracking->options;
        conn->owner = &owner;
        conn->read_buffer = tracking->read_buffer;
        conn->read_buffer_size = sizeof tracking->read_buffer;
        conn->is_subscriber = i == SUBSCRIBER;
        redis_conn_init(conn);
    }
    uv_timer_init(loop, &tracking->tick);
    tracking->tick.data = tracking;
    tracking->busy_tick = true; /* the first one connects */
    uv_timer_start(&tracking->tick, ticked, 0, BUSY_TICK_MS);
    return tracking;
}

static void tick_closed(uv_handle_t *handle)
{
    struct tracking *tracking = handle->data;

    tracking->tick_closed = true;
    check_closed(tracking);
}

void tracking_close(struct tracking *tracking, void (*closed)(void *arg), void *closed_arg)
{
    assert(!tracking->closing);
    tracking->closing = true;
    tracking->closed = closed;
    tracking->closed_arg = closed_arg;
    start_over(tracking, REDIS_HEALTH_CONNECTING, "closing");
    uv_close((uv_handle_t *)&tracking->tick, tick_closed);
}

void tracking_destroy(struct tracking *tracking)
{
    for (unsigned i = 0; i < CONN_COUNT; i++)
        redis_conn_finish(&tracking->conns[i]);
    close(tracking->epoll_fd);
    free(tracking);
}
