/* GET with `wait`: answered as soon as there is something new to say. */
#include "tests/lib/raw.h"
#include "tests/service/service_test.h"

#include <signal.h>

static struct raw *ask_later(struct service *service, const char *target, const char *header)
{
    struct raw *raw = raw_open(service->port);
    char request[1024];

    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", target,
             header);
    raw_send(raw, request);
    return raw;
}

/* The wait has begun once the service has read the status for it. */
static void expect_pending(struct raw *raw)
{
    assert_int_equal(raw_take(raw, 60), -1);
}

static void expect_body(struct raw *raw, int status, const char *part)
{
    int got = raw_take(raw, PATIENCE_MS);

    if (got != status || !strstr(raw->body, part))
        fail_msg("%d %s, expected %d with %s", got, raw->body, status, part);
    raw_close(raw);
}

static void a_wait_ends_with_the_next_change(void **state)
{
    struct service *service = *state;
    struct raw *raw;

    expect(service, 201, "PUT", "/statuses/a", NULL);
    raw = ask_later(service, "/statuses/a?wait=30s", "");
    expect_pending(raw);
    expect(service, 200, "PUT", "/statuses/a/data", "7");
    expect_body(raw, 200, "\"data\":7");
    raw = ask_later(service, "/statuses/a?wait=30s&fields=progress", "");
    expect_pending(raw);
    expect(service, 200, "PUT", "/statuses/a/progress", "0.5");
    expect_body(raw, 200, "{\"progress\":0.5}");
    raw = ask_later(service, "/statuses/a?wait=30000ms", "");
    expect_pending(raw);
    store(service, "HSET jobba:id:a data 8"); /* as the gem writes, past the service */
    expect_body(raw, 200, "\"data\":8");
}

static void what_the_client_does_not_know_is_told_at_once(void **state)
{
    struct service *service = *state;
    char etag[128];

    expect(service, 201, "PUT", "/statuses/a", NULL);
    expect_member(expect(service, 200, "GET", "/statuses/a?wait=30&rev=0", NULL), "rev", "1");
    expect_with(service, 200, "If-None-Match: \"other\"", "GET", "/statuses/a?wait=30", NULL);
    expect_member(expect(service, 200, "GET", "/statuses/a?wait=30&until=unknown", NULL), "state",
                  "\"unknown\"");
    expect_member(expect(service, 200, "GET", "/statuses/a?wait=30&until=unknown&rev=7", NULL),
                  "rev", "1");
    snprintf(etag, sizeof etag, "If-None-Match: %s\r\n",
             answer_header(expect(service, 200, "GET", "/statuses/a", NULL), "ETag"));
    struct raw *by_etag = ask_later(service, "/statuses/a?wait=30", etag);
    struct raw *by_rev = ask_later(service, "/statuses/a?wait=30&rev=1", "");
    struct raw *by_both = ask_later(service, "/statuses/a?wait=30&rev=1&until=completed", "");
    expect_pending(by_etag);
    expect_pending(by_rev);
    expect(service, 200, "POST", "/statuses/a/started", NULL);
    expect_body(by_etag, 200, "\"state\":\"started\"");
    expect_body(by_rev, 200, "\"rev\":2");
    expect_pending(by_both);
    expect(service, 200, "POST", "/statuses/a/failed", NULL);
    expect_body(by_both, 200, "\"state\":\"failed\"");
    snprintf(etag, sizeof etag, "If-None-Match: %s\r\n",
             answer_header(expect(service, 200, "GET", "/statuses/a?fields=state", NULL), "ETag"));
    by_etag = ask_later(service, "/statuses/a?wait=30&fields=state", etag);
    expect(service, 200, "PUT", "/statuses/a/data", "1"); /* not what was asked for */
    expect_pending(by_etag);
    expect(service, 200, "POST", "/statuses/a/queued", NULL);
    expect_body(by_etag, 200, "{\"state\":\"queued\"}");
}

static void until_waits_for_a_state_or_a_group(void **state)
{
    static const struct {
        const char *until, *enter;
    } cases[] = { { "succeeded", "succeeded" }, { "completed", "failed" },
                  { "terminal", "killed" },     { "terminal", "succeeded" },
                  { "queued", "queued" },       { "incomplete", "queued" } };
    struct service *service = *state;
    char target[128], path[64];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(path, sizeof path, "/statuses/u%zu", i);
        expect(service, 201, "PUT", path, NULL);
        snprintf(target, sizeof target, "%s?wait=30&until=%s", path, cases[i].until);
        struct raw *raw = ask_later(service, target, "");
        snprintf(target, sizeof target, "%s/progress", path);
        expect(service, 200, "PUT", target, "0.5");
        expect_pending(raw);
        snprintf(target, sizeof target, "%s/%s", path, cases[i].enter);
        expect(service, 200, "POST", target, NULL);
        expect_body(raw, 200, cases[i].enter);
    }
}

