/* POST /statuses and PUT /statuses/{id}: what is created, and what is not. */
#include "tests/service/service_test.h"

static void a_bare_post_creates_an_unqueued_status_with_a_random_id(void **state)
{
    struct service *service = *state;
    const struct answer *answer = ask(service, "POST", "/statuses", NULL);
    char location[128], first[64];

    assert_int_equal(answer->status, 201);
    assert_string_equal(answer_string(answer, "state"), "unqueued");
    assert_int_equal(strlen(answer_string(answer, "id")), 36);
    snprintf(first, sizeof first, "%s", answer_string(answer, "id"));
    snprintf(location, sizeof location, "/statuses/%s", first);
    assert_string_equal(answer_header(answer, "Location"), location);
    answer = ask(service, "GET", location, NULL);
    assert_int_equal(answer->status, 200);
    answer = ask(service, "POST", "/statuses", "{}");
    assert_string_not_equal(answer_string(answer, "id"), first);
}

static void all_keys_are_there_in_order(void **state)
{
    static const char *const keys[] = {
        "id",           "state",       "progress",  "errors",
        "data",         "job_name",    "job_args",  "provider_job_id",
        "attempt",      "recorded_at", "queued_at", "started_at",
        "succeeded_at", "failed_at",   "killed_at", "kill_requested_at",
        "updated_at",   "rev",         "completed", "kill_requested"
    };
    struct service *service = *state;
    const struct answer *answer = ask(service, "POST", "/statuses", "{\"id\":\"keys\"}");
    const char *name;
    json_t *value;
    size_t i = 0;

    json_object_foreach(answer->json, name, value)
    {
        (void)value;
        assert_string_equal(name, keys[i++]);
    }
    assert_int_equal(i, sizeof keys / sizeof *keys);
    assert_string_equal(answer_member(answer, "errors"), "[]");
    assert_string_equal(answer_member(answer, "data"), "null");
    assert_string_equal(answer_member(answer, "job_args"), "{}");
    assert_string_equal(answer_member(answer, "rev"), "1.0");
    assert_string_equal(answer_string(answer, "updated_at"), answer_string(answer, "recorded_at"));
}

static void every_field_of_the_body_is_stored_and_indexed(void **state)
{
    struct service *service = *state;
    service_flush(service);
    const struct answer *answer =
        ask(service, "POST", "/statuses",
            "{\"id\":\"full\",\"state\":\"queued\",\"job_name\":\"Publish\",\"job_args\":"
            "{\"book\":\"gid://app/Book/53\",\"to\":\"x\"},\"provider_job_id\":42,"
            "\"data\":{\"a\":[1,2.50]},\"progress\":0.25}");

    assert_int_equal(answer->status, 201);
    assert_string_equal(answer_string(answer, "state"), "queued");
    assert_non_null(strstr(answer->body, "\"data\":{\"a\":[1,2.50]}"));
    assert_non_null(strstr(answer->body, "\"progress\":0.25,"));
    assert_string_equal(store(service, "SMEMBERS jobba:queued"), "full");
    assert_string_equal(store(service, "SMEMBERS jobba:job_name:Publish"), "full");
    assert_string_equal(store(service, "SMEMBERS jobba:job_arg:gid://app/Book/53"), "full");
    assert_string_equal(store(service, "SMEMBERS jobba:job_arg:x"), "full");
    assert_string_equal(store(service, "SMEMBERS jobba:provider_job_id:42"), "full");
    assert_string_equal(store(service, "ZRANGE jobba:recorded_at 0 -1"), "full");
    assert_string_equal(store(service, "ZRANGE jobba:queued_at 0 -1"), "full");
    assert_string_equal(store(service, "HGET jobba:id:full id"), "\"full\"");
    assert_string_equal(store(service, "HGET jobba:id:full errors"), "[]");
    assert_string_equal(store(service, "HGET jobba:id:full attempt"), "0");
}

static void each_state_can_be_the_first(void **state)
{
    static const char *const states[] = { "unqueued", "queued", "started", "succeeded",
                                          "failed",   "killed", "unknown" };
    struct service *service = *state;
    char body[128], key[64];

    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        snprintf(body, sizeof body, "{\"id\":\"%s\",\"state\":\"%s\"}", states[i], states[i]);
        const struct answer *answer = ask(service, "POST", "/statuses", body);
        assert_int_equal(answer->status, 201);
        assert_string_equal(answer_string(answer, "state"), states[i]);
        assert_non_null(answer_string(answer, "recorded_at"));
        if (strcmp(states[i], "unqueued") && strcmp(states[i], "unknown")) {
            snprintf(key, sizeof key, "%s_at", states[i]);
            assert_string_equal(answer_string(answer, key), answer_string(answer, "recorded_at"));
        }
        assert_string_equal(answer_member(answer, "attempt"), "0.0");
        assert_string_equal(answer_member(answer, "progress"),
                            strcmp(states[i], "succeeded") ? "0.0" : "1.0");
    }
}

