/* The life of connections: pipelining, limits of size, deadlines, clients that go away. */
#include "tests/lib/raw.h"
#include "tests/service/service_test.h"

#include <dirent.h>
#include <signal.h>
#include <sys/socket.h>

#define HEAD(method, target) method " " target " HTTP/1.1\r\nHost: localhost\r\n"
#define GET_LIVE             HEAD("GET", "/health/live") "\r\n"

enum { BODY_LIMIT = 256 * 1024, CONNECTION_LIMIT = 20 };

/* Deadlines short enough to wait for, and few connections. */
static int setup(void **state)
{
    static const char *const flags[] = { "--header-timeout=300ms", "--body-timeout=300ms",
                                         "--idle-timeout=1s", "--max-connections=20", NULL };
    static struct service service;

    service_start(&service, flags);
    *state = &service;
    return 0;
}

/* ---- many requests on one connection ---- */

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct service *service = *state;
    struct raw *raw = raw_open(service->port);
    char request[256], name[32];

    for (int i = 0; i < 50; i++) {
        snprintf(request, sizeof request,
                 HEAD("POST", "/statuses") "Content-Length: %zu\r\n\r\n{\"id\":\"p%d\"}",
                 strlen("{\"id\":\"p\"}") + (i < 10 ? 1 : 2), i);
        raw_send(raw, request);
    }
    for (int i = 0; i < 50; i++) {
        assert_int_equal(raw_take(raw, PATIENCE_MS), 201);
        snprintf(name, sizeof name, "\"p%d\"", i);
        assert_string_equal(json_member(raw->body, "id"), name);
    }
    for (int i = 0; i < 50; i++) {
        snprintf(request, sizeof request, HEAD("GET", "/statuses/p%d") "\r\n", i);
        raw_send(raw, request);
    }
    for (int i = 0; i < 50; i++) {
        assert_int_equal(raw_take(raw, PATIENCE_MS), 200);
        snprintf(name, sizeof name, "\"p%d\"", i);
        assert_string_equal(json_member(raw->body, "id"), name);
    }
    raw_close(raw);
}

static void a_connection_is_kept_over_answers_of_every_kind(void **state)
{
    static const struct {
        int status;
        const char *method, *path, *body;
    } cases[] = {
        { 201, "POST", "/statuses", "{\"id\":\"a\"}" },
        { 409, "POST", "/statuses", "{\"id\":\"a\"}" },
        { 404, "GET", "/statuses/b", NULL },
        { 404, "GET", "/nowhere", NULL },
        { 405, "PATCH", "/statuses", "{}" },
        { 400, "PATCH", "/statuses/a", "{" },
        { 422, "PATCH", "/statuses/a", "{\"x\":1}" },
        { 200, "HEAD", "/statuses/a", NULL },
        { 204, "DELETE", "/statuses/a?force=true", NULL },
        { 204, "OPTIONS", "/statuses", NULL },
    };
    struct service *service = *state;
    unsigned opened;

    expect(service, 200, "GET", "/health/live", NULL);
    opened = client_connections(service->client);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(service, cases[i].status, cases[i].method, cases[i].path, cases[i].body);
    assert_int_equal(client_connections(service->client), opened);
}

static void a_request_that_comes_byte_by_byte_is_answered(void **state)
{
    static const char request[] =
        HEAD("POST", "/statuses") "Content-Length: 10\r\n\r\n{\"id\":\"a\"}";
    struct service *service = *state;
    struct raw *raw = raw_open(service->port);

    for (const char *at = request; *at; at++)
        assert_true(raw_send_bytes(raw, at, 1));
    assert_int_equal(raw_take(raw, PATIENCE_MS), 201);
    raw_close(raw);
}

/* ---- size ---- */

