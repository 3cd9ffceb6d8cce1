/*
 * Arguments, private Redis, workers; wait for a signal; stop in reverse order. The main thread has
 * a loop of its own, for signals and for the private Redis: it serves no request.
 */
#include "api/routes.h"
#include "core/live.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/write_marks.h"
#include "server/child_exec.h"
#include "server/config.h"
#include "server/embedded_redis.h"
#include "server/http.h"
#include "server/listener.h"
#include "server/worker.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

enum {
    EXIT_USAGE = 2,
    SETTLE_POLL_MS = 5,
    SETTLE_MS = 5000, /* so long the greeting waits for Redis */
    REDIS_STOP_MS = 10000,
    WINDOW_BYTES = 16 * 1024 * 1024,
    REPLY_BYTES = 256 * 1024 * 1024,
    BODIES_BYTES = 64 * 1024 * 1024,
    REDIS_CHECK_MS = 5000,
    SPARE_CONNECTIONS = 128,
    SPARE_FDS = 64,
};

struct process {
    struct config config;
    struct worker_options options;
    uv_loop_t loop;
    uv_signal_t terminate, interrupt;
    uv_timer_t settle;
    uint64_t settle_until_ms;
    uint16_t port;
    int listen_fd;
    atomic_uint connections; /* open, of all workers */
    struct write_marks *marks;
    struct live_shared live;
    struct worker **workers;
    struct embedded_redis *redis;
    bool stopping;
};

/* ---- before anything runs ---- */

static int print_routes(void)
{
    for (size_t i = 0; i < n_routes; i++)
        printf("%s\t%s\t%s\t%u\n", http_method_name(routes[i].method), routes[i].path, routes[i].id,
               routes[i].ok);
    return EXIT_SUCCESS;
}

static int print(void (*write)(struct buf *out))
{
    struct buf text = { 0 };

    write(&text);
    fwrite(text.data, 1, text.len, stdout);
    buf_finish(&text);
    return EXIT_SUCCESS;
}

/* What the command line asks for besides serving. */
static int run_action(enum config_action action, struct buf *message)
{
    switch (action) {
    case CONFIG_HELP:
        return print(config_write_help);
    case CONFIG_HELP_MARKDOWN:
        return print(config_write_markdown);
    case CONFIG_VERSION:
        puts("jobbad " JOBBAD_VERSION);
        return EXIT_SUCCESS;
    case CONFIG_ROUTES:
        return print_routes();
    case CONFIG_RUN:
    case CONFIG_FAILED:
        break;
    }
    fprintf(stderr, "jobbad: %s\n", buf_cstr(message));
    return EXIT_USAGE;
}

static void prepare_process(const struct config *config)
{
    signal(SIGPIPE, SIG_IGN);
    log_init((enum log_level)config->log_level, (enum log_format)config->log_format);
    http_init();
    api_init();
}

static void log_warning(struct buf *message)
{
    if (message->len)
        log_event(LOG_WARN, "settings", LOG_S("message", buf_cstr(message)));
    buf_clear(message);
}

/* As many descriptors as the settings may need; where the system gives less, fewer connections. */
static void fit_descriptors(struct config *config)
{
    uint64_t others =
        config->threads * (config->redis_fast_connections + config->redis_scan_connections + 10) +
        SPARE_FDS;
    uint64_t wanted = config->max_connections + 2 * SPARE_CONNECTIONS + others;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= wanted)
        return;
    others = wanted - config->max_connections;
    config->max_connections = limit.rlim_cur > others ? limit.rlim_cur - others : 1;
    log_event(LOG_WARN, "descriptor_limit", LOG_I("limit", limit.rlim_cur),
              LOG_I("max_connections", config->max_connections));
}

/* The seed: ids that clients choose must not be chosen to collide. */
static struct write_marks *make_marks(void)
{
    struct write_marks *marks = mem_zalloc(sizeof *marks);

