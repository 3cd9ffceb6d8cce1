/*
 * A link is a client's connection and the one to the target that belongs to it. It reads a side
 * only when what came from there before has been passed on, so its two buffers are all it needs.
 */
#include "tests/lib/proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    LINKS_MAX = 256,
    CHUNK_BYTES = 16384,
    CUT_REQUEST_BYTES = 250,
    CUT_ANSWER_BYTES = 700,
    PATH_BYTES = 108
};

enum { CLIENT, SERVER };

struct side {
    int fd;
    char data[CHUNK_BYTES]; /* read from here, not yet written to the other side */
    size_t len, sent;
    bool ended; /* it has closed; the link ends when its data has been passed on */
};

struct link {
    struct side sides[2];
    uint64_t dice;
    enum cut cut;    /* what becomes of this turn */
    size_t cut_left; /* of CUT_IN_*: bytes that are still forwarded */
    bool answering;  /* the server has spoken: the next byte of the client begins a turn */
};

struct proxy {
    pthread_t thread;
    int listener, wake; /* wake: an eventfd, to stop */
    unsigned short port;
    char path[PATH_BYTES]; /* of our Unix socket, to remove it */
    unsigned seed;

    pthread_mutex_t lock; /* of what follows */
    char target[PATH_BYTES + 8];
    unsigned cut_percent, cut_every; /* cut_every: if it is not 0, it rules */
    bool stopping;
    struct proxy_counts counts;

    /* of its thread */
    struct link *links[LINKS_MAX];
    size_t n_links;
    struct pollfd polled[2 + 2 * LINKS_MAX];
};

/* ---- addresses ---- */

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_un un;
};

static socklen_t parse_address(const char *text, union address *address)
{
    const char *colon = strrchr(text, ':');

    memset(address, 0, sizeof *address);
    if (strncmp(text, "unix:", 5) == 0) {
        address->un.sun_family = AF_UNIX;
        snprintf(address->un.sun_path, sizeof address->un.sun_path, "%s", text + 5);
        return sizeof address->un;
    }
    address->in.sin_family = AF_INET;
    address->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address->in.sin_port = htons((uint16_t)atoi(colon + 1));
    return sizeof address->in;
}

static int make_socket(const union address *address)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

    if (address->any.sa_family == AF_INET)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void listen_at(struct proxy *proxy, const char *text)
{
    union address address;
    socklen_t len = parse_address(text, &address);

    proxy->listener = make_socket(&address);
    if (bind(proxy->listener, &address.any, len) != 0 || listen(proxy->listener, 128) != 0) {
        perror(text);
        abort();
    }
    if (address.any.sa_family == AF_UNIX) {
        snprintf(proxy->path, sizeof proxy->path, "%s", text + 5);
        return;
    }
    getsockname(proxy->listener, &address.any, &len);
    proxy->port = ntohs(address.in.sin_port);
}

/* -1: it is not there. */
static int connect_to_target(struct proxy *proxy)
{
    union address address;
    socklen_t len;
    int fd;

    pthread_mutex_lock(&proxy->lock);
    len = parse_address(proxy->target, &address);
    pthread_mutex_unlock(&proxy->lock);
    fd = make_socket(&address);
    if (connect(fd, &address.any, len) == 0 || errno == EINPROGRESS)
        return fd;
    close(fd);
    return -1;
}

/* ---- drawing ---- */

