/* Server-sent events: coming back to a stream, and streams in trouble. */
#include "tests/service/events_test.h"

#include <signal.h>
#include <sys/socket.h>

/* ---- coming back ---- */

static struct sse *come_back(struct service *service, const char *target, const char *id)
{
    struct sse *sse;
    char header[128];

    snprintf(header, sizeof header, "Last-Event-ID: %s\r\n", id);
    sse = sse_open(service->port, target, header);
    assert_int_equal(sse_status(sse), 200);
    return sse;
}

static bool is(const struct sse_event *event, const char *name)
{
    return strcmp(event->name, name) == 0;
}

static void who_comes_back_hears_exactly_what_it_has_missed(void **state)
{
    struct service *service = *state;
    char path[64], id[32];
    struct sse *sse, *keep;

    for (unsigned i = 0; i < 6; i++) {
        snprintf(path, sizeof path, "/statuses/s%u", i);
        expect(service, 201, "PUT", path, NULL);
    }
    keep = open_events(service, "/events?limit=0"); /* the logs stay */
    expect_event(keep, "ready", NULL);
    sse = open_events(service, "/events");
    for (unsigned i = 0; i < 6; i++)
        expect_event(sse, "status", NULL);
    expect_event(sse, "ready", NULL);
    expect(service, 200, "PUT", "/statuses/s0/data", "1");
    expect_event(sse, "status", "\"id\":\"s0\"");
    const struct sse_event *block = sse_next_block(sse, PATIENCE_MS);
    assert_true(block && *block->id); /* all before it has been told */
    snprintf(id, sizeof id, "%s", sse_last_id(sse));
    sse_close(sse);

    expect(service, 200, "PUT", "/statuses/s3/data", "2");
    expect(service, 200, "PUT", "/statuses/s3/data", "3");
    expect(service, 204, "DELETE", "/statuses/s4?force=true", NULL);
    expect(service, 201, "PUT", "/statuses/new", NULL);
    for (unsigned round = 0; round < 12; round++) { /* whichever worker takes it */
        unsigned seen = 0;
        sse = come_back(service, "/events", id);
        for (const struct sse_event *event; (event = NEXT(sse)) && !is(event, "ready");) {
            if (is(event, "deleted") && strstr(event->data, "\"s4\""))
                seen |= 1;
            else if (is(event, "status") && strstr(event->data, "\"id\":\"s3\""))
                seen |= strstr(event->data, "\"data\":3") ? 2 : 128;
            else if (is(event, "status") && strstr(event->data, "\"id\":\"new\""))
                seen |= 4;
            else
                seen |= 128;
        }
        assert_int_equal(seen, 7);
        sse_close(sse);
    }
    /* What does not match any more is told: the reader may have it. */
    sse = come_back(service, "/events?state=queued", id);
    unsigned seen = 0;
    for (const struct sse_event *event; (event = NEXT(sse)) && !is(event, "ready");) {
        assert_true(is(event, "unmatched") || is(event, "deleted"));
        seen |= strstr(event->data, "\"s4\"")    ? 1
                : strstr(event->data, "\"s3\"")  ? 2
                : strstr(event->data, "\"new\"") ? 4
                                                 : 0;
    }
    assert_int_equal(seen, 7);
    expect(service, 201, "PUT", "/statuses/s6", NULL); /* once for each */
    expect_event(sse, "unmatched", "s6");
    expect(service, 200, "PUT", "/statuses/s6/data", "10");
    expect(service, 200, "POST", "/statuses/s6/queued", NULL);
    expect_event(sse, "status", "\"id\":\"s6\"");
    sse_close(sse);

    sse = come_back(service, "/statuses/s3/events", id);
    expect_event(sse, "status", "\"data\":3");
    expect_event(sse, "ready", NULL);
    sse_close(sse);
    for (unsigned round = 0; round < 12; round++) { /* nothing has happened to it */
        sse = come_back(service, "/statuses/s2/events", id);
        const struct sse_event *event = NEXT(sse);
        assert_non_null(event);
        assert_true(is(event, "ready"));
        sse_close(sse);
    }
    sse = come_back(service, "/statuses/s4/events", id);
    expect_event(sse, "deleted", "s4");
    expect_event(sse, "ready", NULL);
    sse_close(sse);
    sse_close(keep);
}