static void a_taken_id_is_refused_with_the_status_that_has_it(void **state)
{
    struct service *service = *state;
    static const char *const minimal[] = { "Prefer: return=minimal", NULL };
    char *before;
    char *after;

    ask(service, "POST", "/statuses", "{\"id\":\"taken\",\"job_name\":\"first\"}");
    before = store_dump(service);
    const struct answer *answer =
        ask(service, "POST", "/statuses", "{\"id\":\"taken\",\"job_name\":\"second\"}");
    assert_int_equal(answer->status, 409);
    assert_string_equal(answer_string(answer, "type"), "/problems/status-exists");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(answer->json, "current"), "job_name")),
        "first");
    answer = client_ask(service->client, "POST", "/statuses", "{\"id\":\"taken\"}", minimal);
    assert_int_equal(answer->status, 409);
    assert_non_null(json_object_get(answer->json, "current"));
    after = store_dump(service);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void put_creates_an_unknown_status_once_and_then_finds_it(void **state)
{
    struct service *service = *state;

    service_flush(service);
    const struct answer *answer = ask(service, "PUT", "/statuses/found", NULL);

    assert_int_equal(answer->status, 201);
    assert_string_equal(answer_string(answer, "state"), "unknown");
    assert_string_equal(answer_header(answer, "Location"), "/statuses/found");
    assert_string_equal(store(service, "SMEMBERS jobba:unknown"), "found");
    answer =
        ask(service, "PUT", "/statuses/found", "{\"job_name\":\"ignored\",\"state\":\"failed\"}");
    assert_int_equal(answer->status, 200);
    assert_string_equal(answer_string(answer, "state"), "unknown");
    assert_string_equal(answer_member(answer, "job_name"), "null");
    assert_string_equal(answer_member(answer, "rev"), "1.0");
    answer = ask(service, "PUT", "/statuses/new",
                 "{\"job_name\":\"used\",\"state\":\"queued\",\"progress\":0.5}");
    assert_int_equal(answer->status, 201);
    assert_string_equal(answer_string(answer, "job_name"), "used");
    assert_string_equal(answer_string(answer, "state"), "queued");
}

static void a_get_never_creates(void **state)
{
    struct service *service = *state;

    service_flush(service);
    assert_int_equal(ask(service, "GET", "/statuses/nobody", NULL)->status, 404);
    assert_int_equal(ask(service, "HEAD", "/statuses/nobody", NULL)->status, 404);
    assert_string_equal(store(service, "DBSIZE"), "0");
}

static void minimal_answers_have_no_body(void **state)
{
    static const char *const minimal[] = { "Prefer: respond-async, Return=minimal; x=1", NULL };
    struct service *service = *state;
    const struct answer *answer =
        client_ask(service->client, "POST", "/statuses", "{\"id\":\"small\"}", minimal);

    assert_int_equal(answer->status, 204);
    assert_int_equal(answer->len, 0);
    assert_string_equal(answer_header(answer, "Location"), "/statuses/small");
    assert_string_equal(answer_header(answer, "Preference-Applied"), "return=minimal");
    answer = client_ask(service->client, "PUT", "/statuses/small", NULL, minimal);
    assert_int_equal(answer->status, 204);
    assert_null(answer_header(answer, "Location"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bare_post_creates_an_unqueued_status_with_a_random_id),
        cmocka_unit_test(all_keys_are_there_in_order),
        cmocka_unit_test(every_field_of_the_body_is_stored_and_indexed),
        cmocka_unit_test(each_state_can_be_the_first),
        cmocka_unit_test(a_taken_id_is_refused_with_the_status_that_has_it),
        cmocka_unit_test(put_creates_an_unknown_status_once_and_then_finds_it),
        cmocka_unit_test(a_get_never_creates),
        cmocka_unit_test(minimal_answers_have_no_body),
        ENDS_CLEANLY,
    };
    return cmocka_run_group_tests_name("create", tests, service_setup, service_teardown);
}
