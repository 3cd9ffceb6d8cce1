/* PATCH, progress, errors, data, kill requests: fields and indexes. */
#include "tests/service/service_test.h"

static void patch_replaces_fields_whole_and_leaves_the_others(void **state)
{
    struct service *service = *state;

    ask(service, "POST", "/statuses",
        "{\"id\":\"p\",\"job_name\":\"one\",\"job_args\":{\"a\":\"1\",\"b\":\"2\"},\"data\":1}");
    const struct answer *answer =
        ask(service, "PATCH", "/statuses/p", "{\"job_args\":{\"b\":\"3\"},\"progress\":0.5}");
    assert_int_equal(answer->status, 200);
    assert_string_equal(answer_member(answer, "job_args"), "{\"b\":\"3\"}");
    assert_string_equal(answer_string(answer, "job_name"), "one");
    assert_string_equal(answer_member(answer, "data"), "1.0");
    assert_string_equal(answer_member(answer, "progress"), "0.5");
    assert_string_equal(answer_member(answer, "rev"), "2.0");
}

static void one_patch_does_it_all_at_once(void **state)
{
    struct service *service = *state;

    ask(service, "POST", "/statuses", "{\"id\":\"all\"}");
    const struct answer *answer =
        ask(service, "PATCH", "/statuses/all",
            "{\"state\":\"failed\",\"job_name\":\"n\",\"job_args\":{\"k\":\"v\"},\"provider_job_"
            "id\":\"jid\",\"data\":[1],"
            "\"progress\":{\"at\":1,\"out_of\":4},\"error\":{\"msg\":\"boom\"}}");
    assert_int_equal(answer->status, 200);
    assert_string_equal(answer_string(answer, "state"), "failed");
    assert_string_equal(answer_member(answer, "errors"), "[{\"msg\":\"boom\"}]");
    assert_string_equal(answer_member(answer, "progress"), "0.25");
    assert_string_equal(answer_string(answer, "provider_job_id"), "jid");
    assert_string_equal(answer_member(answer, "rev"), "2.0");
    assert_string_equal(answer_string(answer, "failed_at"), answer_string(answer, "updated_at"));
}

static void an_empty_patch_changes_nothing(void **state)
{
    struct service *service = *state;

    ask(service, "POST", "/statuses", "{\"id\":\"e\"}");
    const struct answer *answer = ask(service, "PATCH", "/statuses/e", "{}");
    assert_int_equal(answer->status, 200);
    assert_string_equal(answer_member(answer, "rev"), "1.0");
}

static void the_name_moves_from_index_to_index(void **state)
{
    struct service *service = *state;

    ask(service, "POST", "/statuses", "{\"id\":\"n\",\"job_name\":\"a \\\"quoted\\\" \\u00e9\"}");
    assert_string_equal(store(service, "SMEMBERS %s", "jobba:job_name:a \"quoted\" \xc3\xa9"), "n");
    ask(service, "PATCH", "/statuses/n", "{\"job_name\":\"b\"}");
    assert_string_equal(store(service, "EXISTS %s", "jobba:job_name:a \"quoted\" \xc3\xa9"), "0");
    assert_string_equal(store(service, "SMEMBERS jobba:job_name:b"), "n");
    ask(service, "PATCH", "/statuses/n", "{\"job_name\":\"b\"}");
    assert_string_equal(store(service, "SMEMBERS jobba:job_name:b"), "n");
}

static void args_move_from_index_to_index(void **state)
{
    struct service *service = *state;

    ask(service, "POST", "/statuses",
        "{\"id\":\"g\",\"job_args\":{\"a\":\"stays\",\"b\":\"goes\",\"c\":\"stays\"}}");
    ask(service, "PATCH", "/statuses/g",
        "{\"job_args\":{\"x\":\"stays\",\"y\":\"comes\",\"z\":\"\"}}");
    assert_string_equal(store(service, "SMEMBERS jobba:job_arg:stays"), "g");
    assert_string_equal(store(service, "SMEMBERS jobba:job_arg:comes"), "g");
    assert_string_equal(store(service, "SMEMBERS jobba:job_arg:"), "g");
    assert_string_equal(store(service, "EXISTS jobba:job_arg:goes"), "0");
    ask(service, "PATCH", "/statuses/g", "{\"job_args\":{}}");
    assert_string_equal(
        store(service, "EXISTS jobba:job_arg:stays jobba:job_arg:comes jobba:job_arg:"), "0");
}

