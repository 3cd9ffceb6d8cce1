/* Redis away, slow, full, read-only, loading, in other hands: the answers tell the truth, and the
 * service is back when Redis is. */
#include "tests/lib/sse.h"
#include "tests/service/every_route.h"
#include "tests/service/service_test.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

enum { END_MS = 20000 };

/* Every request to end well before the connection to Redis is given up. */
static const char *const quick_flags[] = { "--request-timeout=700ms", NULL };

static const char *const keep_data[] = { "--appendonly", "yes", "--appendfsync", "always", NULL };

/* Whether /health/ready blames it on this. */
static bool is_unready_for(struct service *service, const char *reason)
{
    const struct answer *answer = ask(service, "GET", "/health/ready", NULL);
    const char *detail = answer->status == 503 ? answer_string(answer, "detail") : NULL;

    return detail && strstr(detail, reason);
}

static void expect_unavailable(const struct answer *answer)
{
    expect_problem(answer, 503, "unavailable", NULL);
    expect_header(answer, "Retry-After", "1");
}

/* Sends the request with the route's body. */
static const struct answer *ask_route(struct service *service, const struct every_route *route)
{
    return ask(service, route->method, route->path, route->body);
}

/* A Redis with these flags, and a jobbad that is not started yet. */
static void start_redis(struct service *service, const char *const *flags)
{
    *service = (struct service){ .redis.out = -1, .jobbad.out = -1 };
    service_make_dir(service);
    service_start_redis(service, flags);
    service_connect_store(service);
}

static void end_redis(struct service *service, int signal)
{
    process_kill(&service->redis, signal);
    if (signal != SIGKILL)
        process_wait(&service->redis, END_MS);
}

/* ---- away ---- */

static void every_route_tells_that_redis_is_away(struct service *service)
{
    for (size_t i = 0; i < N_EVERY_ROUTE; i++) {
        const struct every_route *route = &every_route[i];
        const struct answer *answer = ask_route(service, route);
        if (strcmp(route->method, "HEAD") == 0)
            assert_int_equal(answer->status, 503);
        else if (route->uses_redis)
            expect_unavailable(answer);
        else
            assert_int_equal(answer->status, 200);
    }
}

static void redis_may_come_later(void **state)
{
    struct service service = { .redis.out = -1, .jobbad.out = -1 };

    (void)state;
    service_make_dir(&service);
    service_start_jobbad(&service, NULL);
    assert_until(is_unready_for(&service, "unreachable"));
    every_route_tells_that_redis_is_away(&service);
    service_start_redis(&service, NULL);
    assert_until(service_is_ready(&service));
    expect(&service, 201, "POST", "/statuses", NULL);
    service_stop(&service);
}

static void what_was_acknowledged_outlives_a_killed_redis(void **state)
{
    struct service service;
    char path[64];

    (void)state;
    start_redis(&service, keep_data);
    service_start_jobbad(&service, NULL);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 50; i++) {
            snprintf(path, sizeof path, "/statuses/k%d", i);
            expect(&service, round ? 200 : 201, "PUT", path, NULL);
            expect(&service, 200, "POST", strcat(path, "/errors"), "\"boom\"");
        }
        end_redis(&service, SIGKILL);
        assert_until(is_unready_for(&service, "unreachable"));
        service_start_redis(&service, keep_data);
        assert_until(service_is_ready(&service));
        service_connect_store(&service);
        for (int i = 0; i < 50; i++) {
            snprintf(path, sizeof path, "/statuses/k%d", i);
            const struct answer *answer = expect(&service, 200, "GET", path, NULL);
            assert_int_equal(json_array_size(json_object_get(answer->json, "errors")), round + 1);
        }
    }
    service_stop(&service);
}

/* ---- silent ---- */

static void a_silent_redis_leaves_the_outcome_open(void **state)
{
    struct service service;
    const struct answer *answer;

    (void)state;
    service_start(&service, quick_flags);
    expect(&service, 201, "PUT", "/statuses/r", NULL);
    process_kill(&service.redis, SIGSTOP);
    expect_unavailable(ask(&service, "GET", "/statuses/r", NULL));
    answer = ask(&service, "POST", "/statuses/r/errors", "\"boom\"");
    expect_problem(answer, 503, "outcome-unknown", NULL);
    expect_header(answer, "Retry-After", "1");
    assert_until(is_unready_for(&service, "unreachable")); /* the connections were given up */
    expect_unavailable(ask(&service, "POST", "/statuses/r/errors", "\"never\""));
    process_kill(&service.redis, SIGCONT);
    assert_until(service_is_ready(&service));
    answer = expect(&service, 200, "GET", "/statuses/r", NULL);
    if (json_array_size(json_object_get(answer->json, "errors")))
        expect_member(answer, "errors", "[\"boom\"]");
    service_stop(&service);
}

