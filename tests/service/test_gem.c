/* Statuses as the Ruby gem jobba 2.0 writes them, and what it can read of ours. */
#include "tests/service/service_test.h"

/* The order and the encodings of the gem, with the 68-year expiry of its keys. */
static void gem_creates(struct service *service, const char *id)
{
    store(service, "HMSET jobba:id:%s id \"%s\" progress 0 errors [] attempt 0", id, id);
    store(service, "HMSET jobba:id:%s state \"started\" started_at 1700000000000001", id);
    store(service,
          "HMSET jobba:id:%s recorded_at 1700000000000000 queued_at null job_name null "
          "provider_job_id null",
          id);
    store(service,
          "HMSET jobba:id:%s progress 0.333333333333333 job_args {\"book\":\"gid://app/Book/53\"}",
          id);
    store(service, "SADD jobba:started %s", id);
    store(service, "ZADD jobba:recorded_at 1700000000000000 %s", id);
    store(service, "ZADD jobba:started_at 1700000000000001 %s", id);
    store(service, "SADD jobba:job_arg:gid://app/Book/53 %s", id);
    store(service, "EXPIRE jobba:id:%s 2145916800", id);
    store(service, "EXPIRE jobba:started 2145916800");
}

static void its_statuses_are_read(void **state)
{
    struct service *service = *state;

    gem_creates(service, "gem");
    const struct answer *answer = ask(service, "GET", "/statuses/gem", NULL);
    assert_int_equal(answer->status, 200);
    assert_non_null(strstr(answer->body, "\"progress\":0.333333333333333,"));
    assert_string_equal(answer_member(answer, "queued_at"), "null");
    assert_string_equal(answer_member(answer, "job_name"), "null");
    assert_string_equal(answer_string(answer, "started_at"), "2023-11-14T22:13:20.000001Z");
    assert_string_equal(answer_member(answer, "rev"), "0.0");
    assert_string_equal(answer_member(answer, "updated_at"), "null");
}

static void its_statuses_are_changed(void **state)
{
    struct service *service = *state;

    gem_creates(service, "chg");
    const struct answer *answer = ask(service, "PATCH", "/statuses/chg",
                                      "{\"state\":\"queued\",\"error\":\"e\",\"job_name\":\"n\","
                                      "\"job_args\":{},\"provider_job_id\":1}");
    assert_int_equal(answer->status, 200);
    assert_non_null(answer_string(answer, "queued_at"));
    assert_string_equal(answer_member(answer, "rev"), "1.0");
    assert_string_equal(store(service, "SISMEMBER jobba:job_arg:gid://app/Book/53 chg"), "0");
    assert_string_equal(store(service, "SMEMBERS jobba:job_name:n"), "chg");
    assert_string_equal(store(service, "EXISTS jobba:job_name:"), "0");
    answer = ask(service, "POST", "/statuses/chg/request_kill", NULL);
    assert_string_equal(answer_member(answer, "kill_requested"), "true");
}

static void its_statuses_are_restarted(void **state)
{
    struct service *service = *state;

    gem_creates(service, "rst");
    const struct answer *answer = ask(service, "POST", "/statuses/rst/started", NULL);
    assert_int_equal(answer->status, 200);
    assert_string_equal(answer_member(answer, "attempt"), "1.0");
    assert_string_equal(store(service, "HGET jobba:id:rst:0 id"), "\"rst:0\"");
    assert_string_equal(store(service, "HEXISTS jobba:id:rst queued_at"), "0");
    assert_string_equal(store(service, "TTL jobba:id:rst"), "-1");
}

static void its_statuses_are_deleted(void **state)
{
    struct service *service = *state;

    service_flush(service);
    gem_creates(service, "del");
    ask(service, "POST", "/statuses/del/started", NULL);
    assert_int_equal(ask(service, "DELETE", "/statuses/del", NULL)->status, 409);
    assert_int_equal(ask(service, "DELETE", "/statuses/del?force=true", NULL)->status, 204);
    assert_string_equal(store(service, "DBSIZE"), "0");
}

