/* Server-sent events: of one status, and of all that match. */
#include "tests/service/events_test.h"

#include <signal.h>

static void a_stream_begins_with_how_it_is_and_goes_on_with_changes(void **state)
{
    struct service *service = *state;
    const struct answer *answer;
    struct sse *sse;

    expect(service, 201, "PUT", "/statuses/a", "{\"job_name\":\"x\",\"data\":{\"n\":1.50}}");
    sse = open_events(service, "/statuses/a/events");
    assert_non_null(strstr(sse_head(sse), "Content-Type: text/event-stream\r\n"));
    assert_non_null(strstr(sse_head(sse), "Cache-Control: no-store\r\n"));
    assert_non_null(strstr(sse_head(sse), "X-Accel-Buffering: no\r\n"));
    const struct sse_event *event = expect_event(sse, "status", NULL);
    assert_true(*event->id);
    char *data = strdup(event->data);
    answer = expect(service, 200, "GET", "/statuses/a", NULL);
    assert_int_equal(strlen(data) + 1, answer->len); /* the same text as one line */
    assert_memory_equal(data, answer->body, strlen(data));
    free(data);
    expect_event(sse, "ready", "{}");
    expect(service, 200, "POST", "/statuses/a/started", NULL);
    expect_event(sse, "status", "\"state\":\"started\"");
    store(service, "HSET jobba:id:a data 9"); /* as the gem writes, past the service */
    expect_event(sse, "status", "\"data\":9");
    store(service, "HSET jobba:id:a data 9"); /* nothing new */
    expect(service, 200, "POST", "/statuses/a/errors", "{\"msg\":\"boom\"}");
    expect_event(sse, "status", "\"errors\":[{\"msg\":\"boom\"}]");
    expect(service, 200, "POST", "/statuses/a/request_kill", NULL);
    expect_event(sse, "status", "\"kill_requested\":true");
    expect(service, 204, "DELETE", "/statuses/a?force=true", NULL);
    expect_event(sse, "deleted", "{\"id\":\"a\"}");
    expect(service, 201, "PUT", "/statuses/a", NULL);
    expect_event(sse, "status", "\"rev\":1");
    sse_close(sse);
}

static void both_ways_lead_there(void **state)
{
    struct service *service = *state;
    struct sse *sse;

    expect(service, 201, "PUT", "/statuses/a", NULL);
    sse = sse_open(service->port, "/statuses/a", "Accept: text/event-stream\r\n");
    assert_int_equal(sse_status(sse), 200);
    expect_event(sse, "status", "\"id\":\"a\"");
    sse_close(sse);
    sse = sse_open(service->port, "/statuses?state=unknown", "Accept: text/event-stream\r\n");
    assert_int_equal(sse_status(sse), 200);
    expect_event(sse, "status", "\"id\":\"a\"");
    expect_event(sse, "ready", NULL);
    sse_close(sse);
    static const char *const streams[] = { "/statuses/a/events", "/events" };
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++)
        expect_header(expect(service, 200, "HEAD", streams[i], NULL), "Content-Type",
                      "text/event-stream");
    expect(service, 404, "HEAD", "/statuses/nobody/events", NULL);
    assert_int_equal(
        expect_with(service, 406, "Accept: image/png", "GET", "/statuses/a", NULL)->status, 406);
}

static void what_can_not_be_is_told(void **state)
{
    static const struct {
        int status;
        const char *target, *headers, *part;
    } cases[] = {
        { 404, "/statuses/none/events", "", "status-not-found" },
        { 400, "/statuses/a/events?wait=3", "", "\"wait\"" },
        { 400, "/statuses/a/events?until=done", "", "\"until\"" },
        { 400, "/statuses/a/events?last_event_id=x", "", "\"last_event_id\"" },
        { 422, "/statuses/a:0/events", "", "archived attempt" },
        { 422, "/statuses/a:0", "Accept: text/event-stream\r\n", "archived attempt" },
        { 400, "/statuses/a?fields=id", "Accept: text/event-stream\r\n", "\"fields\"" },
        { 400, "/events?state=done", "", "\"state\"" },
        { 400, "/events?limit=1001", "", "\"limit\"" },
        { 400, "/events?sort=id", "", "\"sort\"" },
        { 400, "/events?color=red", "", "\"color\"" },
        { 400, "/statuses?sort=id", "Accept: text/event-stream\r\n", "\"sort\"" },
        { 400, "/statuses?count=true", "Accept: text/event-stream\r\n", "\"count\"" },
    };
    struct service *service = *state;

    expect(service, 201, "PUT", "/statuses/a", NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sse *sse = sse_open(service->port, cases[i].target, cases[i].headers);
        if (sse_status(sse) != cases[i].status || !strstr(sse_body(sse), cases[i].part))
            fail_msg("%s: %d %s", cases[i].target, sse_status(sse), sse_body(sse));
        sse_close(sse);
    }
}

