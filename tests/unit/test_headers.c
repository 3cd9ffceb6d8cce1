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
    static const char *const types[] = { "application/json", "application/x-ndjson", "text/plain" };
    static const struct {
        const char *accept;
        int of_one, of_three; /* choices when only the first is offered, and when all are */
    } rows[] = {
        { NULL, 0, 0 },
        { "", 0, 0 },
        { "*/*", 0, 0 },
        { "application/json", 0, 0 },
        { "Application/JSON", 0, 0 },
        { "application/*", 0, 0 },
        { "text/html, application/json;q=0.1", 0, 0 },
        { "text/html,*/*;q=0.8", 0, 0 },
        { "application/json; charset=utf-8", 0, 0 },
        { "application/json;q=1", 0, 0 },
        { "text/html", -1, -1 },
        { "application/json;q=0", -1, -1 },
        { "application/json;q=0.000", -1, -1 },
        { "application/json ; Q=0", -1, -1 },
        { "application/jsonp", -1, -1 },
        { "json", -1, -1 },
        { ",", -1, -1 },
        { "*", -1, -1 },
        { "text/plain", -1, 2 },
        { "text/*", -1, 2 },
        { "Text/Plain;charset=utf-8", -1, 2 },
        { "application/x-ndjson", -1, 1 },
        { "application/x-ndjson, application/json", 0, 0 },
        { "application/json;q=0.5, application/x-ndjson", 0, 1 },
        { "application/json;q=0.5, application/x-ndjson;q=0.55, text/plain;q=0.549", 0, 1 },
        { "text/plain;q=0.5, */*;q=0.1", 0, 2 },
        { "*/*, application/json;q=0", -1, 1 },
        { "application/*;q=0, */*", -1, 2 },
        { "application/*;q=0.2, application/x-ndjson;q=0.9, text/plain;q=0.3", 0, 1 },
        { "text/plain;q=high", -1, 2 },
        { "text/plain;q=1.000,application/json;q=0.999", 0, 2 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text accept = text_of(rows[i].accept);
        if (accept_choose(accept, types, 1) != rows[i].of_one ||
            accept_choose(accept, types, COUNT(types)) != rows[i].of_three)
            fail_msg("'%s'", rows[i].accept ? rows[i].accept : "(none)");
    }
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

static void if_none_match_is_compared_weakly(void **state)
{
    static const struct row rows[] = {
        { NULL, false },         { "", false },
        { "*", true },           { "\"a\"", true },
        { "W/\"a\"", true },     { "\"b\"", false },
        { "\"b\",\"a\"", true }, { "\"b\" , W/\"a\"", true },
        { "a", false },          { "\"A\"", false },
        { "\"a", false },        { "w/\"a\"", false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (if_none_match_has(text_of(rows[i].value), "W/\"a\"") != rows[i].expected ||
            if_none_match_has(text_of(rows[i].value), "\"a\"") != rows[i].expected)
            fail_msg("'%s'", rows[i].value ? rows[i].value : "(none)");
}

static void if_match_is_strong_tags_or_any(void **state)
{
    static const struct row rows[] = {
        { "*", true },
        { "\"a\"", true },
        { "\"a\", \"b\"", true },
        { "", false },
        { " ", false },
        { "W/\"a\"", false },
        { "\"a\",W/\"b\"", false },
        { "a", false },
        { "\"a", false },
        { "\"a\"b\"", false },
        { "\"", false },
        { ",", false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if ((if_match_fault(text_of(rows[i].value)) == NULL) != rows[i].expected)
            fail_msg("'%s'", rows[i].value);
}

static void a_key_is_bare_or_quoted(void **state)
{
    static const struct {
        const char *value, *key; /* NULL: refused */
    } rows[] = {
        { "a", "a" },     { " a ", "a" },      { "\"a\"", "a" },     { "a-b_c.d~1!", "a-b_c.d~1!" },
        { "", NULL },     { "\"\"", NULL },    { "\"a", NULL },      { "a b", NULL },
        { "a\tb", NULL }, { "\"a b\"", NULL }, { "\xc3\xa9", NULL }, { "\"a\"b\"", NULL },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text key = { 0 };
        const char *fault = idempotency_key_parse(text_of(rows[i].value), &key);
        if ((fault == NULL) != (rows[i].key != NULL) || (!fault && !text_is(key, rows[i].key)))
            fail_msg("'%s'", rows[i].value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accept_means_what_rfc_9110_says),
        cmocka_unit_test(bodies_are_json_or_curls_default_type),
        cmocka_unit_test(prefer_is_searched_for_minimal),
        cmocka_unit_test(if_none_match_is_compared_weakly),
        cmocka_unit_test(if_match_is_strong_tags_or_any),
        cmocka_unit_test(a_key_is_bare_or_quoted),
        cmocka_unit_test(hosts_of_this_machine_are_served),
        cmocka_unit_test(origins_of_other_sites_are_refused),
    };
    return cmocka_run_group_tests_name("headers", tests, NULL, NULL);
}