/* splitmix64: good enough, and the same everywhere. */
static uint64_t draw(uint64_t *dice)
{
    uint64_t z = *dice += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void count(struct proxy *proxy, unsigned *counter)
{
    pthread_mutex_lock(&proxy->lock);
    ++*counter;
    pthread_mutex_unlock(&proxy->lock);
}

/* A connection can only be refused before its first turn. */
static enum cut draw_cut(struct proxy *proxy, struct link *link, enum cut first, enum cut last)
{
    unsigned percent;

    pthread_mutex_lock(&proxy->lock);
    percent = proxy->cut_percent;
    pthread_mutex_unlock(&proxy->lock);
    unsigned kinds = (unsigned)(last - first) + 1;
    if (draw(&link->dice) % 10000 >= 100 * percent * kinds / CUT_KINDS)
        return CUT_NONE;
    return first + (enum cut)(draw(&link->dice) % kinds);
}

static void begin_turn(struct proxy *proxy, struct link *link)
{
    const unsigned kinds = CUT_IN_ANSWER - CUT_BEFORE_REQUEST + 1;
    unsigned turn, every;

    pthread_mutex_lock(&proxy->lock);
    turn = ++proxy->counts.turns;
    every = proxy->cut_every;
    pthread_mutex_unlock(&proxy->lock);
    link->answering = false;
    link->cut = draw_cut(proxy, link, CUT_BEFORE_REQUEST, CUT_IN_ANSWER);
    if (every)
        link->cut = turn % every ? CUT_NONE : CUT_BEFORE_REQUEST + (enum cut)(turn / every % kinds);
    link->cut_left = 1 + draw(&link->dice) %
                             (link->cut == CUT_IN_REQUEST ? CUT_REQUEST_BYTES : CUT_ANSWER_BYTES);
}

/* ---- links ---- */

/* Now and then with a reset instead of a proper end. */
static void hang_up(struct link *link, int fd)
{
    const struct linger reset = { .l_onoff = 1, .l_linger = 0 };

    if (link->cut != CUT_NONE && draw(&link->dice) % 2)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
}

static void drop(struct proxy *proxy, size_t i)
{
    struct link *link = proxy->links[i];

    for (int side = CLIENT; side <= SERVER; side++)
        if (link->sides[side].fd >= 0)
            hang_up(link, link->sides[side].fd);
    free(link);
    proxy->links[i] = proxy->links[--proxy->n_links];
}

static void accept_link(struct proxy *proxy)
{
    int fd = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), on = 1;
    struct link *link;
    uint64_t number;

    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* fails on a Unix socket */
    link = calloc(1, sizeof *link);
    pthread_mutex_lock(&proxy->lock);
    number = ++proxy->counts.connections;
    pthread_mutex_unlock(&proxy->lock);
    *link = (struct link){ .sides = { { .fd = fd }, { .fd = -1 } },
                           .dice = (uint64_t)proxy->seed << 32 | number,
                           .cut = CUT_NONE,
                           .answering = true };
    proxy->links[proxy->n_links++] = link;
    link->cut = draw_cut(proxy, link, CUT_REFUSED, CUT_REFUSED);
    if (link->cut == CUT_REFUSED) {
        count(proxy, &proxy->counts.cuts[CUT_REFUSED]);
    } else {
        link->sides[SERVER].fd = connect_to_target(proxy);
        if (link->sides[SERVER].fd >= 0)
            return;
        count(proxy, &proxy->counts.unreachable);
    }
    drop(proxy, proxy->n_links - 1);
}

/* ---- passing on ---- */

/* How much of what was just read from `side` may be forwarded. *ret_cut: then the link is cut. */
static size_t allowed(struct link *link, int side, size_t len, bool *ret_cut)
{
    bool request = side == CLIENT;

    *ret_cut = false;
    switch (link->cut) {
    case CUT_BEFORE_REQUEST:
        *ret_cut = request;
        return request ? 0 : len;
    case CUT_BEFORE_ANSWER:
        *ret_cut = !request;
        return request ? len : 0;
    case CUT_BEHIND_REQUEST:
        *ret_cut = request;
        return len;
    case CUT_IN_REQUEST:
    case CUT_IN_ANSWER:
        if (request != (link->cut == CUT_IN_REQUEST))
            return len;
        *ret_cut = len >= link->cut_left;
        if (*ret_cut)
            return link->cut_left;
        link->cut_left -= len;
        return len;
    default:
        return len;
    }
}

/* False: the link is over. */
static bool flush(struct side *from, int fd)
{
    while (from->sent < from->len) {
        ssize_t n = send(fd, from->data + from->sent, from->len - from->sent, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        from->sent += (size_t)n;
    }
    from->len = from->sent = 0;
    return !from->ended;
}

/* Reads from a side whose buffer is empty. False: the link is over. */
static bool take(struct proxy *proxy, struct link *link, int side)
{
    struct side *from = &link->sides[side];
    ssize_t n = recv(from->fd, from->data, sizeof from->data, 0);
    bool cut;

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0)
        return false;
    if (side == CLIENT && link->answering)
        begin_turn(proxy, link);
    link->answering |= side == SERVER;
    from->len = allowed(link, side, (size_t)n, &cut);
    if (cut) {
        count(proxy, &proxy->counts.cuts[link->cut]);
        from->ended = true;
    }
    return flush(from, link->sides[!side].fd);
}