static void too_far_back_is_a_reset(void **state)
{
    static const char *const ids[] = { "0", "1", "garbage", "99999999999999999" };
    struct service *service = *state;
    struct sse *sse;

    expect(service, 201, "PUT", "/statuses/a", NULL);
    for (unsigned i = 0; i < sizeof ids / sizeof *ids; i++) {
        sse = come_back(service, "/events", ids[i]);
        expect_event(sse, "reset", "{}");
        expect_event(sse, "status", "\"id\":\"a\"");
        expect_event(sse, "ready", NULL);
        sse_close(sse);
        sse = come_back(service, "/statuses/a/events", ids[i]);
        expect_event(sse, "reset", "{}");
        expect_event(sse, "status", "\"id\":\"a\"");
        expect_event(sse, "ready", NULL);
        sse_close(sse);
    }
}

static void after_a_restart_it_begins_anew(void **state)
{
    struct service service;
    struct sse *sse;
    char id[32];

    (void)state;
    service_start(&service, NULL);
    expect(&service, 201, "PUT", "/statuses/a", NULL);
    sse = open_events(&service, "/events");
    expect_event(sse, "status", NULL);
    snprintf(id, sizeof id, "%s", expect_event(sse, "ready", NULL)->id);
    process_kill(&service.jobbad, SIGTERM);
    assert_int_equal(sse_ends(sse, PATIENCE_MS), 1); /* at once, as it should end */
    sse_close(sse);
    assert_int_equal(process_wait(&service.jobbad, PATIENCE_MS), 0);
    store(&service, "HSET jobba:id:a data 3");
    service_start_jobbad(&service, NULL);
    sse = come_back(&service, "/events", id);
    expect_event(sse, "reset", NULL);
    expect_event(sse, "status", "\"data\":3");
    expect_event(sse, "ready", NULL);
    sse_close(sse);
    service_stop(&service);
}

/* ---- trouble ---- */

static void what_was_not_heard_is_made_good(void **state)
{
    static const char *const troubles[] = { "CLIENT KILL TYPE pubsub SKIPME yes",
                                            "CLIENT KILL TYPE normal SKIPME yes", "FLUSHALL" };
    struct service *service = *state;

    for (unsigned i = 0; i < 3; i++) {
        expect(service, 201, "PUT", "/statuses/a", NULL);
        struct sse *one = open_events(service, "/statuses/a/events");
        struct sse *all = open_events(service, "/events");
        expect_event(one, "status", NULL);
        expect_event(one, "ready", NULL);
        expect_event(all, "status", NULL);
        expect_event(all, "ready", NULL);
        store(service, troubles[i]);
        store(service, "HSET jobba:id:a id \"a\" state \"killed\"");
        for (struct sse *sse = one;; sse = all) {
            const struct sse_event *event;
            do
                event = NEXT(sse); /* a reset, or a deleted one first */
            while (event && !(strcmp(event->name, "status") == 0 && strstr(event->data, "killed")));
            assert_non_null(event);
            if (sse == all)
                break;
        }
        expect(service, 200, "PUT", "/statuses/a/data", "5"); /* and they go on */
        for (struct sse *sse = one;; sse = all) {
            const struct sse_event *event;
            do
                event = NEXT(sse);
            while (event && !strstr(event->data, "\"data\":5"));
            assert_non_null(event);
            if (sse == all)
                break;
        }
        sse_close(one);
        sse_close(all);
        service_flush(service);
    }
}

static void streams_outlive_redis(void **state)
{
    struct service service;
    struct sse *one, *all;

    (void)state;
    service_start(&service, NULL);
    expect(&service, 201, "PUT", "/statuses/a", NULL);
    one = open_events(&service, "/statuses/a/events");
    all = open_events(&service, "/events");
    expect_event(one, "status", NULL);
    expect_event(one, "ready", NULL);
    expect_event(all, "status", NULL);
    expect_event(all, "ready", NULL);
    process_kill(&service.redis, SIGKILL);
    service_start_redis(&service, NULL); /* empty: nothing was kept */
    service_connect_store(&service);
    expect_event(one, "deleted", NULL);
    expect_event(all, "reset", NULL);
    expect_event(all, "ready", NULL);
    assert_until(ask(&service, "PUT", "/statuses/a", "{\"data\":2}")->status == 201);
    expect_event(one, "status", "\"data\":2");
    expect_event(all, "status", "\"data\":2");
    sse_close(one);
    sse_close(all);
    service_stop(&service);
}

/* Whether so many streams may be open at a time; they are closed again. */
static bool can_be_opened(struct service *service, unsigned n)
{
    struct sse *streams[8];
    unsigned open = 0;

    for (unsigned i = 0; i < n; i++) {
        streams[i] = sse_open(service->port, "/statuses/a/events", "");
        open += sse_status(streams[i]) == 200;
    }
    for (unsigned i = 0; i < n; i++)
        sse_close(streams[i]);
    return open == n;
}

