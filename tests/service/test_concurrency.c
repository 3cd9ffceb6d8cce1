/* Many clients at once, on one status and on a few. jobbad runs with two threads. */
#include "tests/lib/invariants.h"
#include "tests/service/service_test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum { THREADS = 8, ERRORS_EACH = 50, RESTARTS_EACH = 25, RANDOM_EACH = 500, IDS = 12 };

/* ---- running one function in many threads ---- */

struct worker {
    struct service *service;
    struct client *client;
    unsigned number;
    unsigned seed;
    unsigned counts[600]; /* answers by status */
    pthread_t thread;
};

static void count(struct worker *worker, const char *method, const char *path, const char *body)
{
    int status = client_ask(worker->client, method, path, body, NULL)->status;

    worker->counts[status >= 0 && status < 600 ? status : 0]++;
}

/* Runs `body` in all threads; afterwards `ret_total` has the number of answers by status. */
static void in_all_threads(struct service *service, void *(*body)(void *arg),
                           unsigned ret_total[600])
{
    static struct worker workers[THREADS];

    memset(ret_total, 0, 600 * sizeof *ret_total);
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){ .service = service,
                                      .client = client_create(service->url),
                                      .number = i,
                                      .seed = (unsigned)rand() };
        assert_int_equal(pthread_create(&workers[i].thread, NULL, body, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        client_destroy(workers[i].client);
        for (unsigned status = 0; status < 600; status++)
            ret_total[status] += workers[i].counts[status];
    }
}

/* ---- one status ---- */

static void *add_errors(void *arg)
{
    struct worker *worker = arg;
    char body[64];

    for (unsigned i = 0; i < ERRORS_EACH; i++) {
        snprintf(body, sizeof body, "{\"from\":%u,\"n\":%u}", worker->number, i);
        count(worker, "POST", "/statuses/a/errors", body);
    }
    return NULL;
}

static void no_error_is_lost_and_each_clients_stay_in_order(void **state)
{
    struct service *service = *state;
    unsigned total[600], next[THREADS] = { 0 };
    const struct answer *answer;
    json_t *error;
    size_t i;

    expect(service, 201, "PUT", "/statuses/a", NULL);
    in_all_threads(service, add_errors, total);
    assert_int_equal(total[200], THREADS * ERRORS_EACH);
    answer = expect(service, 200, "GET", "/statuses/a", NULL);
    json_array_foreach(json_object_get(answer->json, "errors"), i, error)
    {
        size_t from = (size_t)json_number_value(json_object_get(error, "from"));
        assert_int_equal((size_t)json_number_value(json_object_get(error, "n")), next[from]++);
    }
    assert_int_equal(i, THREADS * ERRORS_EACH);
    expect_store(service, "401", "HGET jobba:id:a rev");
}

static void *start_again(void *arg)
{
    for (unsigned i = 0; i < RESTARTS_EACH; i++)
        count(arg, "POST", "/statuses/a/started", NULL);
    return NULL;
}

static void each_start_is_one_attempt(void **state)
{
    struct service *service = *state;
    unsigned total[600];

    expect(service, 201, "PUT", "/statuses/a", NULL);
    in_all_threads(service, start_again, total);
    assert_int_equal(total[200], THREADS * RESTARTS_EACH);
    expect_store(service, "199 201", "HMGET jobba:id:a attempt rev");
    const json_t *attempts = json_object_get(
        expect(service, 200, "GET", "/statuses/a/attempts", NULL)->json, "attempts");
    assert_int_equal(json_array_size(attempts), THREADS * RESTARTS_EACH - 1);
    assert_int_equal(invariants_check(service->store, "jobba:"), 1);
}

static void *create_all(void *arg)
{
    char path[64], body[64];

    for (unsigned i = 0; i < 50; i++) {
        snprintf(path, sizeof path, "/statuses/put%u", i);
        count(arg, "PUT", path, "{\"state\":\"queued\"}");
        snprintf(body, sizeof body, "{\"id\":\"post%u\"}", i);
        count(arg, "POST", "/statuses", body);
    }
    return NULL;
}

static void *delete_all(void *arg)
{
    char path[64];

    for (unsigned i = 0; i < 50; i++) {
        snprintf(path, sizeof path, "/statuses/put%u?force=true", i);
        count(arg, "DELETE", path, NULL);
        snprintf(path, sizeof path, "/statuses/post%u?force=true", i);
        count(arg, "DELETE", path, NULL);
    }
    return NULL;
}

static void one_creates_and_one_deletes(void **state)
{
    struct service *service = *state;
    unsigned total[600];

    in_all_threads(service, create_all, total);
    assert_int_equal(total[201], 100);
    assert_int_equal(total[200], 50 * (THREADS - 1));
    assert_int_equal(total[409], 50 * (THREADS - 1));
    assert_int_equal(invariants_check(service->store, "jobba:"), 100);
    in_all_threads(service, delete_all, total);
    assert_int_equal(total[204], 100);
    assert_int_equal(total[404], 100 * (THREADS - 1));
    expect_store(service, "", "KEYS *");
}

/* ---- anything, on a few ---- */

