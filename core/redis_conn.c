#include "core/redis_conn.h"

#include "core/mem.h"
#include "core/redis_command.h"
#include "core/redis_error.h"
#include "core/redis_handshake.h"
#include "core/redis_reader.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { KEEPALIVE_S = 15 };

static void try_next_address(struct redis_conn *conn);
static void went_down(struct redis_conn *conn);

/* ---- flights ---- */

static struct redis_flight *flight_at(struct redis_conn *conn, unsigned i)
{
    return &conn->ring[(conn->head + i) % conn->options->window];
}

static struct redis_flight *add_flight(struct redis_conn *conn, struct redis_call *call,
                                       unsigned n_commands)
{
    struct redis_flight *flight = flight_at(conn, conn->n_flights++);

    *flight = (struct redis_flight){
        .call = call,
        .n_commands = n_commands,
        .end = conn->offset,
        .sent_ms = uv_now(conn->loop),
        .fate = REDIS_FATE_ANSWERED,
    };
    return flight;
}

static struct redis_flight pop_flight(struct redis_conn *conn)
{
    struct redis_flight flight = *flight_at(conn, 0);

    conn->head = (conn->head + 1) % conn->options->window;
    conn->n_flights--;
    return flight;
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

    if (!conn->out.len || conn->writing || conn->state < REDIS_CONN_HANDSHAKE ||
        conn->state == REDIS_CONN_CLOSING)
        return;
    uv_buf_t bytes = uv_buf_init(conn->out.data, (unsigned)conn->out.len);
    written = uv_try_write(&conn->uv.stream, &bytes, 1);
    conn->writes++;
    conn->last_io_ms = uv_now(conn->loop);
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
    conn->offset += conn->out.len - before;
    add_flight(conn, call, call->n_commands);
}

static void submit_ping(struct redis_conn *conn)
{
    size_t before = conn->out.len;

    redis_command(&conn->out, 1);
    redis_arg_str(&conn->out, "PING");
    conn->offset += conn->out.len - before;
    add_flight(conn, NULL, 1);
    redis_conn_flush(conn);
}

/* ---- replies ---- */

/* Only the first command of a call writes: an error of a later one comes after the fact. */
static void take_error(struct redis_conn *conn, struct redis_flight *flight, struct text text)
{
    const struct redis_error *error = redis_error_of(text);
    bool first = flight->answered == 0 || flight->call->read_only;

    if (flight->fate != REDIS_FATE_ANSWERED || flight->with_source || flight->call->err != ERR_NONE)
        return; /* the first error counts */
    flight->call->err = first ? error->err : ERR_OUTCOME_UNKNOWN;
    if (error->err == ERR_INTERNAL)
        conn->owner->strange(conn, text);
    if (!first || error->action == REDIS_ACTION_FAIL)
        return;
    if (error->action == REDIS_ACTION_WITH_SOURCE && !flight->call->with_source)
        flight->with_source = true;
    else
        flight->fate = REDIS_FATE_REFUSED;
}

/* Redis said that this connection can't be used for what we want. */
static bool must_reconnect(const struct redis_reply *reply, enum redis_health *ret_health)
{
    const struct redis_error *error;

    if (reply->type != REDIS_ERROR)
        return false;
    error = redis_error_of(reply->text);
    *ret_health = error->health;
    return error->action == REDIS_ACTION_RECONNECT;
}

static void end_flight(struct redis_conn *conn)
{
    struct redis_flight flight = pop_flight(conn);

    if (!flight.call)
        return;
    if (flight.with_source && redis_conn_has_room(conn)) {
        flight.call->with_source = true;
        redis_conn_submit(conn, flight.call);
        return;
    }
    if (flight.with_source) /* no room for it here: another connection, or later */
        flight.fate = REDIS_FATE_REFUSED;
    conn->owner->ended(conn, flight.call, flight.fate);
}

