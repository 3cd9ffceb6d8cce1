/*
 *            started                ended: backoff
 *   (start) ---------> RUNNING ------------------> WAITING --timer--> RUNNING
 *                         |  stop                     |  stop
 *                         +------> STOPPING --ended---+----> closed, stopped()
 */
#include "server/embedded_redis.h"

#include "core/log.h"
#include "core/mem.h"
#include "server/child_exec.h"
#include "server/data_dir.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    LOCK_WAIT_MS = 5000, /* for an orphan of a killed run to end */
    BACKOFF_FIRST_MS = 100,
    BACKOFF_MOST_MS = 5000,
    LONG_LIFE_MS = 10000, /* a child that lived so long starts the backoff anew */
    STARTING_MS = 2000,
    PASSWORD_BYTES = 24,
    LINE_MAX_BYTES = 1024,
};

struct embedded_redis {
    uv_loop_t *loop;
    const struct config *config;
    struct redis_address address;
    int lock_fd;
    uv_process_t process;
    uv_pipe_t output; /* the child's stdout */
    uv_timer_t timer; /* the next start, or the end of patience */
    bool running, output_open, stopping;
    unsigned failures;
    uint64_t started_ms;
    char line[LINE_MAX_BYTES]; /* of its output */
    size_t line_len;
    char last[LINE_MAX_BYTES]; /* what it last complained about */
    void (*stopped)(void *arg);
    void *stopped_arg;
};

/* ---- its configuration ---- */

static void make_password(char ret[2 * PASSWORD_BYTES + 1])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[PASSWORD_BYTES];

    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        abort();
    for (size_t i = 0; i < sizeof bytes; i++) {
        ret[2 * i] = digits[bytes[i] >> 4];
        ret[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret[2 * PASSWORD_BYTES] = '\0';
}

/* As redis.conf quotes. */
static void add_quoted(struct buf *out, const char *text)
{
    buf_add_char(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buf_add_char(out, '\\');
        buf_add_char(out, *text);
    }
    buf_add_str(out, "\"\n");
}

static bool write_redis_conf(const struct embedded_redis *redis, struct buf *message)
{
    struct buf conf = { 0 };
    bool ok;

    buf_add_str(&conf, "# Written by jobbad at each start; changes are lost.\n"
                       "port 0\n"
                       "unixsocketperm 700\n"
                       "daemonize no\n"
                       "loglevel notice\n"
                       "always-show-logo no\n"
                       "databases 1\n"
                       "save \"\"\n"
                       "appendonly yes\n"
                       "appendfsync always\n"
                       "maxmemory-policy noeviction\n"
                       "enable-debug-command no\n"
                       "enable-module-command no\n"
                       "enable-protected-configs no\n"
                       "timeout 0\n");
    buf_add_str(&conf, "dir ");
    add_quoted(&conf, redis->config->data_dir);
    buf_add_str(&conf, "unixsocket ");
    add_quoted(&conf, redis->address.path);
    buf_printf(&conf, "requirepass %s\n", redis->address.password);
    ok = data_dir_write(redis->config->data_dir, "redis.conf", buf_text(&conf), message);
    explicit_bzero(conf.data, conf.len);
    buf_finish(&conf);
    return ok;
}

static bool make_address(struct embedded_redis *redis, struct buf *message)
{
    char password[2 * PASSWORD_BYTES + 1];
    struct buf path = { 0 };

    buf_printf(&path, "%s/redis.sock", redis->config->data_dir);
    if (path.len >= sizeof((struct sockaddr_un *)NULL)->sun_path) {
        buf_printf(message,
                   "data_dir %s: its path is too long for a socket in it (at most 96 bytes)",
                   redis->config->data_dir);
        buf_finish(&path);
        return false;
    }
    make_password(password);
    redis->address.path = mem_strdup(buf_cstr(&path));
    redis->address.password = mem_strdup(password);
    explicit_bzero(password, sizeof password);
    buf_finish(&path);
    return true;
}

/* ---- its output ---- */

/*
 * "1234:M 24 Nov 2026 03:39:56.123 # text": '#' marks what matters. While it starts it marks much
 * that doesn't; that is told only if the start fails.
 */
static void log_line(struct embedded_redis *redis)
{
    bool starting = uv_now(redis->loop) - redis->started_ms < STARTING_MS;
    char *line = redis->line, *mark;
    bool matters;

    line[redis->line_len] = '\0';
    redis->line_len = 0;
    mark = strpbrk(line, "#*");
    if (mark && *mark == '#' && !strstr(mark, "WARNING"))
        snprintf(redis->last, sizeof redis->last, "%s", mark + strspn(mark, "# "));
    matters = mark && *mark == '#' && !redis->stopping && (!starting || strstr(mark, "WARNING"));
    if (*line)
        log_event(matters ? LOG_WARN : LOG_DEBUG, "embedded_redis",
                  LOG_S("message", mark ? mark + strspn(mark, "#* ") : line));
}

static void take_output(struct embedded_redis *redis, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\n' || redis->line_len == sizeof redis->line - 1)
            log_line(redis);
        if (bytes[i] != '\n' && bytes[i] != '\r')
            redis->line[redis->line_len++] = bytes[i];
    }
}

