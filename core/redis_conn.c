/* The life of a connection, its calls and what it writes. */
#include "core/mem.h"
#include "core/redis_conn_parts.h"
#include "core/redis_handshake.h"
#include "core/redis_reader.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { KEEPALIVE_S = 15 };

/* ---- flights ---- */

struct redis_flight *redis_conn_flight(struct redis_conn *conn, unsigned i)
{
    return &conn->ring[(conn->head + i) % conn->options->window];
}

/* `start`: where its bytes begin; they end at the end of `out`. */
static void add_flight(struct redis_conn *conn, struct redis_call *call, unsigned n_commands,
                       size_t formatted)
{
    uint64_t start = conn->offset;

    conn->offset += formatted;
    *redis_conn_flight(conn, conn->n_flights++) = (struct redis_flight){
        .call = call,
        .n_commands = n_commands,
        .start = start,
        .end = conn->offset,
        .sent_ms = uv_now(conn->loop),
        .fate = REDIS_FATE_ANSWERED,
    };
}

struct redis_flight redis_conn_pop_flight(struct redis_conn *conn)
{
    struct redis_flight flight = *redis_conn_flight(conn, 0);

    conn->head = (conn->head + 1) % conn->options->window;
    conn->n_flights--;
    return flight;
}

bool redis_conn_is_open(const struct redis_conn *conn)
{
    return conn->state >= REDIS_CONN_HANDSHAKE && conn->state <= REDIS_CONN_RETIRING;
}

/* Whether Redis may have got a whole command of it. */
static bool may_have_run(const struct redis_conn *conn, const struct redis_flight *flight)
{
    return flight->n_commands > 1 ? flight->start < conn->handed : flight->end <= conn->handed;
}

/* ---- writing ---- */

static void write_done(uv_write_t *write, int status)
{
    struct redis_conn *conn = write->data;

    conn->writing = false;
    buf_clear(&conn->taken);
    if (status < 0)
        redis_conn_drop(conn, REDIS_HEALTH_UNREACHABLE, uv_strerror(status));
    else
        redis_conn_flush(conn);
}

/* The kernel is full: libuv goes on when it has room, while new commands gather in `out`. */
static void write_later(struct redis_conn *conn)
{
    struct buf empty = conn->taken;
    int status;

    conn->taken = conn->out;
    conn->out = empty;
    conn->handed = conn->offset;
    conn->writing = true;
    conn->write.data = conn;
    uv_buf_t bytes = uv_buf_init(conn->taken.data, (unsigned)conn->taken.len);
    status = uv_write(&conn->write, &conn->uv.stream, &bytes, 1, write_done);
    if (status < 0) {
        conn->writing = false;
        redis_conn_drop(conn, REDIS_HEALTH_UNREACHABLE, uv_strerror(status));
    }
}

void redis_conn_flush(struct redis_conn *conn)
{
    int written;

    if (!conn->out.len || conn->writing || !redis_conn_is_open(conn))
        return;
    uv_buf_t bytes = uv_buf_init(conn->out.data, (unsigned)conn->out.len);
    written = uv_try_write(&conn->uv.stream, &bytes, 1);
    conn->writes++;
    if (written < 0 && written != UV_EAGAIN) {
        redis_conn_drop(conn, REDIS_HEALTH_UNREACHABLE, uv_strerror(written));
        return;
    }
    if (written > 0) {
        conn->handed += (uint64_t)written;
        buf_consume(&conn->out, (size_t)written);
    }
    if (conn->out.len)
        write_later(conn);
}

bool redis_conn_has_room(const struct redis_conn *conn)
{
    return conn->state == REDIS_CONN_READY && conn->n_flights < conn->options->window &&
           conn->out.len + conn->taken.len < conn->options->window_bytes;
}

void redis_conn_submit(struct redis_conn *conn, struct redis_call *call)
{
    size_t before = conn->out.len;

    assert(redis_conn_has_room(conn));
    call->err = ERR_NONE;
    call->ops->format(call, &conn->out, call->with_source);
    add_flight(conn, call, call->n_commands, conn->out.len - before);
}

/* Redis may have become a replica: what it then serves is out of date, and it does not say so. This
 * also finds out when nobody is there any more. */
static void submit_check(struct redis_conn *conn, uint64_t now_ms)
{
    size_t before = conn->out.len;

    conn->checked_ms = now_ms;
    if (conn->is_subscriber)
        redis_handshake_ping(&conn->out);
    else
        redis_handshake_ask_role(&conn->out);
    add_flight(conn, NULL, 1, conn->out.len - before);
    redis_conn_flight(conn, conn->n_flights - 1)->is_check = true;
    redis_conn_flush(conn);
}

/* ---- opening ---- */

static void alloc_read(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    struct redis_conn *conn = handle->data;

    (void)suggested;
    *ret = uv_buf_init(conn->read_buffer, (unsigned)conn->read_buffer_size);
}

static void read_done(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
    struct redis_conn *conn = stream->data;

    if (conn->state == REDIS_CONN_CLOSING || n == 0)
        return;
    if (n < 0) {
        redis_conn_drop(conn, REDIS_HEALTH_UNREACHABLE,
                        n == UV_EOF ? "closed by Redis" : uv_strerror((int)n));
        return;
    }
    redis_conn_read(conn, bytes->base, (size_t)n);
}

int redis_conn_fd(const struct redis_conn *conn)
{
    uv_os_fd_t fd;

    return redis_conn_is_open(conn) && uv_fileno(&conn->uv.handle, &fd) == 0 ? fd : -1;
}