static short wanted(const struct link *link, int side)
{
    const struct side *own = &link->sides[side], *other = &link->sides[!side];

    return (short)((own->len ? 0 : POLLIN) | (other->len ? POLLOUT : 0));
}

static bool serve(struct proxy *proxy, struct link *link, int side, short events)
{
    struct side *own = &link->sides[side], *other = &link->sides[!side];

    if (!events)
        return true;
    if (other->len && (events & (POLLOUT | POLLERR | POLLHUP)) && !flush(other, own->fd))
        return false;
    if (!own->len && (events & (POLLIN | POLLERR | POLLHUP)))
        return take(proxy, link, side);
    return own->len || !(events & POLLERR);
}

/* ---- the loop ---- */

static bool is_stopping(struct proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
    bool stopping = proxy->stopping;
    pthread_mutex_unlock(&proxy->lock);
    return stopping;
}

static size_t prepare(struct proxy *proxy)
{
    size_t n = 0;

    proxy->polled[n++] = (struct pollfd){ .fd = proxy->wake, .events = POLLIN };
    proxy->polled[n++] = (struct pollfd){ .fd = proxy->n_links < LINKS_MAX ? proxy->listener : -1,
                                          .events = POLLIN };
    for (size_t i = 0; i < proxy->n_links; i++)
        for (int side = CLIENT; side <= SERVER; side++)
            proxy->polled[n++] = (struct pollfd){ .fd = proxy->links[i]->sides[side].fd,
                                                  .events = wanted(proxy->links[i], side) };
    return n;
}

static void *run(void *arg)
{
    struct proxy *proxy = arg;

    while (!is_stopping(proxy)) {
        if (poll(proxy->polled, prepare(proxy), -1) < 0)
            continue;
        /* Backwards: a dropped link is replaced by the last one, which has been served. */
        for (size_t i = proxy->n_links; i-- > 0;)
            for (int side = CLIENT; side <= SERVER; side++)
                if (!serve(proxy, proxy->links[i], side,
                           proxy->polled[2 + 2 * i + (size_t)side].revents)) {
                    drop(proxy, i);
                    break;
                }
        if (proxy->polled[1].revents)
            accept_link(proxy);
    }
    return NULL;
}

/* ---- from other threads ---- */

struct proxy *proxy_start(const char *listen, const char *target, unsigned seed,
                          unsigned cut_percent)
{
    struct proxy *proxy = calloc(1, sizeof *proxy);

    proxy->seed = seed;
    proxy->cut_percent = cut_percent;
    proxy->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&proxy->lock, NULL);
    proxy_aim(proxy, target);
    listen_at(proxy, listen);
    if (pthread_create(&proxy->thread, NULL, run, proxy) != 0)
        abort();
    return proxy;
}

void proxy_stop(struct proxy *proxy)
{
    const uint64_t one = 1;

    if (!proxy)
        return;
    pthread_mutex_lock(&proxy->lock);
    proxy->stopping = true;
    pthread_mutex_unlock(&proxy->lock);
    if (write(proxy->wake, &one, sizeof one) != sizeof one)
        abort();
    pthread_join(proxy->thread, NULL);
    while (proxy->n_links)
        drop(proxy, proxy->n_links - 1);
    close(proxy->listener);
    close(proxy->wake);
    if (*proxy->path)
        unlink(proxy->path);
    pthread_mutex_destroy(&proxy->lock);
    free(proxy);
}

unsigned short proxy_port(const struct proxy *proxy)
{
    return proxy->port;
}

void proxy_aim(struct proxy *proxy, const char *target)
{
    pthread_mutex_lock(&proxy->lock);
    snprintf(proxy->target, sizeof proxy->target, "%s", target);
    pthread_mutex_unlock(&proxy->lock);
}

void proxy_let_pass(struct proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->cut_percent = proxy->cut_every = 0;
    pthread_mutex_unlock(&proxy->lock);
}

void proxy_cut_every(struct proxy *proxy, unsigned n)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->cut_every = n;
    pthread_mutex_unlock(&proxy->lock);
}

struct proxy_counts proxy_counts(struct proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
    struct proxy_counts counts = proxy->counts;
    pthread_mutex_unlock(&proxy->lock);
    return counts;
}
