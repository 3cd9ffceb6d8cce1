/* Changes of many statuses at once: what is changed, what refuses to be, and what is left when
 * something comes in between. */
#include "tests/lib/filler.h"
#include "tests/lib/invariants.h"
#include "tests/service/service_test.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

static size_t statuses_left(struct service *service)
{
    return invariants_check(service->store, "jobba:");
}

/* One in each state, named after it. */
static void one_in_each_state(struct service *service)
{
    static const char *const states[] = { "unqueued", "queued", "started", "succeeded",
                                          "failed",   "killed", "unknown" };
    char body[96];

    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        snprintf(body, sizeof body, "{\"id\":\"%s\",\"state\":\"%s\",\"job_name\":\"n\"}",
                 states[i], states[i]);
        expect(service, 201, "POST", "/statuses", body);
    }
}

/* ---- delete ---- */

static void delete_all(void **state)
{
    struct service *service = *state;

    one_in_each_state(service);
    expect_member(expect(service, 200, "DELETE", "/statuses?state=completed", NULL), "deleted",
                  "2");
    assert_int_equal(statuses_left(service), 5);
    expect_member(expect(service, 200, "DELETE", "/statuses?state=completed", NULL), "deleted",
                  "0");
}

static void delete_all_is_all_or_nothing(void **state)
{
    struct service *service = *state;
    char *before, *after;

    one_in_each_state(service);
    before = store_dump(service);
    const struct answer *answer = expect(service, 409, "DELETE", "/statuses?job_name=n", NULL);
    expect_problem(answer, 409, "not-completed", NULL);
    assert_memory_equal(answer_string(answer, "detail"), "5 of the statuses", 17);
    expect_problem(expect(service, 409, "DELETE", "/statuses?all=true", NULL), 409, "not-completed",
                   NULL);
    expect_problem(
        expect(service, 409, "POST", "/statuses:remove", "{\"where\":{\"job_name\":\"n\"}}"), 409,
        "not-completed", NULL);
    expect_problem(expect(service, 409, "DELETE", "/statuses?job_name=n&dry_run=true", NULL), 409,
                   "not-completed", NULL);
    after = store_dump(service);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void delete_all_with_force(void **state)
{
    struct service *service = *state;

    one_in_each_state(service);
    expect_member(expect(service, 200, "DELETE", "/statuses?state=started,killed&force=true", NULL),
                  "deleted", "2");
    assert_int_equal(statuses_left(service), 5);
    expect_member(expect(service, 200, "DELETE", "/statuses?all=true&force=true", NULL), "deleted",
                  "5");
    assert_string_equal(store(service, "DBSIZE"), "0");
}

static void delete_of_chained_clauses(void **state)
{
    struct service *service = *state;

    expect(service, 201, "POST", "/statuses",
           "{\"id\":\"both\",\"state\":\"failed\",\"job_args\":{\"a\":\"A\",\"b\":\"B\"}}");
    expect(service, 201, "POST", "/statuses",
           "{\"id\":\"one\",\"state\":\"failed\",\"job_args\":{\"a\":\"A\"}}");
    expect_member(expect(service, 200, "POST", "/statuses:remove",
                         "{\"where\":[{\"job_arg\":\"A\"},{\"job_arg\":\"B\"}],\"max\":1}"),
                  "deleted", "1");
    expect(service, 404, "GET", "/statuses/both", NULL);
    expect(service, 200, "GET", "/statuses/one", NULL);
}

static void attempts_go_with_their_status(void **state)
{
    struct service *service = *state;

    expect(service, 201, "POST", "/statuses", "{\"id\":\"r\"}");
    for (int i = 0; i < 3; i++)
        expect(service, 200, "POST", "/statuses/r/started", NULL);
    expect(service, 200, "POST", "/statuses/r/failed", NULL);
    assert_string_equal(store(service, "EXISTS jobba:id:r:0 jobba:id:r:1"), "2");
    expect_member(expect(service, 200, "DELETE", "/statuses?id=r,unknown", NULL), "deleted", "1");
    assert_string_equal(store(service, "DBSIZE"), "0");
}

static void thousands_are_deleted_and_no_others(void **state)
{
    struct service *service = *state;

    fill(service, "gone", "failed", 4000, 0);
    fill(service, "stay", "succeeded", 100, 1000);
    fill(service, "new", "succeeded", 10, 0);
    expect_member(expect(service, 200, "DELETE", "/statuses?state=failed&dry_run=true", NULL),
                  "matched", "4000");
    expect_member(expect(service, 200, "DELETE", "/statuses?state=failed", NULL), "deleted",
                  "4000");
    assert_int_equal(statuses_left(service), 110);
    expect_member(expect(service, 200, "DELETE", "/statuses?recorded_before=-500s&all=false", NULL),
                  "deleted", "100");
    assert_int_equal(statuses_left(service), 10);
}

/* ---- kill requests ---- */

static void request_kill_all(void **state)
{
    struct service *service = *state;
    char first[40];

    one_in_each_state(service);
    expect(service, 200, "POST", "/statuses/queued/request_kill", NULL);
    snprintf(first, sizeof first, "%s", store(service, "HGET jobba:id:queued kill_requested_at"));
    expect_member(expect(service, 200, "POST", "/statuses:request_kill?state=queued,started", NULL),
                  "kill_requested", "2");
    assert_string_equal(store(service, "HGET jobba:id:queued kill_requested_at"), first);
    expect_member(expect(service, 200, "GET", "/statuses/queued", NULL), "rev", "2");
    expect_member(expect(service, 200, "GET", "/statuses/started", NULL), "kill_requested", "true");
    expect_member(expect(service, 200, "GET", "/statuses/started", NULL), "rev", "2");
    expect_member(expect(service, 200, "GET", "/statuses:count?kill_requested=true", NULL), "count",
                  "2");
    expect_member(expect(service, 200, "POST", "/statuses:request_kill",
                         "{\"where\":{\"kill_requested\":false},\"dry_run\":true}"),
                  "matched", "5");
    expect_member(expect(service, 200, "POST", "/statuses:request_kill?all=true", NULL),
                  "kill_requested", "7");
    statuses_left(service);
}

/* ---- cleanup ---- */

static void cleanup(void **state)
{
    struct service *service = *state;

    fill(service, "failed", "failed", 100, 1000);
    fill(service, "killed", "killed", 100, 1000);
    fill(service, "started", "started", 100, 1000);
    fill(service, "new", "failed", 10, 0);
    expect_member(expect(service, 200, "POST", "/statuses:cleanup?older_than=1h", NULL), "deleted",
                  "0");
    expect_member(
        expect(service, 200, "POST", "/statuses:cleanup?older_than=500s&dry_run=true", NULL),
        "matched", "200");
    expect_member(expect(service, 200, "POST", "/statuses:cleanup", "{\"older_than\":\"500s\"}"),
                  "deleted", "200");
    assert_int_equal(statuses_left(service), 110);
    expect_member(expect(service, 200, "POST",
                         "/statuses:cleanup?older_than=500s&force=true&job_name=other", NULL),
                  "deleted", "0");
    expect_member(expect(service, 200, "POST", "/statuses:cleanup?older_than=8m&force=true", NULL),
                  "deleted", "100");
    assert_int_equal(statuses_left(service), 10);
}

/* ---- bounds ---- */

static void max_refuses_to_touch_more(void **state)
{
    static const struct {
        const char *method, *path, *body;
    } cases[] = {
        { "DELETE", "/statuses?state=failed&max=2", NULL },
        { "DELETE", "/statuses?state=failed&max=0&dry_run=true", NULL },
        { "POST", "/statuses:remove", "{\"where\":{\"state\":\"failed\"},\"max\":2}" },
        { "POST", "/statuses:request_kill?state=failed&max=2", NULL },
        { "POST", "/statuses:cleanup?older_than=1s&max=1", NULL },
    };
    struct service *service = *state;
    char *before, *after;

    fill(service, "f", "failed", 3, 0);
    before = store_dump(service);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_problem(expect(service, 409, cases[i].method, cases[i].path, cases[i].body), 409,
                       "too-many", NULL);
    after = store_dump(service);
    assert_string_equal(before, after);
    free(before);
    free(after);
    expect_member(expect(service, 200, "DELETE", "/statuses?state=failed&max=3", NULL), "deleted",
                  "3");
}

static void bad_bulk_requests_change_nothing(void **state)
{
    static const struct {
        int status;
        const char *method, *path, *body, *type, *culprit;
    } cases[] = {
        { 400, "DELETE", "/statuses", NULL, "malformed-query", "all" },
        { 400, "DELETE", "/statuses?all=false&force=true", NULL, "malformed-query", "all" },
        { 400, "DELETE", "/statuses?all=yes", NULL, "malformed-query", "all" },
        { 400, "DELETE", "/statuses?all=true&state=failed", NULL, "malformed-query", "all" },
        { 400, "DELETE", "/statuses?state=failed&limit=3", NULL, "malformed-query", "limit" },
        { 400, "DELETE", "/statuses?stat=failed", NULL, "malformed-query", "stat" },
        { 400, "DELETE", "/statuses?state=failed&max=-1", NULL, "malformed-query", "max" },
        { 400, "DELETE", "/statuses?state=failed&dry_run=", NULL, "malformed-query", "dry_run" },
        { 400, "DELETE", "/statuses?older_than=3d", NULL, "malformed-query", "older_than" },
        { 400, "POST", "/statuses:remove", NULL, "malformed-query", "all" },
        { 422, "POST", "/statuses:remove", "{\"where\":{\"state\":\"over\"}}", "invalid-value",
          "where.state" },
        { 400, "POST", "/statuses:request_kill", NULL, "malformed-query", "all" },
        { 400, "POST", "/statuses:request_kill?force=true&all=true", NULL, "malformed-query",
          "force" },
        { 422, "POST", "/statuses:request_kill", "{\"all\":1}", "invalid-value", "all" },
        { 400, "POST", "/statuses:cleanup", NULL, "malformed-query", "older_than" },
        { 400, "POST", "/statuses:cleanup?older_than=-3d", NULL, "malformed-query", "older_than" },
        { 400, "POST", "/statuses:cleanup?older_than=3", NULL, "malformed-query", "older_than" },
        { 400, "POST", "/statuses:cleanup?older_than=0s", NULL, "malformed-query", "older_than" },
        { 400, "POST", "/statuses:cleanup", "[", "malformed-json", NULL },
        { 422, "POST", "/statuses:cleanup", "{\"older_than\":\"long\"}", "invalid-value",
          "older_than" },
    };
    struct service *service = *state;
    char *before, *after;

    one_in_each_state(service);
    before = store_dump(service);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_problem(
            expect(service, cases[i].status, cases[i].method, cases[i].path, cases[i].body),
            cases[i].status, cases[i].type, cases[i].culprit);
    expect_member(expect(service, 200, "POST", "/statuses:remove", "{\"where\":{\"state\":[]}}"),
                  "deleted", "0");
    after = store_dump(service);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

/* ---- others at the same time ---- */

struct restarter {
    struct service *service;
    atomic_bool stop;
};

/* Restarts statuses that are being deleted: each must be gone, or be whole and started. */
static void *restart_some(void *arg)
{
    struct restarter *restarter = arg;
    struct client *client = client_create(restarter->service->url);
    char path[64];

    for (int i = 3999; i >= 0 && !atomic_load(&restarter->stop); i -= 7) {
        snprintf(path, sizeof path, "/statuses/busy%d/started", i);
        client_ask(client, "POST", path, NULL, NULL);
    }
    client_destroy(client);
    return NULL;
}

static void what_is_restarted_meanwhile_stays(void **state)
{
    struct restarter restarter = { .service = *state };
    pthread_t thread;
    size_t left;

    fill(*state, "busy", "failed", 4000, 0);
    pthread_create(&thread, NULL, restart_some, &restarter);
    expect(*state, 200, "DELETE", "/statuses?state=failed", NULL);
    atomic_store(&restarter.stop, true);
    pthread_join(thread, NULL);
    left = statuses_left(*state);
    char count[24];
    snprintf(count, sizeof count, "%zu", left);
    expect_member(expect(*state, 200, "GET", "/statuses:count?state=started", NULL), "count",
                  count);
}

/* ---- something comes in between ---- */

struct deleter {
    struct service *service;
    const char *query; /* NULL: state=failed */
    int status;        /* of the answer */
    double deleted;
    char type[64];
    atomic_bool ended;
};

static void *ask_to_delete(void *arg)
{
    struct deleter *deleter = arg;
    struct client *client = client_create(deleter->service->url);
    const char *path = deleter->query ? deleter->query : "/statuses?state=failed";
    const struct answer *answer;
    const char *type;

    for (int tries = 0; tries < 100; tries++) { /* its connections may not be there yet */
        answer = client_ask(client, "DELETE", path, NULL, NULL);
        type = answer_string(answer, "type");
        if (!type || strcmp(type, "/problems/unavailable") != 0)
            break;
        pause_ms(50);
    }
    deleter->status = answer->status;
    deleter->deleted = json_number_value(json_object_get(answer->json, "deleted"));
    snprintf(deleter->type, sizeof deleter->type, "%s", type ? type : "");
    client_destroy(client);
    atomic_store(&deleter->ended, true);
    return NULL;
}

static bool deleting_has_begun(struct deleter *deleter)
{
    bool ended = atomic_load(&deleter->ended);
    bool begun = atoi(store(deleter->service, "SCARD jobba:failed")) < 19000;

    if (ended && !begun)
        fail_msg("the deletion ended with %d %s", deleter->status, deleter->type);
    return begun;
}

/* What a killed jobbad has sent is still carried out. */
static bool nobody_else_is_connected(struct service *service)
{
    const char *clients = store(service, "CLIENT LIST TYPE normal");
    return strchr(clients, '\n') == strrchr(clients, '\n');
}

static void max_holds_although_more_come(void **state)
{
    struct service *service = *state;
    struct deleter deleter = { .service = service, .query = "/statuses?state=failed&max=20000" };
    pthread_t thread;

    fill(service, "k", "failed", 20000, 0);
    pthread_create(&thread, NULL, ask_to_delete, &deleter);
    assert_until(deleting_has_begun(&deleter));
    fill(service, "more", "failed", 10000, 0);
    pthread_join(thread, NULL);
    assert_int_equal(deleter.status, 200);
    assert_int_equal((int)deleter.deleted, 20000);
    assert_int_equal(statuses_left(service), 10000);
}

static void a_killed_service_leaves_each_status_whole(void **state)
{
    struct service service;
    struct deleter deleter = { .service = &service };
    pthread_t thread;
    size_t left;

    (void)state;
    service_start(&service, NULL);
    fill(&service, "k", "failed", 20000, 0);
    pthread_create(&thread, NULL, ask_to_delete, &deleter);
    assert_until(deleting_has_begun(&deleter));
    process_kill(&service.jobbad, SIGKILL);
    pthread_join(thread, NULL);
    assert_until(nobody_else_is_connected(&service));
    left = statuses_left(&service);
    assert_in_range(left, 0, 19000);
    service_start_jobbad(&service, NULL);
    assert_until(service_is_ready(&service));
    char count[24];
    snprintf(count, sizeof count, "%zu", left);
    expect_member(expect(&service, 200, "DELETE", "/statuses?state=failed", NULL), "deleted",
                  count);
    assert_string_equal(store(&service, "DBSIZE"), "0");
    service_stop(&service);
}

static void a_lost_redis_is_told(void **state)
{
    struct service service;
    struct deleter deleter = { .service = &service };
    pthread_t thread;

    (void)state;
    service_start(&service, NULL);
    fill(&service, "k", "failed", 20000, 0);
    pthread_create(&thread, NULL, ask_to_delete, &deleter);
    assert_until(deleting_has_begun(&deleter));
    process_kill(&service.redis, SIGKILL);
    pthread_join(thread, NULL);
    assert_int_equal(deleter.status, 503);
    assert_string_equal(deleter.type, "/problems/unfinished");
    service_stop(&service);
}

static void too_little_time_is_told_and_can_be_gone_on_with(void **state)
{
    static const char *const flags[] = { "--query-timeout", "60ms", NULL };
    struct service service;
    const struct answer *answer;
    int rounds = 0;

    (void)state;
    service_start(&service, flags);
    fill(&service, "t", "failed", 20000, 0);
    do {
        answer = ask(&service, "DELETE", "/statuses?state=failed", NULL);
        if (answer->status != 200)
            assert_int_equal(answer->status,
                             503); /* unfinished; on a busy machine maybe not begun */
        statuses_left(&service);
    } while (answer->status != 200 && ++rounds < 1000);
    assert_true(rounds > 0);
    assert_string_equal(store(&service, "DBSIZE"), "0");
    service_stop(&service);
}

/* ---- under a key ---- */

#define KEY "Idempotency-Key: k-1"

static const struct bulk_change {
    const char *method, *path, *member;
} bulk_changes[] = {
    { "DELETE", "/statuses?state=failed", "deleted" },
    { "POST", "/statuses:remove?state=failed", "deleted" },
    { "POST", "/statuses:request_kill?state=failed", "kill_requested" },
    { "POST", "/statuses:cleanup?older_than=1s&state=failed", "deleted" },
};

/* What comes to match later is not touched by a repeat. */
static void a_repeat_tells_what_the_first_did(void **state)
{
    struct service *service = *state;

    for (size_t i = 0; i < sizeof bulk_changes / sizeof *bulk_changes; i++) {
        const struct bulk_change *change = &bulk_changes[i];
        const struct answer *answer;

        service_flush(service);
        fill(service, "a", "failed", 25, 60);
        answer = expect_with(service, 200, KEY, change->method, change->path, NULL);
        expect_member(answer, change->member, "25");
        expect_header(answer, "Idempotency-Replayed", NULL);
        fill(service, "b", "failed", 5, 60);
        answer = expect_with(service, 200, KEY, change->method, change->path, NULL);
        expect_member(answer, change->member, "25");
        expect_header(answer, "Idempotency-Replayed", "true");
        expect_member(
            expect(service, 200, "GET", "/statuses:count?state=failed&kill_requested=false", NULL),
            "count", "5");
    }
}

static void a_key_of_another_change_of_many_is_refused(void **state)
{
    struct service *service = *state;

    fill(service, "a", "failed", 3, 60);
    expect_with(service, 200, KEY, "POST", "/statuses:request_kill?id=a0", NULL);
    expect_problem(expect_with(service, 422, KEY, "PUT", "/statuses/a1", NULL), 422,
                   "idempotency-key-reused", NULL);
    for (size_t i = 0; i < sizeof bulk_changes / sizeof *bulk_changes; i++)
        expect_problem(
            expect_with(service, 422, KEY, bulk_changes[i].method, bulk_changes[i].path, NULL), 422,
            "idempotency-key-reused", NULL);
    expect_member(expect(service, 200, "GET", "/statuses:count?kill_requested=true", NULL), "count",
                  "1");
}

static void a_refused_change_of_many_uses_up_no_key(void **state)
{
    struct service *service = *state;

    fill(service, "a", "started", 3, 60);
    expect_with(service, 409, KEY, "DELETE", "/statuses?all=true", NULL);
    expect_with(service, 409, KEY, "POST", "/statuses:request_kill?all=true&max=2", NULL);
    expect_with(service, 200, KEY, "DELETE", "/statuses?all=true&force=true&dry_run=true", NULL);
    expect_store(service, "0", "EXISTS jobba~key:k-1");
    expect_with(service, 200, KEY, "DELETE", "/statuses?state=queued", NULL);
    expect_header(expect_with(service, 200, KEY, "DELETE", "/statuses?state=queued", NULL),
                  "Idempotency-Replayed", "true");
}

/* The sum of all tries is told, and no try repeats the checks that the first has passed. */
static void a_repeat_goes_on_where_the_first_was_interrupted(void **state)
{
    static const char *const flags[] = { "--query-timeout", "60ms", NULL };
    struct service service;
    const struct answer *answer;
    struct deleter begun = { .service = &service };
    int rounds = 0;

    (void)state;
    service_start(&service, flags);
    fill(&service, "t", "failed", 20000, 0);
    do {
        answer = client_ask(service.client, "DELETE", "/statuses?job_name=filler", NULL,
                            (const char *const[]){ KEY, NULL });
        if (answer->status != 200) {
            assert_int_equal(answer->status, 503);
            if (deleting_has_begun(&begun)) /* else the checks would see it */
                ask(&service, "POST", "/statuses",
                    "{\"job_name\":\"filler\",\"state\":\"started\"}");
        }
        rounds++;
    } while (answer->status != 200 && rounds < 1000);
    expect_member(answer, "deleted", "20000");
    assert_in_range(rounds, 2, 999);
    expect_store(&service, "0", "SCARD jobba:failed");
    service_stop(&service);
}

/* The first has changed as many as it may, and could not say so in the end. */
static void a_repeat_changes_no_more_than_is_allowed(void **state)
{
    struct service *service = *state;
    static const char path[] = "/statuses?state=failed&max=3";
    const struct answer *answer;
    char record[128];

    fill(service, "a", "failed", 3, 0);
    expect_member(expect_with(service, 200, KEY, "DELETE", path, NULL), "deleted", "3");
    snprintf(record, sizeof record, "%s", store(service, "GET jobba~key:k-1"));
    assert_non_null(strstr(record, " done 3"));
    memcpy(strstr(record, " done 3"), " open 3", strlen(" open 3"));
    store(service, "SET jobba~key:k-1 %s", record);
    fill(service, "b", "failed", 2, 0);
    answer = expect_with(service, 200, KEY, "DELETE", path, NULL);
    expect_member(answer, "deleted", "3");
    expect_store(service, "2", "SCARD jobba:failed");
    answer = expect_with(service, 200, KEY, "DELETE", path, NULL);
    expect_header(answer, "Idempotency-Replayed", "true");
}

static void a_repeat_of_what_found_nothing_changes_nothing(void **state)
{
    static const char *const paths[] = { "/statuses?state=failed", "/statuses?state=failed&max=9",
                                         "/statuses?state=failed&force=true&max=9" };
    struct service *service = *state;
    const struct answer *answer;

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        service_flush(service);
        expect_member(expect_with(service, 200, KEY, "DELETE", paths[i], NULL), "deleted", "0");
        fill(service, "a", "failed", 2, 0);
        answer = expect_with(service, 200, KEY, "DELETE", paths[i], NULL);
        expect_member(answer, "deleted", "0");
        expect_header(answer, "Idempotency-Replayed", "true");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(a_repeat_tells_what_the_first_did),
        FRESH(a_key_of_another_change_of_many_is_refused),
        FRESH(a_repeat_changes_no_more_than_is_allowed),
        FRESH(a_repeat_of_what_found_nothing_changes_nothing),
        FRESH(a_refused_change_of_many_uses_up_no_key),
        cmocka_unit_test(a_repeat_goes_on_where_the_first_was_interrupted),
        FRESH(delete_all),
        FRESH(delete_all_is_all_or_nothing),
        FRESH(delete_all_with_force),
        FRESH(delete_of_chained_clauses),
        FRESH(attempts_go_with_their_status),
        FRESH(thousands_are_deleted_and_no_others),
        FRESH(request_kill_all),
        FRESH(cleanup),
        FRESH(max_refuses_to_touch_more),
        FRESH(bad_bulk_requests_change_nothing),
        FRESH(what_is_restarted_meanwhile_stays),
        FRESH(max_holds_although_more_come),
        cmocka_unit_test(a_killed_service_leaves_each_status_whole),
        cmocka_unit_test(a_lost_redis_is_told),
        cmocka_unit_test(too_little_time_is_told_and_can_be_gone_on_with),
        ENDS_CLEANLY,
    };
    return cmocka_run_group_tests_name("bulk", tests, service_setup, service_teardown);
}
