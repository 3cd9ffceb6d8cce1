/* What one script of a query or of a bulk change may cost: whatever is asked, Redis is soon free
 * for others. Counted, not timed: in slices, and in commands that Redis has carried out. */
#include "tests/lib/filler.h"
#include "tests/lib/raw.h"
#include "tests/service/service_test.h"

#include <signal.h>

enum { COUNT = 3000 };

/* How often Redis has carried out a command, inside of scripts too. */
static long calls_of(struct service *service, const char *command)
{
    char name[64];
    const char *found;

    snprintf(name, sizeof name, "cmdstat_%s:calls=", command);
    found = strstr(store(service, "INFO commandstats"), name);
    return found ? atol(found + strlen(name)) : 0;
}

/* {"where":[{NAME:[`n` values that nobody has, value]},{"state":"failed"}]} */
static char *where_many(const char *name, int n, const char *value)
{
    char *body = malloc((size_t)n * 16 + 256);

    sprintf(body, "{\"where\":[{\"%s\":[", name);
    for (int i = 0; i < n; i++)
        sprintf(body + strlen(body), "\"no%d\",", i);
    sprintf(body + strlen(body), "\"%s\"]},{\"state\":\"failed\"}]}", value);
    return body;
}

static void many_values_cost_as_much_as_a_few(void **state)
{
    static const struct {
        const char *name, *value, *count;
    } cases[] = {
        { "job_name", "filler", "3000" },
        { "job_arg", "7", "300" },
        { "job_arg.n", "7", "300" },
        { "provider_job_id", "f77", "1" },
    };
    struct service *service = *state;

    fill(service, "f", "failed", COUNT, 0);
    fill(service, "s", "succeeded", COUNT + 1, 0); /* so that the state is what is walked */
    store(service, "CONFIG RESETSTAT");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *body = where_many(cases[i].name, 900, cases[i].value);
        expect_member(expect(service, 200, "POST", "/statuses:count", body), "count",
                      cases[i].count);
        free(body);
    }
    assert_in_range(calls_of(service, "smismember"), 0, 100);
    assert_in_range(calls_of(service, "evalsha"), 1, 3000);
}

static json_t *explanation(struct service *service, const char *body)
{
    return json_object_get(expect(service, 200, "POST", "/statuses:query?explain=true", body)->json,
                           "explain");
}

static size_t number_in(const json_t *object, const char *name)
{
    return (size_t)json_number_value(json_object_get(object, name));
}

static void many_checks_make_slices_shorter(void **state)
{
    struct service *service = *state;
    static char body[4096] = "{\"sort\":\"id\",\"limit\":1,\"where\":[{\"state\":\"failed\"}";
    json_t *explain;

    fill(service, "f", "failed", COUNT, 0);
    for (int i = 0; i < 29; i++)
        strcat(body, ",{\"kill_requested\":false}");
    strcat(body, "]}");
    explain = explanation(service, body);
    assert_in_range(number_in(explain, "looked_at"), COUNT, 2 * COUNT); /* sets tell some twice */
    assert_in_range(number_in(explain, "slices"), COUNT / 250, COUNT / 100);
}

/* `n` arguments of 30 bytes each, the same for all; and k. */
static void set_big_args(struct service *service, const char *id, int n)
{
    char *args = malloc((size_t)n * 64 + 64);

    sprintf(args, "{\"k\":\"v\"");
    for (int i = 0; i < n; i++)
        sprintf(args + strlen(args), ",\"a%d\":\"%030d\"", i, i);
    strcat(args, "}");
    expect_store(service, "0", "HSET jobba:id:%s job_args %s", id, args);
    for (int i = 0; i < n; i++)
        store(service, "SADD jobba:job_arg:%030d %s", i, id);
    store(service, "SADD jobba:job_arg:v %s", id);
    free(args);
}

static void big_arguments_make_slices_shorter(void **state)
{
    enum { BIG = 60, ARGS = 900 };
    struct service *service = *state;
    char id[16];

    fill(service, "f", "failed", BIG, 0);
    for (int i = 0; i < BIG; i++) {
        snprintf(id, sizeof id, "f%d", i);
        set_big_args(service, id, ARGS);
    }
    json_t *explain =
        explanation(service, "{\"sort\":\"id\",\"where\":[{\"job_arg.k\":\"v\"},"
                             "{\"job_arg.a1\":\"000000000000000000000000000001\"},{\"job_arg.k\":"
                             "\"v\"}],\"limit\":1}");
    assert_in_range(number_in(explain, "looked_at"), BIG, 2 * BIG);
    assert_in_range(number_in(explain, "slices"), BIG * ARGS * 40 / (2 * 256 * 1024), BIG);
    expect_member(expect(service, 200, "GET", "/statuses:count?job_arg.k=v&state=failed", NULL),
                  "count", "60");

    store(service, "CONFIG RESETSTAT");
    expect_member(expect(service, 200, "DELETE", "/statuses?state=failed", NULL), "deleted", "60");
    assert_in_range(calls_of(service, "evalsha"), BIG / 2, 3 * BIG);
    /* Of the filler's own argument, which was not that of the hash any more. */
    for (int i = 0; i < 10; i++)
        store(service, "DEL jobba:job_arg:%d", i);
    assert_string_equal(store(service, "DBSIZE"), "0");
}