static void until_ends_the_stream(void **state)
{
    struct service *service = *state;
    struct sse *sse;

    expect(service, 201, "PUT", "/statuses/a", NULL);
    sse = open_events(service, "/statuses/a/events?until=terminal");
    expect_event(sse, "status", NULL);
    expect_event(sse, "ready", NULL);
    expect(service, 200, "POST", "/statuses/a/started", NULL);
    expect_event(sse, "status", "started");
    expect(service, 200, "POST", "/statuses/a/killed", NULL);
    expect_event(sse, "status", "killed");
    assert_int_equal(sse_ends(sse, PATIENCE_MS), 1);
    sse_close(sse);
    sse = open_events(service, "/statuses/a/events?until=terminal"); /* it is so already */
    expect_event(sse, "status", "killed");
    expect_event(sse, "ready", NULL);
    assert_int_equal(sse_ends(sse, PATIENCE_MS), 1);
    sse_close(sse);
}

static void a_feed_has_what_matches_and_nothing_else(void **state)
{
    struct service *service = *state;
    struct sse *all, *started;

    for (unsigned i = 0; i < 5; i++) {
        char body[64];
        snprintf(body, sizeof body, "{\"id\":\"s%u\",\"state\":\"%s\"}", i,
                 i % 2 ? "started" : "queued");
        expect(service, 201, "POST", "/statuses", body);
    }
    all = open_events(service, "/events?limit=3");
    expect_event(all, "status", "\"id\":\"s2\""); /* the newest three, the newest last */
    expect_event(all, "status", "\"id\":\"s3\"");
    expect_event(all, "status", "\"id\":\"s4\"");
    expect_event(all, "ready", "{}");
    started = open_events(service, "/events?state=started&job_arg.k=v&limit=0");
    expect_event(started, "ready", NULL);

    expect(service, 200, "PATCH", "/statuses/s1", "{\"data\":1}"); /* has no such argument */
    expect_event(all, "status", "\"id\":\"s1\"");
    expect(service, 200, "PATCH", "/statuses/s2", "{\"job_args\":{\"k\":\"v\"}}"); /* not started */
    expect_event(all, "status", "\"id\":\"s2\"");
    expect(service, 200, "POST", "/statuses/s2/started", NULL);
    expect_event(started, "status", "\"id\":\"s2\"");
    expect_event(all, "status", "\"id\":\"s2\"");
    expect(service, 200, "POST", "/statuses/s2/failed", NULL);
    expect_event(started, "unmatched", "{\"id\":\"s2\"}");
    expect_event(all, "status", "failed");
    expect(service, 200, "PATCH", "/statuses/s2", "{\"data\":5}"); /* known to be gone there */
    expect_event(all, "status", "\"data\":5");
    expect(service, 204, "DELETE", "/statuses/s2", NULL);
    expect_event(all, "deleted", "{\"id\":\"s2\"}");
    expect(service, 201, "POST", "/statuses",
           "{\"id\":\"new\",\"state\":\"started\",\"job_args\":{\"k\":\"v\"}}");
    expect_event(started, "status", "\"id\":\"new\"");
    expect_event(all, "status", "\"id\":\"new\"");
    expect(service, 204, "DELETE", "/statuses/new?force=true", NULL);
    expect_event(started, "deleted", "{\"id\":\"new\"}");
    expect_event(all, "deleted", "{\"id\":\"new\"}");
    sse_close(all);
    sse_close(started);
}

static double progress_of(const struct sse_event *event)
{
    const char *at = strstr(event->data, "\"progress\":");
    return at ? atof(at + strlen("\"progress\":")) : -1;
}

