/* Many operations in one request (api.md "Batch"). */
#include "core/buf.h"
#include "tests/service/service_test.h"

#include <pthread.h>
#include <signal.h>

#define NDJSON "Content-Type: application/x-ndjson"

/* The i-th element of `results`; borrowed from the answer. */
static json_t *result(const struct answer *answer, size_t i)
{
    json_t *element = json_array_get(json_object_get(answer->json, "results"), i);

    if (!element)
        fail_msg("no result %zu in %s", i, answer->body);
    return element;
}

static void expect_result(const struct answer *answer, size_t i, int status, const char *type)
{
    json_t *element = result(answer, i);
    const char *found =
        json_string_value(json_object_get(json_object_get(element, "body"), "type"));

    if ((int)json_number_value(json_object_get(element, "status")) != status ||
        (type && (!found || strcmp(found + strlen("/problems/"), type) != 0)))
        fail_msg("result %zu is not %d %s: %s", i, status, type ? type : "", answer->body);
}

static const char *culprit_of(const struct answer *answer, size_t i)
{
    json_t *errors = json_object_get(json_object_get(result(answer, i), "body"), "errors");
    return json_string_value(json_object_get(json_array_get(errors, 0), "field"));
}

static size_t n_results(const struct answer *answer)
{
    return json_array_size(json_object_get(answer->json, "results"));
}

static const struct answer *run(struct service *service, const char *body)
{
    return expect(service, 200, "POST", "/statuses:batch", body);
}

static void each_operation_has_its_answer_in_order(void **state)
{
    struct service *service = *state;

    const struct answer *answer = run(
        service,
        "{\"operations\":["
        "{\"method\":\"POST\",\"path\":\"/statuses\",\"body\":{\"id\":\"a\",\"data\":[1.10]}},"
        "{\"method\":\"PUT\",\"path\":\"/statuses/b\"},"
        "{\"method\":\"PUT\",\"path\":\"/statuses/a/progress\",\"body\":{\"at\":1,\"out_of\":2}},"
        "{\"method\":\"POST\",\"path\":\"/statuses/b/failed\",\"body\":{\"error\":\"boom\"}},"
        "{\"method\":\"PATCH\",\"path\":\"/statuses/a\",\"body\":{\"state\":\"succeeded\"}},"
        "{\"method\":\"DELETE\",\"path\":\"/statuses/b\"}]}");
    assert_int_equal(n_results(answer), 6);
    for (size_t i = 0; i < 6; i++)
        expect_result(answer, i, (const int[]){ 201, 201, 200, 200, 200, 204 }[i], NULL);
    assert_string_equal(json_string_value(json_object_get(result(answer, 0), "location")),
                        "/statuses/a");
    assert_null(json_object_get(result(answer, 5), "body"));
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(result(answer, 4), "body"), "state")),
        "succeeded");
    answer = expect(service, 200, "GET", "/statuses/a", NULL);
    expect_member(answer, "data", "[1.10]");
    expect_member(answer, "progress", "1.0");
    expect(service, 404, "GET", "/statuses/b", NULL);
}

static void an_etag_in_a_batch_is_that_of_the_status(void **state)
{
    struct service *service = *state;
    char etag[64], body[300];

    const struct answer *answer =
        run(service, "{\"operations\":[{\"method\":\"PUT\",\"path\":\"/statuses/e\"}]}");
    snprintf(etag, sizeof etag, "%s",
             json_string_value(json_object_get(result(answer, 0), "etag")));
    expect_header(expect(service, 200, "GET", "/statuses/e", NULL), "ETag", etag);
    snprintf(body, sizeof body,
             "{\"operations\":[{\"method\":\"PUT\",\"path\":\"/statuses/e/data\",\"body\":1,"
             "\"if_match\":\"\\\"%.24s\\\"\"},{\"method\":\"PUT\",\"path\":\"/statuses/e/data\","
             "\"body\":2,\"if_match\":\"\\\"%.24s\\\"\"}]}",
             etag + 1, etag + 1);
    answer = run(service, body);
    expect_result(answer, 0, 200, NULL);
    expect_result(answer, 1, 412, "precondition-failed");
}

