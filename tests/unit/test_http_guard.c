#include "server/http_guard.h"
#include "tests/unit/unit_test.h"

enum { LINES_MAX = 4, OK = PROBLEM_COUNT };

/* A row is a request: its version, target, header lines ("name: value"), and the problem it is
 * refused with. */
static const struct {
    const char *version, *target;
    const char *lines[LINES_MAX];
    int problem;
} rows[] = {
    { "HTTP/1.1", "/", { "Host: a" }, OK },
    { "HTTP/1.0", "/", { NULL }, OK },
    { "HTTP/1.1", "/", { NULL }, PROBLEM_MALFORMED_REQUEST },
    { "HTTP/1.1", "/", { "Host: a", "Host: a" }, PROBLEM_MALFORMED_REQUEST },
    { "HTTP/1.1", "/", { "Host: a", "HOST: b" }, PROBLEM_MALFORMED_REQUEST },
    { "HTTP/1.5", "/", { "Host: a" }, PROBLEM_VERSION_NOT_SUPPORTED },
    { "HTTP/2.0", "/", { "Host: a" }, PROBLEM_VERSION_NOT_SUPPORTED },
    { "", "/", { "Host: a" }, PROBLEM_VERSION_NOT_SUPPORTED },
    { "HTTP/1.1", "/a b", { "Host: a" }, PROBLEM_MALFORMED_REQUEST },
    { "HTTP/1.1", "/", { "Host: a", "Content-Length: 5" }, OK },
    { "HTTP/1.1",
      "/",
      { "Host: a", "Content-Length: 5", "Content-Length: 5" },
      PROBLEM_MALFORMED_REQUEST },
    { "HTTP/1.1",
      "/",
      { "Host: a", "Content-Length: 5", "content-length: 6" },
      PROBLEM_MALFORMED_REQUEST },
    { "HTTP/1.1", "/", { "Host: a", "Transfer-Encoding: chunked" }, OK },
    { "HTTP/1.1", "/", { "Host: a", "Transfer-Encoding: Chunked" }, OK },
    { "HTTP/1.1",
      "/",
      { "Host: a", "Transfer-Encoding: chunked", "Content-Length: 5" },
      PROBLEM_MALFORMED_REQUEST },
    { "HTTP/1.1",
      "/",
      { "Host: a", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked" },
      PROBLEM_MALFORMED_REQUEST },
    { "HTTP/1.0", "/", { "Transfer-Encoding: chunked" }, PROBLEM_MALFORMED_REQUEST },
    { "HTTP/1.1", "/", { "Host: a", "Transfer-Encoding: identity" }, PROBLEM_NOT_IMPLEMENTED },
    { "HTTP/1.1", "/", { "Host: a", "Transfer-Encoding: gzip, chunked" }, PROBLEM_NOT_IMPLEMENTED },
    { "HTTP/1.1", "/", { "Host: a", "Transfer-Encoding: xchunked" }, PROBLEM_NOT_IMPLEMENTED },
    { "HTTP/1.1", "/", { "Host: a", "Transfer-Encoding: chunked\t" }, PROBLEM_NOT_IMPLEMENTED },
    { "HTTP/1.1", "/", { "Host: a", "Transfer-Encoding: " }, PROBLEM_NOT_IMPLEMENTED },
    { "HTTP/1.1", "/", { "Host: a", "Transfer-Encoding : chunked" }, PROBLEM_MALFORMED_REQUEST },
    { "HTTP/1.1", "/", { "Host: a", "X(A)@: 1" }, PROBLEM_MALFORMED_REQUEST },
    { "HTTP/1.1", "/", { " Host: a" }, PROBLEM_MALFORMED_REQUEST },
    { "HTTP/1.1", "/", { "Host: a", "X-\xc3\xa9: 1" }, PROBLEM_MALFORMED_REQUEST },
    { "HTTP/1.1", "/", { "Host: a", "X-A: a\rb" }, PROBLEM_MALFORMED_REQUEST },
    { "HTTP/1.1", "/", { "Host: a", "X-A: a\x01" }, PROBLEM_MALFORMED_REQUEST },
    { "HTTP/1.1", "/", { "Host: a", "X-A: a\x7f" }, PROBLEM_MALFORMED_REQUEST },
    { "HTTP/1.1", "/", { "Host: a", "X-A: a\tb \xc3\xa9" }, OK },
    { "HTTP/1.1", "/", { "Host: a", "Expect: 100-Continue" }, OK },
    { "HTTP/1.1", "/", { "Host: a", "Expect: foo" }, PROBLEM_EXPECTATION_FAILED },
    { "HTTP/1.1", "/", { "Host: a", "Origin: x", "Origin: y" }, PROBLEM_MALFORMED_REQUEST },
    { "HTTP/1.1",
      "/",
      { "Host: a", "Content-Type: x", "Content-Type: y" },
      PROBLEM_MALFORMED_REQUEST },
    { "HTTP/1.1", "/", { "Host: a", "Accept: x", "Accept: y" }, OK },
};

static void feed(struct http_guard *guard, const char *line)
{
    const char *colon = strchr(line, ':');

    http_guard_header(guard, (struct text){ line, (size_t)(colon - line) }, text_of(colon + 2));
}

static void judges_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_guard guard = { 0 };
        for (size_t k = 0; k < LINES_MAX && rows[i].lines[k]; k++)
            feed(&guard, rows[i].lines[k]);
        struct http_verdict verdict = http_guard_verdict(&guard, rows[i].version, rows[i].target);
        int problem = verdict.ok ? OK : (int)verdict.problem;
        if (problem != rows[i].problem)
            fail_msg("row %zu: %d", i, problem);
    }
}

