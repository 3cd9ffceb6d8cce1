#include "tests/lib/service.h"

#include "tests/lib/until.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { FLAGS_MAX = 40 };

/* The binary under test, from the build. */
static const char *jobbad_path(void)
{
    const char *path = getenv("JOBBAD");
    return path ? path : "jobbad";
}

void service_make_dir(struct service *service)
{
    snprintf(service->dir, sizeof service->dir, "/tmp/jobbad-test-XXXXXX");
    assert_non_null(mkdtemp(service->dir));
    snprintf(service->redis_path, sizeof service->redis_path, "%s/r", service->dir);
    snprintf(service->err_path, sizeof service->err_path, "%s/log", service->dir);
}

static unsigned append(const char **argv, unsigned n, const char *const *flags)
{
    while (flags && *flags && n < FLAGS_MAX)
        argv[n++] = *flags++;
    argv[n] = NULL;
    return n;
}

void service_connect_store(struct service *service)
{
    if (service->store)
        redisFree(service->store);
    service->store = NULL;
    for (uint64_t end = now_ms() + PATIENCE_MS; now_ms() < end; pause_ms(5)) {
        service->store = redisConnectUnix(service->redis_path);
        if (service->store && !service->store->err) {
            redisReply *reply = redisCommand(service->store, "PING");
            bool up = reply && reply->type == REDIS_REPLY_STATUS;
            freeReplyObject(reply);
            if (up)
                return;
        }
        redisFree(service->store);
        service->store = NULL;
    }
    fail_msg("redis-server does not answer");
}

void service_start_redis(struct service *service, const char *const *flags)
{
    const char *argv[FLAGS_MAX + 20] = { "redis-server",
                                         "--port",
                                         "0",
                                         "--unixsocket",
                                         service->redis_path,
                                         "--dir",
                                         service->dir,
                                         "--save",
                                         "",
                                         "--loglevel",
                                         "warning",
                                         "--enable-debug-command",
                                         "yes",
                                         "--logfile",
                                         "redis.log" };

    append(argv, 15, flags);
    process_start(&service->redis, argv, NULL);
}

bool service_start_jobbad_alone(struct service *service, const char *const *flags)
{
    const char *argv[FLAGS_MAX + 4] = { jobbad_path(), "--listen", "127.0.0.1:0" };
    char line[256], *url;

    append(argv, 3, flags);
    process_start(&service->jobbad, argv, service->err_path);
    if (!process_read_line(&service->jobbad, line, sizeof line, PATIENCE_MS))
        return false;
    url = strrchr(line, ' ');
    assert_non_null(url);
    snprintf(service->url, sizeof service->url, "%s", url + 1);
    service->port = (unsigned short)atoi(strrchr(url, ':') + 1);
    client_destroy(service->client);
    service->client = client_create(service->url);
    return true;
}

void service_start_jobbad(struct service *service, const char *const *flags)
{
    const char *argv[FLAGS_MAX + 4] = { "--threads", "2", "--redis" };
    char redis[128];

    snprintf(redis, sizeof redis, "unix://%s", service->redis_path);
    argv[3] = redis;
    append(argv, 4, flags);
    assert_true(service_start_jobbad_alone(service, argv));
}

void service_start(struct service *service, const char *const *flags)
{
    *service = (struct service){ .redis.out = -1, .jobbad.out = -1 };
    service_make_dir(service);
    service_start_redis(service, NULL);
    service_connect_store(service);
    service_start_jobbad(service, flags);
}

void service_start_without_tracking(struct service *service)
{
    char redis[160];

    *service = (struct service){ .redis.out = -1, .jobbad.out = -1 };
    service_make_dir(service);
    service_start_redis(service, NULL);
    service_connect_store(service);
    store(service, "ACL SETUSER limited on >secret ~* resetchannels +@all -client|tracking");
    snprintf(redis, sizeof redis, "unix://limited:secret@%s", service->redis_path);
    assert_true(service_start_jobbad_alone(
        service, (const char *const[]){ "--redis", redis, "--threads", "1", NULL }));
}

static void remove_dir(const char *dir)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    if (system(command) != 0)
        fprintf(stderr, "can't remove %s\n", dir);
}

void service_stop(struct service *service)
{
    client_destroy(service->client);
    process_stop(&service->jobbad);
    if (service->store)
        redisFree(service->store);
    process_stop(&service->redis);
    remove_dir(service->dir);
    *service = (struct service){ .redis.out = -1, .jobbad.out = -1 };
}

int service_setup(void **state)
{
    static struct service service;

    service_start(&service, NULL);
    *state = &service;
    return 0;
}

int service_teardown(void **state)
{
    service_stop(*state);
    return 0;
}

const struct answer *ask(struct service *service, const char *method, const char *path,
                         const char *body)
{
    return client_ask(service->client, method, path, body, NULL);
}

/* ---- looking at Redis ---- */

static void print_reply(FILE *out, const redisReply *reply)
{
    switch (reply->type) {
    case REDIS_REPLY_INTEGER:
        fprintf(out, "%lld", reply->integer);
        break;
    case REDIS_REPLY_NIL:
        fputs("(nil)", out);
        break;
    case REDIS_REPLY_ARRAY:
        for (size_t i = 0; i < reply->elements; i++) {
            if (i)
                fputc(' ', out);
            print_reply(out, reply->element[i]);
        }
        break;
    default:
        fwrite(reply->str, 1, (size_t)reply->len, out);
    }
}

const char *store(struct service *service, const char *format, ...)
{
    static _Thread_local char text[65536];
    va_list args;
    redisReply *reply;
    FILE *out;

    va_start(args, format);
    reply = redisvCommand(service->store, format, args);
    va_end(args);
    if (!reply)
        fail_msg("Redis: %s", service->store->errstr);
    out = fmemopen(text, sizeof text, "w");
    print_reply(out, reply);
    fputc('\0', out);
    fclose(out);
    freeReplyObject(reply);
    return text;
}

void service_flush(struct service *service)
{
    store(service, "FLUSHALL");
}

char *store_dump(struct service *service)
{
    static const char script[] =
        "local out = {} local keys = redis.call('KEYS', '*') table.sort(keys) "
        "for _, key in ipairs(keys) do local kind = redis.call('TYPE', key).ok local value = {} "
        "if kind == 'hash' then value = redis.call('HGETALL', key) "
        "local pairs_ = {} for i = 1, #value, 2 do pairs_[#pairs_ + 1] = value[i] .. '=' .. "
        "value[i + 1] end value = pairs_ table.sort(value) "
        "elseif kind == 'set' then value = redis.call('SMEMBERS', key) table.sort(value) "
        "elseif kind == 'zset' then value = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES') "
        "else value = {redis.call('GET', key)} end "
        "out[#out + 1] = key .. ': ' .. table.concat(value, ' ') end return table.concat(out, "
        "'\\n')";

    return strdup(store(service, "EVAL %s 0", script));
}

char *service_log(struct service *service)
{
    FILE *file = fopen(service->err_path, "r");
    char *text = calloc(1, 1 << 20);

    if (file) {
        size_t n = fread(text, 1, (1 << 20) - 1, file);
        text[n] = '\0';
        fclose(file);
    }
    return text;
}

bool service_log_has(struct service *service, const char *text)
{
    char *log = service_log(service);
    bool found = strstr(log, text) != NULL;

    free(log);
    return found;
}