static void a_body_over_the_limit_is_refused_before_it_is_sent(void **state)
{
    struct service *service = *state;
    struct raw *raw = raw_open(service->port);

    raw_send(raw, HEAD("POST", "/statuses") "Content-Length: 262145\r\n\r\n");
    assert_int_equal(raw_take(raw, PATIENCE_MS), 413);
    assert_string_equal(json_member(raw->body, "type"), "\"/problems/body-too-large\"");
    raw_close(raw);

    raw = raw_open(service->port);
    raw_send(raw,
             HEAD("POST", "/statuses") "Expect: 100-continue\r\nContent-Length: 262145\r\n\r\n");
    assert_int_equal(raw_take(raw, PATIENCE_MS), 413);
    raw_close(raw);
    expect_store(service, "0", "DBSIZE");
}

static void a_body_is_asked_for_when_the_client_waits_for_that(void **state)
{
    struct service *service = *state;
    struct raw *raw = raw_open(service->port);

    raw_send(raw, HEAD("POST", "/statuses") "Expect: 100-continue\r\nContent-Length: 10\r\n\r\n");
    assert_int_equal(raw_take_head(raw, PATIENCE_MS), 100);
    raw_send(raw, "{\"id\":\"a\"}");
    assert_int_equal(raw_take(raw, PATIENCE_MS), 201);
    raw_close(raw);
}

static void an_endless_chunked_body_is_cut_off(void **state)
{
    struct service *service = *state;
    struct raw *raw = raw_open(service->port);
    static char chunk[0x1000 + 16];
    unsigned sent = 0;

    memset(chunk, ' ', sizeof chunk);
    memcpy(chunk, "1000\r\n", 6);
    memcpy(chunk + 6 + 0x1000, "\r\n", 2);
    raw_send(raw, HEAD("POST", "/statuses") "Transfer-Encoding: chunked\r\n\r\n");
    while (sent < 64 * 1024 * 1024 && raw_send_bytes(raw, chunk, 6 + 0x1000 + 2))
        sent += 0x1000;
    assert_true(sent < 32 * 1024 * 1024); /* what sockets buffer, and the little that is dropped */
    raw_close(raw);
    expect(service, 200, "GET", "/health/live", NULL);
    expect_store(service, "0", "DBSIZE");
}

static void a_chunked_body_over_the_limit_is_413(void **state)
{
    struct service *service = *state;
    struct raw *raw = raw_open(service->port);
    static char body[BODY_LIMIT + 64];
    int head = snprintf(body, sizeof body,
                        HEAD("PUT", "/statuses/a/data") "Transfer-Encoding: chunked\r\n\r\n");

    assert_true(raw_send_bytes(raw, body, (size_t)head));
    head = snprintf(body, sizeof body, "%x\r\n", BODY_LIMIT + 1);
    memset(body + head, ' ', BODY_LIMIT + 1);
    assert_true(raw_send_bytes(raw, body, (size_t)head + BODY_LIMIT + 1));
    raw_send(raw, "\r\n0\r\n\r\n");
    assert_int_equal(raw_take(raw, PATIENCE_MS), 413);
    raw_close(raw);
}

static void headers_and_targets_have_limits(void **state)
{
    static const struct {
        const char *before, *after;
        size_t filler;
        int status;
    } cases[] = {
        { HEAD("GET", "/health/live") "X-Long: ", "\r\n\r\n", 8000, 200 },
        { HEAD("GET", "/health/live") "X-Long: ", "\r\n\r\n", 20000, 431 },
        { "GET /health/live?", " HTTP/1.1\r\nHost: localhost\r\n\r\n", 40000, 414 },
        { HEAD("GET", "/health/live"), "\r\n", 0, 200 },
    };
    struct service *service = *state;
    static char request[65536];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t before = strlen(cases[i].before);
        memcpy(request, cases[i].before, before);
        memset(request + before, 'x', cases[i].filler);
        strcpy(request + before + cases[i].filler, cases[i].after);
        assert_int_equal(raw_exchange(service->port, request, NULL), cases[i].status);
    }
}

