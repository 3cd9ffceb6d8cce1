#include "tests/lib/fake_redis.h"

#include "core/list.h"
#include "core/redis_script.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TEXT_MAX = 4096 };

struct fake_redis {
    uv_loop_t *loop;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_pipe_t pipe;
        uv_tcp_t tcp;
    } listener;
    bool is_tcp, refuse;
    struct list peers;
    const struct fake_line *lines;
    size_t n_lines, next_line;
    const char *odd_command, *odd_reply;
    unsigned connections, commands, reads;
    char last[TEXT_MAX], auth[256], select[64];
};

struct peer {
    struct fake_redis *fake;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_pipe_t pipe;
        uv_tcp_t tcp;
    } uv;
    redisReader *reader;
    struct list link;
    unsigned scripts; /* loaded */
    bool closing;
};

static void peer_closed(uv_handle_t *handle)
{
    struct peer *peer = handle->data;

    redisReaderFree(peer->reader);
    free(peer);
}

static void close_peer(struct peer *peer)
{
    if (peer->closing)
        return;
    peer->closing = true;
    list_remove(&peer->link);
    uv_close(&peer->uv.handle, peer_closed);
}

static void send_bytes(struct peer *peer, const char *bytes, size_t len)
{
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)len);

    while (buf.len) { /* the tests' replies fit into the kernel's buffer */
        int n = uv_try_write(&peer->uv.stream, &buf, 1);
        if (n <= 0)
            return;
        buf.base += n;
        buf.len -= (size_t)n;
    }
}

static void send_text(struct peer *peer, const char *text)
{
    send_bytes(peer, text, strlen(text));
}

static void join(const redisReply *command, size_t from, char *text, size_t size)
{
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = from; i < command->elements && len < size; i++)
        len += (size_t)snprintf(text + len, size - len, "%s%s", i > from ? " " : "",
                                command->element[i]->str);
}

static void answer_script_load(struct peer *peer)
{
    char reply[64];
    unsigned id = peer->scripts++ % REDIS_SCRIPT_COUNT;

    snprintf(reply, sizeof reply, "$40\r\n%s\r\n", redis_script_get(id)->sha1);
    send_text(peer, reply);
}

/* True: it was a command of the handshake. */
static bool answer_handshake(struct peer *peer, const redisReply *command)
{
    struct fake_redis *fake = peer->fake;
    const char *name = command->element[0]->str;
    bool is_client = !strcasecmp(name, "CLIENT") && command->elements > 1 &&
                     !strcasecmp(command->element[1]->str, "SETNAME");
    bool ours = !strcasecmp(name, "AUTH") || !strcasecmp(name, "SELECT") || is_client ||
                !strcasecmp(name, "ROLE") || !strcasecmp(name, "SCRIPT");

    if (peer->scripts >= REDIS_SCRIPT_COUNT)
        return false; /* the last of them have been loaded */
    if (!strcasecmp(name, "AUTH"))
        join(command, 1, fake->auth, sizeof fake->auth);
    if (!strcasecmp(name, "SELECT"))
        join(command, 1, fake->select, sizeof fake->select);
    if (ours && fake->odd_command && !strcasecmp(name, fake->odd_command)) {
        if (fake->odd_reply)
            send_text(peer, fake->odd_reply);
    } else if (!strcasecmp(name, "ROLE")) {
        send_text(peer, "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
    } else if (!strcasecmp(name, "SCRIPT")) {
        answer_script_load(peer);
    } else if (ours) {
        send_text(peer, "+OK\r\n");
    }
    return ours;
}

static void answer_by_script(struct peer *peer)
{
    struct fake_redis *fake = peer->fake;

    if (fake->next_line >= fake->n_lines)
        return;
    const struct fake_line *line = &fake->lines[fake->next_line];
    fake->next_line += !line->repeat;
    if (line->reply)
        send_bytes(peer, line->reply, line->only ? line->only : strlen(line->reply));
    if (line->close)
        close_peer(peer);
}

static void take_commands(struct peer *peer)
{
    struct fake_redis *fake = peer->fake;
    unsigned before = fake->commands;
    void *reply = NULL;

    while (!peer->closing && redisReaderGetReply(peer->reader, &reply) == REDIS_OK && reply) {
        redisReply *command = reply;
        if (!answer_handshake(peer, command)) {
            fake->commands++;
            join(command, 0, fake->last, sizeof fake->last);
            answer_by_script(peer);
        }
        freeReplyObject(command);
        reply = NULL;
    }
    fake->reads += fake->commands > before;
}

static void alloc_bytes(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    (void)handle;
    *ret = uv_buf_init(malloc(suggested), (unsigned)suggested);
}

static void peer_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
    struct peer *peer = stream->data;

    if (n > 0 && !peer->closing) {
        redisReaderFeed(peer->reader, bytes->base, (size_t)n);
        take_commands(peer);
    } else if (n < 0) {
        close_peer(peer);
    }
    free(bytes->base);
}