static void one_bad_operation_fails_alone(void **state)
{
    struct service *service = *state;
    static const struct {
        const char *operation;
        int status;
        const char *type, *culprit;
    } bad[] = {
        { "7", 422, "invalid-value", "operation" },
        { "{}", 422, "invalid-value", "method" },
        { "{\"method\":\"PUT\"}", 422, "invalid-value", "path" },
        { "{\"method\":\"put\",\"path\":\"/statuses/x\"}", 422, "invalid-value", "method" },
        { "{\"method\":1,\"path\":\"/statuses/x\"}", 422, "invalid-value", "method" },
        { "{\"method\":\"PUT\",\"path\":\"statuses/x\"}", 422, "invalid-value", "path" },
        { "{\"method\":\"PUT\",\"path\":\"/statuses/x\",\"headers\":{}}", 422, "invalid-value",
          "headers" },
        { "{\"method\":\"PUT\",\"path\":\"/statuses/x\",\"idempotency_key\":5}", 422,
          "invalid-value", "idempotency_key" },
        { "{\"method\":\"PUT\",\"path\":\"/statuses/x\",\"idempotency_key\":\"a b\"}", 400,
          "malformed-header", "Idempotency-Key" },
        { "{\"method\":\"PUT\",\"path\":\"/statuses/x\",\"if_match\":\"a\"}", 400,
          "malformed-header", "If-Match" },
        { "{\"method\":\"PUT\",\"path\":\"/statuses/x y\"}", 400, "malformed-request", NULL },
        { "{\"method\":\"PUT\",\"path\":\"/statuses/x:1\"}", 422, "invalid-value", "id" },
        { "{\"method\":\"PUT\",\"path\":\"/statuses/x\",\"body\":{\"state\":\"s\"}}", 422,
          "invalid-value", "state" },
        { "{\"method\":\"PATCH\",\"path\":\"/statuses/x\"}", 400, "malformed-json", NULL },
        { "{\"method\":\"PATCH\",\"path\":\"/statuses/x\",\"body\":{}}", 404, "status-not-found",
          NULL },
        { "{\"method\":\"PUT\",\"path\":\"/nowhere\"}", 404, "route-not-found", NULL },
        { "{\"method\":\"PUT\",\"path\":\"/statuses\"}", 405, "method-not-allowed", NULL },
        { "{\"method\":\"GET\",\"path\":\"/statuses/x\"}", 422, "not-in-batch", NULL },
        { "{\"method\":\"DELETE\",\"path\":\"/statuses?all=true\"}", 422, "not-in-batch", NULL },
        { "{\"method\":\"POST\",\"path\":\"/statuses:batch\",\"body\":{\"operations\":[]}}", 422,
          "not-in-batch", NULL },
    };
    enum { N = sizeof bad / sizeof *bad };
    struct buf body = { 0 };

    buf_add_str(&body, "{\"operations\":[");
    for (size_t i = 0; i < N; i++)
        buf_printf(&body, "%s,{\"method\":\"PUT\",\"path\":\"/statuses/good%zu\"}%s",
                   bad[i].operation, i, i + 1 < N ? "," : "]}");
    const struct answer *answer = run(service, buf_cstr(&body));
    assert_int_equal(n_results(answer), 2 * N);
    for (size_t i = 0; i < N; i++) {
        const char *culprit = culprit_of(answer, 2 * i);
        expect_result(answer, 2 * i, bad[i].status, bad[i].type);
        expect_result(answer, 2 * i + 1, 201, NULL);
        if (bad[i].culprit ? !culprit || strcmp(culprit, bad[i].culprit) != 0 : culprit != NULL)
            fail_msg("%s blames %s", bad[i].operation, culprit ? culprit : "nobody");
    }
    buf_finish(&body);
    expect_store(service, "0", "EXISTS jobba:id:x");
}

