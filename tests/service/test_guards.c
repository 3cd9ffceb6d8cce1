/* Retry-safe writes: keys, attempts, states, and all guards together (api.md). */
#include "tests/service/service_test.h"

#define KEY "Idempotency-Key: k-1"

/* ---- keys ---- */

static void a_repeated_error_is_listed_once(void **state)
{
    struct service *service = *state;
    const struct answer *answer;

    expect(service, 201, "POST", "/statuses", "{\"id\":\"e\"}");
    answer = expect_with(service, 200, KEY, "POST", "/statuses/e/errors", "\"boom\"");
    expect_header(answer, "Idempotency-Replayed", NULL);
    answer = expect_with(service, 200, KEY, "POST", "/statuses/e/errors", " \"boom\" ");
    expect_header(answer, "Idempotency-Replayed", "true");
    expect_member(answer, "errors", "[\"boom\"]");
    expect_member(answer, "rev", "2");
    expect_with(service, 200, "Idempotency-Key: k-2", "POST", "/statuses/e/errors", "\"boom\"");
    expect_member(expect(service, 200, "GET", "/statuses/e", NULL), "errors",
                  "[\"boom\",\"boom\"]");
}

/* The repeat shows the status as it now is, under the first's code. */
static void a_repeat_shows_the_status_as_it_is(void **state)
{
    struct service *service = *state;
    const struct answer *answer;

    expect_with(service, 201, KEY, "POST", "/statuses", "{\"id\":\"r\"}");
    expect(service, 200, "POST", "/statuses/r/queued", NULL);
    answer = expect_with(service, 201, KEY, "POST", "/statuses", "{\"id\":\"r\"}");
    expect_header(answer, "Idempotency-Replayed", "true");
    expect_header(answer, "Location", "/statuses/r");
    expect_member(answer, "state", "\"queued\"");
}

static void a_repeated_creation_finds_the_id_that_was_made(void **state)
{
    struct service *service = *state;
    char id[64], location[80];

    snprintf(id, sizeof id, "%s",
             answer_raw(expect_with(service, 201, KEY, "POST", "/statuses", NULL), "id"));
    snprintf(location, sizeof location, "/statuses/%.36s", id + 1);
    for (int i = 0; i < 3; i++) {
        const struct answer *answer = expect_with(service, 201, KEY, "POST", "/statuses", NULL);
        expect_member(answer, "id", id);
        expect_header(answer, "Location", location);
        expect_header(answer, "Idempotency-Replayed", "true");
    }
    expect_store(service, "1", "SCARD jobba:unqueued");
}

static void find_or_create_repeats_its_code(void **state)
{
    struct service *service = *state;

    expect_with(service, 201, KEY, "PUT", "/statuses/f", NULL);
    expect_with(service, 201, KEY, "PUT", "/statuses/f", NULL);
    expect_with(service, 200, "Idempotency-Key: k-2", "PUT", "/statuses/f", NULL);
    expect(service, 204, "DELETE", "/statuses/f?force=true", NULL);
    expect_problem(expect_with(service, 404, "Idempotency-Key: k-2", "PUT", "/statuses/f", NULL),
                   404, "status-not-found", NULL);
    expect_store(service, "0", "EXISTS jobba:id:f");
}

static void a_repeated_start_is_no_restart(void **state)
{
    struct service *service = *state;

    expect(service, 201, "POST", "/statuses", "{\"id\":\"s\"}");
    for (int i = 0; i < 3; i++)
        expect_member(expect_with(service, 200, KEY, "POST", "/statuses/s/started", NULL),
                      "attempt", "0");
    expect_member(expect(service, 200, "POST", "/statuses/s/started", NULL), "attempt", "1");
}

static void a_repeated_delete_is_done(void **state)
{
    struct service *service = *state;

    expect(service, 201, "POST", "/statuses", "{\"id\":\"d\",\"state\":\"failed\"}");
    expect_with(service, 204, KEY, "DELETE", "/statuses/d", NULL);
    expect_header(expect_with(service, 204, KEY, "DELETE", "/statuses/d", NULL),
                  "Idempotency-Replayed", "true");
    expect(service, 404, "DELETE", "/statuses/d", NULL);
}

