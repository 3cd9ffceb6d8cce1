/*
 * Statuses served from memory: only as long as they are what Redis has. JOBBAD_SOAK=SECONDS makes
 * the last but one go on for longer.
 */
#include "tests/lib/raw.h"
#include "tests/service/service_test.h"

#include <pthread.h>
#include <stdatomic.h>

/* How often Redis has been asked for a whole status. */
static unsigned long asked(struct service *service)
{
    const char *line = strstr(store(service, "INFO commandstats"), "cmdstat_hgetall:calls=");

    return line ? strtoul(strchr(line, '=') + 1, NULL, 10) : 0;
}

/* Reads it until no worker asks Redis any more: each has its own connections to us and to Redis. */
static bool becomes_hot(struct service *service, const char *path)
{
    for (unsigned i = 0; i < 50; i++) {
        unsigned long before = asked(service);
        for (unsigned k = 0; k < 8; k++) {
            struct client *client = client_create(service->url);
            assert_int_equal(client_ask(client, "GET", path, NULL, NULL)->status, 200);
            client_destroy(client);
        }
        if (asked(service) == before)
            return true;
        pause_ms(20); /* Redis' messages may not be heard yet */
    }
    return false;
}

static void a_status_that_is_read_often_is_served_without_redis(void **state)
{
    struct service *service = *state;
    unsigned long before;

    expect(service, 201, "PUT", "/statuses/a", "{\"job_name\":\"x\",\"data\":{\"n\":1.50}}");
    char *cold = strdup(
        expect_with(service, 200, "Cache-Control: no-cache", "GET", "/statuses/a", NULL)->body);
    assert_true(becomes_hot(service, "/statuses/a"));
    before = asked(service);
    const struct answer *hot = expect(service, 200, "GET", "/statuses/a", NULL);
    assert_string_equal(hot->body, cold);
    expect_header(hot, "Content-Type", "application/json");
    assert_non_null(answer_header(hot, "ETag"));
    char etag[64];
    snprintf(etag, sizeof etag, "If-None-Match: %s", answer_header(hot, "ETag"));
    expect_with(service, 304, etag, "GET", "/statuses/a", NULL);
    expect_member(expect(service, 200, "GET", "/statuses/a?fields=data", NULL), "data",
                  "{\"n\":1.50}");
    assert_string_equal(expect(service, 200, "GET", "/statuses/a/data", NULL)->body,
                        "{\"n\":1.50}\n");
    assert_string_equal(
        expect_with(service, 200, "X-Request-Id: mine", "GET", "/statuses/a", NULL)->body, cold);
    expect_header(expect_with(service, 200, "X-Request-Id: mine", "GET", "/statuses/a", NULL),
                  "X-Request-Id", "mine");
    assert_int_equal(expect(service, 200, "HEAD", "/statuses/a", NULL)->len, 0);
    assert_int_equal(asked(service), before);
    expect_with(service, 200, "Cache-Control: max-age=0, no-cache", "GET", "/statuses/a", NULL);
    assert_int_equal(asked(service), before + 1);
    free(cold);
}

static void whoever_changes_it_the_next_read_sees_it(void **state)
{
    struct service *service = *state;
    char body[64];

    expect(service, 201, "PUT", "/statuses/b", NULL);
    for (unsigned i = 0; i < 300; i++) {
        snprintf(body, sizeof body, "%u", i);
        if (i % 3 == 0)
            expect(service, 200, "PUT", "/statuses/b/data", body);
        else if (i % 3 == 1)
            store(service, "HSET jobba:id:b data %u", i);
        else
            store(service, "EVAL %s 1 jobba:id:b %u",
                  "redis.call('HSET', KEYS[1], 'data', ARGV[1])", i);
        for (unsigned k = 0; k < 3; k++)
            expect_member(expect(service, 200, "GET", "/statuses/b", NULL), "data", body);
    }
    store(service, "DEL jobba:id:b");
    expect(service, 404, "GET", "/statuses/b", NULL);
    store(service, "HSET jobba:id:b id \"b\" state \"queued\"");
    expect(service, 200, "GET", "/statuses/b", NULL);
    store(service, "RENAME jobba:id:b jobba:id:b2");
    expect(service, 404, "GET", "/statuses/b", NULL);
    expect(service, 200, "GET", "/statuses/b2", NULL);
    expect(service, 200, "GET", "/statuses/b2", NULL);
    store(service, "PEXPIRE jobba:id:b2 1");
    assert_until(ask(service, "GET", "/statuses/b2", NULL)->status == 404);
}

