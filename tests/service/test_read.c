/* GET and HEAD of a status, its data and its attempts. */
#include "tests/service/service_test.h"

static void head_is_get_without_the_body(void **state)
{
    struct service *service = *state;
    char length[32];

    ask(service, "POST", "/statuses", "{\"id\":\"a\"}");
    const struct answer *answer = ask(service, "GET", "/statuses/a", NULL);
    assert_int_equal(answer->status, 200);
    assert_string_equal(answer_header(answer, "Content-Type"), "application/json");
    snprintf(length, sizeof length, "%zu", answer->len);
    answer = ask(service, "HEAD", "/statuses/a", NULL);
    assert_int_equal(answer->status, 200);
    assert_int_equal(answer->len, 0);
    assert_string_equal(answer_header(answer, "Content-Length"), length);
    assert_int_equal(ask(service, "HEAD", "/statuses/a/data", NULL)->status, 200);
    assert_int_equal(ask(service, "HEAD", "/statuses/a/attempts", NULL)->status, 200);
}

static void fields_picks_keys(void **state)
{
    static const struct {
        const char *query, *body;
    } cases[] = {
        { "fields=state,progress", "{\"state\":\"succeeded\",\"progress\":1.0}\n" },
        { "fields=progress,state", "{\"state\":\"succeeded\",\"progress\":1.0}\n" },
        { "fields=completed", "{\"completed\":true}\n" },
        { "fields=kill_requested,id", "{\"id\":\"f\",\"kill_requested\":false}\n" },
        { "fields=data%2Cjob_name", "{\"data\":{\"deep\":[1]},\"job_name\":null}\n" },
        { "fields=errors", "{\"errors\":[]}\n" },
        { "fields=attempt,rev", "{\"attempt\":0,\"rev\":1}\n" },
    };
    struct service *service = *state;
    char path[128];

    ask(service, "POST", "/statuses",
        "{\"id\":\"f\",\"state\":\"succeeded\",\"data\":{\"deep\":[1]}}");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(path, sizeof path, "/statuses/f?%s", cases[i].query);
        const struct answer *answer = ask(service, "GET", path, NULL);
        assert_int_equal(answer->status, 200);
        assert_string_equal(answer->body, cases[i].body);
    }
    assert_int_equal(ask(service, "GET", "/statuses/nobody?fields=state", NULL)->status, 404);
    assert_int_equal(ask(service, "HEAD", "/statuses/f?fields=state", NULL)->status, 200);
}

static void an_id_may_be_escaped_in_the_path(void **state)
{
    struct service *service = *state;

    ask(service, "POST", "/statuses", "{\"id\":\"a.b_c~d-e\"}");
    assert_int_equal(ask(service, "GET", "/statuses/%61.b_c%7Ed-e", NULL)->status, 200);
    assert_int_equal(ask(service, "GET", "/%73tatuses/a.b_c~d-e", NULL)->status, 200);
}

static void data_comes_back_as_it_was_sent(void **state)
{
    static const char *const values[] = {
        "null",
        "true",
        "7",
        "0.1",
        "1.50",
        "12345678901234567890123456789",
        "-0",
        "1E2",
        "1e-7",
        "1e999",
        "\"\"",
        "\"a\\u00e9\\n\"",
        "\"\xc3\xa9\xf0\x9f\x98\x80\"",
        "[]",
        "{}",
        "[[],{}]",
        "{\"a\":{\"b\":[1,2,{\"c\":null}]},\"d\":\"} ] \\\" {\"}",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
    };
    struct service *service = *state;
    char expected[512];

    ask(service, "POST", "/statuses", "{\"id\":\"d\"}");
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const struct answer *answer = ask(service, "PUT", "/statuses/d/data", values[i]);
        assert_int_equal(answer->status, 200);
        snprintf(expected, sizeof expected, "\"data\":%s,\"job_name\"", values[i]);
        assert_non_null(strstr(answer->body, expected));
        answer = ask(service, "GET", "/statuses/d/data", NULL);
        assert_int_equal(answer->status, 200);
        snprintf(expected, sizeof expected, "%s\n", values[i]);
        assert_string_equal(answer->body, expected);
    }
}

static void white_space_between_tokens_is_not_kept(void **state)
{
    struct service *service = *state;

    ask(service, "POST", "/statuses", "{\"id\":\"w\"}");
    ask(service, "PUT", "/statuses/w/data", " {\r\n\t\"a b\" : [ 1 , \" x \" ] } \n");
    assert_string_equal(ask(service, "GET", "/statuses/w/data", NULL)->body,
                        "{\"a b\":[1,\" x \"]}\n");
}

static void data_of_nobody_is_404(void **state)
{
    struct service *service = *state;

    assert_int_equal(ask(service, "GET", "/statuses/nobody/data", NULL)->status, 404);
    assert_int_equal(ask(service, "GET", "/statuses/nobody/attempts", NULL)->status, 404);
    assert_int_equal(ask(service, "PUT", "/statuses/nobody/data", "1")->status, 404);
}

