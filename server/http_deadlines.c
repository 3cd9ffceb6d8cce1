#include "server/http_deadlines.h"

#include "server/http_raw.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum { SLOWEST_BYTES_PER_SECOND = 1024 };

void http_deadlines_init(struct http_deadlines *deadlines)
{
    list_init(&deadlines->conns);
}

void http_deadlines_add(struct http_deadlines *deadlines, struct http_conn *conn, int fd,
                        uint64_t now_ms)
{
    *conn = (struct http_conn){ .fd = fd, .since_ms = now_ms, .base_known = true };
    list_add_tail(&deadlines->conns, &conn->link);
}

void http_deadlines_remove(struct http_conn *conn)
{
    list_remove(&conn->link);
}

void http_conn_enter(struct http_conn *conn, enum http_phase phase, uint64_t now_ms)
{
    conn->phase = phase;
    conn->bytes = 0;
    conn->base_known = false;
    conn->since_ms = phase == HTTP_PHASE_IDLE ? 0 : now_ms;
}

static uint64_t bytes_received(int fd)
{
    struct tcp_info info = { 0 };
    socklen_t len = sizeof info;

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return 0;
    return info.tcpi_bytes_received;
}

/*
 * An idle connection owes nothing; one that has begun to send a request does. TCP's byte count
 * tells them apart: libmicrohttpd doesn't. It is read here and not at the end of each request, to
 * keep that cheap.
 */
static void look_for_headers(struct http_conn *conn, uint64_t now_ms)
{
    uint64_t received = bytes_received(conn->fd);

    if (!conn->base_known) {
        conn->received_base = received;
        conn->base_known = true;
    } else if (received > conn->received_base) {
        conn->since_ms = now_ms;
    }
}

static uint64_t deadline_of(const struct http_deadlines *deadlines, const struct http_conn *conn)
{
    uint64_t transfer_ms = conn->bytes * 1000 / SLOWEST_BYTES_PER_SECOND;

    switch (conn->phase) {
    case HTTP_PHASE_IDLE:
        return conn->since_ms + deadlines->header_ms;
    case HTTP_PHASE_BODY:
        return conn->since_ms + deadlines->body_ms + transfer_ms;
    case HTTP_PHASE_REPLY:
        return conn->since_ms + deadlines->reply_ms + transfer_ms;
    case HTTP_PHASE_WORKING:
        break;
    }
    return UINT64_MAX;
}

/* The library then sees the end of the stream. */
static void cut(struct http_conn *conn)
{
    if (conn->phase == HTTP_PHASE_REPLY)
        shutdown(conn->fd, SHUT_RDWR);
    else /* no answer has been started, so a short one fits */
        http_raw_refuse(conn->fd, PROBLEM_REQUEST_TIMEOUT);
}

void http_deadlines_sweep(struct http_deadlines *deadlines, uint64_t now_ms, size_t most)
{
    struct list seen;

    list_init(&seen);
    while (most-- && !list_empty(&deadlines->conns)) {
        struct http_conn *conn = container_of(deadlines->conns.next, struct http_conn, link);

        list_remove(&conn->link);
        list_add_tail(&seen, &conn->link);
        if (conn->phase == HTTP_PHASE_IDLE && !conn->since_ms)
            look_for_headers(conn, now_ms);
        else if (now_ms > deadline_of(deadlines, conn))
            cut(conn);
    }
    while (!list_empty(&seen)) {
        struct list *node = seen.next;
        list_remove(node);
        list_add_tail(&deadlines->conns, node);
    }
}