static void many_attempts_go_a_few_statuses_at_a_time(void **state)
{
    enum { STATUSES = 10, ATTEMPTS = 900 };
    struct service *service = *state;
    char id[16];

    fill(service, "f", "failed", STATUSES, 0);
    for (int i = 0; i < STATUSES; i++) {
        snprintf(id, sizeof id, "f%d", i);
        expect_store(service, "0", "HSET jobba:id:%s attempt %d", id, ATTEMPTS);
        for (int k = 0; k < ATTEMPTS; k++)
            store(service, "HSET jobba:id:%s:%d id x", id, k);
    }
    store(service, "CONFIG RESETSTAT");
    expect_member(expect(service, 200, "DELETE", "/statuses?state=failed", NULL), "deleted", "10");
    assert_in_range(calls_of(service, "evalsha"), STATUSES, 3 * STATUSES);
    assert_string_equal(store(service, "DBSIZE"), "0");
}

/* ---- many long walks at a time ---- */

enum { WALKS = 60, LONG = 20000 };

static void ask_for_long_walks(struct raw **raws, unsigned short port)
{
    static const char *const requests[] = {
        "GET /statuses:count?kill_requested=false HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /statuses?sort=id&limit=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /statuses?job_arg.n=7&kill_requested=true HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ("POST /statuses:request_kill?state=failed&job_arg.n=x HTTP/1.1\r\nHost: localhost\r\n"
         "Content-Length: 0\r\n\r\n"),
    };

    for (size_t i = 0; i < WALKS; i++) {
        raws[i] = raw_open(port);
        raw_send(raws[i], requests[i % 4]);
    }
}

static void answers_200(struct raw *raw)
{
    if (raw_take(raw, 60000) != 200)
        fail_msg("%s%s", raw->head, raw->body);
}

/* With time enough for a machine that has others to serve. */
static void start_patient(struct service *service, const char *drain_timeout)
{
    const char *const flags[] = {
        "--request-timeout",
        "60s",
        "--redis-timeout",
        "60s",
        "--query-timeout",
        "60s",
        "--redis-connect-timeout",
        "60s",
        "--drain-timeout",
        drain_timeout,
        NULL,
    };

    service_start(service, flags);
    fill(service, "f", "failed", LONG, 0);
}

static void long_walks_wait_for_each_other(void **state)
{
    struct service service;
    struct raw *raws[WALKS];

    (void)state;
    start_patient(&service, "20s");
    ask_for_long_walks(raws, service.port);
    for (size_t i = 0; i < WALKS; i++) {
        answers_200(raws[i]);
        if (i % 4 == 0)
            assert_string_equal(raws[i]->body, "{\"count\":20000}\n");
        raw_close(raws[i]);
    }
    service_stop(&service);
}

/* Those that walk and those that wait: none is forgotten, whatever happens. */
static void long_walks_end_when_redis_goes(void **state)
{
    struct service service;
    struct raw *raws[WALKS];
    int n_failed = 0;

    (void)state;
    start_patient(&service, "20s");
    ask_for_long_walks(raws, service.port);
    answers_200(raws[0]);
    process_kill(&service.redis, SIGKILL);
    for (size_t i = 1; i < WALKS; i++) {
        int status = raw_take(raws[i], 60000);
        assert_true(status == 503 || status == 200);
        n_failed += status == 503;
    }
    assert_in_range(n_failed, 1, WALKS - 1);
    for (size_t i = 0; i < WALKS; i++)
        raw_close(raws[i]);
    service_stop(&service);
}

static void long_walks_do_not_hold_up_the_end(void **state)
{
    struct service service;
    struct raw *raws[WALKS];

    (void)state;
    start_patient(&service, "50ms");
    ask_for_long_walks(raws, service.port);
    answers_200(raws[0]);
    process_kill(&service.jobbad, SIGTERM);
    assert_int_equal(process_wait(&service.jobbad, 10000), 0);
    for (size_t i = 0; i < WALKS; i++)
        raw_close(raws[i]);
    service_stop(&service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(many_values_cost_as_much_as_a_few),
        FRESH(many_checks_make_slices_shorter),
        FRESH(big_arguments_make_slices_shorter),
        FRESH(many_attempts_go_a_few_statuses_at_a_time),
        cmocka_unit_test(long_walks_wait_for_each_other),
        cmocka_unit_test(long_walks_end_when_redis_goes),
        cmocka_unit_test(long_walks_do_not_hold_up_the_end),
        ENDS_CLEANLY,
    };
    return cmocka_run_group_tests_name("query_work", tests, service_setup, service_teardown);
}