static void a_provider_id_may_be_number_or_string(void **state)
{
    struct service *service = *state;

    ask(service, "POST", "/statuses", "{\"id\":\"i\",\"provider_job_id\":12345678901234567890}");
    assert_string_equal(store(service, "SMEMBERS jobba:provider_job_id:12345678901234567890"), "i");
    const struct answer *answer =
        ask(service, "PATCH", "/statuses/i", "{\"provider_job_id\":\"12345678901234567890\"}");
    assert_string_equal(answer_string(answer, "provider_job_id"), "12345678901234567890");
    assert_string_equal(store(service, "SMEMBERS jobba:provider_job_id:12345678901234567890"), "i");
    ask(service, "PATCH", "/statuses/i", "{\"provider_job_id\":-7}");
    assert_string_equal(store(service, "EXISTS jobba:provider_job_id:12345678901234567890"), "0");
    assert_string_equal(store(service, "SMEMBERS jobba:provider_job_id:-7"), "i");
}

static void progress_is_stored_as_a_fraction(void **state)
{
    static const struct {
        const char *body, *stored;
    } cases[] = {
        { "0.7", "0.7" },
        { "{\"at\":0.7}", "0.7" },
        { "{\"at\":7,\"out_of\":10}", "0.7" },
        { "{\"at\":14,\"out_of\":20}", "0.7" },
        { "{\"out_of\":3,\"at\":1}", "0.333333333333333" },
        { "0", "0.0" },
        { "-0", "0.0" },
        { "1", "1.0" },
        { "1e0", "1.0" },
        { "{\"at\":5,\"out_of\":5}", "1.0" },
        { "{\"at\":0,\"out_of\":0.001}", "0.0" },
        { "0.1", "0.1" },
        { "1e-320", "1e-320" },
        { " 0.5 ", "0.5" },
    };
    struct service *service = *state;

    ask(service, "POST", "/statuses", "{\"id\":\"r\"}");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(ask(service, "PUT", "/statuses/r/progress", cases[i].body)->status, 200);
        const char *stored = store(service, "HGET jobba:id:r progress");
        if (strcmp(cases[i].stored, "0.333333333333333") == 0)
            assert_true(strtod(stored, NULL) == 1.0 / 3);
        else if (strcmp(cases[i].stored, "1e-320") == 0)
            assert_true(strtod(stored, NULL) == 1e-320);
        else
            assert_string_equal(stored, cases[i].stored);
    }
}

static void errors_are_kept_in_order_of_arrival(void **state)
{
    struct service *service = *state;

    ask(service, "POST", "/statuses", "{\"id\":\"o\"}");
    ask(service, "POST", "/statuses/o/errors", "\"oh nooo!!\"");
    ask(service, "POST", "/statuses/o/errors", "{ \"msg\": \"x]\" , \"data\": 42 }");
    ask(service, "POST", "/statuses/o/errors", "[]");
    const struct answer *answer = ask(service, "POST", "/statuses/o/errors", "false");
    assert_int_equal(answer->status, 200);
    assert_non_null(
        strstr(answer->body, "\"errors\":[\"oh nooo!!\",{\"msg\":\"x]\",\"data\":42},[],false],"));
}

static void the_list_of_errors_has_a_limit(void **state)
{
    struct service *service = *state;
    static char error[200 * 1024 + 3];
    int kept = 0;

    ask(service, "POST", "/statuses", "{\"id\":\"big\"}");
    memset(error, 'x', sizeof error - 1);
    error[0] = error[sizeof error - 2] = '"';
    while (kept < 100 && ask(service, "POST", "/statuses/big/errors", error)->status == 200)
        kept++;
    assert_int_equal(kept, 5); /* of 1 MiB */
    const struct answer *answer = ask(service, "POST", "/statuses/big/errors", error);
    assert_int_equal(answer->status, 422);
    assert_string_equal(answer_string(answer, "type"), "/problems/errors-full");
    assert_int_equal(ask(service, "POST", "/statuses/big/failed", NULL)->status, 200);
    service_flush(service);
}

static void the_first_kill_request_counts(void **state)
{
    struct service *service = *state;
    char first[64];

    ask(service, "POST", "/statuses", "{\"id\":\"k\",\"state\":\"started\"}");
    const struct answer *answer = ask(service, "POST", "/statuses/k/request_kill", NULL);
    assert_int_equal(answer->status, 200);
    assert_string_equal(answer_string(answer, "state"), "started");
    assert_string_equal(answer_member(answer, "kill_requested"), "true");
    snprintf(first, sizeof first, "%s", answer_string(answer, "kill_requested_at"));
    answer = ask(service, "POST", "/statuses/k/request_kill", "{}");
    assert_int_equal(answer->status, 200);
    assert_string_equal(answer_string(answer, "kill_requested_at"), first);
    assert_string_equal(answer_member(answer, "rev"), "2.0");
    answer = ask(service, "PUT", "/statuses/k/progress",
                 "0.5"); /* a worker sees it with its next report */
    assert_string_equal(answer_member(answer, "kill_requested"), "true");
}

