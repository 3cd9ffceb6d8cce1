/*
 * HTTP as bytes on a socket: for what a well-behaved client never sends, and for seeing which bytes
 * and which closes come back when.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { RAW_BYTES = 1 << 20 };

struct raw {
    int fd;
    char *data; /* received and not yet taken */
    size_t len;
    int status; /* of the answer last taken */
    char head[16384];
    char *body;
};

/* Connects to 127.0.0.1. */
struct raw *raw_open(unsigned short port);
/* False when the port refuses. */
bool raw_port_is_open(unsigned short port);
void raw_close(struct raw *raw);

void raw_send(struct raw *raw, const char *text);
/* False: the peer has closed. */
bool raw_send_bytes(struct raw *raw, const char *bytes, size_t len);

/*
 * Waits up to `ms` for the next whole answer and returns its status: 0 when the connection was
 * closed before, -1 when nothing came in time. A body is as long as Content-Length says.
 */
int raw_take(struct raw *raw, int ms);
/* The same of an answer that has no body, whatever its headers say: to HEAD, or 100. */
int raw_take_head(struct raw *raw, int ms);

/* The value of a header of the answer last taken, in a static buffer; NULL: none. */
const char *raw_header(const struct raw *raw, const char *name);

/* Whether the peer closes within `ms`, without another byte. */
bool raw_is_closed(struct raw *raw, int ms);

/* Opens, sends, takes one answer; *ret_closed (NULL: not asked) tells whether another request on
 * the same connection is still answered. */
int raw_exchange(unsigned short port, const char *request, bool *ret_closed);