static void a_pause_is_waited_for(void **state)
{
    struct service *service = *state;

    expect(service, 201, "PUT", "/statuses/r", NULL);
    store(service, "CLIENT PAUSE 300 ALL");
    expect(service, 200, "POST", "/statuses/r/started", NULL);
    expect(service, 200, "GET", "/statuses/r", NULL);
}

/* ---- refusing ---- */

static void a_full_redis_still_reads_and_deletes(void **state)
{
    struct service *service = *state;
    const struct answer *answer;
    char *before, *after;

    expect(service, 201, "PUT", "/statuses/r", "{\"state\":\"failed\"}");
    before = store_dump(service);
    store(service, "CONFIG SET maxmemory 1");
    for (size_t i = 0; i < N_EVERY_ROUTE; i++) {
        const struct every_route *route = &every_route[i];
        if (!route->uses_redis || strcmp(route->method, "GET") == 0 ||
            strcmp(route->method, "HEAD") == 0 || strcmp(route->method, "DELETE") == 0 ||
            strchr(route->path, ':')) /* it reads */
            continue;
        answer = ask_route(service, route);
        if (strcmp(route->method, "PUT") == 0 && strcmp(route->path, "/statuses/r") == 0) {
            if (answer->status == 200) /* it is there: nothing to write */
                continue;
        }
        expect_problem(answer, 503, "store-full", NULL);
        expect_header(answer, "Retry-After", "10");
    }
    after = store_dump(service);
    assert_string_equal(before, after);
    free(before);
    free(after);
    expect(service, 200, "GET", "/statuses/r", NULL);
    expect(service, 204, "DELETE", "/statuses/r", NULL);
    store(service, "CONFIG SET maxmemory 0");
    expect(service, 201, "POST", "/statuses", NULL);
}

static void a_replica_is_not_written_to(void **state)
{
    struct service *service = *state;

    expect(service, 201, "PUT", "/statuses/r", NULL);
    store(service, "REPLICAOF 127.0.0.1 1");
    expect_unavailable(ask(service, "POST", "/statuses/r/started", NULL));
    assert_until(is_unready_for(service, "not-master"));
    store(service, "REPLICAOF NO ONE");
    assert_until(service_is_ready(service));
    expect_member(expect(service, 200, "GET", "/statuses/r", NULL), "state", "\"unknown\"");
    expect(service, 200, "POST", "/statuses/r/started", NULL);
}

/* Nobody writes, so nobody is told READONLY. */
static void a_replica_is_not_read_from_for_long(void **state)
{
    struct service *service = *state;

    expect(service, 201, "PUT", "/statuses/r", NULL);
    store(service, "REPLICAOF 127.0.0.1 1");
    assert_until(is_unready_for(service, "not-master"));
    assert_until(ask(service, "GET", "/statuses/r", NULL)->status == 503);
    assert_until(ask(service, "GET", "/statuses/r/attempts", NULL)->status == 503);
    store(service, "REPLICAOF NO ONE");
    assert_until(service_is_ready(service));
    expect(service, 200, "GET", "/statuses/r", NULL);
}

static void too_few_replicas_are_waited_for_up_to_the_deadline(void **state)
{
    struct service service;

    (void)state;
    service_start(&service, quick_flags);
    expect(&service, 201, "PUT", "/statuses/r", NULL);
    store(&service, "CONFIG SET min-replicas-to-write 1");
    expect_unavailable(ask(&service, "POST", "/statuses/r/started", NULL));
    expect_member(expect(&service, 200, "GET", "/statuses/r", NULL), "state", "\"unknown\"");
    store(&service, "CONFIG SET min-replicas-to-write 0");
    expect(&service, 200, "POST", "/statuses/r/started", NULL);
    service_stop(&service);
}