static void a_minimal_answer_is_repeated_too(void **state)
{
    static const char *const headers[] = { KEY, "Prefer: return=minimal", NULL };
    struct service *service = *state;

    expect(service, 201, "POST", "/statuses", "{\"id\":\"m\"}");
    for (int i = 0; i < 2; i++) {
        const struct answer *answer =
            client_ask(service->client, "POST", "/statuses/m/errors", "1", headers);
        assert_int_equal(answer->status, 204);
        expect_header(answer, "Idempotency-Replayed", i ? "true" : NULL);
        expect_header(answer, "Preference-Applied", "return=minimal");
    }
    expect_store(service, "[1]", "HGET jobba:id:m errors");
}

static void another_request_under_the_key_is_refused(void **state)
{
    struct service *service = *state;
    static const struct {
        const char *method, *path, *body;
    } others[] = {
        { "POST", "/statuses/o/errors", "2" },
        { "POST", "/statuses/o2/errors", "1" },
        { "PUT", "/statuses/o/data", "1" },
        { "DELETE", "/statuses/o?force=true", NULL },
        { "POST", "/statuses/o/errors?attempt=0", "1" },
        { "POST", "/statuses", NULL },
    };

    expect(service, 201, "POST", "/statuses", "{\"id\":\"o\"}");
    expect(service, 201, "POST", "/statuses", "{\"id\":\"o2\"}");
    expect_with(service, 200, KEY, "POST", "/statuses/o/errors", "1");
    char *before = store_dump(service);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        expect_problem(
            expect_with(service, 422, KEY, others[i].method, others[i].path, others[i].body), 422,
            "idempotency-key-reused", NULL);
    char *after = store_dump(service);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

/* A first try that was delayed must not make the change when its repetition has been refused. */
static void a_refusal_stands_while_another_try_may_be_under_way(void **state)
{
    struct service *service = *state;
    const struct answer *answer;

    expect(service, 201, "POST", "/statuses", "{\"id\":\"x\"}");
    answer = expect_with(service, 409, KEY, "POST", "/statuses/x/errors?if_state=started", "1");
    expect_problem(answer, 409, "wrong-state", NULL);
    expect(service, 200, "POST", "/statuses/x/started", NULL);
    answer = expect_with(service, 409, KEY, "POST", "/statuses/x/errors?if_state=started", "1");
    expect_problem(answer, 409, "wrong-state", NULL);
    assert_string_equal(json_member(answer_raw(answer, "current"), "state"), "\"started\"");
    assert_in_range(atol(store(service, "PTTL jobba~key:k-1")), 1, 4000);
    assert_until(strcmp(store(service, "EXISTS jobba~key:k-1"), "0") == 0);
    answer = expect_with(service, 200, KEY, "POST", "/statuses/x/errors?if_state=started", "1");
    expect_header(answer, "Idempotency-Replayed", NULL);
}

static void each_refusal_stands(void **state)
{
    struct service *service = *state;
    static const struct {
        const char *method, *path, *body;
        int status;
    } refused[] = {
        { "POST", "/statuses/none/errors", "1", 404 },
        { "DELETE", "/statuses/none", NULL, 404 },
        { "POST", "/statuses", "{\"id\":\"there\"}", 409 },
        { "DELETE", "/statuses/there", NULL, 409 },
        { "POST", "/statuses/there/failed?attempt=1", NULL, 409 },
    };
    char key[64];

    expect(service, 201, "PUT", "/statuses/there", NULL);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
            snprintf(key, sizeof key, "Idempotency-Key: refused-%zu", i);
            expect_with(service, refused[i].status, key, refused[i].method, refused[i].path,
                        refused[i].body);
        }
        if (round)
            break;
        expect(service, 201, "PUT", "/statuses/none", "{\"state\":\"failed\"}");
        expect(service, 204, "DELETE", "/statuses/there?force=true", NULL);
        expect(service, 201, "PUT", "/statuses/there", "{\"state\":\"started\"}");
        expect(service, 200, "POST", "/statuses/there/started", NULL);
        expect(service, 200, "POST", "/statuses/there/failed", NULL);
    }
    expect_member(expect(service, 200, "GET", "/statuses/there", NULL), "rev", "3");
}