static void operations_on_one_status_keep_their_order(void **state)
{
    enum { ROUNDS = 300 };
    struct service *service = *state;
    struct buf body = { 0 }, errors = { 0 };

    buf_add_str(&body, "{\"operations\":[{\"method\":\"POST\",\"path\":\"/statuses\",\"body\":"
                       "{\"id\":\"one\"}}");
    for (int i = 0; i < ROUNDS; i++) {
        buf_printf(&body, ",{\"method\":\"POST\",\"path\":\"/statuses/one/errors\",\"body\":%d}",
                   i);
        buf_printf(&body, ",{\"method\":\"PUT\",\"path\":\"/statuses/other%d\"}", i);
        buf_printf(&errors, "%s%d", i ? "," : "[", i);
    }
    buf_add_str(&body, "]}");
    buf_add_char(&errors, ']');
    const struct answer *answer = run(service, buf_cstr(&body));
    for (size_t i = 0; i < n_results(answer); i++)
        expect_result(answer, i, i == 0 || i % 2 == 0 ? 201 : 200, NULL);
    assert_int_equal(n_results(answer), 2 * ROUNDS + 1);
    expect_member(expect(service, 200, "GET", "/statuses/one", NULL), "errors", buf_cstr(&errors));
    buf_finish(&body);
    buf_finish(&errors);
}

static void a_repeated_batch_repeats_nothing(void **state)
{
    static const char body[] = "{\"operations\":["
                               "{\"method\":\"POST\",\"path\":\"/statuses/r/"
                               "errors\",\"body\":1,\"idempotency_key\":\"x\"},"
                               "{\"method\":\"POST\",\"path\":\"/statuses/r/"
                               "errors\",\"body\":1,\"idempotency_key\":\"y\"},"
                               "{\"method\":\"POST\",\"path\":\"/statuses/r/"
                               "errors\",\"body\":2,\"idempotency_key\":\"x\"}]}";
    struct service *service = *state;

    expect(service, 201, "PUT", "/statuses/r", NULL);
    for (int i = 0; i < 2; i++) {
        const struct answer *answer = run(service, body);
        assert_int_equal(json_is_true(json_object_get(result(answer, 0), "replayed")), i);
        assert_int_equal(json_is_true(json_object_get(result(answer, 1), "replayed")), i);
        expect_result(answer, 2, 422, "idempotency-key-reused");
    }
    expect_member(expect(service, 200, "GET", "/statuses/r", NULL), "errors", "[1,1]");
    /* as a request of its own it is the same */
    expect_header(
        expect_with(service, 200, "Idempotency-Key: x", "POST", "/statuses/r/errors", "1"),
        "Idempotency-Replayed", "true");
    /* and so it is in double quotes */
    const struct answer *answer =
        run(service, "{\"operations\":[{\"method\":\"POST\",\"path\":\"/statuses/r/errors\","
                     "\"body\":1,\"idempotency_key\":\"\\\"x\\\"\"}]}");
    assert_true(json_is_true(json_object_get(result(answer, 0), "replayed")));
}

static void the_key_of_a_batch_is_one_for_each_of_its_operations(void **state)
{
    static const char body[] = "{\"operations\":[{\"method\":\"POST\",\"path\":\"/statuses\"},"
                               "{\"method\":\"POST\",\"path\":\"/statuses/w/errors\",\"body\":1},"
                               "{\"method\":\"POST\",\"path\":\"/statuses/w/errors\",\"body\":1},"
                               "{\"method\":\"POST\",\"path\":\"/statuses/w/"
                               "errors\",\"body\":2,\"idempotency_key\":\"z\"}]}";
    struct service *service = *state;

    expect(service, 201, "PUT", "/statuses/w", NULL);
    for (int i = 0; i < 2; i++) {
        const struct answer *answer =
            expect_with(service, 200, "Idempotency-Key: all", "POST", "/statuses:batch", body);
        for (size_t k = 0; k < 4; k++)
            assert_int_equal(json_is_true(json_object_get(result(answer, k), "replayed")), i);
    }
    expect_member(expect(service, 200, "GET", "/statuses/w", NULL), "errors", "[1,1,2]");
    expect_store(service, "1", "SCARD jobba:unqueued");
}