static void attempts_are_listed_oldest_first(void **state)
{
    static const unsigned counts[] = { 0, 1, 70 };
    struct service *service = *state;
    char path[64], body[32], id[32];

    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        snprintf(body, sizeof body, "{\"id\":\"n%u\"}", counts[i]);
        ask(service, "POST", "/statuses", body);
        snprintf(path, sizeof path, "/statuses/n%u/started", counts[i]);
        for (unsigned n = 0; n <= counts[i]; n++) {
            snprintf(body, sizeof body, "{\"data\":%u}", n);
            assert_int_equal(ask(service, "POST", path, body)->status, 200);
        }
        snprintf(path, sizeof path, "/statuses/n%u/attempts", counts[i]);
        const struct answer *answer = ask(service, "GET", path, NULL);
        assert_int_equal(answer->status, 200);
        const json_t *attempts = json_object_get(answer->json, "attempts");
        assert_int_equal(json_array_size(attempts), counts[i]);
        for (unsigned n = 0; n < counts[i]; n++) {
            const json_t *attempt = json_array_get(attempts, n);
            snprintf(id, sizeof id, "n%u:%u", counts[i], n);
            assert_string_equal(json_string_value(json_object_get(attempt, "id")), id);
            assert_int_equal((int)json_number_value(json_object_get(attempt, "data")), n);
            assert_int_equal((int)json_number_value(json_object_get(attempt, "attempt")), n);
        }
    }
}

static void an_archived_attempt_can_be_read_but_not_changed(void **state)
{
    static const char *const changes[][2] = { { "PATCH", "/statuses/x:0" },
                                              { "PUT", "/statuses/x:0" },
                                              { "POST", "/statuses/x:0/queued" },
                                              { "PUT", "/statuses/x:0/data" },
                                              { "PUT", "/statuses/x:0/progress" },
                                              { "POST", "/statuses/x:0/errors" },
                                              { "POST", "/statuses/x:0/request_kill" } };
    struct service *service = *state;

    ask(service, "POST", "/statuses", "{\"id\":\"x\",\"state\":\"started\",\"data\":[1]}");
    ask(service, "POST", "/statuses/x/started", NULL);
    assert_int_equal(ask(service, "GET", "/statuses/x:1", NULL)->status,
                     404); /* the present one has no archive */
    const struct answer *answer = ask(service, "GET", "/statuses/x:0", NULL);
    assert_int_equal(answer->status, 200);
    assert_string_equal(answer_string(answer, "id"), "x:0");
    assert_string_equal(ask(service, "GET", "/statuses/x:0/data", NULL)->body, "[1]\n");
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        answer = ask(service, changes[i][0], changes[i][1], "{}");
        assert_int_equal(answer->status, 422);
        assert_string_equal(answer_culprit(answer), "id");
    }
    answer = ask(service, "DELETE", "/statuses/x:0", NULL);
    assert_int_equal(answer->status, 422);
}

static void times_are_rfc_3339_with_microseconds(void **state)
{
    struct service *service = *state;
    char member[64];

    store(service,
          "HSET jobba:id:t id \"t\" state \"queued\" recorded_at 951782399999999 queued_at 0");
    const struct answer *answer = ask(service, "GET", "/statuses/t", NULL);
    snprintf(member, sizeof member, "%s", answer_string(answer, "recorded_at"));
    assert_string_equal(member, "2000-02-28T23:59:59.999999Z");
    assert_string_equal(answer_string(answer, "queued_at"), "1970-01-01T00:00:00.000000Z");
}

static void attempts_beyond_one_answer_are_read_one_by_one(void **state)
{
    static char data[250000];
    struct service *service = *state;

    memset(data, 'x', sizeof data - 1);
    data[0] = data[sizeof data - 2] = '"';
    expect(service, 201, "PUT", "/statuses/huge", NULL);
    for (int i = 0; i < 36; i++) {
        expect(service, 200, "POST", "/statuses/huge/started", NULL);
        expect_with(service, 204, "Prefer: return=minimal", "PUT", "/statuses/huge/data", data);
    }
    expect_problem(expect(service, 422, "GET", "/statuses/huge/attempts", NULL), 422,
                   "answer-too-large", NULL);
    expect_member(expect(service, 200, "GET", "/statuses/huge:34?fields=attempt", NULL), "attempt",
                  "34");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(head_is_get_without_the_body),
        cmocka_unit_test(fields_picks_keys),
        cmocka_unit_test(an_id_may_be_escaped_in_the_path),
        cmocka_unit_test(data_comes_back_as_it_was_sent),
        cmocka_unit_test(white_space_between_tokens_is_not_kept),
        cmocka_unit_test(data_of_nobody_is_404),
        cmocka_unit_test(attempts_are_listed_oldest_first),
        cmocka_unit_test(an_archived_attempt_can_be_read_but_not_changed),
        cmocka_unit_test(times_are_rfc_3339_with_microseconds),
        cmocka_unit_test(attempts_beyond_one_answer_are_read_one_by_one),
        ENDS_CLEANLY,
    };
    return cmocka_run_group_tests_name("read", tests, service_setup, service_teardown);
}