static void connected(uv_stream_t *listener, int status)
{
    struct fake_redis *fake = listener->data;
    struct peer *peer = calloc(1, sizeof *peer);

    (void)status;
    peer->fake = fake;
    peer->reader = redisReaderCreate();
    if (fake->is_tcp)
        uv_tcp_init(fake->loop, &peer->uv.tcp);
    else
        uv_pipe_init(fake->loop, &peer->uv.pipe, 0);
    peer->uv.handle.data = peer;
    list_init(&peer->link);
    list_add_tail(&fake->peers, &peer->link);
    uv_accept(listener, &peer->uv.stream);
    fake->connections++;
    if (fake->refuse)
        close_peer(peer);
    else
        uv_read_start(&peer->uv.stream, alloc_bytes, peer_read);
}

static struct fake_redis *create(uv_loop_t *loop)
{
    struct fake_redis *fake = calloc(1, sizeof *fake);

    fake->loop = loop;
    list_init(&fake->peers);
    return fake;
}

struct fake_redis *fake_redis_start(uv_loop_t *loop, const char *path)
{
    struct fake_redis *fake = create(loop);

    uv_pipe_init(loop, &fake->listener.pipe, 0);
    fake->listener.handle.data = fake;
    if (uv_pipe_bind(&fake->listener.pipe, path) ||
        uv_listen(&fake->listener.stream, 64, connected))
        abort();
    return fake;
}

struct fake_redis *fake_redis_start_tcp(uv_loop_t *loop, const char *host, uint16_t *ret_port)
{
    struct fake_redis *fake = create(loop);
    struct sockaddr_storage address;
    int len = sizeof address;

    fake->is_tcp = true;
    if (uv_ip4_addr(host, 0, (struct sockaddr_in *)(void *)&address))
        uv_ip6_addr(host, 0, (struct sockaddr_in6 *)(void *)&address);
    uv_tcp_init(loop, &fake->listener.tcp);
    fake->listener.handle.data = fake;
    if (uv_tcp_bind(&fake->listener.tcp, (struct sockaddr *)&address, 0) ||
        uv_listen(&fake->listener.stream, 64, connected))
        abort();
    uv_tcp_getsockname(&fake->listener.tcp, (struct sockaddr *)&address, &len);
    *ret_port =
        ntohs(((struct sockaddr_in *)(void *)&address)->sin_port); /* at the same place in both */
    return fake;
}

static void listener_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void fake_redis_stop(struct fake_redis *fake)
{
    fake_redis_hang_up(fake);
    uv_close(&fake->listener.handle, listener_closed);
}

void fake_redis_script(struct fake_redis *fake, const struct fake_line *lines, size_t n)
{
    fake->lines = lines;
    fake->n_lines = n;
    fake->next_line = 0;
}

void fake_redis_handshake(struct fake_redis *fake, const char *command, const char *reply)
{
    fake->odd_command = command;
    fake->odd_reply = reply;
}

void fake_redis_hang_up(struct fake_redis *fake)
{
    while (!list_empty(&fake->peers))
        close_peer(container_of(fake->peers.next, struct peer, link));
}

void fake_redis_accept(struct fake_redis *fake, bool accept)
{
    fake->refuse = !accept;
}

unsigned fake_redis_connections(const struct fake_redis *fake)
{
    return fake->connections;
}

unsigned fake_redis_commands(const struct fake_redis *fake)
{
    return fake->commands;
}

unsigned fake_redis_reads(const struct fake_redis *fake)
{
    return fake->reads;
}

const char *fake_redis_last(const struct fake_redis *fake)
{
    return fake->last;
}

const char *fake_redis_auth(const struct fake_redis *fake)
{
    return fake->auth;
}

const char *fake_redis_select(const struct fake_redis *fake)
{
    return fake->select;
}
