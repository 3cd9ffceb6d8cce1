/*
 * HTTP for one worker: a libmicrohttpd daemon driven by the worker's loop. Single-threaded:
 * everything happens on the thread of the loop.
 *
 * libmicrohttpd watches its sockets with an epoll descriptor of its own, which the loop watches in
 * turn. A request that waits for Redis suspends its connection; its answer resumes it. Both only
 * leave notes: the library runs once per loop turn, in http_run().
 */
#pragma once

#include "api/request.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* Immutable while the http runs. All times in milliseconds. */
struct http_options {
    int listen_fd;              /* borrowed: duplicated */
    atomic_uint *connections;   /* open ones, of all workers together */
    unsigned max_connections;   /* the requests of those beyond it are answered 503 */
    unsigned spare_connections; /* so many more are open, to tell them so; the rest are cut */
    size_t body_limit;          /* bytes of one body */
    size_t bodies_limit;        /* bytes of all bodies that are held at a time */
    uint64_t request_ms, query_ms, header_ms, body_ms, reply_ms, idle_ms;
    bool access_log;
};

struct http;

/* Once, before any thread starts. */
void http_init(void);

/* NULL when libmicrohttpd can't start. `api` and `options` are borrowed until http_destroy(). */
struct http *http_create(uv_loop_t *loop, const struct http_options *options,
                         const struct api *api);

/* Gives up what http has kept with an entry of the worker's near cache. */
void http_unmake(void *made);

/* Runs what is due. The worker calls it once per loop turn, before the loop sleeps. */
void http_run(struct http *http);

/*
 * Stops accepting; from now on each answer closes its connection, idle ones are closed within about
 * a second. `drained` is called when the last is gone.
 */
void http_drain(struct http *http, void (*drained)(void *arg), void *arg);

/* Connections that are open, and requests that the API has. */
unsigned http_open_connections(const struct http *http);
unsigned http_working(const struct http *http);

/* Frees everything; no request may be with the API. Closes its loop handles: run the loop once
 * more. */
void http_destroy(struct http *http);