/* Redis answers who flushes microseconds before it tells the others (docs/architecture.md). */
static void nothing_survives_a_flush(void **state)
{
    static const char *const ways[] = { "FLUSHALL", "FLUSHDB", "FLUSHALL ASYNC" };
    struct service *service = *state;

    for (unsigned i = 0; i < 3; i++) {
        expect(service, 201, "PUT", "/statuses/c", NULL);
        assert_true(becomes_hot(service, "/statuses/c"));
        store(service, ways[i]);
        assert_until(ask(service, "GET", "/statuses/c", NULL)->status == 404);
        for (unsigned k = 0; k < 20; k++)
            expect(service, 404, "GET", "/statuses/c", NULL);
    }
}

static void an_archived_attempt_goes_with_its_status(void **state)
{
    struct service *service = *state;

    expect(service, 201, "PUT", "/statuses/d", "{\"state\":\"started\"}");
    expect(service, 200, "POST", "/statuses/d/started", NULL);
    assert_true(becomes_hot(service, "/statuses/d:0"));
    expect(service, 204, "DELETE", "/statuses/d?force=true", NULL);
    expect(service, 404, "GET", "/statuses/d:0", NULL);
    expect(service, 404, "GET", "/statuses/d", NULL);
}

static void many_changes_at_once_are_seen_at_once(void **state)
{
    struct service *service = *state;
    char path[64];

    for (unsigned i = 0; i < 300; i++) {
        snprintf(path, sizeof path, "/statuses/m%u", i);
        expect(service, 201, "PUT", path, "{\"job_name\":\"many\"}");
        expect(service, 200, "GET", path, NULL);
    }
    expect(service, 200, "POST", "/statuses:request_kill?job_name=many", NULL);
    for (unsigned i = 0; i < 300; i++) {
        snprintf(path, sizeof path, "/statuses/m%u", i);
        expect_member(expect(service, 200, "GET", path, NULL), "kill_requested", "true");
    }
    expect(service, 200, "DELETE", "/statuses?job_name=many&force=true", NULL);
    for (unsigned i = 0; i < 300; i++) {
        snprintf(path, sizeof path, "/statuses/m%u", i);
        expect(service, 404, "GET", path, NULL);
    }
}

