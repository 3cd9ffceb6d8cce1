#include "server/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* "localhost" is the one name that is known without asking anybody. */
static bool parse(const char *host, uint16_t port, union address *ret, socklen_t *ret_len)
{
    *ret = (union address){ 0 };
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1) {
        ret->v4.sin_family = AF_INET;
        ret->v4.sin_port = htons(port);
        *ret_len = sizeof ret->v4;
        return true;
    }
    if (inet_pton(AF_INET6, host, &ret->v6.sin6_addr) == 1) {
        ret->v6.sin6_family = AF_INET6;
        ret->v6.sin6_port = htons(port);
        *ret_len = sizeof ret->v6;
        return true;
    }
    return false;
}

bool listener_is_loopback(const char *host)
{
    union address address;
    socklen_t len;

    if (!parse(host, 0, &address, &len))
        return false;
    if (address.any.sa_family == AF_INET)
        return (ntohl(address.v4.sin_addr.s_addr) >> 24) == 127;
    return IN6_IS_ADDR_LOOPBACK(&address.v6.sin6_addr);
}

static bool bind_and_listen(int fd, const union address *address, socklen_t len)
{
    int on = 1;

    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
        return false;
    return bind(fd, &address->any, len) == 0 && listen(fd, BACKLOG) == 0;
}

static uint16_t bound_port(int fd)
{
    union address address = { 0 };
    socklen_t len = sizeof address;

    if (getsockname(fd, &address.any, &len) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

int listener_open(const char *host, uint16_t port, uint16_t *ret_port, struct buf *message)
{
    union address address;
    socklen_t len;
    int fd;

    if (!parse(host, port, &address, &len)) {
        buf_printf(message, "listen: '%s' is not a numeric address", host);
        return -1;
    }
    fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || !bind_and_listen(fd, &address, len)) {
        buf_printf(message, "listen: can't listen on %s port %u: %s", host, port, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    *ret_port = bound_port(fd);
    return fd;
}