static void lines_are_answered_with_lines(void **state)
{
    static const char body[] = "{\"method\":\"PUT\",\"path\":\"/statuses/n1\"}\n"
                               "not JSON\r\n\r\n"
                               "{\"method\":\"PUT\",\"path\":\"/statuses/n1\"}";
    static const char *const headers[] = { NDJSON, "Accept: application/json", NULL };
    struct service *service = *state;

    const struct answer *answer =
        expect_with(service, 200, NDJSON, "POST", "/statuses:batch", body);
    expect_header(answer, "Content-Type", "application/x-ndjson");
    const char *line = answer->body;
    for (size_t i = 0; i < 3; i++) {
        assert_true(strncmp(line,
                            (const char *const[]){ "{\"status\":201,", "{\"status\":400,",
                                                   "{\"status\":200," }[i],
                            14) == 0);
        line = strchr(line, '\n') + 1;
    }
    assert_string_equal(line, "");
    answer = client_ask(service->client, "POST", "/statuses:batch", body, headers);
    assert_int_equal(n_results(answer), 3);
    answer = expect_with(service, 200, "Accept: application/x-ndjson", "POST", "/statuses:batch",
                         "{\"operations\":[{\"method\":\"PUT\",\"path\":\"/statuses/n1\"}]}");
    assert_true(strncmp(answer->body, "{\"status\":200,", 14) == 0);
    expect_with(service, 415, NDJSON, "POST", "/statuses", "{}");
}

static void minimal_answers_are_short(void **state)
{
    struct service *service = *state;

    const struct answer *answer =
        expect_with(service, 200, "Prefer: return=minimal", "POST", "/statuses:batch",
                    "{\"operations\":[{\"method\":\"PUT\",\"path\":\"/statuses/m\"},"
                    "{\"method\":\"PUT\",\"path\":\"/statuses/m/progress\",\"body\":0.5}]}");
    assert_string_equal(answer->body, "{\"results\":[{\"status\":204,\"location\":\"/statuses/m\"},"
                                      "{\"status\":204}]}\n");
}

static void limits_are_told(void **state)
{
    struct service *service = *state;
    struct buf body = { 0 };

    buf_add_str(&body, "{\"operations\":[");
    for (int i = 0; i < 1001; i++)
        buf_printf(&body, "%s{\"method\":\"PUT\",\"path\":\"/statuses/l%d\"}", i ? "," : "", i);
    buf_add_str(&body, "]}");
    const struct answer *answer = expect(service, 422, "POST", "/statuses:batch", buf_cstr(&body));
    expect_problem(answer, 422, "invalid-value", "operations");
    assert_non_null(strstr(answer->body, "at most 1000, and are 1001"));
    expect_store(service, "0", "DBSIZE");

    buf_clear(&body);
    for (int i = 0; i < 1000; i++)
        buf_printf(&body, "{\"method\":\"PUT\",\"path\":\"/statuses/l%d\"}\n", i);
    answer = expect_with(service, 200, NDJSON, "POST", "/statuses:batch", buf_cstr(&body));
    expect_store(service, "1000", "SCARD jobba:unknown");
    buf_add_str(&body, "{\"method\":\"PUT\",\"path\":\"/statuses/more\"}\n");
    expect_problem(expect_with(service, 422, NDJSON, "POST", "/statuses:batch", buf_cstr(&body)),
                   422, "invalid-value", "operations");

    buf_clear(&body);
    buf_reserve(&body, 300 * 1024);
    memset(body.data, ' ', 300 * 1024);
    body.len = 300 * 1024;
    answer = expect(service, 413, "POST", "/statuses:batch", buf_cstr(&body));
    expect_problem(answer, 413, "body-too-large", NULL);
    assert_non_null(strstr(answer->body, "262144"));
    buf_finish(&body);
}

static void a_bad_batch_changes_nothing(void **state)
{
    struct service *service = *state;
    static const char *const bad[] = { "[]", "{}", "{\"operations\":{}}", "7",
                                       "{\"operations\":[],\"more\":1}" };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_problem(expect(service, 422, "POST", "/statuses:batch", bad[i]), 422,
                       "invalid-value", "body");
    expect_problem(expect(service, 400, "POST", "/statuses:batch", "{\"operations\":["), 400,
                   "malformed-json", NULL);
    expect_problem(expect(service, 400, "POST", "/statuses:batch", NULL), 400, "malformed-json",
                   NULL);
    expect_problem(expect_with(service, 406, "Accept: text/plain", "POST", "/statuses:batch", "{}"),
                   406, "not-acceptable", NULL);
    assert_int_equal(n_results(run(service, "{\"operations\":[]}")), 0);
    expect_store(service, "0", "DBSIZE");
}