/* False: the connection has been dropped. */
static bool take_reply(struct redis_conn *conn, const struct redis_reply *reply)
{
    struct redis_flight *flight = conn->n_flights ? flight_at(conn, 0) : NULL;
    enum redis_health health;
    bool useless;

    if (!flight) {
        redis_conn_drop(conn, REDIS_HEALTH_PROTOCOL, "a reply that nobody asked for");
        return false;
    }
    useless = must_reconnect(reply, &health);
    if (flight->call && reply->type == REDIS_ERROR) {
        take_error(conn, flight, reply->text);
    } else if (flight->call && flight->fate == REDIS_FATE_ANSWERED &&
               flight->call->err == ERR_NONE && !flight->with_source &&
               !flight->call->ops->reply(flight->call, flight->answered, reply)) {
        redis_conn_drop(conn, REDIS_HEALTH_PROTOCOL, "a reply that does not fit its command");
        return false;
    }
    if (++flight->answered == flight->n_commands)
        end_flight(conn);
    if (useless && conn->state == REDIS_CONN_READY)
        redis_conn_drop(conn, health, "refused by Redis");
    return conn->state == REDIS_CONN_READY;
}

static bool take_handshake_reply(struct redis_conn *conn, const struct redis_reply *reply)
{
    struct redis_handshake_fault fault;

    if (!redis_handshake_reply(conn->options, conn->step, reply, &fault)) {
        redis_conn_drop(conn, fault.health, fault.reason);
        return false;
    }
    if (++conn->step == redis_handshake_steps(conn->options)) {
        conn->state = REDIS_CONN_READY;
        conn->health = REDIS_HEALTH_READY;
        conn->since_ms = conn->last_io_ms = uv_now(conn->loop);
        conn->was_ready = true;
        conn->failures = 0;
        conn->owner->ready(conn);
    }
    return conn->state == REDIS_CONN_HANDSHAKE || conn->state == REDIS_CONN_READY;
}

static void read_replies(struct redis_conn *conn)
{
    const struct redis_reply *reply;
    bool alive = true;

    while (alive) {
        enum redis_read result = redis_reader_next(conn->reader, &reply);
        if (result == REDIS_READ_MORE)
            return;
        if (result == REDIS_READ_BROKEN) {
            redis_conn_drop(conn, REDIS_HEALTH_PROTOCOL, "not RESP, or a reply over the limit");
            return;
        }
        alive = conn->state == REDIS_CONN_HANDSHAKE ? take_handshake_reply(conn, reply)
                                                    : take_reply(conn, reply);
        if (!conn->n_flights || !flight_at(conn, 0)->answered)
            redis_reader_release(conn->reader); /* the replies of a call live until it has ended */
    }
}

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
    conn->last_io_ms = uv_now(conn->loop);
    redis_reader_feed(conn->reader, bytes->base, (size_t)n);
    read_replies(conn);
}

/* ---- connecting ---- */

static void connected(struct redis_conn *conn)
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

static void handle_closed_for_next(uv_handle_t *handle)
{
    struct redis_conn *conn = handle->data;

    conn->handle_open = false;
    if (conn->state == REDIS_CONN_CLOSING)
        went_down(conn);
    else
        try_next_address(conn);
}

static void connect_done(uv_connect_t *connect, int status)
{
    struct redis_conn *conn = connect->data;

    if (conn->state != REDIS_CONN_CONNECTING)
        return; /* dropped meanwhile */
    if (status == 0) {
        connected(conn);
        return;
    }
    conn->reason = uv_strerror(status);
    uv_close(&conn->uv.handle, handle_closed_for_next);
}

static void connect_failed_at_once(struct redis_conn *conn, int status)
{
    conn->reason = uv_strerror(status);
    if (conn->handle_open)
        uv_close(&conn->uv.handle, handle_closed_for_next);
    else
        redis_conn_drop(conn, REDIS_HEALTH_UNREACHABLE, conn->reason);
}

static void connect_tcp(struct redis_conn *conn, const struct sockaddr *address)
{
    int status = uv_tcp_init(conn->loop, &conn->uv.tcp);

    conn->state = REDIS_CONN_CONNECTING;
    conn->handle_open = status == 0;
    conn->uv.handle.data = conn->connect.data = conn;
    if (status == 0)
        status = uv_tcp_connect(&conn->connect, &conn->uv.tcp, address, connect_done);
    if (status < 0)
        connect_failed_at_once(conn, status);
}