/* %u of a path is a status, %u of a body anything. */
static const struct op {
    const char *method, *path, *body;
} ops[] = {
    { "PUT", "/statuses/s%u", "{\"job_name\":\"n%u\",\"provider_job_id\":7}" },
    { "PUT", "/statuses/s%u", NULL },
    { "POST", "/statuses", "{\"id\":\"s%u\",\"state\":\"started\"}" },
    { "POST", "/statuses/s%u/unqueued", NULL },
    { "POST", "/statuses/s%u/queued", NULL },
    { "POST", "/statuses/s%u/started", NULL },
    { "POST", "/statuses/s%u/started", "{\"job_args\":{\"a\":\"v%u\"},\"error\":1}" },
    { "POST", "/statuses/s%u/succeeded", NULL },
    { "POST", "/statuses/s%u/failed", "{\"error\":\"%u\"}" },
    { "POST", "/statuses/s%u/killed", NULL },
    { "POST", "/statuses/s%u/unknown", NULL },
    { "PATCH", "/statuses/s%u", "{\"job_name\":\"n%u\"}" },
    { "PATCH", "/statuses/s%u", "{\"job_args\":{\"a\":\"v%u\",\"b\":\"v\",\"c\":\"v\"}}" },
    { "PATCH", "/statuses/s%u", "{\"job_args\":{}}" },
    { "PATCH", "/statuses/s%u", "{\"provider_job_id\":%u,\"state\":\"queued\"}" },
    { "PATCH", "/statuses/s%u", "{\"provider_job_id\":\"%u\"}" },
    { "PUT", "/statuses/s%u/progress", "{\"at\":%u,\"out_of\":5}" },
    { "PUT", "/statuses/s%u/data", "[%u]" },
    { "POST", "/statuses/s%u/request_kill", NULL },
    { "GET", "/statuses/s%u", NULL },
    { "GET", "/statuses/s%u/attempts", NULL },
    { "DELETE", "/statuses/s%u", NULL },
    { "DELETE", "/statuses/s%u?force=true", NULL },
};

enum { N_OPS = sizeof ops / sizeof *ops };

static void random_op(struct worker *worker)
{
    const struct op *op = &ops[(unsigned)rand_r(&worker->seed) % N_OPS];
    unsigned id = (unsigned)rand_r(&worker->seed) % IDS;
    unsigned any = (unsigned)rand_r(&worker->seed) % 5;
    char path[64], body[128];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(path, sizeof path, op->path, id);
    if (op->body)
        snprintf(body, sizeof body, op->body, any);
#pragma GCC diagnostic pop
    count(worker, op->method, path, op->body ? body : NULL);
}

static void *random_ops(void *arg)
{
    for (unsigned i = 0; i < RANDOM_EACH; i++)
        random_op(arg);
    return NULL;
}

/* In one script, so at one moment: as many ids in the seven sets as there are statuses. */
static const char adds_up[] =
    "local n = 0 "
    "for _, key in ipairs(redis.call('KEYS', 'jobba:id:*')) do "
    "if not key:find(':', 10, true) then n = n + 1 end end "
    "for _, s in ipairs({'unqueued','queued','started','succeeded','failed','killed','unknown'}) "
    "do "
    "n = n - redis.call('SCARD', 'jobba:' .. s) end return n";

struct watch {
    const char *socket;
    atomic_bool stop;
    unsigned looks, faults;
};

static void *watch_sums(void *arg)
{
    struct watch *watch = arg;
    redisContext *redis = redisConnectUnix(watch->socket);

    while (!atomic_load(&watch->stop)) {
        redisReply *reply = redisCommand(redis, "EVAL %s 0", adds_up);
        watch->looks++;
        watch->faults += !reply || reply->type != REDIS_REPLY_INTEGER || reply->integer != 0;
        freeReplyObject(reply);
    }
    redisFree(redis);
    return NULL;
}

static unsigned pick_seed(void)
{
    const char *given = getenv("JOBBAD_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);

    print_message("# seed %u (set JOBBAD_SEED to run it again)\n", seed);
    return seed;
}

static void indexes_agree_with_hashes_after_a_random_run(void **state)
{
    struct service *service = *state;
    struct watch watch = { .socket = service->redis_path };
    unsigned total[600], good;
    pthread_t watcher;
    char path[64];

    srand(pick_seed());
    assert_int_equal(pthread_create(&watcher, NULL, watch_sums, &watch), 0);
    in_all_threads(service, random_ops, total);
    atomic_store(&watch.stop, true);
    pthread_join(watcher, NULL);

    good = total[200] + total[201] + total[204] + total[404] + total[409];
    assert_int_equal(good, THREADS * RANDOM_EACH);
    assert_true(watch.looks > 0);
    assert_int_equal(watch.faults, 0);
    assert_true(invariants_check(service->store, "jobba:") <= IDS);
    for (unsigned i = 0; i < IDS; i++) {
        snprintf(path, sizeof path, "/statuses/s%u?force=true", i);
        ask(service, "DELETE", path, NULL);
    }
    expect_store(service, "", "KEYS *");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(no_error_is_lost_and_each_clients_stay_in_order),
        FRESH(each_start_is_one_attempt),
        FRESH(one_creates_and_one_deletes),
        FRESH(indexes_agree_with_hashes_after_a_random_run),
        ENDS_CLEANLY,
    };

    return cmocka_run_group_tests_name("concurrency", tests, service_setup, service_teardown);
}