/* Each operation tells what became of it. */
static void a_lost_redis_is_told_by_each_operation(void **state)
{
    struct service service;
    struct buf body = { 0 };

    (void)state;
    service_start(&service, NULL);
    buf_add_str(&body, "{\"operations\":[");
    for (int i = 0; i < 500; i++)
        buf_printf(&body, "%s{\"method\":\"PUT\",\"path\":\"/statuses/l%d\"}", i ? "," : "",
                   i % 50);
    buf_add_str(&body, "]}");
    process_kill(&service.redis, SIGKILL);
    assert_until(!service_is_ready(&service));
    const struct answer *answer = run(&service, buf_cstr(&body));
    assert_int_equal(n_results(answer), 500);
    for (size_t i = 0; i < 500; i++)
        expect_result(answer, i, 503, "unavailable");
    buf_finish(&body);
    service_stop(&service);
}

/* Bodies beyond the bound of the answer are left out; the changes are made all the same. */
static void a_huge_answer_is_bounded(void **state)
{
    static char data[200 * 1024];
    struct service *service = *state;
    struct buf body = { 0 };
    size_t omitted = 0;

    memset(data, 'x', sizeof data - 1);
    data[0] = data[sizeof data - 2] = '"';
    expect_with(service, 201, "Prefer: handling=lenient", "PUT", "/statuses/h", NULL);
    expect_store(service, "1", "HSET jobba:id:h data %s", data);
    buf_add_str(&body, "{\"operations\":[");
    for (int i = 0; i < 100; i++)
        buf_printf(&body, "%s{\"method\":\"POST\",\"path\":\"/statuses/h/errors\",\"body\":1}",
                   i ? "," : "");
    buf_add_str(&body, "]}");
    const struct answer *answer = run(service, buf_cstr(&body));
    assert_in_range(answer->len, 1, 17 * 1024 * 1024);
    for (size_t i = 0; i < 100; i++) {
        expect_result(answer, i, 200, NULL);
        omitted += json_is_true(json_object_get(result(answer, i), "omitted"));
    }
    assert_in_range(omitted, 1, 99);
    expect_store(service, "101", "HGET jobba:id:h rev");
    buf_finish(&body);
}

/* ---- many at once ---- */

struct sender {
    struct service *service;
    int number, failed;
};

static void *send_batch(void *arg)
{
    enum { N = 400 };
    struct sender *sender = arg;
    struct client *client = client_create(sender->service->url);
    struct buf body = { 0 };

    for (int i = 0; i < N; i++)
        buf_printf(&body, "{\"method\":\"PUT\",\"path\":\"/statuses/s%d-%d\"}\n", sender->number,
                   i);
    const struct answer *answer =
        client_ask(client, "POST", "/statuses:batch", buf_cstr(&body),
                   (const char *const[]){ NDJSON, "Prefer: return=minimal", NULL });
    sender->failed = N;
    for (const char *at = answer->body; (at = strstr(at, "{\"status\":204")); at++)
        sender->failed--;
    buf_finish(&body);
    client_destroy(client);
    return NULL;
}

/* More than there is room for: they wait for each other, and none is refused. */
static void many_batches_at_once_wait_for_each_other(void **state)
{
    enum { SENDERS = 48 };
    struct service *service = *state;
    struct sender senders[SENDERS];
    pthread_t threads[SENDERS];

    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){ .service = service, .number = i };
        pthread_create(&threads[i], NULL, send_batch, &senders[i]);
    }
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < SENDERS; i++)
        assert_int_equal(senders[i].failed, 0);
    expect_store(service, "19200", "SCARD jobba:unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(each_operation_has_its_answer_in_order),
        FRESH(an_etag_in_a_batch_is_that_of_the_status),
        FRESH(one_bad_operation_fails_alone),
        FRESH(operations_on_one_status_keep_their_order),
        FRESH(a_repeated_batch_repeats_nothing),
        FRESH(the_key_of_a_batch_is_one_for_each_of_its_operations),
        FRESH(lines_are_answered_with_lines),
        FRESH(minimal_answers_are_short),
        FRESH(limits_are_told),
        FRESH(a_bad_batch_changes_nothing),
        cmocka_unit_test(a_lost_redis_is_told_by_each_operation),
        FRESH(a_huge_answer_is_bounded),
        FRESH(many_batches_at_once_wait_for_each_other),
        ENDS_CLEANLY,
    };
    return cmocka_run_group_tests_name("batch", tests, service_setup, service_teardown);
}
