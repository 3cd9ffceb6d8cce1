/* Versions: ETag, If-Match, If-None-Match (api.md "Retry-safe writes"). */
#include "tests/service/service_test.h"

#include <signal.h>

/* "If-Match: " and the like with the answer's ETag, in a static buffer. */
static const char *with_etag(const char *name, const struct answer *answer)
{
    static char header[80];

    assert_non_null(answer_header(answer, "ETag"));
    snprintf(header, sizeof header, "%s: %s", name, answer_header(answer, "ETag"));
    return header;
}

static void if_match_lets_one_of_two_writers_win(void **state)
{
    struct service *service = *state;
    char seen[80];

    expect(service, 201, "POST", "/statuses", "{\"id\":\"w\",\"data\":{\"n\":1}}");
    snprintf(seen, sizeof seen, "%s",
             with_etag("If-Match", expect(service, 200, "GET", "/statuses/w/data", NULL)));
    const struct answer *answer =
        expect_with(service, 200, seen, "PUT", "/statuses/w/data", "{\"n\":2}");
    assert_string_not_equal(with_etag("If-Match", answer), seen);
    answer = expect_with(service, 412, seen, "PUT", "/statuses/w/data", "{\"n\":3}");
    expect_problem(answer, 412, "precondition-failed", NULL);
    assert_string_equal(json_member(answer_raw(answer, "current"), "data"), "{\"n\":2}");
    expect_with(service, 412, seen, "DELETE", "/statuses/w?force=true", NULL);
    expect_with(service, 412, seen, "PUT", "/statuses/w", NULL);
    expect_with(service, 412, seen, "PUT", "/statuses/unheard-of", NULL);
    expect_with(service, 404, seen, "PUT", "/statuses/unheard-of/data", "1");
    expect_with(service, 200, "If-Match: *", "PUT", "/statuses/w/data", "4");
    snprintf(seen, sizeof seen, "If-Match: \"other\" , %s",
             answer_header(expect(service, 200, "GET", "/statuses/w", NULL), "ETag"));
    expect_with(service, 204, seen, "DELETE", "/statuses/w?force=true", NULL);
}

static void a_bad_if_match_is_refused(void **state)
{
    struct service *service = *state;
    static const char *const bad[] = { "If-Match;", "If-Match: abc", "If-Match: W/\"abc\"",
                                       "If-Match: \"abc" };

    expect(service, 201, "POST", "/statuses", "{\"id\":\"b\"}");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_problem(expect_with(service, 400, bad[i], "PATCH", "/statuses/b", "{}"), 400,
                       "malformed-header", "If-Match");
    expect_problem(expect_with(service, 400, "If-Match: *", "POST", "/statuses", NULL), 400,
                   "malformed-header", "If-Match");
    expect_problem(expect_with(service, 400, "If-Match: *", "DELETE", "/statuses?all=true", NULL),
                   400, "malformed-header", "If-Match");
}

/* Every field counts, whoever writes it; the order in the hash does not. */
static void an_etag_changes_with_any_change_by_anyone(void **state)
{
    struct service *service = *state;
    static const char *const changes[] = {
        "HSET jobba:id:v progress 0.5",
        "HSET jobba:id:v data 1",
        "HSET jobba:id:v errors [1]",
        "HSET jobba:id:v kill_requested_at 1764000000000000",
        "HSET jobba:id:v provider_job_id \"4\"",
        "HSET jobba:id:v rev 9",
        "HDEL jobba:id:v data",
        "HSET jobba:id:v state \"failed\"",
    };
    char seen[80], etag[64];

    expect(service, 201, "POST", "/statuses", "{\"id\":\"v\"}");
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        snprintf(seen, sizeof seen, "%s",
                 with_etag("If-None-Match", expect(service, 200, "GET", "/statuses/v", NULL)));
        expect_with(service, 304, seen, "GET", "/statuses/v", NULL);
        store(service, changes[i]);
        expect_with(service, 200, seen, "GET", "/statuses/v", NULL);
    }
    snprintf(etag, sizeof etag, "%s",
             answer_header(expect(service, 200, "GET", "/statuses/v", NULL), "ETag"));
    store(service, "HDEL jobba:id:v id");
    store(service, "HSET jobba:id:v id \"v\" data null");
    assert_string_equal(answer_header(expect(service, 200, "GET", "/statuses/v", NULL), "ETag"),
                        etag);
    snprintf(seen, sizeof seen, "If-Match: %s", etag);
    expect_with(service, 200, seen, "PATCH", "/statuses/v", "{}");
}

