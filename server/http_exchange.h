/*
 * One request and its answer. Internal to http.c and http_exchange.c.
 *
 *   HEADERS --guard, api_begin()--> BODY --complete--> WORKING --answered--> ANSWERED --> SENDING
 *      |                             |                    ^                                  |
 *      |                             |                    +--a body in parts: more()---------+
 *      +--refused, with a body------>+--too large----> DISCARD --complete--> ANSWERED
 *      +--refused, bad framing: answered at once, which makes the library close the connection
 */
#pragma once

#include "api/request.h"
#include "core/list.h"
#include "server/http.h"
#include "server/http_deadlines.h"
#include "server/http_guard.h"

#include <microhttpd.h>

struct http {
    uv_loop_t *loop;
    const struct http_options *options;
    const struct api *api;
    struct MHD_Daemon *daemon;
    struct MHD_Response *done; /* what most reports are answered with: made once, sent often */
    struct http_deadlines deadlines;
    uv_poll_t poll;
    uv_idle_t again; /* running while the library has more to do at once */
    uv_timer_t sweep;
    bool due; /* http_run() has something to do */
    bool draining;
    void (*drained)(void *arg);
    void *drained_arg;
    unsigned connections, working;
    size_t bodies; /* bytes of bodies held */
    unsigned handles_closed;
};

struct http_connection {
    struct http_conn conn;
    struct MHD_Connection *mhd;
    bool is_surplus; /* one too many when it was opened: its requests are refused */
};

enum exchange_state {
    EXCHANGE_HEADERS,
    EXCHANGE_BODY,
    EXCHANGE_DISCARD,
    EXCHANGE_WORKING,
    EXCHANGE_ANSWERED,
    EXCHANGE_SENDING,
};

struct http_exchange {
    struct api_request request;
    struct http *http;
    struct MHD_Connection *mhd;
    struct http_connection *connection;
    enum exchange_state state;
    bool suspended;
    bool close; /* the connection, behind the answer */
    struct http_guard guard;
    struct buf body;
    enum problem refusal; /* why a body is discarded */
    uint64_t discarded;
    uint64_t started_ns;
    size_t answer_bytes;
    size_t part_sent; /* of the answer's body, if it comes in parts */
    char *scratch;    /* twice the size of `target`, which follows */
    char target[];
};

/* http->done: 204 to `Prefer: return=minimal`. NULL: no memory. */
struct MHD_Response *http_exchange_make_done(void);

/* Of a near cache: gives up the response that was kept with a status. */
void http_exchange_unmake(void *response);

/* The library's callbacks (microhttpd.h): `cls` is the struct http. */
void *http_exchange_target(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result http_exchange_run(void *cls, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **con_cls);
void http_exchange_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
                             enum MHD_RequestTerminationCode code);
