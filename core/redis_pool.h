/*
 * The Redis connections of one worker: a fast lane for commands on single statuses and a scan lane
 * for queries and bulk work, so that a big query never stands in front of a progress report. Single
 * threaded: everything happens on the thread of `loop`. See redis_call.h for the contract of a
 * call.
 *
 * A call goes to the first ready connection of its lane that has room. None ready but one on its
 * way (just lost, or just started): the call waits, bounded in number and by its deadline. All
 * known to be down (the last attempt failed): submit refuses at once. All full: refused at once.
 */
#pragma once

#include "core/err.h"
#include "core/redis_call.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum redis_lane { REDIS_LANE_FAST, REDIS_LANE_SCAN, REDIS_LANE_COUNT };

/* Where Redis is. Exactly one of `path` and `host` is set. */
struct redis_address {
    char *path; /* Unix socket */
    char *host; /* name or address; IPv6 without brackets */
    uint16_t port;
    char *user; /* NULL: the default user */
    char *password;
    unsigned db;
};

/*
 * Parses redis://[user[:password]@]host[:port][/db] (host may be [v6]; "redis://:pw@host" has a
 * password only) and unix:///path[?db=N] or unix://[user[:password]@]/path[?db=N]; user and
 * password may be percent-encoded. On failure returns false and a static message that names what is
 * wrong (rediss:// is refused with one of its own: no TLS), never the password. On success the
 * caller owns *ret: redis_address_finish().
 */
bool redis_address_parse(const char *url, struct redis_address *ret,
                         const char **ret_message) MUST_CHECK;
void redis_address_finish(struct redis_address *address);

/* Immutable while any pool uses it. All times in milliseconds. */
struct redis_options {
    struct redis_address address;
    unsigned lane_size[REDIS_LANE_COUNT];
    unsigned window;     /* most calls in flight on a connection */
    size_t window_bytes; /* most bytes formatted and not yet taken by the kernel, each connection */
    unsigned max_waiting;        /* most calls waiting for a connection, each lane */
    size_t max_reply_bytes;      /* a longer reply is a protocol error */
    unsigned connect_timeout_ms; /* DNS, connect and handshake together */
    unsigned command_timeout_ms; /* the oldest call unanswered for this long: the connection is
                                    dropped */
    unsigned check_ms;    /* each connection is asked this often whether it is still a master's */
    bool without_scripts; /* no script will run on these connections: they need not be loaded */
};

/* Why the pool can't serve, for people and for /health/ready. */
enum redis_health {
    REDIS_HEALTH_READY,
    REDIS_HEALTH_CONNECTING,   /* nothing known yet */
    REDIS_HEALTH_UNREACHABLE,  /* refused, no route, no such name, timed out */
    REDIS_HEALTH_LOADING,      /* reading its data from disk */
    REDIS_HEALTH_UNAUTHORIZED, /* NOAUTH, WRONGPASS, NOPERM */
    REDIS_HEALTH_NOT_MASTER,   /* ROLE says replica, or READONLY */
    REDIS_HEALTH_PROTOCOL,     /* answers that are not RESP, or not what was asked */
    REDIS_HEALTH_COUNT
};

const char *redis_health_name(enum redis_health health); /* "ready", "connecting", ... */

struct redis_pool;

/* Starts connecting. `options` is borrowed until the pool is closed. Never NULL. */
struct redis_pool *redis_pool_create(uv_loop_t *loop, const struct redis_options *options);

/* The clock of deadlines: that of uv_now(). */
uint64_t redis_pool_now(const struct redis_pool *pool);

/* ERR_NONE, or ERR_UNAVAILABLE (known down, full, closing, deadline past) and no callback. */
enum err redis_pool_submit(struct redis_pool *pool, enum redis_lane lane,
                           struct redis_call *call) MUST_CHECK;

/*
 * Writes what has been submitted since the last flush, one write per connection. The worker calls
 * it once per loop turn, after HTTP has run and before the loop sleeps.
 */
void redis_pool_flush(struct redis_pool *pool);

/* Ready when the fast lane has a ready connection. */
enum redis_health redis_pool_health(const struct redis_pool *pool);

/*
 * Ends all calls (done with ERR_UNAVAILABLE or ERR_OUTCOME_UNKNOWN), closes all handles, then calls
 * `closed`. From now on submits are refused, until nobody can submit any more:
 * redis_pool_destroy().
 */
void redis_pool_close(struct redis_pool *pool, void (*closed)(void *arg), void *arg);

/* Of a pool that has called `closed`. */
void redis_pool_destroy(struct redis_pool *pool);

/* Counters of this pool since its start. */
struct redis_pool_stats {
    uint64_t calls, writes, connects, connect_failures, drops, deadline_misses, retries, refused;
    unsigned ready[REDIS_LANE_COUNT];
    unsigned in_flight, waiting;
};
void redis_pool_get_stats(const struct redis_pool *pool, struct redis_pool_stats *ret);