static void who_goes_away_is_noticed(void **state)
{
    struct service service;
    struct sse *sse;

    (void)state;
    service_start(&service,
                  (const char *const[]){ "--heartbeat", "100ms", "--max-watchers", "4", NULL });
    expect(&service, 201, "PUT", "/statuses/a", NULL);
    for (unsigned round = 0; round < 3; round++) {
        struct sse *streams[4];
        assert_until(can_be_opened(&service, 1));
        for (unsigned i = 0; i < 4; i++) {
            const char *target = i % 2 ? "/events" : "/statuses/a/events";
            for (;;) { /* the one before may not be gone yet */
                streams[i] = sse_open(service.port, target, "");
                if (sse_status(streams[i]) == 200)
                    break;
                sse_close(streams[i]);
            }
            expect_event(streams[i], "status", NULL);
        }
        sse = sse_open(service.port, "/events", "");
        assert_int_equal(sse_status(sse), 503);
        assert_non_null(strstr(sse_body(sse), "max_watchers"));
        sse_close(sse);
        for (unsigned i = 0; i < 4; i++)
            sse_close(streams[i]);
        /* Their places are free again. */
        assert_until(can_be_opened(&service, 4));
        assert_until(can_be_opened(&service, 4));
    }
    service_stop(&service);
}

static void who_does_not_read_is_cut_and_nobody_else_is_slowed(void **state)
{
    struct service *service = *state;
    struct sse *slow, *fast;
    int small = 4096;
    char *data = malloc(60001);

    expect(service, 201, "PUT", "/statuses/a", NULL);
    slow = sse_open(service->port, "/statuses/a/events", "");
    setsockopt(sse_fd(slow), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    fast = open_events(service, "/statuses/a/events");
    expect_event(fast, "status", NULL);
    expect_event(fast, "ready", NULL);
    memset(data, '7', 60000);
    data[60000] = '\0';
    for (unsigned i = 0; i < 200; i++) { /* 12 MB: more than all buffers on the way hold */
        char expected[32];
        data[0] = (char)('1' + i % 9);
        expect_with(service, 204, "Prefer: return=minimal", "PUT", "/statuses/a/data", data);
        snprintf(expected, sizeof expected, "\"data\":%c777", data[0]);
        expect_event(fast, "status", expected);
    }
    small = 1 << 20; /* what is on its way arrives */
    setsockopt(sse_fd(slow), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    assert_int_equal(sse_ends(slow, PATIENCE_MS), -1);
    sse_close(slow);
    sse_close(fast);
    free(data);
}

static void a_key_that_is_no_status_does_no_harm(void **state)
{
    struct service *service = *state;
    struct sse *all = open_events(service, "/events");

    expect_event(all, "ready", NULL);
    store(service, "SET jobba:id:odd 1");
    store(service, "SET jobba:id:%s 1", "not an id");
    store(service, "LPUSH jobba:id:odd2 1");
    expect(service, 201, "PUT", "/statuses/a", NULL);
    expect_event(all, "status", "\"id\":\"a\"");
    store(service, "MSET jobba:id:odd 2 jobba:id:odd3 3");
    expect(service, 201, "PUT", "/statuses/b", NULL);
    expect_event(all, "status", "\"id\":\"b\"");
    const struct sse_event *block = sse_next_block(all, PATIENCE_MS);
    assert_true(block && *block->id);
    char id[32];
    snprintf(id, sizeof id, "%s", sse_last_id(all));
    store(service, "SET jobba:id:odd 3");
    for (unsigned i = 0; i < 20; i++)
        store(service, "HSET jobba:id:c%u id \"c%u\" state \"queued\"", i, i);
    struct sse *back = come_back(service, "/events", id); /* among what has changed since */
    for (unsigned found = 0; found < 20;) {
        const struct sse_event *event = NEXT(back);
        assert_non_null(event);
        found += strcmp(event->name, "status") == 0;
    }
    sse_close(back);
    sse_close(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(who_comes_back_hears_exactly_what_it_has_missed),
        FRESH(too_far_back_is_a_reset),
        cmocka_unit_test(after_a_restart_it_begins_anew),
        FRESH(what_was_not_heard_is_made_good),
        cmocka_unit_test(streams_outlive_redis),
        cmocka_unit_test(who_goes_away_is_noticed),
        FRESH(who_does_not_read_is_cut_and_nobody_else_is_slowed),
        FRESH(a_key_that_is_no_status_does_no_harm),
        ENDS_CLEANLY,
    };
    return cmocka_run_group_tests_name("events_again", tests, service_setup, service_teardown);
}