    if (getrandom(&marks->seed, sizeof marks->seed, 0) < 0)
        marks->seed = uv_hrtime() ^ (uint64_t)(uintptr_t)marks;
    return marks;
}

static void fill_options(struct process *process, int listen_fd)
{
    const struct config *config = &process->config;
    struct buf prefix = { 0 };
    size_t prefix_len;

    buf_printf(&prefix, "%s:", config->namespace);
    process->options = (struct worker_options){
        .http = {
            .listen_fd = listen_fd,
            .connections = &process->connections,
            .max_connections = (unsigned)config->max_connections,
            .spare_connections = SPARE_CONNECTIONS,
            .body_limit = config->body_limit,
            .bodies_limit = BODIES_BYTES,
            .request_ms = config->request_timeout,
            .query_ms = config->query_timeout,
            .header_ms = config->header_timeout,
            .body_ms = config->body_timeout,
            .reply_ms = config->reply_timeout,
            .idle_ms = config->idle_timeout,
            .access_log = config->access_log,
        },
        .redis = {
            .address = process->redis ? *embedded_redis_address(process->redis) : config->redis_address,
            .lane_size = { [REDIS_LANE_FAST] = (unsigned)config->redis_fast_connections,
                           [REDIS_LANE_SCAN] = (unsigned)config->redis_scan_connections },
            .window = (unsigned)config->redis_window,
            .window_bytes = WINDOW_BYTES,
            .max_waiting = (unsigned)config->redis_window,
            .max_reply_bytes = REPLY_BYTES,
            .connect_timeout_ms = (unsigned)config->redis_connect_timeout,
            .command_timeout_ms = (unsigned)config->redis_timeout,
            .check_ms = REDIS_CHECK_MS,
        },
        .errors_max = config->errors_limit,
        .key_lifetime_ms = config->idempotency_ttl,
        .refusal_lifetime_ms = 2 * config->request_timeout, /* no try lives longer than once */
        .loopback = config->listen_is_loopback,
        .allowed_hosts = (const char *const *)config->allowed_hosts,
        .allowed_origins = (const char *const *)config->allowed_origins,
        .drain_ms = config->drain_timeout,
        .near_cache_bytes = config->near_cache_mb * 1024 * 1024 / config->threads,
        .marks = process->marks,
        .live = &process->live,
        .max_watchers = (unsigned)config->max_watchers,
        .max_wait_ms = config->max_wait,
        .heartbeat_ms = config->heartbeat,
        .events_per_second = (unsigned)config->events_per_second,
        .event_log_entries = config->event_log_entries,
        .event_log_ms = config->event_log_age,
    };
    process->options.prefix.at = buf_take(&prefix, &prefix_len);
    process->options.prefix.len = prefix_len;
}

/* ---- running ---- */

static void print_greeting(const struct process *process)
{
    const char *host = process->config.listen_host;
    const char *open = strchr(host, ':') ? "[" : "", *close = *open ? "]" : "";

    printf("jobbad listens on http://%s%s%s:%u\n", open, host, close, process->port);
    printf("try: curl -d '{\"job_name\":\"hello\"}' http://%s%s%s:%u/statuses\n", open, host, close,
           process->port);
    fflush(stdout);
}

static bool all_ready(const struct process *process)
{
    for (uint64_t i = 0; i < process->config.threads; i++)
        if (!worker_was_ready(process->workers[i]))
            return false;
    return true;
}

/* Who reads the greeting may send a request at once: so it waits for a private Redis, which is just
 * starting. */
static void settle(uv_timer_t *timer)
{
    struct process *process = timer->data;

    if (process->redis && !all_ready(process) && uv_now(&process->loop) < process->settle_until_ms)
        return;
    uv_timer_stop(timer);
    print_greeting(process);
}