/* libuv is not told: it finds nothing to read, which it takes as it is. */
void redis_conn_drain(struct redis_conn *conn)
{
    ssize_t n;
    int fd;

    while ((fd = redis_conn_fd(conn)) >= 0) {
        n = recv(fd, conn->read_buffer, conn->read_buffer_size, MSG_DONTWAIT);
        if (n > 0)
            redis_conn_read(conn, conn->read_buffer, (size_t)n);
        else if (n < 0 && errno == EINTR)
            continue;
        else if (n < 0 && errno == EAGAIN)
            return;
        else
            redis_conn_drop(conn, REDIS_HEALTH_UNREACHABLE,
                            n == 0 ? "closed by Redis"
                                   : uv_strerror(uv_translate_sys_error(errno)));
    }
}

void redis_conn_opened(struct redis_conn *conn)
{
    conn->state = REDIS_CONN_HANDSHAKE;
    conn->step = 0;
    if (conn->options->address.host) {
        uv_tcp_nodelay(&conn->uv.tcp, 1);
        uv_tcp_keepalive(&conn->uv.tcp, 1, KEEPALIVE_S);
    }
    redis_handshake_format(conn->options, &conn->out);
    conn->offset = conn->out.len;
    conn->handed = 0;
    uv_read_start(&conn->uv.stream, alloc_read, read_done);
    redis_conn_flush(conn);
}

void redis_conn_connect(struct redis_conn *conn)
{
    assert(conn->state == REDIS_CONN_DOWN);
    conn->since_ms = uv_now(conn->loop);
    conn->was_ready = false;
    conn->reason = "no answer";
    conn->reader = redis_reader_create(conn->options->max_reply_bytes);
    redis_conn_start(conn);
}

/* ---- the end ---- */

void redis_conn_went_down(struct redis_conn *conn)
{
    if (conn->handle_open || conn->resolving)
        return;
    uv_freeaddrinfo(conn->addresses);
    conn->addresses = conn->next_address = NULL;
    redis_reader_destroy(conn->reader);
    conn->reader = NULL;
    buf_clear(&conn->out);
    buf_clear(&conn->taken);
    conn->writing = false;
    conn->offset = conn->handed = 0;
    conn->head = 0;
    conn->state = REDIS_CONN_DOWN;
    conn->owner->down(conn, conn->was_ready);
}

static void handle_closed(uv_handle_t *handle)
{
    struct redis_conn *conn = handle->data;

    conn->handle_open = false;
    redis_conn_went_down(conn);
}

static void give_back_calls(struct redis_conn *conn)
{
    while (conn->n_flights) {
        struct redis_flight flight = redis_conn_pop_flight(conn);
        if (flight.call)
            conn->owner->ended(conn, flight.call,
                               may_have_run(conn, &flight) ? REDIS_FATE_UNANSWERED
                                                           : REDIS_FATE_NOT_SENT);
    }
}

static void close_handle(struct redis_conn *conn)
{
    if (conn->handle_open && !uv_is_closing(&conn->uv.handle))
        uv_close(&conn->uv.handle, handle_closed);
    if (conn->resolving)
        uv_cancel((uv_req_t *)&conn->resolve);
}

void redis_conn_drop(struct redis_conn *conn, enum redis_health health, const char *reason)
{
    if (conn->state == REDIS_CONN_DOWN || conn->state == REDIS_CONN_CLOSING)
        return;
    conn->state = REDIS_CONN_CLOSING;
    conn->health = health;
    conn->reason = reason;
    close_handle(conn);
    give_back_calls(conn);
    if (!conn->handle_open && !conn->resolving)
        redis_conn_went_down(conn);
}

/* ---- time ---- */

/* A call that is overdue ends alone; its place stays until its replies have come. */
static void end_overdue(struct redis_conn *conn, uint64_t now_ms)
{
    for (unsigned i = 0; i < conn->n_flights; i++) {
        struct redis_flight *flight = redis_conn_flight(conn, i);
        struct redis_call *call = flight->call;

        if (!call || now_ms < call->deadline_ms)
            continue;
        flight->call = NULL;
        conn->owner->ended(conn, call, REDIS_FATE_OVERDUE);
    }
}

void redis_conn_tick(struct redis_conn *conn, uint64_t now_ms)
{
    const struct redis_options *options = conn->options;

    if (conn->state == REDIS_CONN_DOWN || conn->state == REDIS_CONN_CLOSING)
        return;
    if (conn->state < REDIS_CONN_READY) {
        if (now_ms - conn->since_ms > options->connect_timeout_ms)
            redis_conn_drop(conn, REDIS_HEALTH_UNREACHABLE, "timeout while connecting");
        return;
    }
    if (conn->n_flights &&
        now_ms - redis_conn_flight(conn, 0)->sent_ms > options->command_timeout_ms) {
        redis_conn_drop(conn, REDIS_HEALTH_UNREACHABLE, "no answer in time");
        return;
    }
    end_overdue(conn, now_ms);
    if (redis_conn_has_room(conn) && now_ms - conn->checked_ms > options->check_ms)
        submit_check(conn, now_ms);
}

/* ---- life ---- */

void redis_conn_init(struct redis_conn *conn)
{
    conn->ring = mem_zalloc(conn->options->window * sizeof *conn->ring);
    conn->state = REDIS_CONN_DOWN;
    conn->health = REDIS_HEALTH_CONNECTING;
    conn->reason = "not tried yet";
}

void redis_conn_finish(struct redis_conn *conn)
{
    assert(conn->state == REDIS_CONN_DOWN);
    free(conn->ring);
    buf_finish(&conn->out);
    buf_finish(&conn->taken);
}