static void somebody_elses_endless_script_is_survived(void **state)
{
    struct service service;
    redisContext *other;

    (void)state;
    service_start(&service, quick_flags);
    expect(&service, 201, "PUT", "/statuses/r", NULL);
    store(&service, "CONFIG SET busy-reply-threshold 50");
    other = redisConnectUnix(service.redis_path);
    redisAppendCommand(other, "EVAL %s 0", "while true do end");
    for (int done = 0; !done;)
        assert_int_equal(redisBufferWrite(other, &done), REDIS_OK);
    assert_until(strncmp(store(&service, "PING"), "BUSY", 4) == 0);
    expect_unavailable(ask(&service, "POST", "/statuses/r/started", NULL));
    expect_unavailable(ask(&service, "GET", "/statuses/r", NULL));
    store(&service, "SCRIPT KILL");
    assert_until(ask(&service, "POST", "/statuses/r/started", NULL)->status == 200);
    expect_store(&service, "0 2", "HMGET jobba:id:r attempt rev"); /* only the last was made */
    redisFree(other);
    service_stop(&service);
}

static void a_loading_redis_is_told(void **state)
{
    static const char *const slow_load[] = { "--key-load-delay", "10000",
                                             "--loading-process-events-interval-bytes", "1024",
                                             NULL };
    struct service service;
    /* Redis looks up from its loading every KiB: with smaller keys it would be too seldom. */
    static const char *const plain[] = { "--rdbcompression", "no", NULL };
    static const char fill[] =
        "for i = 1, 300 do redis.call('SET', 'k' .. i, string.rep('x', 2000)) end";

    (void)state;
    start_redis(&service, plain);
    store(&service, "EVAL %s 0", fill);
    store(&service, "SAVE");
    end_redis(&service, SIGKILL);
    service_start_redis(&service, slow_load);
    service_start_jobbad(&service, NULL);
    assert_until(is_unready_for(&service, "loading"));
    expect_unavailable(ask(&service, "GET", "/statuses/r", NULL));
    assert_until(service_is_ready(&service));
    service_stop(&service);
}

/* ---- in other hands ---- */

struct nuisance {
    const char *path, *command;
    atomic_bool stop;
    pthread_t thread;
};

static void *annoy(void *arg)
{
    struct nuisance *nuisance = arg;
    redisContext *redis = redisConnectUnix(nuisance->path);

    while (!nuisance->stop) {
        freeReplyObject(redisCommand(redis, nuisance->command));
        pause_ms(1);
    }
    redisFree(redis);
    return NULL;
}

static void start_nuisance(struct nuisance *nuisance, struct service *service, const char *command)
{
    nuisance->path = service->redis_path;
    nuisance->command = command;
    nuisance->stop = false;
    assert_int_equal(pthread_create(&nuisance->thread, NULL, annoy, nuisance), 0);
}

static void end_nuisance(struct nuisance *nuisance)
{
    nuisance->stop = true;
    pthread_join(nuisance->thread, NULL);
}

static void flushed_scripts_are_not_noticed(void **state)
{
    struct service *service = *state;
    struct nuisance nuisance;

    expect(service, 201, "PUT", "/statuses/r", NULL);
    start_nuisance(&nuisance, service, "SCRIPT FLUSH SYNC");
    for (int i = 0; i < 300; i++)
        expect(service, 200, "POST", "/statuses/r/errors", "\"boom\"");
    end_nuisance(&nuisance);
    expect_store(service, "301", "HGET jobba:id:r rev");
}

static void killed_connections_lose_no_report_in_silence(void **state)
{
    struct service *service = *state;
    unsigned done = 0, unknown = 0;
    struct nuisance nuisance;

    expect(service, 201, "PUT", "/statuses/r", NULL);
    start_nuisance(&nuisance, service, "CLIENT KILL TYPE normal SKIPME yes");
    for (int i = 0; i < 300; i++) {
        const struct answer *answer = ask(service, "POST", "/statuses/r/errors", "\"boom\"");
        const char *type = answer_string(answer, "type");
        done += answer->status == 200;
        unknown += answer->status == 503 && strcmp(type, "/problems/outcome-unknown") == 0;
        if (answer->status != 200 && answer->status != 503)
            fail_msg("answered %d: %s", answer->status, answer->body);
    }
    end_nuisance(&nuisance);
    assert_until(service_is_ready(service));
    service_connect_store(service); /* it was among the killed */
    size_t errors = json_array_size(
        json_object_get(expect(service, 200, "GET", "/statuses/r", NULL)->json, "errors"));
    assert_in_range(errors, done, done + unknown);
}

