/* The seven states: timestamps, indexes, restarts (docs/redis-layout.md). */
#include "tests/service/service_test.h"

static const char *const states[] = { "unqueued", "queued", "started", "succeeded",
                                      "failed",   "killed", "unknown" };
enum { N_STATES = sizeof states / sizeof *states };

static void create(struct service *service, const char *id)
{
    char body[128];

    snprintf(body, sizeof body, "{\"id\":\"%s\"}", id);
    assert_int_equal(ask(service, "POST", "/statuses", body)->status, 201);
}

static const struct answer *enter(struct service *service, const char *id, const char *state,
                                  const char *body)
{
    char path[128];

    snprintf(path, sizeof path, "/statuses/%s/%s", id, state);
    return ask(service, "POST", path, body);
}

static void assert_only_in(struct service *service, const char *id, const char *state)
{
    for (size_t i = 0; i < N_STATES; i++)
        assert_string_equal(store(service, "SISMEMBER jobba:%s %s", states[i], id),
                            strcmp(states[i], state) == 0 ? "1" : "0");
}

static void any_state_follows_any_other(void **state)
{
    struct service *service = *state;
    char id[64];

    for (size_t from = 0; from < N_STATES; from++) {
        for (size_t to = 0; to < N_STATES; to++) {
            snprintf(id, sizeof id, "%s-%s", states[from], states[to]);
            create(service, id);
            assert_int_equal(enter(service, id, states[from], NULL)->status, 200);
            const struct answer *answer = enter(service, id, states[to], NULL);
            assert_int_equal(answer->status, 200);
            assert_string_equal(answer_string(answer, "state"), states[to]);
            bool completed =
                strcmp(states[to], "succeeded") == 0 || strcmp(states[to], "failed") == 0;
            assert_string_equal(answer_member(answer, "completed"), completed ? "true" : "false");
            assert_only_in(service, id, states[to]);
        }
    }
}

static void a_timestamp_is_recorded_the_first_time_only(void **state)
{
    static const char *const others[] = { "queued", "succeeded", "failed", "killed" };
    struct service *service = *state;
    char name[32], first[64], score[64];

    create(service, "once");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        snprintf(name, sizeof name, "%s_at", others[i]);
        snprintf(first, sizeof first, "%s",
                 answer_string(enter(service, "once", others[i], NULL), name));
        snprintf(score, sizeof score, "%s", store(service, "ZSCORE jobba:%s once", name));
        assert_string_equal(store(service, "HGET jobba:id:once %s", name), score);
        enter(service, "once", "unknown", NULL);
        const struct answer *answer = enter(service, "once", others[i], NULL);
        assert_string_equal(answer_string(answer, name), first);
        assert_string_equal(store(service, "ZSCORE jobba:%s once", name), score);
    }
}

static void recorded_at_never_changes(void **state)
{
    struct service *service = *state;
    char first[64];

    create(service, "rec");
    snprintf(first, sizeof first, "%s",
             answer_string(ask(service, "GET", "/statuses/rec", NULL), "recorded_at"));
    enter(service, "rec", "queued", NULL);
    assert_string_equal(answer_string(enter(service, "rec", "unknown", NULL), "recorded_at"),
                        first);
    assert_string_equal(answer_string(enter(service, "rec", "unqueued", NULL), "recorded_at"),
                        first);
}

static void entering_the_present_state_again_changes_nothing(void **state)
{
    struct service *service = *state;
    char *before, *after;

    for (size_t i = 0; i < N_STATES; i++) {
        if (strcmp(states[i], "started") == 0)
            continue;
        create(service, states[i]);
        enter(service, states[i], states[i], NULL);
        before = store_dump(service);
        assert_int_equal(enter(service, states[i], states[i], NULL)->status, 200);
        after = store_dump(service);
        assert_string_equal(before, after);
        free(before);
        free(after);
    }
}

static void succeeding_completes_the_progress(void **state)
{
    struct service *service = *state;

    create(service, "s");
    ask(service, "PUT", "/statuses/s/progress", "0.4");
    const struct answer *answer =
        enter(service, "s", "succeeded", "{\"progress\":0.9,\"data\":\"done\"}");
    assert_string_equal(answer_member(answer, "progress"), "1.0");
    assert_string_equal(answer_string(answer, "data"), "done");
    answer = ask(service, "PUT", "/statuses/s/progress", "0.5"); /* a later report still counts */
    assert_string_equal(answer_member(answer, "progress"), "0.5");
}