static void a_change_that_changes_nothing_uses_up_its_key(void **state)
{
    struct service *service = *state;

    expect(service, 201, "POST", "/statuses", "{\"id\":\"n\",\"state\":\"queued\"}");
    expect_with(service, 200, KEY, "POST", "/statuses/n/queued", NULL);
    expect(service, 200, "POST", "/statuses/n/started", NULL);
    expect_member(expect_with(service, 200, KEY, "POST", "/statuses/n/queued", NULL), "state",
                  "\"started\"");
}

static void a_key_is_known_for_as_long_as_the_setting_says(void **state)
{
    static const char *const flags[] = { "--idempotency-ttl", "1h", NULL };
    struct service *service = *state;
    struct service other;
    long ms;

    expect_with(service, 201, KEY, "PUT", "/statuses/t", NULL);
    ms = atol(store(service, "PTTL jobba~key:k-1"));
    assert_in_range(ms, 86000000, 86400000);
    store(service, "PEXPIRE jobba~key:k-1 1");
    assert_until(strcmp(store(service, "EXISTS jobba~key:k-1"), "0") == 0);
    expect_with(service, 200, KEY, "PUT", "/statuses/t", NULL);

    service_start(&other, flags);
    expect_with(&other, 201, KEY, "PUT", "/statuses/t", NULL);
    assert_in_range(atol(store(&other, "PTTL jobba~key:k-1")), 3500000, 3600000);
    service_stop(&other);
}