static void progress_is_thinned_but_its_last_comes_and_states_come_at_once(void **state)
{
    struct service *service = *state;
    struct sse *streams[2];
    char body[32];

    expect(service, 201, "PUT", "/statuses/a", NULL);
    streams[0] = open_events(service, "/statuses/a/events");
    streams[1] = open_events(service, "/events");
    for (unsigned i = 0; i < 2; i++) {
        expect_event(streams[i], "status", NULL);
        expect_event(streams[i], "ready", NULL);
    }
    expect(service, 200, "POST", "/statuses/a/started", NULL);
    uint64_t begun = now_ms();
    for (unsigned i = 1; i <= 150; i++) {
        snprintf(body, sizeof body, "{\"at\":%u,\"out_of\":200}", i);
        expect(service, 200, "PUT", "/statuses/a/progress", body);
    }
    uint64_t took = now_ms() - begun;
    for (unsigned i = 0; i < 2; i++) {
        unsigned n = 0;
        double progress = 0;
        while (progress < 0.75) {
            const struct sse_event *event = expect_event(streams[i], "status", "started");
            assert_true(progress_of(event) >= progress);
            progress = progress_of(event);
            n++;
        }
        assert_true(progress == 0.75);
        assert_true(n <= 3 + took / 250 + 1);
    }
    expect(service, 200, "PUT", "/statuses/a/progress", "0.8"); /* held, or soon so */
    expect(service, 200, "PUT", "/statuses/a/progress", "0.9");
    expect(service, 200, "POST", "/statuses/a/succeeded", NULL);
    for (unsigned i = 0; i < 2; i++)
        while (!strstr(expect_event(streams[i], "status", NULL)->data, "succeeded"))
            ;
    expect(service, 200, "PUT", "/statuses/a/data", "\"fence\""); /* nothing comes behind it */
    for (unsigned i = 0; i < 2; i++)
        expect_event(streams[i], "status", "\"data\":\"fence\"");
    sse_close(streams[0]);
    sse_close(streams[1]);
}

static void a_heartbeat_shows_that_it_lives(void **state)
{
    struct service service;
    struct sse *streams[2];

    (void)state;
    service_start(&service, (const char *const[]){ "--heartbeat", "100ms", NULL });
    expect(&service, 201, "PUT", "/statuses/a", NULL);
    streams[0] = open_events(&service, "/statuses/a/events");
    streams[1] = open_events(&service, "/events");
    for (unsigned i = 0; i < 2; i++) {
        expect_event(streams[i], "status", NULL);
        expect_event(streams[i], "ready", NULL);
        for (unsigned k = 0; k < 3; k++) {
            const struct sse_event *block = sse_next_block(streams[i], PATIENCE_MS);
            assert_non_null(block);
            assert_true(block->is_comment);
        }
        sse_close(streams[i]);
    }
    service_stop(&service);
}

static void each_change_is_read_once_however_many_watch(void **state)
{
    struct service *service = *state;
    struct sse *streams[40];
    unsigned long before, after;
    const char *line;

    expect(service, 201, "PUT", "/statuses/a", NULL);
    for (unsigned i = 0; i < 40; i++) {
        streams[i] = open_events(service, i % 2 ? "/statuses/a/events" : "/events");
        expect_event(streams[i], "status", NULL);
        expect_event(streams[i], "ready", NULL);
    }
    line = strstr(store(service, "INFO commandstats"), "cmdstat_hgetall:calls=");
    before = strtoul(strchr(line, '=') + 1, NULL, 10);
    for (unsigned k = 0; k < 20; k++) {
        char body[16];
        snprintf(body, sizeof body, "%u", k);
        expect_with(service, 204, "Prefer: return=minimal", "PUT", "/statuses/a/data", body);
        for (unsigned i = 0; i < 40; i++) {
            char part[32];
            snprintf(part, sizeof part, "\"data\":%u,", k);
            expect_event(streams[i], "status", part);
        }
    }
    line = strstr(store(service, "INFO commandstats"), "cmdstat_hgetall:calls=");
    after = strtoul(strchr(line, '=') + 1, NULL, 10);
    assert_in_range(after - before, 20, 40); /* once for each of two workers */
    for (unsigned i = 0; i < 40; i++)
        sse_close(streams[i]);
}