static void a_restart_archives_and_begins_anew(void **state)
{
    struct service *service = *state;
    static const char *const ends[] = { "started", "succeeded", "failed",
                                        "killed",  "queued",    "unknown" };
    char path[64], queued[64], recorded[64];

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char id[32];
        snprintf(id, sizeof id, "re-%s", ends[i]);
        create(service, id);
        enter(service, id, "queued", NULL);
        enter(service, id, "started",
              "{\"job_name\":\"name\",\"job_args\":{\"a\":\"arg\"},\"provider_job_id\":7,\"data\":"
              "\"old\","
              "\"progress\":0.5,\"error\":\"first\"}");
        snprintf(path, sizeof path, "/statuses/%s/request_kill", id);
        ask(service, "POST", path, NULL);
        if (strcmp(ends[i], "started") != 0)
            enter(service, id, ends[i], NULL);
        snprintf(path, sizeof path, "/statuses/%s", id);
        const struct answer *answer = ask(service, "GET", path, NULL);
        snprintf(queued, sizeof queued, "%s", answer_string(answer, "queued_at"));
        snprintf(recorded, sizeof recorded, "%s", answer_string(answer, "recorded_at"));
        double rev = json_number_value(json_object_get(answer->json, "rev"));

        answer = enter(service, id, "started", NULL);
        assert_int_equal(answer->status, 200);
        assert_string_equal(answer_member(answer, "attempt"), "1.0");
        assert_string_equal(answer_member(answer, "progress"), "0.0");
        assert_string_equal(answer_member(answer, "errors"), "[]");
        assert_string_equal(answer_member(answer, "data"), "null");
        assert_string_equal(answer_member(answer, "kill_requested_at"), "null");
        assert_string_equal(answer_member(answer, "succeeded_at"), "null");
        assert_string_equal(answer_member(answer, "failed_at"), "null");
        assert_string_equal(answer_member(answer, "killed_at"), "null");
        assert_string_equal(answer_string(answer, "queued_at"), queued);
        assert_string_equal(answer_string(answer, "recorded_at"), recorded);
        assert_string_equal(answer_string(answer, "job_name"), "name");
        assert_string_equal(answer_member(answer, "job_args"), "{\"a\":\"arg\"}");
        assert_string_equal(answer_member(answer, "provider_job_id"), "7.0");
        assert_true(json_number_value(json_object_get(answer->json, "rev")) == rev + 1);
        assert_only_in(service, id, "started");
        assert_string_equal(store(service, "ZSCORE jobba:succeeded_at %s", id), "(nil)");
        assert_string_equal(store(service, "ZSCORE jobba:failed_at %s", id), "(nil)");
        assert_string_equal(store(service, "ZSCORE jobba:killed_at %s", id), "(nil)");

        snprintf(path, sizeof path, "/statuses/%s:0", id);
        answer = ask(service, "GET", path, NULL);
        assert_int_equal(answer->status, 200);
        assert_string_equal(answer_string(answer, "state"), ends[i]);
        assert_string_equal(answer_string(answer, "data"), "old");
        assert_string_equal(answer_member(answer, "errors"), "[\"first\"]");
    }
}

static void the_score_of_a_restart_is_that_of_the_hash(void **state)
{
    struct service *service = *state;
    char score[64];

    create(service, "sc");
    enter(service, "sc", "started", NULL);
    enter(service, "sc", "started", NULL);
    snprintf(score, sizeof score, "%s", store(service, "ZSCORE jobba:started_at sc"));
    assert_string_equal(store(service, "HGET jobba:id:sc started_at"), score);
}

static void a_job_that_was_never_queued_restarts(void **state)
{
    struct service *service = *state;

    ask(service, "PUT", "/statuses/nq", "{\"state\":\"started\"}");
    const struct answer *answer = enter(service, "nq", "started", NULL);
    assert_int_equal(answer->status, 200);
    assert_string_equal(answer_member(answer, "attempt"), "1.0");
    assert_string_equal(answer_member(answer, "queued_at"), "null");
    assert_string_equal(store(service, "ZSCORE jobba:queued_at nq"), "(nil)");
}

static void what_comes_with_a_restart_belongs_to_the_new_attempt(void **state)
{
    struct service *service = *state;

    create(service, "w");
    enter(service, "w", "started", "{\"error\":\"old\",\"data\":1}");
    const struct answer *answer =
        enter(service, "w", "started", "{\"error\":\"new\",\"progress\":0.5}");
    assert_string_equal(answer_member(answer, "errors"), "[\"new\"]");
    assert_string_equal(answer_member(answer, "progress"), "0.5");
    assert_string_equal(answer_member(answer, "data"), "null");
    assert_string_equal(answer_member(ask(service, "GET", "/statuses/w:0", NULL), "errors"),
                        "[\"old\"]");
}

static void a_restart_can_move_the_name_too(void **state)
{
    struct service *service = *state;

    create(service, "m");
    enter(service, "m", "started", "{\"job_name\":\"before\"}");
    enter(service, "m", "started", "{\"job_name\":\"after\"}");
    assert_string_equal(store(service, "EXISTS jobba:job_name:before"), "0");
    assert_string_equal(store(service, "SMEMBERS jobba:job_name:after"), "m");
    assert_string_equal(answer_string(ask(service, "GET", "/statuses/m:0", NULL), "job_name"),
                        "before");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_state_follows_any_other),
        cmocka_unit_test(a_timestamp_is_recorded_the_first_time_only),
        cmocka_unit_test(recorded_at_never_changes),
        cmocka_unit_test(entering_the_present_state_again_changes_nothing),
        cmocka_unit_test(succeeding_completes_the_progress),
        cmocka_unit_test(a_restart_archives_and_begins_anew),
        cmocka_unit_test(the_score_of_a_restart_is_that_of_the_hash),
        cmocka_unit_test(a_job_that_was_never_queued_restarts),
        cmocka_unit_test(what_comes_with_a_restart_belongs_to_the_new_attempt),
        cmocka_unit_test(a_restart_can_move_the_name_too),
        ENDS_CLEANLY,
    };
    return cmocka_run_group_tests_name("states", tests, service_setup, service_teardown);
}