static void its_statuses_are_found(void **state)
{
    static const char *const filters[] = {
        "state=started",
        "state=incomplete&id=gem",
        "state=started,failed&id=gem",
        "id=gem,ours",
        "job_arg=gid://app/Book/53",
        "job_arg.book=gid://app/Book/53",
        "recorded_before=1700000000000000",
        "started_after=2023-11-14T22:13:20.000001Z&started_before=2023-11-14T22:13:20.000001Z",
        "kill_requested=false&job_arg.book=gid://app/Book/53",
        "started_before=-1h&state=started&job_arg=gid://app/Book/53",
        "sort=started_at&limit=1",
        "sort=id&limit=1&recorded_before=1700000000000000",
    };
    struct service *service = *state;
    char path[256];

    service_flush(service);
    gem_creates(service, "gem");
    expect(service, 201, "POST", "/statuses", "{\"id\":\"ours\",\"state\":\"succeeded\"}");
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        snprintf(path, sizeof path, "/statuses?%s", filters[i]);
        if (strstr(path, "ours"))
            strcat(path, "&state=started");
        const struct answer *answer = expect(service, 200, "GET", path, NULL);
        assert_memory_equal(answer->body, "{\"statuses\":[{\"id\":\"gem\",", 24);
        assert_int_equal(json_array_size(json_object_get(answer->json, "statuses")), 1);
    }
    expect_member(expect(service, 200, "GET", "/statuses:count?job_name=null", NULL), "count", "0");
    expect_member(expect(service, 200, "GET", "/statuses:count?provider_job_id=null", NULL),
                  "count", "0");
    expect_member(expect(service, 200, "GET", "/statuses?count=true", NULL), "count", "2");
}

static void many_of_its_statuses_are_changed(void **state)
{
    struct service *service = *state;
    char id[16];

    service_flush(service);
    for (int i = 0; i < 150; i++) {
        snprintf(id, sizeof id, "gem%d", i);
        gem_creates(service, id);
    }
    expect_member(expect(service, 200, "POST", "/statuses:request_kill?state=started", NULL),
                  "kill_requested", "150");
    expect_member(expect(service, 200, "GET", "/statuses/gem7", NULL), "kill_requested", "true");
    expect_member(expect(service, 200, "GET", "/statuses/gem7", NULL), "rev", "1");
    expect_member(
        expect(service, 200, "POST", "/statuses:cleanup?older_than=360d&force=true", NULL),
        "deleted", "150");
    assert_string_equal(store(service, "DBSIZE"), "0");
}

static void ours_have_what_it_needs(void **state)
{
    static const char *const needed[] = { "id", "state", "progress", "errors", "attempt" };
    struct service *service = *state;

    ask(service, "POST", "/statuses", "{\"id\":\"ours\",\"state\":\"started\"}");
    ask(service, "POST", "/statuses/ours/started", NULL);
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        assert_string_not_equal(store(service, "HGET jobba:id:ours %s", needed[i]), "(nil)");
        assert_string_not_equal(store(service, "HGET jobba:id:ours:0 %s", needed[i]), "(nil)");
    }
    assert_string_equal(store(service, "HGET jobba:id:ours attempt"), "1");
    assert_string_equal(store(service, "HGET jobba:id:ours state"), "\"started\"");
}

static void a_hash_with_foreign_fields_is_read(void **state)
{
    struct service *service = *state;

    store(service, "HSET jobba:id:odd id \"odd\" state \"dancing\" colour \"red\" recorded_at "
                   "nonsense attempt x");
    const struct answer *answer =
        ask(service, "GET", "/statuses/odd?fields=id,state,recorded_at,completed", NULL);
    assert_int_equal(answer->status, 200);
    assert_string_equal(
        answer->body,
        "{\"id\":\"odd\",\"state\":\"unknown\",\"recorded_at\":null,\"completed\":false}\n");
}

static void a_key_of_the_wrong_type_changes_nothing(void **state)
{
    static const char *const keys[] = { "jobba:id:t", "jobba:started", "jobba:unqueued",
                                        "jobba:started_at", "jobba:job_name:n" };
    struct service *service = *state;
    char *before, *after;

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        service_flush(service);
        if (i)
            ask(service, "POST", "/statuses", "{\"id\":\"t\"}");
        store(service, "SET %s x", keys[i]);
        before = store_dump(service);
        const struct answer *answer =
            ask(service, "POST", "/statuses/t/started", "{\"job_name\":\"n\"}");
        assert_int_equal(answer->status, 500);
        assert_string_equal(answer_string(answer, "type"), "/problems/internal");
        after = store_dump(service);
        assert_string_equal(before, after);
        free(before);
        free(after);
    }
    service_flush(service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_statuses_are_read),
        cmocka_unit_test(its_statuses_are_changed),
        cmocka_unit_test(its_statuses_are_restarted),
        cmocka_unit_test(its_statuses_are_deleted),
        cmocka_unit_test(its_statuses_are_found),
        cmocka_unit_test(many_of_its_statuses_are_changed),
        cmocka_unit_test(ours_have_what_it_needs),
        cmocka_unit_test(a_hash_with_foreign_fields_is_read),
        cmocka_unit_test(a_key_of_the_wrong_type_changes_nothing),
        ENDS_CLEANLY,
    };
    return cmocka_run_group_tests_name("gem", tests, service_setup, service_teardown);
}