/* With a client that keeps to the standard, and whose exchanges are recorded. */
static void streams_that_end_are_answers_like_others(void **state)
{
    struct service service;

    (void)state;
    service_start(&service, NULL);
    expect(&service, 201, "PUT", "/statuses/a", NULL);
    const struct answer *answer =
        expect(&service, 200, "GET", "/statuses/a/events?until=unknown", NULL);
    assert_non_null(strstr(answer->body, "event: status\ndata: {\"id\":\"a\""));
    expect_with(&service, 200, "Accept: text/event-stream", "GET", "/statuses/a?until=unknown",
                NULL);
    expect(&service, 404, "GET", "/statuses/none/events", NULL);
    expect(&service, 400, "GET", "/statuses/a/events?until=x", NULL);
    expect(&service, 422, "GET", "/statuses/a:0/events", NULL);
    expect(&service, 400, "GET", "/events?limit=-1", NULL);
    service_stop(&service);
    service_start(&service, (const char *const[]){ "--max-watchers", "0", NULL });
    expect(&service, 201, "PUT", "/statuses/a", NULL);
    expect(&service, 503, "GET", "/statuses/a/events", NULL);
    expect(&service, 503, "GET", "/events", NULL);
    expect(&service, 503, "GET", "/statuses/a?wait=1", NULL);
    expect(&service, 200, "GET", "/statuses/a", NULL);
    service_stop(&service);
}

static void pages_of_allowed_origins_may_watch(void **state)
{
    static const char *const paths[] = { "/statuses/a", "/statuses/a/events", "/events",
                                         "/statuses" };
    struct service service;

    (void)state;
    service_start(&service,
                  (const char *const[]){ "--allowed-origins", "https://good.example", NULL });
    expect(&service, 201, "PUT", "/statuses/a", NULL);
    for (unsigned i = 0; i < 4; i++) {
        const struct answer *answer =
            expect_with(&service, 200, "Origin: https://good.example", "HEAD", paths[i], NULL);
        expect_header(answer, "Access-Control-Allow-Origin", "https://good.example");
        expect_header(answer, "Vary", "Origin");
        answer = expect_with(&service, 200, "Origin: https://evil.example", "HEAD", paths[i], NULL);
        expect_header(answer, "Access-Control-Allow-Origin", NULL);
        answer = client_ask(service.client, "OPTIONS", paths[i], NULL,
                            (const char *const[]){ "Origin: https://good.example",
                                                   "Access-Control-Request-Method: GET", NULL });
        assert_int_equal(answer->status, 204);
        expect_header(answer, "Access-Control-Allow-Origin", "https://good.example");
        expect_header(answer, "Access-Control-Max-Age", "600");
        answer = client_ask(service.client, "OPTIONS", paths[i], NULL,
                            (const char *const[]){ "Origin: https://evil.example",
                                                   "Access-Control-Request-Method: GET", NULL });
        assert_int_equal(answer->status, 204);
        expect_header(answer, "Access-Control-Allow-Origin", NULL);
    }
    expect_header(
        expect_with(&service, 404, "Origin: https://good.example", "GET", "/statuses/none", NULL),
        "Access-Control-Allow-Origin", "https://good.example");
    expect_header(expect_with(&service, 200, "Origin: https://good.example", "GET",
                              "/statuses/a/attempts", NULL),
                  "Access-Control-Allow-Origin", NULL);
    service_stop(&service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(a_stream_begins_with_how_it_is_and_goes_on_with_changes),
        FRESH(both_ways_lead_there),
        FRESH(what_can_not_be_is_told),
        FRESH(until_ends_the_stream),
        FRESH(a_feed_has_what_matches_and_nothing_else),
        FRESH(progress_is_thinned_but_its_last_comes_and_states_come_at_once),
        cmocka_unit_test(a_heartbeat_shows_that_it_lives),
        FRESH(each_change_is_read_once_however_many_watch),
        cmocka_unit_test(streams_that_end_are_answers_like_others),
        cmocka_unit_test(pages_of_allowed_origins_may_watch),
        ENDS_CLEANLY,
    };
    return cmocka_run_group_tests_name("events", tests, service_setup, service_teardown);
}