/* Whoever answers makes the same one: reads, changes, and the script that checks it. */
static void all_make_the_same_etag(void **state)
{
    struct service *service = *state, other = *service;
    char etag[64];

    const struct answer *answer =
        expect(service, 201, "POST", "/statuses",
               "{\"id\":\"q\",\"job_args\":{\"a\":\"\\u00e9\"},\"data\":[1.0,\"x\"]}");
    snprintf(etag, sizeof etag, "%s", answer_header(answer, "ETag"));
    expect_header(expect(service, 200, "GET", "/statuses/q", NULL), "ETag", etag);
    expect_header(expect(service, 200, "HEAD", "/statuses/q", NULL), "ETag", etag);
    expect_header(expect(service, 200, "PATCH", "/statuses/q", "{}"), "ETag", etag);

    other.client = NULL;
    service_start_jobbad(&other, NULL); /* another on the same Redis */
    expect_header(expect(&other, 200, "GET", "/statuses/q", NULL), "ETag", etag);
    client_destroy(other.client);
    process_kill(&other.jobbad, SIGTERM);
    assert_int_equal(process_wait(&other.jobbad, 10000), 0);
}

static void a_304_is_empty(void **state)
{
    struct service *service = *state;
    static const char *const paths[] = {
        "/statuses/n",
        "/statuses/n?fields=state,progress",
        "/statuses/n/data",
        "/statuses/n/attempts",
        "/statuses/n:0",
        "/statuses",
        "/statuses?state=started&fields=id",
    };
    char seen[80], length[16];

    expect(service, 201, "POST", "/statuses", "{\"id\":\"n\",\"state\":\"started\"}");
    expect(service, 200, "POST", "/statuses/n/started", NULL);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const struct answer *answer = expect(service, 200, "GET", paths[i], NULL);
        snprintf(length, sizeof length, "%zu", answer->len);
        snprintf(seen, sizeof seen, "%s", with_etag("If-None-Match", answer));
        answer = expect_with(service, 304, seen, "GET", paths[i], NULL);
        assert_int_equal(answer->len, 0);
        expect_header(answer, "Content-Length", length); /* that of the 200: RFC 9110, 8.6 */
        assert_string_equal(with_etag("If-None-Match", answer), seen);
        expect_with(service, 304, seen, "HEAD", paths[i], NULL);
        expect_with(service, 304, "If-None-Match: \"a\", *", "GET", paths[i], NULL);
        expect_with(service, 200, "If-None-Match: \"a\", W/\"b\"", "GET", paths[i], NULL);
    }
    snprintf(
        seen, sizeof seen, "%s",
        with_etag("If-None-Match", expect(service, 200, "GET", "/statuses/n?fields=state", NULL)));
    expect(service, 200, "PUT", "/statuses/n/progress", "0.5");
    expect_with(service, 304, seen, "GET", "/statuses/n?fields=state", NULL);
    expect_with(service, 404, "If-None-Match: *", "GET", "/statuses/none", NULL);
}

/* A condition that is not looked at is worse than none. */
static void if_none_match_is_for_reads(void **state)
{
    struct service *service = *state;
    static const struct {
        const char *method, *target, *body;
    } changes[] = {
        { "POST", "/statuses", "{\"id\":\"i\"}" },  { "PUT", "/statuses/i", NULL },
        { "PATCH", "/statuses/i", "{\"data\":1}" }, { "DELETE", "/statuses/i?force=true", NULL },
        { "DELETE", "/statuses?all=true", NULL },   { "POST", "/statuses:remove", "{}" },
    };

    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        const struct answer *answer =
            expect_with(service, 400, "If-None-Match: *", changes[i].method, changes[i].target,
                        changes[i].body);
        expect_problem(answer, 400, "malformed-header", "If-None-Match");
    }
    expect(service, 404, "GET", "/statuses/i", NULL);
    expect_with(service, 304, "If-None-Match: *", "POST", "/statuses:query", "{}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(if_match_lets_one_of_two_writers_win),
        FRESH(a_bad_if_match_is_refused),
        FRESH(an_etag_changes_with_any_change_by_anyone),
        FRESH(all_make_the_same_etag),
        FRESH(a_304_is_empty),
        FRESH(if_none_match_is_for_reads),
        ENDS_CLEANLY,
    };
    return cmocka_run_group_tests_name("etags", tests, service_setup, service_teardown);
}