static void too_many_headers_are_refused(void **state)
{
    struct service *service = *state;
    static char request[65536] = HEAD("GET", "/health/live");

    for (int i = 0; i < 1000; i++)
        sprintf(request + strlen(request), "X-%d: y\r\n", i);
    strcat(request, "\r\n");
    assert_int_equal(raw_exchange(service->port, request, NULL), 431);
}

/* ---- time ---- */

static void cut_after_silence(struct service *service, const char *sent, int status)
{
    struct raw *raw = raw_open(service->port);
    int got;

    raw_send(raw, sent);
    got = raw_take(raw, PATIENCE_MS);
    if (got != status)
        fail_msg("%.60s...: %d instead of %d", sent, got, status);
    assert_true(raw_is_closed(raw, PATIENCE_MS));
    raw_close(raw);
}

static void a_request_that_stops_half_way_is_cut(void **state)
{
    cut_after_silence(*state, "GET /health/live HT", 408);
    cut_after_silence(*state, HEAD("GET", "/health/live") "X-Slow: ", 408);
    cut_after_silence(*state, HEAD("POST", "/statuses") "Content-Length: 10\r\n\r\n{", 408);
    cut_after_silence(*state, HEAD("POST", "/statuses") "Transfer-Encoding: chunked\r\n\r\n2\r\n",
                      408);
}

/* The library's own time-out would start anew with each byte. */
static void a_dripping_request_is_cut(void **state)
{
    static const char *const starts[] = {
        HEAD("GET", "/health/live") "X-Slow: ",
        HEAD("POST", "/statuses") "Content-Length: 100000\r\n\r\n ",
    };
    struct service *service = *state;

    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        struct raw *raw = raw_open(service->port);
        uint64_t end = now_ms() + PATIENCE_MS;
        raw_send(raw, starts[i]);
        while (raw_send_bytes(raw, " ", 1) && now_ms() < end)
            pause_ms(20);
        assert_true(now_ms() < end);
        raw_close(raw);
    }
}

static void a_slow_second_request_is_cut_too(void **state)
{
    struct service *service = *state;
    struct raw *raw = raw_open(service->port);

    raw_send(raw, GET_LIVE);
    assert_int_equal(raw_take(raw, PATIENCE_MS), 200);
    raw_send(raw, "GET /health/li");
    assert_true(raw_take(raw, PATIENCE_MS) !=
                -1); /* 408, or closed as idle: before the first look */
    raw_close(raw);
}

static void an_idle_connection_is_closed(void **state)
{
    struct service *service = *state;
    struct raw *raw = raw_open(service->port);

    raw_send(raw, GET_LIVE);
    assert_int_equal(raw_take(raw, PATIENCE_MS), 200);
    assert_true(raw_is_closed(raw, PATIENCE_MS));
    raw_close(raw);
}

/* ---- number ---- */

/* Whoever of the two workers accepts them. Those that were there before are served on. */
static void too_many_connections_are_told_so(void **state)
{
    struct service *service = *state;
    struct raw *raw[CONNECTION_LIMIT], *more;

    client_destroy(service->client);
    service->client = client_create(service->url);
    for (int i = 0; i < CONNECTION_LIMIT; i++) {
        raw[i] = raw_open(service->port);
        raw_send(raw[i], GET_LIVE);
        assert_int_equal(raw_take(raw[i], PATIENCE_MS), 200);
    }
    more = raw_open(service->port);
    raw_send(more, GET_LIVE);
    assert_int_equal(raw_take(more, PATIENCE_MS), 503);
    assert_string_equal(json_member(more->body, "type"), "\"/problems/unavailable\"");
    raw_close(more);
    for (int i = 0; i < CONNECTION_LIMIT; i++) {
        raw_send(raw[i], GET_LIVE);
        assert_int_equal(raw_take(raw[i], PATIENCE_MS), 200);
        raw_close(raw[i]);
    }
    assert_until(ask(service, "GET", "/health/live", NULL)->status == 200);
}