static void curls_default_type_is_read_as_json(void **state)
{
    static const char *const form[] = { "Content-Type: application/x-www-form-urlencoded", NULL };
    static const char *const charset[] = { "Content-Type: Application/JSON; charset=utf-8", NULL };
    struct service *service = *state;

    ask(service, "POST", "/statuses", "{\"id\":\"c\"}");
    assert_int_equal(
        client_ask(service->client, "PUT", "/statuses/c/progress", "{\"at\":7,\"out_of\":10}", form)
            ->status,
        200);
    assert_int_equal(
        client_ask(service->client, "PUT", "/statuses/c/progress", "0.1", charset)->status, 200);
}

static void nobody_can_be_changed(void **state)
{
    static const struct {
        const char *method, *path, *body;
    } cases[] = {
        { "PATCH", "/statuses/nobody", "{\"progress\":0.5}" },
        { "POST", "/statuses/nobody/started", NULL },
        { "PUT", "/statuses/nobody/progress", "0.5" },
        { "POST", "/statuses/nobody/errors", "1" },
        { "PUT", "/statuses/nobody/data", "1" },
        { "POST", "/statuses/nobody/request_kill", NULL },
        { "DELETE", "/statuses/nobody", NULL },
        { "DELETE", "/statuses/nobody?force=true", NULL },
    };
    struct service *service = *state;

    service_flush(service);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct answer *answer = ask(service, cases[i].method, cases[i].path, cases[i].body);
        assert_int_equal(answer->status, 404);
        assert_string_equal(answer_string(answer, "type"), "/problems/status-not-found");
    }
    assert_string_equal(store(service, "DBSIZE"), "0");
}

static void times_never_run_backwards(void **state)
{
    struct service *service = *state;

    ask(service, "POST", "/statuses", "{\"id\":\"future\"}");
    store(service,
          "HSET jobba:id:future updated_at 4102444800000000"); /* the clock was wrong: 2100 */
    const struct answer *answer = ask(service, "POST", "/statuses/future/queued", NULL);
    assert_string_equal(answer_string(answer, "queued_at"), "2100-01-01T00:00:00.000000Z");
    assert_string_equal(answer_string(answer, "updated_at"), "2100-01-01T00:00:00.000000Z");
}

static void every_change_can_be_answered_without_a_body(void **state)
{
    static const struct {
        const char *method, *path, *body;
    } changes[] = {
        { "PATCH", "/statuses/m", "{\"data\":1}" },   { "PUT", "/statuses/m/progress", "0.5" },
        { "POST", "/statuses/m/errors", "\"boom\"" }, { "PUT", "/statuses/m/data", "2" },
        { "POST", "/statuses/m/request_kill", NULL }, { "POST", "/statuses/m/started", NULL },
    };
    struct service *service = *state;

    expect(service, 201, "PUT", "/statuses/m", NULL);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        const struct answer *answer =
            expect_with(service, 204, "Prefer: return=minimal", changes[i].method, changes[i].path,
                        changes[i].body);
        assert_int_equal(answer->len, 0);
        expect_header(answer, "Preference-Applied", "return=minimal");
        expect_header(answer, "Content-Type", NULL);
    }
    expect_store(service, "7 2 0.5 [\"boom\"] \"started\"",
                 "HMGET jobba:id:m rev data progress errors state");
    expect_with(service, 404, "Prefer: return=minimal", "PATCH", "/statuses/none", "{}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patch_replaces_fields_whole_and_leaves_the_others),
        cmocka_unit_test(one_patch_does_it_all_at_once),
        cmocka_unit_test(an_empty_patch_changes_nothing),
        cmocka_unit_test(the_name_moves_from_index_to_index),
        cmocka_unit_test(args_move_from_index_to_index),
        cmocka_unit_test(a_provider_id_may_be_number_or_string),
        cmocka_unit_test(progress_is_stored_as_a_fraction),
        cmocka_unit_test(errors_are_kept_in_order_of_arrival),
        cmocka_unit_test(the_list_of_errors_has_a_limit),
        cmocka_unit_test(the_first_kill_request_counts),
        cmocka_unit_test(curls_default_type_is_read_as_json),
        cmocka_unit_test(nobody_can_be_changed),
        cmocka_unit_test(times_never_run_backwards),
        cmocka_unit_test(every_change_can_be_answered_without_a_body),
        ENDS_CLEANLY,
    };
    return cmocka_run_group_tests_name("change", tests, service_setup, service_teardown);
}