static void a_wrong_password_is_told_and_not_shown(void **state)
{
    static const char *const protected[] = { "--requirepass", "opensesame", NULL };
    struct service service = { .redis.out = -1, .jobbad.out = -1 };
    char url[160];

    (void)state;
    service_make_dir(&service);
    service_start_redis(&service, protected);
    snprintf(url, sizeof url, "unix://:wr0ngsecret@%s", service.redis_path);
    const char *const flags[] = { "--redis", url, "--log-level", "debug", NULL };
    assert_true(service_start_jobbad_alone(&service, flags));
    assert_until(is_unready_for(&service, "unauthorized"));
    expect_unavailable(ask(&service, "GET", "/statuses/r", NULL));
    assert_until(service_log_has(&service, "unauthorized"));
    assert_false(service_log_has(&service, "wr0ngsecret"));
    service_stop(&service);
}

/* The user, the password and the rights that docs/operating.md names suffice. */
static void a_user_with_few_rights_is_enough(void **state)
{
    struct service service;
    char url[160];

    (void)state;
    start_redis(&service, NULL);
    store(&service,
          "ACL SETUSER worker on >s3cret resetkeys ~jobba:* ~jobba~* -@all +ping +role +select "
          "+client|setname +script|load +evalsha +eval +time +type +rename +unlink "
          "+get +set +hget +hmget +hgetall +hset +hstrlen +sadd +srem +scard +zadd +zrem +zcard "
          "+exists +sscan +smismember +zcount +zrange +zrevrange +zscore +zmscore "
          "+client|id +client|tracking +subscribe &__redis__:invalidate");
    snprintf(url, sizeof url, "unix://worker:s3cret@%s", service.redis_path);
    const char *const flags[] = { "--redis", url, NULL };
    assert_true(service_start_jobbad_alone(&service, flags));
    assert_until(service_is_ready(&service));
    expect(&service, 201, "PUT", "/statuses/r",
           "{\"job_name\":\"n\",\"job_args\":{\"a\":\"1\"},\"provider_job_id\":\"p\"}");
    for (size_t i = 0; i < N_EVERY_ROUTE; i++) {
        int status = ask_route(&service, &every_route[i])->status;
        if (status >= 300 && status != 409)
            fail_msg("%s %s: %d", every_route[i].method, every_route[i].path, status);
        if (strcmp(every_route[i].method, "PATCH") == 0)
            expect(&service, 200, "POST", "/statuses/r/started", NULL);
    }
    expect(&service, 200, "POST", "/statuses/r/started", NULL);
    expect(&service, 200, "POST", "/statuses/r/failed", NULL);
    expect_member(expect(&service, 200, "POST", "/statuses:request_kill?job_name=n", NULL),
                  "kill_requested", "1");
    expect_member(expect(&service, 200, "DELETE", "/statuses?job_name=n", NULL), "deleted", "1");
    expect(&service, 201, "PUT", "/statuses/r", NULL);
    expect_with(&service, 204, "Idempotency-Key: k", "DELETE", "/statuses/r?force=true", NULL);
    expect_with(&service, 204, "Idempotency-Key: k", "DELETE", "/statuses/r?force=true", NULL);
    struct sse *events = sse_open(service.port, "/events", ""); /* it may hear of changes */
    assert_int_equal(sse_status(events), 200);
    sse_close(events);
    service_stop(&service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(redis_may_come_later),
        cmocka_unit_test(what_was_acknowledged_outlives_a_killed_redis),
        cmocka_unit_test(a_silent_redis_leaves_the_outcome_open),
        FRESH(a_pause_is_waited_for),
        FRESH(a_full_redis_still_reads_and_deletes),
        FRESH(a_replica_is_not_written_to),
        FRESH(a_replica_is_not_read_from_for_long),
        cmocka_unit_test(too_few_replicas_are_waited_for_up_to_the_deadline),
        cmocka_unit_test(somebody_elses_endless_script_is_survived),
        cmocka_unit_test(a_loading_redis_is_told),
        FRESH(flushed_scripts_are_not_noticed),
        FRESH(killed_connections_lose_no_report_in_silence),
        cmocka_unit_test(a_wrong_password_is_told_and_not_shown),
        cmocka_unit_test(a_user_with_few_rights_is_enough),
        ENDS_CLEANLY,
    };
    return cmocka_run_group_tests_name("redis_trouble", tests, service_setup, service_teardown);
}
