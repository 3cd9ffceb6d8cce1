/* Methods, headers, formats, and the routes of the service itself. */
#include "tests/service/every_route.h"
#include "tests/service/service_test.h"

static void options_and_405_tell_the_methods(void **state)
{
    static const struct {
        const char *path, *allow, *wrong;
    } cases[] = {
        { "/statuses", "POST, GET, HEAD, DELETE, OPTIONS", "PUT" },
        { "/statuses/a", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS", "POST" },
        { "/statuses/a/progress", "PUT, OPTIONS", "GET" },
        { "/statuses/a/errors", "POST, OPTIONS", "DELETE" },
        { "/statuses/a/data", "GET, HEAD, PUT, OPTIONS", "PATCH" },
        { "/statuses/a/attempts", "GET, HEAD, OPTIONS", "POST" },
        { "/statuses/a/request_kill", "POST, OPTIONS", "GET" },
        { "/statuses/a/succeeded", "POST, OPTIONS", "GET" },
        { "/health/live", "GET, HEAD, OPTIONS", "DELETE" },
        { "/version", "GET, HEAD, OPTIONS", "PUT" },
    };
    struct service *service = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct answer *answer = ask(service, "OPTIONS", cases[i].path, NULL);
        assert_int_equal(answer->status, 204);
        assert_string_equal(answer_header(answer, "Allow"), cases[i].allow);
        answer = ask(service, cases[i].wrong, cases[i].path, NULL);
        assert_int_equal(answer->status, 405);
        assert_string_equal(answer_string(answer, "type"), "/problems/method-not-allowed");
        assert_string_equal(answer_header(answer, "Allow"), cases[i].allow);
    }
}

static void an_unknown_expectation_is_refused(void **state)
{
    struct service *service = *state;

    expect_problem(expect_with(service, 417, "Expect: tea", "POST", "/statuses", "{}"), 417,
                   "expectation-failed", NULL);
}

static void unknown_routes_and_methods_are_told(void **state)
{
    static const char *const paths[] = { "/nosuch",
                                         "/status",
                                         "/statuses/",
                                         "/statuses/a/",
                                         "/statuses/a/nosuch",
                                         "/statuses/a/data/b",
                                         "/health",
                                         "/health/",
                                         "//statuses",
                                         "/statuses/a/b/c/d/e/f" };
    struct service *service = *state;

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const struct answer *answer = ask(service, "GET", paths[i], NULL);
        assert_int_equal(answer->status, 404);
        assert_string_equal(answer_string(answer, "type"), "/problems/route-not-found");
        assert_int_equal(ask(service, "OPTIONS", paths[i], NULL)->status, 404);
    }
    const struct answer *answer = ask(service, "BREW", "/statuses", NULL);
    assert_int_equal(answer->status, 501);
    assert_string_equal(answer_string(answer, "type"), "/problems/not-implemented");
}

static void accept_is_respected(void **state)
{
    static const struct {
        const char *accept;
        int status;
    } cases[] = {
        { "Accept: */*", 200 },
        { "Accept: application/json", 200 },
        { "Accept: text/html, application/*;q=0.5", 200 },
        { "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 200 },
        { "Accept: APPLICATION/JSON; charset=utf-8", 200 },
        { "Accept: text/html", 406 },
        { "Accept: application/json;q=0", 406 },
        { "Accept: application/json;q=0.0, text/plain", 406 },
        { "Accept: application/jsonx", 406 },
    };
    struct service *service = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const headers[] = { cases[i].accept, NULL };
        const struct answer *answer = client_ask(service->client, "GET", "/version", NULL, headers);
        assert_int_equal(answer->status, cases[i].status);
    }
}

static void the_service_tells_about_itself(void **state)
{
    struct service *service = *state;
    const struct answer *answer = ask(service, "GET", "/version", NULL);

    assert_string_equal(answer_string(answer, "name"), "jobbad");
    assert_non_null(answer_string(answer, "version"));
    assert_int_equal(ask(service, "GET", "/health/live", NULL)->status, 200);
    assert_int_equal(ask(service, "GET", "/health/ready", NULL)->status, 200);
    assert_int_equal(ask(service, "HEAD", "/health/live", NULL)->status, 200);
    assert_int_equal(ask(service, "HEAD", "/health/ready", NULL)->status, 200);
    assert_int_equal(ask(service, "HEAD", "/version", NULL)->status, 200);
    answer = ask(service, "HEAD", "/openapi.yaml", NULL);
    assert_int_equal(answer->status, 200);
    answer = ask(service, "GET", "/openapi.yaml", NULL);
    assert_int_equal(answer->status, 200);
    assert_string_equal(answer_header(answer, "Content-Type"), "application/yaml");
    assert_int_equal(strncmp(answer->body, "openapi: 3.1.0", 14), 0);
}

static void answers_are_not_cached_nor_sniffed(void **state)
{
    struct service *service = *state;
    const struct answer *answer = ask(service, "GET", "/version", NULL);

    assert_string_equal(answer_header(answer, "Cache-Control"), "no-store");
    assert_string_equal(answer_header(answer, "X-Content-Type-Options"), "nosniff");
    assert_null(answer_header(answer, "Server"));
}