static void at_its_end_the_status_is_told_as_it_is(void **state)
{
    struct service *service = *state;
    char etag[128];
    uint64_t begun;

    expect(service, 201, "PUT", "/statuses/a", NULL);
    snprintf(etag, sizeof etag, "If-None-Match: %s",
             answer_header(expect(service, 200, "GET", "/statuses/a", NULL), "ETag"));
    begun = now_ms();
    expect_member(expect_with(service, 200, etag, "GET", "/statuses/a?wait=200ms", NULL), "rev",
                  "1");
    assert_true(now_ms() - begun >= 200);
    expect(service, 200, "GET", "/statuses/a?wait=50ms&until=killed&fields=id", NULL);
    expect_with(service, 304, etag, "GET", "/statuses/a", NULL);
    expect_with(service, 304, etag, "GET", "/statuses/a?wait=0", NULL);
    expect(service, 200, "HEAD", "/statuses/a?wait=20ms", NULL);
}

/* Each answer makes room in the near cache for itself: at the expense of statuses whose waits end
 * in the same turn. */
static void waits_that_end_at_once_all_tell_the_truth(void **state)
{
    enum { STATUSES = 10, WAITS = 2 * STATUSES, BYTES = 100000 };
    static char body[BYTES + 3];
    struct service service = { .redis.out = -1, .jobbad.out = -1 };
    struct raw *raws[WAITS];
    char path[160];

    (void)state;
    service_make_dir(&service);
    service_start_redis(&service, NULL);
    service_connect_store(&service);
    snprintf(path, sizeof path, "unix://%s", service.redis_path);
    assert_true(service_start_jobbad_alone(
        &service,
        (const char *const[]){ "--redis", path, "--threads", "1", "--near-cache-mb", "1", NULL }));
    for (unsigned i = 0; i < STATUSES; i++) {
        memset(body, 'a' + (int)i, BYTES + 2);
        body[0] = body[BYTES + 1] = '"';
        snprintf(path, sizeof path, "/statuses/%u", i);
        expect(&service, 201, "PUT", path, NULL);
        snprintf(path, sizeof path, "/statuses/%u/data", i);
        expect(&service, 200, "PUT", path, body);
    }
    process_kill(&service.jobbad, SIGSTOP); /* so that they begin in the same turn, and end so */
    for (unsigned i = 0; i < WAITS; i++) {
        snprintf(path, sizeof path, "/statuses/%u?wait=300ms", i % STATUSES);
        raws[i] = ask_later(&service, path, "");
    }
    process_kill(&service.jobbad, SIGCONT);
    for (unsigned i = 0; i < WAITS; i++) {
        memset(body, 'a' + (int)(i % STATUSES), BYTES + 2);
        body[BYTES + 2] = '\0';
        body[0] = body[BYTES + 1] = '"';
        expect_body(raws[i], 200, body);
    }
    service_stop(&service);
}

static void who_waits_for_what_is_gone_hears_of_it(void **state)
{
    struct service *service = *state;
    struct raw *raw;

    expect_problem(expect(service, 404, "GET", "/statuses/none?wait=30", NULL), 404,
                   "status-not-found", NULL);
    expect(service, 201, "PUT", "/statuses/a", NULL);
    raw = ask_later(service, "/statuses/a?wait=30", "");
    expect_pending(raw);
    expect(service, 204, "DELETE", "/statuses/a?force=true", NULL);
    expect_body(raw, 404, "status-not-found");
    expect(service, 201, "PUT", "/statuses/a", NULL);
    raw = ask_later(service, "/statuses/a?wait=30&until=killed", "");
    expect_pending(raw);
    store(service, "FLUSHALL");
    expect_body(raw, 404, "status-not-found");
}

static void bad_parameters_are_named(void **state)
{
    static const struct {
        const char *query, *culprit;
    } cases[] = {
        { "wait=", "wait" },
        { "wait=x", "wait" },
        { "wait=5h", "wait" },
        { "wait=-1", "wait" },
        { "wait=1&wait=2", "wait" },
        { "wait=1&rev=x", "rev" },
        { "wait=1&until=done", "until" },
        { "rev=1", "rev" },
        { "until=completed", "until" },
        { "last_event_id=x", "last_event_id" },
    };
    struct service *service = *state;
    char target[128];

    expect(service, 201, "PUT", "/statuses/a", NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(target, sizeof target, "/statuses/a?%s", cases[i].query);
        expect_problem(expect(service, 400, "GET", target, NULL), 400, "malformed-query",
                       cases[i].culprit);
    }
}

enum { MANY = 300 };