/* The ids of jobbad's connections that hear (`subscribers`), or of all the others. */
static unsigned kill_connections(struct service *service, bool subscribers, unsigned most)
{
    char *list = strdup(store(service, "CLIENT LIST")), *save = NULL;
    unsigned killed = 0;

    for (char *line = strtok_r(list, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        bool hears = strstr(line, " sub=1 ") != NULL;
        char *end;
        unsigned long id = strtoul(line + strlen("id="), &end, 10);
        if (!strstr(line, " name=jobbad ") || hears != subscribers || killed == most)
            continue;
        store(service, "CLIENT KILL ID %lu", id);
        killed++;
    }
    free(list);
    return killed;
}

static void a_lost_connection_drops_what_is_in_memory(void **state)
{
    struct service *service = *state;

    expect(service, 201, "PUT", "/statuses/e", NULL);
    for (unsigned round = 0; round < 4; round++) {
        assert_true(becomes_hot(service, "/statuses/e"));
        unsigned long before = asked(service);
        assert_int_equal(kill_connections(service, true, 100), 2);
        assert_until(expect(service, 200, "GET", "/statuses/e", NULL) && asked(service) > before);
    }
    assert_true(becomes_hot(service, "/statuses/e"));
    /* The ones that turned tracking on are told by their last command. */
    store(service, "CLIENT KILL TYPE normal SKIPME yes");
    store(service, "HSET jobba:id:e data 5");
    assert_until(ask(service, "GET", "/statuses/e", NULL)->status == 200);
    expect_member(expect(service, 200, "GET", "/statuses/e", NULL), "data", "5");
}

static void a_user_who_may_not_track_is_served_by_redis(void **state)
{
    struct service service;

    (void)state;
    service_start_without_tracking(&service);
    expect(&service, 201, "PUT", "/statuses/a", NULL);
    unsigned long before = asked(&service);
    for (unsigned i = 0; i < 50; i++)
        expect(&service, 200, "GET", "/statuses/a", NULL);
    assert_int_equal(asked(&service), before + 50);
    assert_until(service_log_has(&service, "tracking_lost"));
    service_stop(&service);
}

static void it_can_be_turned_off(void **state)
{
    struct service service;
    unsigned long before;

    (void)state;
    service_start(&service, (const char *const[]){ "--near-cache-mb", "0", NULL });
    expect(&service, 201, "PUT", "/statuses/a", NULL);
    before = asked(&service);
    for (unsigned i = 0; i < 50; i++)
        expect(&service, 200, "GET", "/statuses/a", NULL);
    assert_int_equal(asked(&service), before + 50);
    service_stop(&service);
}

/* ---- under load, while connections are killed ---- */

enum { WRITERS = 4, READERS = 2, CONNECTIONS = 3, ROUND_MS = 4000 };

static atomic_bool stop;
static atomic_ulong reads, writes, unknown;

struct load {
    struct service *service;
    unsigned number;
    pthread_t thread;
};

/* The number in the `data` of the status; -1: no answer, or not 200. */
static long read_number(struct raw **raw, const struct service *service, unsigned status)
{
    char request[128];
    const char *data;

    snprintf(request, sizeof request, "GET /statuses/w%u HTTP/1.1\r\nHost: localhost\r\n\r\n",
             status);
    raw_send(*raw, request);
    if (raw_take(*raw, PATIENCE_MS) != 200) {
        if ((*raw)->status == 0) {
            raw_close(*raw);
            *raw = raw_open(service->port);
        }
        return -1;
    }
    snprintf(request, sizeof request, "{\"id\":\"w%u\"", status);
    if (strncmp((*raw)->body, request, strlen(request)) != 0)
        fail_msg("asked for w%u, got %s", status, (*raw)->body);
    data = strstr((*raw)->body, "\"data\":");
    atomic_fetch_add(&reads, 1);
    return data ? atol(data + strlen("\"data\":")) : -1;
}

/* By HTTP, or past the service as the gem does. False: not acknowledged. */
static bool write_number(struct raw *raw, redisContext *redis, unsigned status, long n)
{
    char request[256], body[32];
    redisReply *reply;

    if (n % 4 == 0) {
        reply = redisCommand(redis, "HSET jobba:id:w%u data %ld", status, n);
        assert_non_null(reply);
        freeReplyObject(reply);
        return true;
    }
    snprintf(body, sizeof body, "%ld", n);
    snprintf(request, sizeof request,
             "PUT /statuses/w%u/data HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
             "application/json\r\nPrefer: return=minimal\r\nContent-Length: %zu\r\n\r\n%s",
             status, strlen(body), body);
    raw_send(raw, request);
    return raw_take_head(raw, PATIENCE_MS) == 204;
}

/* Reads what it has written, over several connections: so from all workers. */
static void *write_and_read(void *arg)
{
    struct load *load = arg;
    struct raw *raws[CONNECTIONS], *writer = raw_open(load->service->port);
    redisContext *redis = redisConnectUnix(load->service->redis_path);

    for (unsigned i = 0; i < CONNECTIONS; i++)
        raws[i] = raw_open(load->service->port);
    for (long n = 1; !atomic_load(&stop); n++) {
        bool acknowledged = write_number(writer, redis, load->number, n);
        if (!acknowledged) { /* its body is a problem's: a new connection is the simplest */
            atomic_fetch_add(&unknown, 1);
            raw_close(writer);
            writer = raw_open(load->service->port);
            continue;
        }
        atomic_fetch_add(&writes, 1);
        for (unsigned i = 0; i < 2 * CONNECTIONS; i++) {
            long seen = read_number(&raws[i % CONNECTIONS], load->service, load->number);
            /* Past the service there is a window while connections are killed (architecture.md). */
            for (uint64_t end = now_ms() + 100; n % 4 == 0 && seen == n - 1 && now_ms() < end;)
                seen = read_number(&raws[i % CONNECTIONS], load->service, load->number);
            if (seen >= 0 && seen != n)
                fail_msg("wrote %ld, read %ld", n, seen);
        }
    }
    for (unsigned i = 0; i < CONNECTIONS; i++)
        raw_close(raws[i]);
    raw_close(writer);
    redisFree(redis);
    return NULL;
}

/* Keeps all of them hot, and never sees one go back. */
static void *read_all(void *arg)
{
    struct load *load = arg;
    struct raw *raw = raw_open(load->service->port);
    long last[WRITERS] = { 0 };

    for (unsigned i = 0; !atomic_load(&stop); i = (i + 1) % WRITERS) {
        long seen = read_number(&raw, load->service, i);
        if (seen >= 0 && seen < last[i])
            fail_msg("%ld after %ld", seen, last[i]);
        if (seen >= 0)
            last[i] = seen;
    }
    raw_close(raw);
    return NULL;
}

static void nobody_reads_what_an_acknowledged_write_has_outdated(void **state)
{
    struct service *service = *state;
    const char *soak = getenv("JOBBAD_SOAK");
    uint64_t end;
    struct load loads[WRITERS + READERS];
    char path[64];

    for (unsigned i = 0; i < WRITERS; i++) {
        snprintf(path, sizeof path, "/statuses/w%u", i);
        expect(service, 201, "PUT", path, "{\"data\":0}");
    }
    atomic_store(&stop, false);
    for (unsigned i = 0; i < WRITERS + READERS; i++) {
        loads[i] = (struct load){ .service = service, .number = i };
        pthread_create(&loads[i].thread, NULL, i < WRITERS ? write_and_read : read_all, &loads[i]);
    }
    end = now_ms() + (soak ? (uint64_t)atol(soak) * 1000 : ROUND_MS);
    for (unsigned i = 0; now_ms() < end; i++) {
        pause_ms(150);
        if (i % 2 == 0)
            kill_connections(service, true, 1 + i / 2 % 2);
        else if (i % 4 == 1)
            kill_connections(service, false, 1);
    }
    atomic_store(&stop, true);
    for (unsigned i = 0; i < WRITERS + READERS; i++)
        pthread_join(loads[i].thread, NULL);
    print_message("# %lu reads, %lu writes, %lu not acknowledged\n", atomic_load(&reads),
                  atomic_load(&writes), atomic_load(&unknown));
    assert_true(atomic_load(&writes) > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(a_status_that_is_read_often_is_served_without_redis),
        FRESH(whoever_changes_it_the_next_read_sees_it),
        FRESH(nothing_survives_a_flush),
        FRESH(an_archived_attempt_goes_with_its_status),
        FRESH(many_changes_at_once_are_seen_at_once),
        FRESH(a_lost_connection_drops_what_is_in_memory),
        cmocka_unit_test(a_user_who_may_not_track_is_served_by_redis),
        cmocka_unit_test(it_can_be_turned_off),
        FRESH(nobody_reads_what_an_acknowledged_write_has_outdated),
        ENDS_CLEANLY,
    };
    return cmocka_run_group_tests_name("hot", tests, service_setup, service_teardown);
}
