/* DELETE: what may be deleted, and that nothing is left. */
#include "tests/service/service_test.h"

static void only_a_completed_status_is_deleted(void **state)
{
    static const struct {
        const char *state;
        int status;
    } cases[] = { { "unqueued", 409 }, { "queued", 409 }, { "started", 409 }, { "succeeded", 204 },
                  { "failed", 204 },   { "killed", 409 }, { "unknown", 409 } };
    struct service *service = *state;
    char body[64], path[64];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(body, sizeof body, "{\"id\":\"d\",\"state\":\"%s\"}", cases[i].state);
        ask(service, "POST", "/statuses", body);
        const struct answer *answer = ask(service, "DELETE", "/statuses/d", NULL);
        assert_int_equal(answer->status, cases[i].status);
        if (cases[i].status == 409) {
            const json_t *current = json_object_get(answer->json, "current");
            assert_string_equal(answer_string(answer, "type"), "/problems/not-completed");
            assert_string_equal(json_string_value(json_object_get(current, "state")),
                                cases[i].state);
            assert_int_equal(ask(service, "DELETE", "/statuses/d?force=false", NULL)->status, 409);
            assert_int_equal(ask(service, "DELETE", "/statuses/d?force=true", NULL)->status, 204);
        }
        snprintf(path, sizeof path, "/statuses/d");
        assert_int_equal(ask(service, "GET", path, NULL)->status, 404);
        assert_string_equal(store(service, "DBSIZE"), "0");
    }
}

static void nothing_is_left_of_a_full_status(void **state)
{
    struct service *service = *state;

    ask(service, "POST", "/statuses",
        "{\"id\":\"full\",\"job_name\":\"n "
        "\\\"q\\\"\",\"job_args\":{\"a\":\"1\",\"b\":\"2\"},\"provider_job_id\":\"x "
        "y\",\"data\":1}");
    static const char *const states[] = { "queued",  "started", "succeeded", "failed", "killed",
                                          "unknown", "started", "started",   "failed" };
    char path[64];
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        snprintf(path, sizeof path, "/statuses/full/%s", states[i]);
        assert_int_equal(ask(service, "POST", path, NULL)->status, 200);
    }
    assert_string_equal(store(service, "EXISTS jobba:id:full:0 jobba:id:full:1"), "2");
    assert_int_equal(ask(service, "DELETE", "/statuses/full", NULL)->status, 204);
    assert_string_equal(store(service, "DBSIZE"), "0");
}

static void others_stay(void **state)
{
    struct service *service = *state;
    char *before, *after;

    ask(service, "POST", "/statuses",
        "{\"id\":\"stay\",\"job_name\":\"n\",\"job_args\":{\"a\":\"1\"},\"state\":\"failed\"}");
    before = store_dump(service);
    ask(service, "POST", "/statuses",
        "{\"id\":\"go\",\"job_name\":\"n\",\"job_args\":{\"a\":\"1\"},\"state\":\"failed\"}");
    assert_int_equal(ask(service, "DELETE", "/statuses/go", NULL)->status, 204);
    after = store_dump(service);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void a_deleted_id_can_be_used_again(void **state)
{
    struct service *service = *state;

    ask(service, "PUT", "/statuses/again", "{\"state\":\"failed\",\"data\":1}");
    ask(service, "DELETE", "/statuses/again", NULL);
    const struct answer *answer = ask(service, "PUT", "/statuses/again", NULL);
    assert_int_equal(answer->status, 201);
    assert_string_equal(answer_member(answer, "data"), "null");
    assert_string_equal(answer_member(answer, "rev"), "1.0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_completed_status_is_deleted),
        cmocka_unit_test(nothing_is_left_of_a_full_status),
        cmocka_unit_test(others_stay),
        cmocka_unit_test(a_deleted_id_can_be_used_again),
        ENDS_CLEANLY,
    };
    return cmocka_run_group_tests_name("delete", tests, service_setup, service_teardown);
}