static bool start_workers(struct process *process)
{
    process->workers = mem_zalloc(process->config.threads * sizeof *process->workers);
    for (uint64_t i = 0; i < process->config.threads; i++) {
        process->workers[i] = worker_start(&process->options);
        if (!process->workers[i])
            return false;
    }
    return true;
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void redis_stopped(void *arg)
{
    struct process *process = arg;
    uv_walk(&process->loop, close_handle, NULL);
}

/* In a thread of libuv's pool, as joining blocks; the loop goes on for the private Redis. */
static void join_workers(uv_work_t *work)
{
    struct process *process = work->data;

    for (uint64_t i = 0; i < process->config.threads; i++)
        worker_join(process->workers[i]);
}

static void workers_joined(uv_work_t *work, int status)
{
    struct process *process = work->data;

    (void)status;
    free(work);
    if (process->redis)
        embedded_redis_stop(process->redis, REDIS_STOP_MS, redis_stopped, process);
    else
        redis_stopped(process);
}

static void signalled(uv_signal_t *handle, int number)
{
    struct process *process = handle->data;
    uv_work_t *work;

    log_event(LOG_INFO, process->stopping ? "killed" : "draining", LOG_I("signal", number));
    if (process->stopping)
        _exit(EXIT_FAILURE); /* the private Redis dies with us, and has everything on disk */
    process->stopping = true;
    uv_timer_stop(&process->settle);
    close(process->listen_fd); /* as the workers close theirs: who connects now is refused */
    for (uint64_t i = 0; i < process->config.threads; i++)
        worker_drain(process->workers[i]);
    work = mem_zalloc(sizeof *work);
    work->data = process;
    uv_queue_work(&process->loop, work, join_workers, workers_joined);
}

static void start_handles(struct process *process)
{
    uv_signal_init(&process->loop, &process->terminate);
    uv_signal_init(&process->loop, &process->interrupt);
    uv_timer_init(&process->loop, &process->settle);
    process->terminate.data = process->interrupt.data = process->settle.data = process;
    uv_signal_start(&process->terminate, signalled, SIGTERM);
    uv_signal_start(&process->interrupt, signalled, SIGINT);
    process->settle_until_ms = uv_now(&process->loop) + SETTLE_MS;
    uv_timer_start(&process->settle, settle, 0, SETTLE_POLL_MS);
}

static void log_start(const struct process *process)
{
    struct buf redis = { 0 };

    config_write_redis(&redis, &process->config);
    log_event(LOG_INFO, "started", LOG_S("version", JOBBAD_VERSION), LOG_I("port", process->port),
              LOG_I("threads", process->config.threads), LOG_S("redis", buf_cstr(&redis)));
    buf_finish(&redis);
}

static int serve(struct process *process, struct buf *message)
{
    int listen_fd;

    uv_loop_init(&process->loop);
    listen_fd = listener_open(process->config.listen_host, process->config.listen_port,
                              &process->port, message);
    if (listen_fd < 0)
        return EXIT_FAILURE;
    if (process->config.embedded) {
        process->redis = embedded_redis_start(&process->loop, &process->config, message);
        if (!process->redis)
            return EXIT_FAILURE;
    }
    fit_descriptors(&process->config);
    process->marks = make_marks();
    fill_options(process, listen_fd);
    log_start(process);
    process->listen_fd = listen_fd;
    start_handles(process);
    if (!start_workers(process))
        return EXIT_FAILURE;

    uv_run(&process->loop, UV_RUN_DEFAULT);
    uv_loop_close(&process->loop);
    free(process->workers);
    free(process->marks);
    free((char *)(uintptr_t)process->options.prefix.at);
    log_event(LOG_INFO, "stopped", LOG_I("pid", getpid()));
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct process process = { 0 };
    struct buf message = { 0 };
    enum config_action action;
    int code;

    child_exec_if_asked(argc, argv);
    action = config_load(argc, argv, environ, &process.config, &message);
    if (action == CONFIG_RUN) {
        prepare_process(&process.config);
        log_warning(&message);
        code = serve(&process, &message);
        if (message.len)
            fprintf(stderr, "jobbad: %s\n", buf_cstr(&message));
        config_finish(&process.config);
    } else {
        code = run_action(action, &message);
    }
    buf_finish(&message);
    return code;
}
