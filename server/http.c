#include "server/http.h"

#include "core/log.h"
#include "core/mem.h"
#include "server/http_exchange.h"
#include "server/http_raw.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECTION_POOL_BYTES =
        16 * 1024, /* headers up to 16 KiB; it is also what an idle connection costs */
    SWEEP_MS = 250,
    SWEEP_CONNECTIONS = 1000, /* in one sweep: ten thousand are looked at in 2.5 s */
    RUNS_PER_TURN = 8,        /* then Redis gets its turn */
    EXIT_BUG = 70,
    DRAIN_IDLE_S = 1, /* how long an idle connection may still bring a request while we drain */
};

/* ---- connections ---- */

static void connection_opened(struct http *http, struct MHD_Connection *mhd, void **socket_context)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct http_connection *connection = mem_zalloc(sizeof *connection);
    unsigned open_now;

    open_now = atomic_fetch_add(http->options->connections, 1) + 1;
    connection->mhd = mhd;
    connection->is_surplus = open_now > http->options->max_connections;
    http_deadlines_add(&http->deadlines, &connection->conn, info->connect_fd, uv_now(http->loop));
    http->connections++;
    *socket_context = connection;
    if (open_now > http->options->max_connections + http->options->spare_connections)
        http_raw_refuse(info->connect_fd, PROBLEM_UNAVAILABLE);
}

static void connection_closed(struct http *http, void **socket_context)
{
    struct http_connection *connection = *socket_context;

    http_deadlines_remove(&connection->conn);
    http->connections--;
    atomic_fetch_sub(http->options->connections, 1);
    free(connection);
    *socket_context = NULL;
}

static void notify_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                              enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        connection_opened(cls, mhd, socket_context);
    else
        connection_closed(cls, socket_context);
}

/* ---- the library ---- */

static void log_library(void *cls, const char *format, va_list args)
{
    char message[512];

    (void)cls;
    if (!log_enabled(LOG_DEBUG))
        return;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    vsnprintf(message, sizeof message, format, args); /* the library's own format */
#pragma GCC diagnostic pop
    message[strcspn(message, "\r\n")] = '\0';
    log_event(LOG_DEBUG, "microhttpd", LOG_S("message", message));
}

static struct MHD_Daemon *start_library(struct http *http, int listen_fd)
{
    /* Its wake-up descriptor, which MHD_ALLOW_SUSPEND_RESUME includes, would cost a write per
     * resume and is needed only by resumes from other threads. */
    unsigned flags =
        MHD_USE_EPOLL | MHD_USE_ERROR_LOG | (MHD_ALLOW_SUSPEND_RESUME & ~(unsigned)MHD_USE_ITC);

    return MHD_start_daemon(
        flags, 0, NULL, NULL, http_exchange_run, http, MHD_OPTION_EXTERNAL_LOGGER, log_library,
        NULL, MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_URI_LOG_CALLBACK,
        http_exchange_target, http, MHD_OPTION_NOTIFY_COMPLETED, http_exchange_completed, http,
        MHD_OPTION_NOTIFY_CONNECTION, notify_connection, http, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_POOL_BYTES, MHD_OPTION_CONNECTION_LIMIT,
        http->options->max_connections + 2 * http->options->spare_connections,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)((http->options->idle_ms + 999) / 1000),
        MHD_OPTION_STRICT_FOR_CLIENT, 0, MHD_OPTION_END);
}

static bool has_more(struct http *http)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms;

    return MHD_get_timeout(http->daemon, &timeout_ms) == MHD_YES && timeout_ms == 0;
}

static void again_run(uv_idle_t *idle)
{
    struct http *http = idle->data;
    http->due = true;
}

static void check_drained(struct http *http)
{
    void (*drained)(void *arg) = http->drained;

    if (!http->draining || http->connections || !drained)
        return;
    http->drained = NULL;
    drained(http->drained_arg);
}

/*
 * Its epoll descriptor does not tell of data that it has read ahead, nor of resumed connections: so
 * it is asked after each run, and run again as long as it has something to do.
 */