static void alloc_output(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    (void)handle;
    *ret = uv_buf_init(mem_alloc(suggested), (unsigned)suggested);
}

static void ended(struct embedded_redis *redis);

static void output_closed(uv_handle_t *handle)
{
    struct embedded_redis *redis = handle->data;

    redis->output_open = false;
    ended(redis);
}

static void output_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
    if (n > 0)
        take_output(stream->data, bytes->base, (size_t)n);
    else if (n < 0 && !uv_is_closing((uv_handle_t *)stream))
        uv_close((uv_handle_t *)stream, output_closed);
    free(bytes->base);
}

/* ---- its life ---- */

static void start(struct embedded_redis *redis);

static void start_again(uv_timer_t *timer)
{
    start(timer->data);
}

static void finish(uv_handle_t *handle)
{
    struct embedded_redis *redis = handle->data;
    void (*stopped)(void *arg) = redis->stopped;
    void *arg = redis->stopped_arg;

    unlink(redis->address.path);
    close(redis->lock_fd);
    redis_address_finish(&redis->address);
    free(redis);
    stopped(arg);
}

/* The child is gone, and all that it said has been read. */
static void ended(struct embedded_redis *redis)
{
    uint64_t delay_ms = 0;

    if (redis->running || redis->output_open)
        return;
    if (redis->stopping) {
        uv_close((uv_handle_t *)&redis->timer, finish);
        return;
    }
    if (uv_now(redis->loop) - redis->started_ms > LONG_LIFE_MS)
        redis->failures = 0;
    if (redis->failures) /* the first time at once: it may have been killed by mistake */
        delay_ms = (uint64_t)BACKOFF_FIRST_MS << (redis->failures < 7 ? redis->failures - 1 : 6);
    redis->failures++;
    uv_timer_start(&redis->timer, start_again,
                   delay_ms < BACKOFF_MOST_MS ? delay_ms : BACKOFF_MOST_MS, 0);
}

static void process_closed(uv_handle_t *handle)
{
    struct embedded_redis *redis = handle->data;

    redis->running = false;
    ended(redis);
}

static void exited(uv_process_t *process, int64_t code, int signal)
{
    struct embedded_redis *redis = process->data;

    if (!redis->stopping)
        log_event(LOG_ERROR, "embedded_redis_ended", LOG_I("code", code), LOG_I("signal", signal),
                  LOG_S("last", redis->last));
    uv_close((uv_handle_t *)process, process_closed);
}

