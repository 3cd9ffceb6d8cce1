#include "api/headers.h"
#include "tests/unit/unit_test.h"

struct row {
    const char *value;
    bool expected;
};

static void check(const struct row *rows, size_t n, bool (*rule)(struct text))
{
    for (size_t i = 0; i < n; i++)
        if (rule(text_of(rows[i].value)) != rows[i].expected)
            fail_msg("'%s'", rows[i].value ? rows[i].value : "(none)");
}

static void accept_means_what_rfc_9110_says(void **state)
{
    static const struct row rows[] = {
        { NULL, true },
        { "", true },
        { "*/*", true },
        { "application/json", true },
        { "Application/JSON", true },
        { "application/*", true },
        { "text/html, application/json;q=0.1", true },
        { "text/html,*/*;q=0.8", true },
        { "application/json; charset=utf-8", true },
        { "application/json;q=1", true },
        { "text/html", false },
        { "application/json;q=0", false },
        { "application/json;q=0.000", false },
        { "application/json ; Q=0", false },
        { "application/jsonp", false },
        { "json", false },
        { ",", false },
    };
    (void)state;
    check(rows, COUNT(rows), accept_allows_json);
}

static void bodies_are_json_or_curls_default_type(void **state)
{
    static const struct row rows[] = {
        { NULL, true },
        { "", true },
        { "application/json", true },
        { "APPLICATION/json;charset=utf-8", true },
        { "application/x-www-form-urlencoded", true },
        { "text/plain", false },
        { "text/json", false },
        { "application/json-patch+json", false },
        { "multipart/form-data; boundary=x", false },
        { "application", false },
    };
    (void)state;
    check(rows, COUNT(rows), content_type_is_json);
}

static void prefer_is_searched_for_minimal(void **state)
{
    static const struct row rows[] = {
        { NULL, false },
        { "", false },
        { "return=minimal", true },
        { "Return=Minimal", true },
        { "return=\"minimal\"", true },
        { "respond-async, return=minimal; foo=1", true },
        { "return=representation", false },
        { "return=minimalist", false },
        { "minimal", false },
    };
    (void)state;
    check(rows, COUNT(rows), prefer_is_minimal);
}

static void hosts_of_this_machine_are_served(void **state)
{
    static const char *const allowed[] = { "jobs.example", "x.example:81", NULL };
    static const struct row rows[] = {
        { NULL, false },
        { "", false },
        { "localhost", true },
        { "LocalHost:8080", true },
        { "127.0.0.1", true },
        { "127.0.0.1:1", true },
        { "[::1]", true },
        { "[::1]:8080", true },
        { "jobs.example", true },
        { "jobs.example:8080", true },
        { "x.example:81", true },
        { "x.example:82", false },
        { "localhost.evil.example", false },
        { "evil.example", false },
        { "127.0.0.2", false },
        { "::1", false },
        { "[::1", false },
        { "localhost@evil", false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (host_is_allowed(text_of(rows[i].value), allowed) != rows[i].expected)
            fail_msg("'%s'", rows[i].value ? rows[i].value : "(none)");
}

static void origins_of_other_sites_are_refused(void **state)
{
    static const char *const allowed[] = { "https://board.example", NULL };
    static const struct row rows[] = {
        { NULL, true },
        { "http://localhost:8080", true },
        { "https://localhost:8080", true },
        { "http://LOCALHOST:8080", true },
        { "https://board.example", true },
        { "http://board.example", false },
        { "http://localhost", false },
        { "http://localhost:80801", false },
        { "http://evil.example", false },
        { "null", false },
        { "", false },
        { "localhost:8080", false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (origin_is_allowed(text_of(rows[i].value), TEXT("localhost:8080"), allowed) !=
            rows[i].expected)
            fail_msg("'%s'", rows[i].value ? rows[i].value : "(none)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accept_means_what_rfc_9110_says),
        cmocka_unit_test(bodies_are_json_or_curls_default_type),
        cmocka_unit_test(prefer_is_searched_for_minimal),
        cmocka_unit_test(hosts_of_this_machine_are_served),
        cmocka_unit_test(origins_of_other_sites_are_refused),
    };
    return cmocka_run_group_tests_name("headers", tests, NULL, NULL);
}