void http_run(struct http *http)
{
    if (!http->due)
        return;
    for (int i = 0; i < RUNS_PER_TURN && (http->due || has_more(http)); i++) {
        http->due = false;
        MHD_run(http->daemon);
    }
    if (http->due || has_more(http))
        uv_idle_start(&http->again, again_run);
    else
        uv_idle_stop(&http->again);
    check_drained(http);
}

static void poll_ready(uv_poll_t *poll, int status, int events)
{
    struct http *http = poll->data;

    (void)status;
    (void)events;
    http->due = true;
}

static void sweep(uv_timer_t *timer)
{
    struct http *http = timer->data;

    http_deadlines_sweep(&http->deadlines, uv_now(http->loop), SWEEP_CONNECTIONS);
    http->due = true; /* for the library's own timeouts */
}

/* ---- life ---- */

/* The library found itself in a state that must not be: end, and let the supervisor start us again.
 */
static void library_panicked(void *cls, const char *file, unsigned line, const char *reason)
{
    (void)cls;
    log_event(LOG_ERROR, "microhttpd_panic", LOG_S("file", file), LOG_I("line", line),
              LOG_S("reason", reason));
    _exit(EXIT_BUG);
}

void http_init(void)
{
    MHD_set_panic_func(library_panicked, NULL);
}

struct http *http_create(uv_loop_t *loop, const struct http_options *options, const struct api *api)
{
    struct http *http = mem_zalloc(sizeof *http);
    int listen_fd =
        fcntl(options->listen_fd, F_DUPFD_CLOEXEC, 0); /* the library closes what it gets */

    http->loop = loop;
    http->options = options;
    http->api = api;
    http->deadlines.header_ms = options->header_ms;
    http->deadlines.body_ms = options->body_ms;
    http->deadlines.reply_ms = options->reply_ms;
    http_deadlines_init(&http->deadlines);
    http->done = http_exchange_make_done();
    http->daemon = listen_fd < 0 || !http->done ? NULL : start_library(http, listen_fd);
    if (!http->daemon) {
        free(http);
        return NULL;
    }

    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    uv_poll_init(loop, &http->poll, info->epoll_fd);
    uv_idle_init(loop, &http->again);
    uv_timer_init(loop, &http->sweep);
    http->poll.data = http->again.data = http->sweep.data = http;
    uv_poll_start(&http->poll, UV_READABLE, poll_ready);
    uv_timer_start(&http->sweep, sweep, SWEEP_MS, SWEEP_MS);
    http->due = true; /* the library begins to listen when it is first run */
    return http;
}

void http_drain(struct http *http, void (*drained)(void *arg), void *arg)
{
    int listen_fd = MHD_quiesce_daemon(http->daemon);

    if (listen_fd >= 0)
        close(listen_fd);
    http->draining = true;
    http->drained = drained;
    http->drained_arg = arg;
    for (struct list *node = http->deadlines.conns.next; node != &http->deadlines.conns;
         node = node->next) {
        struct http_connection *connection = container_of(node, struct http_connection, conn.link);
        MHD_set_connection_option(connection->mhd, MHD_CONNECTION_OPTION_TIMEOUT,
                                  (unsigned)DRAIN_IDLE_S);
    }
    http->due = true;
}

unsigned http_open_connections(const struct http *http)
{
    return http->connections;
}

unsigned http_working(const struct http *http)
{
    return http->working;
}

void http_unmake(void *made)
{
    http_exchange_unmake(made);
}

static void handle_closed(uv_handle_t *handle)
{
    struct http *http = handle->data;

    if (++http->handles_closed == 3)
        free(http);
}

void http_destroy(struct http *http)
{
    assert(http->working == 0); /* stopping the library with a suspended connection aborts */
    uv_poll_stop(&http->poll);
    MHD_stop_daemon(http->daemon);
    MHD_destroy_response(http->done);
    uv_close((uv_handle_t *)&http->poll, handle_closed);
    uv_close((uv_handle_t *)&http->again, handle_closed);
    uv_close((uv_handle_t *)&http->sweep, handle_closed);
}
