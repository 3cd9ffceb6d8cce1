/*
 * One connection to Redis, on a libuv stream. Internal to the Redis client: the pool owns
 * connections, hears from them through struct redis_conn_owner, and decides what becomes of a call
 * that was not answered.
 *
 *        connect()       address known     connected        all answered       READONLY, NOAUTH
 *   DOWN -------> RESOLVING ----> CONNECTING ----> HANDSHAKE -------> READY ---------> RETIRING
 *    ^                |               |               |                 |                  |
 *    |                +---------------+---------------+-----------------+------------------+
 *    |                                                     |  any fault, drop();
 *    +---- handles closed ---- CLOSING <-------------------+  RETIRING also: nothing in flight
 *
 * RETIRING takes no new calls, but hears what Redis says to those it has: dropping it at once would
 * make their outcome unknown.
 *
 * Handshake: AUTH, SELECT, CLIENT SETNAME, ROLE (must be master), and where scripts are to run,
 * SCRIPT LOAD of each: one write (redis_handshake.h).
 */
#pragma once

#include "core/redis_call.h"
#include "core/redis_pool.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum redis_conn_state {
    REDIS_CONN_DOWN,
    REDIS_CONN_RESOLVING,
    REDIS_CONN_CONNECTING,
    REDIS_CONN_HANDSHAKE,
    REDIS_CONN_READY,
    REDIS_CONN_RETIRING,
    REDIS_CONN_CLOSING,
};

/* What became of a call. */
enum redis_fate {
    REDIS_FATE_ANSWERED, /* call->err says how */
    REDIS_FATE_REFUSED, /* Redis said that it did not execute it; call->err is what it ends with, in
                           the end */
    REDIS_FATE_NOT_SENT,   /* too little of it reached the kernel for Redis to execute anything */
    REDIS_FATE_UNANSWERED, /* sent, but the connection was lost */
    REDIS_FATE_OVERDUE,    /* its own deadline passed while it was queued or sent */
};

struct redis_conn;

struct redis_conn_owner {
    void (*ready)(struct redis_conn *conn);
    /* The end of a call at this connection. Never inside redis_conn_submit(). */
    void (*ended)(struct redis_conn *conn, struct redis_call *call, enum redis_fate fate);
    /* Back in state DOWN; all its calls have been ended before. */
    void (*down)(struct redis_conn *conn, bool was_ready);
    /* An error reply that is our bug or somebody else's data, for the log. */
    void (*strange)(struct redis_conn *conn, struct text error);
    /* A message that nobody asked for, at a subscriber. It may drop the connection. NULL: no
     * connection of this owner is one. */
    void (*pushed)(struct redis_conn *conn, const struct redis_reply *message);
};

/* A call in flight; `call` NULL: its replies are awaited but nobody wants them. */
struct redis_flight {
    struct redis_call *call;
    unsigned n_commands, answered;
    uint64_t start, end; /* stream offsets of its first byte and behind its last */
    uint64_t sent_ms;    /* when it was queued */
    enum redis_fate fate;
    bool with_source; /* once it is answered, send it again with the source */
    bool is_check;    /* no call, but ROLE or PING: whether Redis is there, and still a master */
};

struct redis_conn {
    /* Set by the owner, before redis_conn_init(). */
    uv_loop_t *loop;
    const struct redis_options *options;
    const struct redis_conn_owner *owner;
    char *read_buffer; /* shared by the connections of a pool: libuv fills one at a time */
    size_t read_buffer_size;
    bool is_subscriber; /* it may hear messages of Pub/Sub; then Redis takes no ROLE on it, but PING
                         */

    /* For the owner to read. */
    enum redis_conn_state state;
    enum redis_health health; /* of the last attempt */
    const char *reason;       /* the same, more precisely; static */
    uint64_t since_ms;        /* of the state READY, else of the attempt */
    uint64_t writes;

    /* For the owner to use. */
    unsigned failures; /* in a row: attempts, and connections that did not live long */
    uint64_t connect_at_ms;
    unsigned lane;

    /* Private. */
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    uv_getaddrinfo_t resolve;
    uv_connect_t connect;
    uv_write_t write;
    struct addrinfo *addresses, *next_address;
    bool handle_open, resolving, writing, was_ready;
    struct redis_reader *reader;
    struct buf out;            /* not yet handed to the kernel, but for `taken` */
    struct buf taken;          /* being written by uv_write() */
    uint64_t offset;           /* stream offset of the end of `out` */
    uint64_t handed;           /* stream offset of the end of what libuv or the kernel has */
    struct redis_flight *ring; /* options->window entries */
    unsigned head, n_flights;
    unsigned step;       /* of the handshake */
    uint64_t checked_ms; /* when ROLE was last asked */
};

void redis_conn_init(struct redis_conn *conn);
/* In state DOWN only. */
void redis_conn_finish(struct redis_conn *conn);

/* In state DOWN. The attempt ends in ready() or down(), which may come from inside. */
void redis_conn_connect(struct redis_conn *conn);

/* Whether a call may be submitted. */
bool redis_conn_has_room(const struct redis_conn *conn);

/* The call's commands are formatted and leave with the next flush. */
void redis_conn_submit(struct redis_conn *conn, struct redis_call *call);
void redis_conn_flush(struct redis_conn *conn);

/* Its descriptor; -1 while it is not open. */
int redis_conn_fd(const struct redis_conn *conn);

/*
 * Takes what has arrived by now, without waiting for the loop to say so. Everything that the owner
 * hears from the connection may come from inside.
 */
void redis_conn_drain(struct redis_conn *conn);

/* Deadlines of calls and of the connection, and the check. */
void redis_conn_tick(struct redis_conn *conn, uint64_t now_ms);

/* From any state; ends all its calls, and ends in down(), now or later. In DOWN or CLOSING nothing
 * happens. */
void redis_conn_drop(struct redis_conn *conn, enum redis_health health, const char *reason);