static void a_request_id_is_echoed(void **state)
{
    static const char *const good[] = { "X-Request-Id: abc-123:x/y", NULL };
    static const char *const bad[] = { "X-Request-Id: a b", NULL };
    struct service *service = *state;

    assert_string_equal(
        answer_header(client_ask(service->client, "GET", "/version", NULL, good), "X-Request-Id"),
        "abc-123:x/y");
    assert_string_equal(
        answer_header(client_ask(service->client, "GET", "/statuses/no", NULL, good),
                      "X-Request-Id"),
        "abc-123:x/y");
    assert_null(
        answer_header(client_ask(service->client, "GET", "/version", NULL, bad), "X-Request-Id"));
}

static void other_sites_pages_are_kept_out(void **state)
{
    struct service *service = *state;
    char own[128], port[128];
    snprintf(own, sizeof own, "Origin: %s", service->url);
    snprintf(port, sizeof port, "Host: localhost:%u", service->port);
    const struct {
        const char *headers[4];
        int get, post;
    } cases[] = {
        { { own }, 200, 201 },
        { { "Origin: http://evil.example" }, 200, 403 },
        { { "Origin: null" }, 200, 403 },
        { { "Sec-Fetch-Site: cross-site" }, 200, 403 },
        { { "Sec-Fetch-Site: same-origin" }, 200, 201 },
        { { port }, 200, 201 },
        { { "Host: [::1]" }, 200, 201 },
        { { "Host: LOCALHOST" }, 200, 201 },
        { { "Host: evil.example" }, 421, 421 },
        { { "Host: 127.0.0.1.evil.example" }, 421, 421 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct answer *answer =
            client_ask(service->client, "GET", "/version", NULL, cases[i].headers);
        assert_int_equal(answer->status, cases[i].get);
        answer = client_ask(service->client, "POST", "/statuses", NULL, cases[i].headers);
        assert_int_equal(answer->status, cases[i].post);
        if (cases[i].post == 403)
            assert_string_equal(answer_string(answer, "type"), "/problems/foreign-origin");
        if (cases[i].post == 421)
            assert_string_equal(answer_string(answer, "type"), "/problems/misdirected-host");
    }
}

static void hosts_and_origins_can_be_allowed(void **state)
{
    static const char *const flags[] = { "--allowed-hosts", "jobs.example, other.example",
                                         "--allowed-origins", "https://board.example", NULL };
    static const char *const host[] = { "Host: jobs.example:8080", NULL };
    static const char *const origin[] = { "Origin: https://board.example", NULL };
    static const char *const scheme[] = { "Origin: http://board.example", NULL };
    struct service service;

    (void)state;
    service_start(&service, flags);
    assert_int_equal(client_ask(service.client, "GET", "/version", NULL, host)->status, 200);
    assert_int_equal(client_ask(service.client, "POST", "/statuses", NULL, origin)->status, 201);
    assert_int_equal(client_ask(service.client, "POST", "/statuses", NULL, scheme)->status, 403);
    service_stop(&service);
}

/* openapi.yaml tells these answers of many routes: each is asked of each. */
static void every_route_refuses_alike(void **state)
{
    static const char *const html[] = { "Accept: text/html", NULL };
    static const char *const foreign[] = { "Origin: http://evil.example", NULL };
    static const char *const text[] = { "Content-Type: text/plain", NULL };
    static char big[300 * 1024];
    struct service *service = *state;
    char path[96];

    memset(big, ' ', sizeof big - 1);
    for (size_t i = 0; i < N_EVERY_ROUTE; i++) {
        const char *method = every_route[i].method;
        bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
        snprintf(path, sizeof path, "%s?nosuch=%s", every_route[i].path,
                 every_route[i].any_query ? "%zz" : "1");
        assert_int_equal(ask(service, method, path, NULL)->status, 400);
        if (!every_route[i].any_type)
            assert_int_equal(
                client_ask(service->client, method, every_route[i].path, NULL, html)->status, 406);
        if (strstr(every_route[i].path, "/r")) {
            snprintf(path, sizeof path, "/statuses/bad%%20id%s",
                     strstr(every_route[i].path, "/r") + 2);
            if (strncmp(every_route[i].path, "/statuses/r", 11) == 0)
                assert_int_equal(ask(service, method, path, NULL)->status, 422);
        }
        if (reads)
            continue;
        assert_int_equal(
            client_ask(service->client, method, every_route[i].path, NULL, foreign)->status, 403);
        assert_int_equal(ask(service, method, every_route[i].path, big)->status, 413);
        bool takes_body = strcmp(method, "DELETE") != 0;
        if (takes_body)
            assert_int_equal(
                client_ask(service->client, method, every_route[i].path, "{}", text)->status, 415);
        assert_int_equal(ask(service, method, every_route[i].path, takes_body ? "{" : "{}")->status,
                         400);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_405_tell_the_methods),
        cmocka_unit_test(unknown_routes_and_methods_are_told),
        cmocka_unit_test(an_unknown_expectation_is_refused),
        cmocka_unit_test(accept_is_respected),
        cmocka_unit_test(the_service_tells_about_itself),
        cmocka_unit_test(answers_are_not_cached_nor_sniffed),
        cmocka_unit_test(a_request_id_is_echoed),
        cmocka_unit_test(other_sites_pages_are_kept_out),
        cmocka_unit_test(hosts_and_origins_can_be_allowed),
        cmocka_unit_test(every_route_refuses_alike),
        ENDS_CLEANLY,
    };
    return cmocka_run_group_tests_name("protocol", tests, service_setup, service_teardown);
}