static int spawn(struct embedded_redis *redis)
{
    char parent[16], conf[512];
    char *args[] = { (char *)(uintptr_t) "jobbad",
                     (char *)(uintptr_t)CHILD_EXEC_MARK,
                     parent,
                     redis->config->redis_server,
                     conf,
                     NULL };
    uv_stdio_container_t stdio[4] = { { .flags = UV_IGNORE },
                                      { .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE },
                                      { .flags = UV_IGNORE },
                                      { .flags = UV_INHERIT_FD } };
    uv_process_options_t options = {
        .exit_cb = exited,
        .file = "/proc/self/exe",
        .args = args,
        .stdio = stdio,
        .stdio_count = 4,
    };

    snprintf(parent, sizeof parent, "%ld", (long)getpid());
    snprintf(conf, sizeof conf, "%s/redis.conf", redis->config->data_dir);
    uv_pipe_init(redis->loop, &redis->output, 0);
    redis->output.data = redis->process.data = redis;
    stdio[1].data.stream = (uv_stream_t *)&redis->output;
    stdio[3].data.fd = redis->lock_fd; /* it holds the lock as long as it lives */
    return uv_spawn(redis->loop, &redis->process, &options);
}

static void start(struct embedded_redis *redis)
{
    int status = spawn(redis);

    redis->started_ms = uv_now(redis->loop);
    redis->output_open = true;
    redis->line_len = 0;
    redis->running = status == 0;
    if (status == 0) {
        uv_read_start((uv_stream_t *)&redis->output, alloc_output, output_read);
        log_event(LOG_INFO, "embedded_redis_started", LOG_I("pid", redis->process.pid));
        return;
    }
    log_event(LOG_ERROR, "embedded_redis_failed", LOG_S("reason", uv_strerror(status)));
    redis->running = true; /* until its handle is closed */
    uv_close((uv_handle_t *)&redis->process, process_closed);
    uv_close((uv_handle_t *)&redis->output, output_closed);
}

static bool check_program(const struct config *config, struct buf *message)
{
    if (child_exec_finds(config->redis_server))
        return true;
    buf_printf(message,
               "redis_server %s: no such program; install redis-server, or set redis to one that "
               "runs already",
               config->redis_server);
    return false;
}

struct embedded_redis *embedded_redis_start(uv_loop_t *loop, const struct config *config,
                                            struct buf *message)
{
    struct embedded_redis *redis = mem_zalloc(sizeof *redis);

    redis->loop = loop;
    redis->config = config;
    redis->lock_fd = -1;
    if (!check_program(config, message) || !make_address(redis, message) ||
        !data_dir_open(config->data_dir, LOCK_WAIT_MS, &redis->lock_fd, message) ||
        !write_redis_conf(redis, message)) {
        if (redis->lock_fd >= 0)
            close(redis->lock_fd);
        redis_address_finish(&redis->address);
        free(redis);
        return NULL;
    }
    unlink(
        redis->address.path); /* of a killed run: nobody else can be using it, we hold the lock */
    uv_timer_init(loop, &redis->timer);
    redis->timer.data = redis;
    start(redis);
    return redis;
}

const struct redis_address *embedded_redis_address(const struct embedded_redis *redis)
{
    return &redis->address;
}

static void lose_patience(uv_timer_t *timer)
{
    struct embedded_redis *redis = timer->data;

    log_event(LOG_WARN, "embedded_redis_killed", LOG_I("pid", redis->process.pid));
    uv_process_kill(&redis->process, SIGKILL);
}

void embedded_redis_stop(struct embedded_redis *redis, unsigned timeout_ms,
                         void (*stopped)(void *arg), void *arg)
{
    assert(!redis->stopping);
    redis->stopping = true;
    redis->stopped = stopped;
    redis->stopped_arg = arg;
    uv_timer_stop(&redis->timer);
    if (redis->running && uv_is_active((uv_handle_t *)&redis->process)) {
        uv_process_kill(&redis->process, SIGTERM);
        uv_timer_start(&redis->timer, lose_patience, timeout_ms, 0);
    }
    ended(redis);
}