static void try_next_address(struct redis_conn *conn)
{
    struct addrinfo *address = conn->next_address;

    if (!address) {
        redis_conn_drop(conn, REDIS_HEALTH_UNREACHABLE, conn->reason);
        return;
    }
    conn->next_address = address->ai_next;
    connect_tcp(conn, address->ai_addr);
}

static void resolved(uv_getaddrinfo_t *resolve, int status, struct addrinfo *addresses)
{
    struct redis_conn *conn = resolve->data;

    conn->resolving = false;
    conn->addresses = addresses;
    if (conn->state == REDIS_CONN_CLOSING) {
        went_down(conn);
        return;
    }
    conn->reason = status < 0 ? uv_strerror(status) : "no address";
    conn->next_address = status < 0 ? NULL : addresses;
    try_next_address(conn);
}

static void resolve_host(struct redis_conn *conn)
{
    const struct redis_address *address = &conn->options->address;
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    char port[8];
    struct buf number = { .data = port, .cap = sizeof port };
    int status;

    buf_add_u64(&number, address->port);
    conn->state = REDIS_CONN_RESOLVING;
    conn->resolve.data = conn;
    conn->resolving = true;
    status = uv_getaddrinfo(conn->loop, &conn->resolve, resolved, address->host, buf_cstr(&number),
                            &hints);
    if (status < 0) {
        conn->resolving = false;
        redis_conn_drop(conn, REDIS_HEALTH_UNREACHABLE, uv_strerror(status));
    }
}

static void connect_unix(struct redis_conn *conn)
{
    uv_pipe_init(conn->loop, &conn->uv.pipe, 0);
    conn->state = REDIS_CONN_CONNECTING;
    conn->handle_open = true;
    conn->uv.handle.data = conn->connect.data = conn;
    uv_pipe_connect(&conn->connect, &conn->uv.pipe, conn->options->address.path, connect_done);
}

static bool numeric_address(const struct redis_address *address, struct sockaddr_storage *ret)
{
    return uv_ip4_addr(address->host, address->port, (struct sockaddr_in *)(void *)ret) == 0 ||
           uv_ip6_addr(address->host, address->port, (struct sockaddr_in6 *)(void *)ret) == 0;
}

void redis_conn_connect(struct redis_conn *conn)
{
    struct sockaddr_storage numeric;

    assert(conn->state == REDIS_CONN_DOWN);
    conn->since_ms = uv_now(conn->loop);
    conn->was_ready = false;
    conn->reason = "no answer";
    conn->reader = redis_reader_create(conn->options->max_reply_bytes);
    if (conn->options->address.path)
        connect_unix(conn);
    else if (numeric_address(&conn->options->address, &numeric))
        connect_tcp(conn, (struct sockaddr *)&numeric);
    else
        resolve_host(conn); /* in a thread of libuv's pool: DNS may take its time */
}

/* ---- the end ---- */

static void went_down(struct redis_conn *conn)
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
    went_down(conn);
}

static void give_back_calls(struct redis_conn *conn)
{
    while (conn->n_flights) {
        struct redis_flight flight = pop_flight(conn);
        bool sent = flight.end <= conn->handed;
        if (flight.call)
            conn->owner->ended(conn, flight.call,
                               sent ? REDIS_FATE_UNANSWERED : REDIS_FATE_NOT_SENT);
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
        went_down(conn);
}

/* ---- time ---- */

/* A call that is overdue ends alone; its place stays until its replies have come. */
static void end_overdue(struct redis_conn *conn, uint64_t now_ms)
{
    for (unsigned i = 0; i < conn->n_flights; i++) {
        struct redis_flight *flight = flight_at(conn, i);
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
    if (conn->state != REDIS_CONN_READY) {
        if (now_ms - conn->since_ms > options->connect_timeout_ms)
            redis_conn_drop(conn, REDIS_HEALTH_UNREACHABLE, "timeout while connecting");
        return;
    }
    if (conn->n_flights && now_ms - flight_at(conn, 0)->sent_ms > options->command_timeout_ms) {
        redis_conn_drop(conn, REDIS_HEALTH_UNREACHABLE, "no answer in time");
        return;
    }
    end_overdue(conn, now_ms);
    if (!conn->n_flights && now_ms - conn->last_io_ms > options->idle_ping_ms)
        submit_ping(conn);
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
