#include "tests/lib/raw.h"

#include "tests/lib/until.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static int connect_to(unsigned short port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

struct raw *raw_open(unsigned short port)
{
    struct raw *raw = calloc(1, sizeof *raw);

    raw->data = calloc(1, RAW_BYTES + 1);
    raw->body = calloc(1, RAW_BYTES + 1);
    raw->fd = connect_to(port);
    return raw;
}

bool raw_port_is_open(unsigned short port)
{
    int fd = connect_to(port);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

void raw_close(struct raw *raw)
{
    if (raw->fd >= 0)
        close(raw->fd);
    free(raw->data);
    free(raw->body);
    free(raw);
}

bool raw_send_bytes(struct raw *raw, const char *bytes, size_t len)
{
    while (len) {
        ssize_t n = send(raw->fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

void raw_send(struct raw *raw, const char *text)
{
    (void)raw_send_bytes(raw, text, strlen(text));
}

/* 1: more has come, 0: closed, -1: nothing within `ms`. */
static int receive(struct raw *raw, int ms)
{
    struct pollfd fd = { .fd = raw->fd, .events = POLLIN };
    ssize_t n;

    if (ms <= 0 || poll(&fd, 1, ms) != 1)
        return -1;
    n = recv(raw->fd, raw->data + raw->len, RAW_BYTES - raw->len, 0);
    if (n <= 0)
        return 0;
    raw->len += (size_t)n;
    raw->data[raw->len] = '\0';
    return 1;
}

/* Until `raw->len` is at least `wanted`, or, with `wanted` 0, a head is there. */
static int receive_until(struct raw *raw, size_t wanted, uint64_t end_ms)
{
    while (wanted ? raw->len < wanted : !strstr(raw->data, "\r\n\r\n")) {
        uint64_t now = now_ms();
        int got = receive(raw, now < end_ms ? (int)(end_ms - now) : 0);
        if (got <= 0)
            return got;
    }
    return 1;
}

static void drop(struct raw *raw, size_t n)
{
    memmove(raw->data, raw->data + n, raw->len - n + 1);
    raw->len -= n;
}

static int take(struct raw *raw, int ms, bool has_body)
{
    uint64_t end_ms = now_ms() + (uint64_t)ms;
    const char *length;
    size_t head_len, body_len;
    int got = receive_until(raw, 0, end_ms);

    if (got <= 0)
        return got;
    head_len = (size_t)(strstr(raw->data, "\r\n\r\n") + 4 - raw->data);
    snprintf(raw->head, sizeof raw->head, "%.*s", (int)head_len, raw->data);
    if (sscanf(raw->head, "HTTP/1.%*d %d", &raw->status) != 1)
        return -1;
    length = raw_header(raw, "Content-Length");
    body_len = has_body && length ? strtoul(length, NULL, 10) : 0;
    if (body_len) {
        got = receive_until(raw, head_len + body_len, end_ms);
        if (got <= 0)
            return got;
    }
    memcpy(raw->body, raw->data + head_len, body_len);
    raw->body[body_len] = '\0';
    drop(raw, head_len + body_len);
    return raw->status;
}

int raw_take(struct raw *raw, int ms)
{
    return take(raw, ms, true);
}

int raw_take_head(struct raw *raw, int ms)
{
    return take(raw, ms, false);
}

const char *raw_header(const struct raw *raw, const char *name)
{
    static _Thread_local char value[1024];
    size_t len = strlen(name);

    for (const char *line = strstr(raw->head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
        const char *at = line + 2;
        if (strncasecmp(at, name, len) != 0 || at[len] != ':')
            continue;
        at += len + 1 + strspn(at + len + 1, " ");
        snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\r\n"), at);
        return value;
    }
    return NULL;
}

bool raw_is_closed(struct raw *raw, int ms)
{
    return raw->len == 0 && receive(raw, ms) == 0;
}

int raw_exchange(unsigned short port, const char *request, bool *ret_closed)
{
    struct raw *raw = raw_open(port);
    int status;

    raw_send(raw, request);
    status = raw_take(raw, PATIENCE_MS);
    if (ret_closed) {
        raw_send(raw, "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n");
        *ret_closed = raw_take(raw, PATIENCE_MS) != 200;
    }
    raw_close(raw);
    return status;
}
