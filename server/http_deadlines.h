/*
 * Deadlines of connections. libmicrohttpd's own timeout counts inactivity, so a client that drips a
 * byte now and then holds its connection for ever; here a sweep looks at each connection several
 * times a second (in turns, so that ten thousand idle ones cost next to nothing) and cuts those
 * that are too slow. Knows nothing of libmicrohttpd: sockets and times only. One per worker,
 * single-threaded.
 */
#pragma once

#include "core/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_phase {
    HTTP_PHASE_IDLE,    /* between requests, or the headers of the next are on their way */
    HTTP_PHASE_BODY,    /* a request's body is on its way */
    HTTP_PHASE_WORKING, /* the API has it: its own deadline counts */
    HTTP_PHASE_REPLY,   /* the answer is on its way to the client */
};

struct http_conn {
    int fd;
    enum http_phase phase;
    uint64_t since_ms; /* the phase began; in IDLE: the first byte of the headers was seen, 0: none
                          yet */
    uint64_t bytes;    /* BODY: received so far; REPLY: to send */
    uint64_t received_base; /* IDLE: what TCP had received before this request's headers */
    bool base_known;
    struct list link; /* private */
};

struct http_deadlines {
    /* Set by the owner, in milliseconds. */
    uint64_t header_ms; /* from a connection's start, or a later request's first byte, to the end of
                           its headers */
    uint64_t body_ms;   /* for a body, and one second more for each KiB of it */
    uint64_t reply_ms;  /* the same for an answer */

    struct list conns; /* private: the next to look at first */
};

void http_deadlines_init(struct http_deadlines *deadlines);

void http_deadlines_add(struct http_deadlines *deadlines, struct http_conn *conn, int fd,
                        uint64_t now_ms);
void http_deadlines_remove(struct http_conn *conn);

void http_conn_enter(struct http_conn *conn, enum http_phase phase, uint64_t now_ms);

/* Looks at up to `most` connections and cuts those beyond their deadline, with a 408 where one can
 * be sent. */
void http_deadlines_sweep(struct http_deadlines *deadlines, uint64_t now_ms, size_t most);
