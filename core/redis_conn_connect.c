/* The way to the peer: a name's addresses, each tried in turn, until one accepts. */
#include "core/redis_conn_parts.h"

#include <sys/socket.h>

static void try_next_address(struct redis_conn *conn);

static void handle_closed(uv_handle_t *handle)
{
    struct redis_conn *conn = handle->data;

    conn->handle_open = false;
    if (conn->state == REDIS_CONN_CLOSING)
        redis_conn_went_down(conn);
    else
        try_next_address(conn);
}

static void connect_done(uv_connect_t *connect, int status)
{
    struct redis_conn *conn = connect->data;

    if (conn->state != REDIS_CONN_CONNECTING)
        return; /* dropped meanwhile */
    if (status == 0) {
        redis_conn_opened(conn);
        return;
    }
    conn->reason = uv_strerror(status);
    uv_close(&conn->uv.handle, handle_closed);
}

static void connect_tcp(struct redis_conn *conn, const struct sockaddr *address)
{
    int status = uv_tcp_init(conn->loop, &conn->uv.tcp);

    conn->state = REDIS_CONN_CONNECTING;
    conn->handle_open = status == 0;
    conn->uv.handle.data = conn->connect.data = conn;
    if (status == 0)
        status = uv_tcp_connect(&conn->connect, &conn->uv.tcp, address, connect_done);
    if (status == 0)
        return;
    conn->reason = uv_strerror(status);
    if (conn->handle_open)
        uv_close(&conn->uv.handle, handle_closed);
    else
        redis_conn_drop(conn, REDIS_HEALTH_UNREACHABLE, conn->reason);
}

static void connect_unix(struct redis_conn *conn)
{
    uv_pipe_init(conn->loop, &conn->uv.pipe, 0);
    conn->state = REDIS_CONN_CONNECTING;
    conn->handle_open = true;
    conn->uv.handle.data = conn->connect.data = conn;
    uv_pipe_connect(&conn->connect, &conn->uv.pipe, conn->options->address.path, connect_done);
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
        redis_conn_went_down(conn);
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

static bool numeric_address(const struct redis_address *address, struct sockaddr_storage *ret)
{
    return uv_ip4_addr(address->host, address->port, (struct sockaddr_in *)(void *)ret) == 0 ||
           uv_ip6_addr(address->host, address->port, (struct sockaddr_in6 *)(void *)ret) == 0;
}

void redis_conn_start(struct redis_conn *conn)
{
    struct sockaddr_storage numeric = { 0 };

    if (conn->options->address.path)
        connect_unix(conn);
    else if (numeric_address(&conn->options->address, &numeric))
        connect_tcp(conn, (struct sockaddr *)&numeric);
    else
        resolve_host(conn); /* in a thread of libuv's pool: DNS may take its time */
}