static void many_waits_are_one_read(void **state)
{
    struct service *service = *state;
    static struct raw *raws[MANY];
    const char *line;
    unsigned long before, after;

    expect(service, 201, "PUT", "/statuses/a", NULL);
    for (unsigned i = 0; i < MANY; i++)
        raws[i] = ask_later(service, "/statuses/a?wait=60s&until=succeeded", "");
    for (unsigned i = 0; i < MANY; i += 37)
        expect_pending(raws[i]);
    line = strstr(store(service, "INFO commandstats"), "cmdstat_hgetall:calls=");
    before = strtoul(strchr(line, '=') + 1, NULL, 10);
    expect_with(service, 204, "Prefer: return=minimal", "POST", "/statuses/a/succeeded", NULL);
    for (unsigned i = 0; i < MANY; i++)
        expect_body(raws[i], 200, "succeeded");
    line = strstr(store(service, "INFO commandstats"), "cmdstat_hgetall:calls=");
    after = strtoul(strchr(line, '=') + 1, NULL, 10);
    assert_in_range(after - before, 1, 2); /* one for each worker */
}

static void there_may_be_so_many_and_no_more(void **state)
{
    struct service service;
    struct raw *raws[3];

    (void)state;
    service_start(&service,
                  (const char *const[]){ "--max-watchers", "2", "--max-wait", "400ms", NULL });
    expect(&service, 201, "PUT", "/statuses/a", NULL);
    raws[0] = ask_later(&service, "/statuses/a?wait=30", "");
    raws[1] = ask_later(&service, "/statuses/a?wait=30", "");
    expect_pending(raws[1]);
    raws[2] = ask_later(&service, "/statuses/a?wait=30", "");
    expect_body(raws[2], 503, "max_watchers");
    expect_body(raws[0], 200, "\"id\":\"a\""); /* after max_wait */
    expect_body(raws[1], 200, "\"id\":\"a\"");
    expect(&service, 200, "GET", "/statuses/a?wait=10ms", NULL);
    service_stop(&service);
}

static void waits_go_on_while_connections_are_lost(void **state)
{
    struct service *service = *state;
    struct raw *raws[20];

    expect(service, 201, "PUT", "/statuses/a", NULL);
    for (unsigned i = 0; i < 20; i++)
        raws[i] = ask_later(service, "/statuses/a?wait=60&until=killed", "");
    expect_pending(raws[0]);
    store(service, "CLIENT KILL TYPE pubsub SKIPME yes");
    store(service, "CLIENT KILL TYPE normal SKIPME yes");
    store(service, "HSET jobba:id:a state \"killed\"");
    for (unsigned i = 0; i < 20; i++)
        expect_body(raws[i], 200, "killed");
}

static void waits_are_right_without_messages(void **state)
{
    struct service service;
    struct raw *raw;

    (void)state;
    service_start_without_tracking(&service);
    expect(&service, 201, "PUT", "/statuses/a", NULL);
    raw = ask_later(&service, "/statuses/a?wait=30", "");
    expect_pending(raw);
    expect(&service, 200, "PUT", "/statuses/a/data", "5");
    expect_body(raw, 200, "\"data\":5"); /* read once a second */
    expect_problem(expect(&service, 503, "GET", "/events", NULL), 503, "unavailable", NULL);
    service_stop(&service);
}

static void a_drain_ends_waits_at_once(void **state)
{
    struct service service;
    struct raw *raws[8];
    uint64_t begun;

    (void)state;
    service_start(&service, NULL);
    expect(&service, 201, "PUT", "/statuses/a", NULL);
    for (unsigned i = 0; i < 8; i++)
        raws[i] = ask_later(&service, "/statuses/a?wait=30", "");
    expect_pending(raws[7]);
    begun = now_ms();
    process_kill(&service.jobbad, SIGTERM);
    for (unsigned i = 0; i < 8; i++)
        expect_body(raws[i], 200, "\"id\":\"a\"");
    assert_int_equal(process_wait(&service.jobbad, PATIENCE_MS), 0);
    assert_true(now_ms() - begun < 15000);
    service_stop(&service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(a_wait_ends_with_the_next_change),
        FRESH(what_the_client_does_not_know_is_told_at_once),
        FRESH(until_waits_for_a_state_or_a_group),
        FRESH(at_its_end_the_status_is_told_as_it_is),
        cmocka_unit_test(waits_that_end_at_once_all_tell_the_truth),
        FRESH(who_waits_for_what_is_gone_hears_of_it),
        FRESH(bad_parameters_are_named),
        FRESH(many_waits_are_one_read),
        cmocka_unit_test(there_may_be_so_many_and_no_more),
        FRESH(waits_go_on_while_connections_are_lost),
        cmocka_unit_test(waits_are_right_without_messages),
        cmocka_unit_test(a_drain_ends_waits_at_once),
        ENDS_CLEANLY,
    };
    return cmocka_run_group_tests_name("wait", tests, service_setup, service_teardown);
}