static void a_malformed_key_is_refused(void **state)
{
    struct service *service = *state;
    char long_key[180];
    const char *const bad[] = { "Idempotency-Key;",          "Idempotency-Key: a b",
                                "Idempotency-Key: \"\"",     "Idempotency-Key: a\"b",
                                "Idempotency-Key: \xc3\xa9", long_key };

    snprintf(long_key, sizeof long_key, "Idempotency-Key: %0129d", 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_problem(expect_with(service, 400, bad[i], "PUT", "/statuses/b", NULL), 400,
                       "malformed-header", "Idempotency-Key");
    expect_store(service, "0", "DBSIZE");
    expect_with(service, 201, "Idempotency-Key: \"q\"", "PUT", "/statuses/b", NULL);
    expect_header(expect_with(service, 201, "Idempotency-Key: q", "PUT", "/statuses/b", NULL),
                  "Idempotency-Replayed", "true");
    long_key[strlen(long_key) - 1] = '\0';
    expect_with(service, 200, long_key, "PUT", "/statuses/b", NULL);
}

/* ---- attempts ---- */

static void a_late_report_of_another_attempt_changes_nothing(void **state)
{
    struct service *service = *state;
    static const struct {
        const char *method, *path, *body;
    } late[] = {
        { "POST", "/statuses/a/succeeded?attempt=0", NULL },
        { "POST", "/statuses/a/started?attempt=0", NULL },
        { "POST", "/statuses/a/started?attempt=3", NULL },
        { "PATCH", "/statuses/a?attempt=0", "{\"progress\":1}" },
        { "PUT", "/statuses/a/progress?attempt=0", "1" },
        { "PUT", "/statuses/a/data?attempt=2", "1" },
        { "POST", "/statuses/a/errors?attempt=0", "1" },
        { "POST", "/statuses/a/request_kill?attempt=0", NULL },
        { "DELETE", "/statuses/a?attempt=0&force=true", NULL },
    };

    expect(service, 201, "POST", "/statuses", "{\"id\":\"a\",\"state\":\"started\"}");
    expect(service, 200, "POST", "/statuses/a/started", NULL);
    char *before = store_dump(service);
    for (size_t i = 0; i < sizeof late / sizeof *late; i++) {
        const struct answer *answer =
            expect(service, 409, late[i].method, late[i].path, late[i].body);
        expect_problem(answer, 409, "wrong-attempt", NULL);
        assert_string_equal(json_member(answer_raw(answer, "current"), "attempt"), "1");
    }
    char *after = store_dump(service);
    assert_string_equal(before, after);
    free(before);
    free(after);
    expect(service, 200, "PUT", "/statuses/a/progress?attempt=1", "0.5");
}

static void started_with_an_attempt_enters_it_once(void **state)
{
    struct service *service = *state;

    expect(service, 201, "POST", "/statuses", "{\"id\":\"s\",\"state\":\"queued\"}");
    expect(service, 409, "POST", "/statuses/s/started?attempt=1", NULL); /* 0 has not begun */
    for (int i = 0; i < 2; i++)
        expect_member(expect(service, 200, "POST", "/statuses/s/started?attempt=0", NULL),
                      "attempt", "0");
    expect(service, 200, "POST", "/statuses/s/failed?attempt=0", "{\"error\":\"boom\"}");
    expect_member(expect(service, 200, "POST", "/statuses/s/started?attempt=0", NULL), "state",
                  "\"failed\"");
    for (int i = 0; i < 2; i++) {
        const struct answer *answer =
            expect(service, 200, "POST", "/statuses/s/started?attempt=1", NULL);
        expect_member(answer, "attempt", "1");
        expect_member(answer, "state", "\"started\"");
        expect_member(answer, "errors", "[]");
    }
    expect_member(expect(service, 200, "GET", "/statuses/s:0", NULL), "errors", "[\"boom\"]");
    expect_store(service, "0", "EXISTS jobba:id:s:1");
}

/* ---- states ---- */

static void a_claim_is_won_by_one(void **state)
{
    struct service *service = *state;

    expect(service, 201, "POST", "/statuses", "{\"id\":\"c\",\"state\":\"queued\"}");
    expect(service, 200, "POST", "/statuses/c/started?if_state=unqueued,queued", NULL);
    const struct answer *answer =
        expect(service, 409, "POST", "/statuses/c/started?if_state=unqueued,queued", NULL);
    expect_problem(answer, 409, "wrong-state", NULL);
    assert_string_equal(json_member(answer_raw(answer, "current"), "state"), "\"started\"");
    answer = expect_with(service, 409, "Prefer: return=minimal", "PATCH",
                         "/statuses/c?if_state=queued", "{\"progress\":1}");
    assert_string_equal(json_member(answer_raw(answer, "current"), "state"), "\"started\"");
    expect_member(expect(service, 200, "GET", "/statuses/c", NULL), "rev", "2");
}

static void a_bad_guard_names_the_culprit(void **state)
{
    struct service *service = *state;
    static const struct {
        const char *path, *culprit;
    } bad[] = {
        { "/statuses/g?attempt=", "attempt" },
        { "/statuses/g?attempt=-1", "attempt" },
        { "/statuses/g?attempt=x", "attempt" },
        { "/statuses/g?attempt=1234567890", "attempt" },
        { "/statuses/g?attempt=1&attempt=2", "attempt" },
        { "/statuses/g?if_state=", "if_state" },
        { "/statuses/g?if_state=queued,", "if_state" },
        { "/statuses/g?if_state=completed", "if_state" },
        { "/statuses/g?if_state=Queued", "if_state" },
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_problem(expect(service, 400, "PATCH", bad[i].path, "{}"), 400, "malformed-query",
                       bad[i].culprit);
    expect_problem(expect(service, 400, "PUT", "/statuses/g?attempt=0", NULL), 400,
                   "malformed-query", "attempt");
    expect_problem(expect(service, 400, "POST", "/statuses?if_state=queued", NULL), 400,
                   "malformed-query", "if_state");
}

static void if_state_names_the_states_there_are(void **state)
{
    struct service *service = *state;
    static const char *const wrong[] = { "", "queued,", "completed", "queued,foo" };
    char target[80];

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(target, sizeof target, "/statuses/i/queued?if_state=%s", wrong[i]);
        const struct answer *answer = expect(service, 400, "POST", target, NULL);
        expect_problem(answer, 400, "malformed-query", "if_state");
        assert_non_null(strstr(answer->body, "succeeded, failed, killed"));
    }
}

/* ---- all together ---- */

static const struct change {
    const char *method, *path, *body;
} changes[] = {
    { "PATCH", "/statuses/all", "{}" },
    { "PUT", "/statuses/all/progress", "0.5" },
    { "POST", "/statuses/all/errors", "1" },
    { "PUT", "/statuses/all/data", "1" },
    { "POST", "/statuses/all/request_kill", NULL },
    { "POST", "/statuses/all/queued", NULL },
    { "DELETE", "/statuses/all", NULL },
};

static void every_change_takes_every_guard(void **state)
{
    struct service *service = *state;

    expect(service, 201, "POST", "/statuses", "{\"id\":\"all\"}");
    expect_with(service, 201, KEY, "POST", "/statuses", NULL);
    char *before = store_dump(service);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        const struct change *change = &changes[i];
        char path[80];

        snprintf(path, sizeof path, "%s?if_state=failed", change->path);
        expect_problem(expect(service, 409, change->method, path, change->body), 409, "wrong-state",
                       NULL);
        snprintf(path, sizeof path, "%s?attempt=1", change->path);
        expect_problem(expect(service, 409, change->method, path, change->body), 409,
                       "wrong-attempt", NULL);
        expect_problem(expect_with(service, 412, "If-Match: \"a\"", change->method, change->path,
                                   change->body),
                       412, "precondition-failed", NULL);
        expect_problem(expect_with(service, 422, KEY, change->method, change->path, change->body),
                       422, "idempotency-key-reused", NULL);
    }
    char *after = store_dump(service);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void a_repeat_is_recognised_before_any_guard(void **state)
{
    struct service *service = *state;
    const char *path = "/statuses/z/succeeded?attempt=0&if_state=started";

    expect(service, 201, "POST", "/statuses", "{\"id\":\"z\",\"state\":\"started\"}");
    for (int i = 0; i < 2; i++)
        expect_member(expect_with(service, 200, KEY, "POST", path, NULL), "state", "\"succeeded\"");
    expect(service, 204, "DELETE", "/statuses/z", NULL);
    const struct answer *answer = expect_with(service, 404, KEY, "POST", path, NULL);
    expect_header(answer, "Idempotency-Replayed", "true");
}

/* The step that is refused leaves no key behind, and the other way round. */
static void a_full_redis_keeps_neither_change_nor_key(void **state)
{
    struct service *service = *state;

    expect(service, 201, "POST", "/statuses", "{\"id\":\"m\",\"state\":\"queued\"}");
    store(service, "CONFIG SET maxmemory 1");
    expect_problem(expect_with(service, 503, KEY, "PUT", "/statuses/m/progress", "0.5"), 503,
                   "store-full", NULL);
    expect_problem(expect_with(service, 503, KEY, "POST", "/statuses/m/queued", NULL), 503,
                   "store-full", NULL);
    store(service, "CONFIG SET maxmemory 0");
    expect_store(service, "0", "EXISTS jobba~key:k-1");
    expect_member(expect(service, 200, "GET", "/statuses/m", NULL), "rev", "1");
    store(service, "CONFIG SET maxmemory 1"); /* what frees memory is let through, with its key */
    for (int i = 0; i < 2; i++)
        expect_with(service, 204, KEY, "DELETE", "/statuses/m?force=true", NULL);
    store(service, "CONFIG SET maxmemory 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(a_repeated_error_is_listed_once),
        FRESH(a_repeat_shows_the_status_as_it_is),
        FRESH(a_repeated_creation_finds_the_id_that_was_made),
        FRESH(find_or_create_repeats_its_code),
        FRESH(a_repeated_start_is_no_restart),
        FRESH(a_repeated_delete_is_done),
        FRESH(a_minimal_answer_is_repeated_too),
        FRESH(another_request_under_the_key_is_refused),
        FRESH(a_refusal_stands_while_another_try_may_be_under_way),
        FRESH(each_refusal_stands),
        FRESH(a_change_that_changes_nothing_uses_up_its_key),
        FRESH(a_key_is_known_for_as_long_as_the_setting_says),
        FRESH(a_malformed_key_is_refused),
        FRESH(a_late_report_of_another_attempt_changes_nothing),
        FRESH(started_with_an_attempt_enters_it_once),
        FRESH(a_claim_is_won_by_one),
        FRESH(a_bad_guard_names_the_culprit),
        FRESH(if_state_names_the_states_there_are),
        FRESH(every_change_takes_every_guard),
        FRESH(a_repeat_is_recognised_before_any_guard),
        FRESH(a_full_redis_keeps_neither_change_nor_key),
        ENDS_CLEANLY,
    };
    return cmocka_run_group_tests_name("guards", tests, service_setup, service_teardown);
}