/* Each is within its limit; what all together may take is not. */
static void bodies_share_a_bound(void **state)
{
    enum { N = 20, SIZE = 8 * 1024 * 1024 };
    static const char *const flags[] = { "--body-limit=8MiB", NULL };
    static char blanks[SIZE];
    struct service service;
    struct raw *raw[N];
    int refused = 0, read = 0;

    (void)state;
    memset(blanks, ' ', sizeof blanks);
    service_start(&service, flags);
    for (int i = 0; i < N; i++) {
        raw[i] = raw_open(service.port);
        raw_send(raw[i], HEAD("POST", "/statuses") "Content-Length: 8388608\r\n\r\n");
        raw_send_bytes(raw[i], blanks, SIZE - 1);
    }
    for (int i = 0; i < N; i++) {
        raw_send_bytes(raw[i], "1", 1);
        int status = raw_take(raw[i], PATIENCE_MS);
        refused += status == 503;
        read += status == 400 || status == 422;
        raw_close(raw[i]);
    }
    assert_true(refused > 0 && read > 0);
    expect(&service, 201, "POST", "/statuses", "{}");
    service_stop(&service);
}

/* ---- clients that go away ---- */

static unsigned open_files(const struct service *service)
{
    char path[64];
    unsigned n = 0;
    DIR *dir;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)service->jobbad.pid);
    dir = opendir(path);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

/* The answer meets a connection that is gone, or, worse, a request that is not there any more. */
static void clients_that_leave_while_redis_works_leave_nothing_behind(void **state)
{
    static const char *const requests[] = {
        HEAD("POST", "/statuses") "Content-Length: 2\r\n\r\n{}",
        HEAD("GET", "/statuses/a") "\r\n",
        HEAD("GET", "/statuses/a/attempts") "\r\n",
        HEAD("DELETE", "/statuses/a?force=true") "\r\n",
        HEAD("GET", "/health/ready") "\r\n",
    };
    enum { N = sizeof requests / sizeof *requests };
    struct service *service = *state;
    struct raw *raw[15];

    client_destroy(service->client);
    service->client = client_create(service->url);
    for (int round = 0; round < 20; round++) {
        process_kill(&service->redis, SIGSTOP);
        for (size_t i = 0; i < sizeof raw / sizeof *raw; i++) {
            raw[i] = raw_open(service->port);
            raw_send(raw[i], requests[i % N]);
        }
        ask(service, "GET", "/health/live", NULL); /* by then most of them are with Redis */
        for (size_t i = 0; i < sizeof raw / sizeof *raw; i++) {
            if (i % 3 == 0) /* a reset */
                setsockopt(raw[i]->fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
                           sizeof(struct linger));
            raw_close(raw[i]);
        }
        process_kill(&service->redis, SIGCONT);
    }
    assert_until(ask(service, "GET", "/health/live", NULL)->status == 200);
    assert_until(open_files(service) < 60);
    expect(service, 201, "POST", "/statuses", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(pipelined_requests_are_answered_in_order),
        FRESH(a_connection_is_kept_over_answers_of_every_kind),
        FRESH(a_request_that_comes_byte_by_byte_is_answered),
        FRESH(a_body_over_the_limit_is_refused_before_it_is_sent),
        FRESH(a_body_is_asked_for_when_the_client_waits_for_that),
        FRESH(an_endless_chunked_body_is_cut_off),
        FRESH(a_chunked_body_over_the_limit_is_413),
        FRESH(headers_and_targets_have_limits),
        FRESH(too_many_headers_are_refused),
        FRESH(a_request_that_stops_half_way_is_cut),
        FRESH(a_dripping_request_is_cut),
        FRESH(a_slow_second_request_is_cut_too),
        FRESH(an_idle_connection_is_closed),
        FRESH(too_many_connections_are_told_so),
        cmocka_unit_test(bodies_share_a_bound),
        FRESH(clients_that_leave_while_redis_works_leave_nothing_behind),
        ENDS_CLEANLY,
    };

    return cmocka_run_group_tests_name("connections", tests, setup, service_teardown);
}
