#include "tests/lib/sse.h"

#include "tests/lib/until.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD_BYTES = 8192 };

struct bytes {
    char *at;
    size_t len, cap;
};

struct sse {
    int fd;
    struct bytes raw, body; /* raw: as received; body: without the chunks, not yet taken */
    char head[HEAD_BYTES];
    int status;
    size_t chunk_left;
    bool has_head, is_chunked, has_ended, is_closed;
    struct sse_event event;
    char last_id[32];
};

static void add(struct bytes *bytes, const char *from, size_t len)
{
    if (bytes->len + len + 1 > bytes->cap) {
        bytes->cap = 2 * (bytes->len + len + 1);
        bytes->at = realloc(bytes->at, bytes->cap);
    }
    memcpy(bytes->at + bytes->len, from, len);
    bytes->len += len;
    bytes->at[bytes->len] = '\0';
}

static void drop(struct bytes *bytes, size_t n)
{
    memmove(bytes->at, bytes->at + n, bytes->len - n + 1);
    bytes->len -= n;
}

struct sse *sse_open(unsigned short port, const char *target, const char *headers)
{
    struct sse *sse = calloc(1, sizeof *sse);
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    char request[2048];
    int n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n",
                     target, headers);

    sse->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    add(&sse->raw, "", 0);
    add(&sse->body, "", 0);
    if (connect(sse->fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        send(sse->fd, request, (size_t)n, MSG_NOSIGNAL) != n)
        sse->is_closed = true;
    return sse;
}

void sse_close(struct sse *sse)
{
    close(sse->fd);
    free(sse->raw.at);
    free(sse->body.at);
    free(sse->event.data);
    free(sse);
}

/* From `raw` to `body`, as far as it goes. */
static void decode(struct sse *sse)
{
    char *end;

    if (!sse->has_head) {
        end = strstr(sse->raw.at, "\r\n\r\n");
        if (!end)
            return;
        snprintf(sse->head, sizeof sse->head, "%.*s", (int)(end + 4 - sse->raw.at), sse->raw.at);
        sscanf(sse->head, "HTTP/1.%*d %d", &sse->status);
        sse->has_head = true;
        sse->is_chunked = strstr(sse->head, "Transfer-Encoding: chunked") != NULL;
        drop(&sse->raw, (size_t)(end + 4 - sse->raw.at));
    }
    while (sse->raw.len && !sse->has_ended) {
        size_t n = sse->raw.len;
        if (sse->is_chunked && !sse->chunk_left) {
            end = strstr(sse->raw.at, "\r\n");
            if (!end)
                return;
            if (end != sse->raw.at) { /* else: behind the chunk before */
                sse->chunk_left = strtoul(sse->raw.at, NULL, 16);
                sse->has_ended = sse->chunk_left == 0;
            }
            drop(&sse->raw, (size_t)(end + 2 - sse->raw.at));
            continue;
        }
        if (sse->is_chunked && n > sse->chunk_left)
            n = sse->chunk_left;
        add(&sse->body, sse->raw.at, n);
        drop(&sse->raw, n);
        sse->chunk_left -= sse->is_chunked ? n : 0;
    }
}

/* False: nothing more within `ms`, or ever. */
static bool receive(struct sse *sse, int ms)
{
    struct pollfd fd = { .fd = sse->fd, .events = POLLIN };
    char bytes[65536];
    ssize_t n;

    if (sse->is_closed || ms <= 0 || poll(&fd, 1, ms) != 1)
        return false;
    n = recv(sse->fd, bytes, sizeof bytes, 0);
    if (n <= 0) {
        sse->is_closed = true;
        return false;
    }
    add(&sse->raw, bytes, (size_t)n);
    decode(sse);
    return true;
}

static int left(uint64_t end_ms)
{
    uint64_t now = now_ms();
    return now < end_ms ? (int)(end_ms - now) : 0;
}

int sse_status(struct sse *sse)
{
    uint64_t end_ms = now_ms() + PATIENCE_MS;

    while (!sse->has_head)
        if (!receive(sse, left(end_ms)))
            return sse->is_closed ? 0 : -1;
    return sse->status;
}

const char *sse_head(const struct sse *sse)
{
    return sse->head;
}

const char *sse_body(struct sse *sse)
{
    uint64_t end_ms = now_ms() + PATIENCE_MS;
    const char *length;

    if (sse_status(sse) <= 0)
        return "";
    length = strstr(sse->head, "Content-Length: ");
    while (length && sse->body.len < strtoul(length + 16, NULL, 10))
        if (!receive(sse, left(end_ms)))
            break;
    return sse->body.at;
}

static const char *value_of(const char *line, const char *name)
{
    size_t len = strlen(name);

    if (strncmp(line, name, len) != 0 || line[len] != ':')
        return NULL;
    return line + len + 1 + (line[len + 1] == ' ');
}

static void take_line(struct sse *sse, const char *line)
{
    struct sse_event *event = &sse->event;
    const char *value;

    if (*line == ':')
        event->is_comment = true;
    if ((value = value_of(line, "event")))
        snprintf(event->name, sizeof event->name, "%s", value);
    if ((value = value_of(line, "data"))) {
        free(event->data);
        event->data = strdup(value);
    }
    if ((value = value_of(line, "id"))) {
        snprintf(event->id, sizeof event->id, "%s", value);
        snprintf(sse->last_id, sizeof sse->last_id, "%s", value);
    }
}

const struct sse_event *sse_next_block(struct sse *sse, int ms)
{
    uint64_t end_ms = now_ms() + (uint64_t)ms;
    char *end;

    while (!(end = strstr(sse->body.at, "\n\n")))
        if (!receive(sse, left(end_ms)))
            return NULL;
    free(sse->event.data);
    sse->event = (struct sse_event){ .data = strdup("") };
    for (char *line = sse->body.at; line < end;) {
        char *line_end = strchr(line, '\n');
        *line_end = '\0';
        take_line(sse, line);
        line = line_end + 1;
    }
    drop(&sse->body, (size_t)(end + 2 - sse->body.at));
    return &sse->event;
}

const struct sse_event *sse_next(struct sse *sse, int ms)
{
    uint64_t end_ms = now_ms() + (uint64_t)ms;
    const struct sse_event *event;

    do
        event = sse_next_block(sse, left(end_ms));
    while (event && !*event->name);
    return event;
}

const char *sse_last_id(const struct sse *sse)
{
    return sse->last_id;
}

int sse_ends(struct sse *sse, int ms)
{
    uint64_t end_ms = now_ms() + (uint64_t)ms;

    while (!sse->has_ended && receive(sse, left(end_ms)))
        ;
    return sse->has_ended ? 1 : sse->is_closed ? -1 : 0;
}

int sse_fd(const struct sse *sse)
{
    return sse->fd;
}