static void finds_the_headers_whatever_their_case(void **state)
{
    struct http_guard guard = { 0 };
    (void)state;
    feed(&guard, "hOsT: h");
    feed(&guard, "ACCEPT: first");
    feed(&guard, "Accept: second");
    feed(&guard, "X-Hosting: no");
    assert_true(text_is(guard.header[HTTP_HEADER_HOST], "h"));
    assert_true(text_is(guard.header[HTTP_HEADER_ACCEPT], "first"));
    assert_null(guard.header[HTTP_HEADER_ORIGIN].at);
}

static void tells_whether_a_body_follows(void **state)
{
    static const struct {
        const char *line;
        bool has;
        uint64_t length;
    } cases[] = { { "Content-Length: 0", false, 0 },
                  { "Content-Length: 17", true, 17 },
                  { "Content-Length: 18446744073709551615", true, 0 },
                  { "Transfer-Encoding: chunked", true, UINT64_MAX },
                  { "X-Other: 1", false, 0 } };
    uint64_t length;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_guard guard = { 0 };
        feed(&guard, cases[i].line);
        assert_int_equal(http_guard_has_body(&guard, &length), cases[i].has);
        if (cases[i].length)
            assert_int_equal(length, cases[i].length);
        else if (cases[i].has)
            assert_true(length > 1u << 30); /* whatever it is: over every limit */
    }
}

static void echoes_only_plain_request_ids(void **state)
{
    static const char *const bad[] = { "X-Request-Id: ", "X-Request-Id: a b",
                                       "X-Request-Id: \xc3\xa9" };
    char line[200] = "X-Request-Id: ";
    struct http_guard guard = { 0 };
    (void)state;
    feed(&guard, "X-Request-Id: a-1:/");
    assert_true(text_is(http_guard_request_id(&guard), "a-1:/"));
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct http_guard other = { 0 };
        feed(&other, bad[i]);
        assert_null(http_guard_request_id(&other).at);
    }
    memset(line + 14, 'x', 129);
    guard = (struct http_guard){ 0 };
    feed(&guard, line);
    assert_null(http_guard_request_id(&guard).at);
}

static void takes_the_authority_of_an_absolute_target(void **state)
{
    static const struct {
        const char *target, *path, *host;
    } cases[] = { { "/a?b", "/a?b", NULL },          { "http://h:1/a?b", "/a?b", "h:1" },
                  { "HTTPS://h/", "/", "h" },        { "http://h", "/", "h" },
                  { "http://h?x", "/", "h" },        { "*", "*", NULL },
                  { "ftp://h/a", "ftp://h/a", NULL } };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct text host = { 0 };
        assert_string_equal(http_guard_origin_form(cases[i].target, &host), cases[i].path);
        if (cases[i].host)
            assert_true(text_is(host, cases[i].host));
        else
            assert_null(host.at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_requests),
        cmocka_unit_test(finds_the_headers_whatever_their_case),
        cmocka_unit_test(tells_whether_a_body_follows),
        cmocka_unit_test(echoes_only_plain_request_ids),
        cmocka_unit_test(takes_the_authority_of_an_absolute_target),
    };
    return cmocka_run_group_tests_name("http_guard", tests, NULL, NULL);
}
