/* Many statuses: each basic query of the seed's README under its name, order, pages, counts, bad
 * input. */
#include "tests/lib/filler.h"
#include "tests/service/service_test.h"

/* ids of the answer, in order: "a b c". */
static const char *ids_of(const struct answer *answer)
{
    static char ids[8192];
    json_t *status;
    size_t i;

    *ids = '\0';
    json_array_foreach(json_object_get(answer->json, "statuses"), i, status) sprintf(
        ids + strlen(ids), "%s%s", i ? " " : "", json_string_value(json_object_get(status, "id")));
    return ids;
}

/* The same statuses for all, whose names tell what they are; times one after the other. */
static int setup(void **state)
{
    static const struct {
        const char *id, *body;
    } rows[] = {
        { "unq", "{\"job_name\":\"MySpecialBackgroundJob\"}" },
        { "que", "{\"job_name\":\"MyOtherJob\",\"job_args\":{\"a\":\"gid://app/MyModel/42\"}}" },
        { "sta", "{\"job_args\":{\"a\":\"gid://app/Person/86\",\"b\":\"gid://app/MyModel/42\"}}" },
        { "suc", "{\"job_name\":\"MyTroublesomeJob\",\"provider_job_id\":42}" },
        { "fai", "{\"job_name\":\"MyTroublesomeJob\",\"provider_job_id\":\"42\"}" },
        { "kil", "{\"job_args\":{\"b\":\"gid://app/Person/86\"}}" },
        { "unk", "{\"provider_job_id\":\"x-1\"}" },
    };
    static const char *const states[] = { "unqueued", "queued", "started", "succeeded",
                                          "failed",   "killed", "unknown" };
    struct service *service;
    char path[64];

    service_setup(state);
    service = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(path, sizeof path, "/statuses/%s", rows[i].id);
        expect(service, 201, "PUT", path, rows[i].body);
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(path, sizeof path, "/statuses/%s/%s", rows[i].id, states[i]);
        expect(service, 200, "POST", path, NULL);
    }
    expect(service, 200, "POST", "/statuses/sta/request_kill", NULL);
    return 0;
}

/* In JSON, in the order of recording. */
static void finds(struct service *service, const char *where, const char *ids)
{
    char body[1024];
    const struct answer *answer;

    snprintf(body, sizeof body, "{\"where\":%s,\"sort\":\"recorded_at\"}", where);
    answer = expect(service, 200, "POST", "/statuses:query", body);
    if (strcmp(ids_of(answer), ids) != 0)
        fail_msg("%s: '%s' instead of '%s'", where, ids_of(answer), ids);
    answer = expect(service, 200, "POST", "/statuses:count", body);
    size_t count = *ids ? 1 : 0;
    for (const char *at = ids; *at; at++)
        count += *at == ' ';
    assert_int_equal((size_t)json_number_value(json_object_get(answer->json, "count")), count);
}

/* In a query string. */
static void finds_by_url(struct service *service, const char *query, const char *ids)
{
    char path[1024];

    snprintf(path, sizeof path, "/statuses?sort=recorded_at&%s", query);
    const struct answer *answer = expect(service, 200, "GET", path, NULL);
    if (strcmp(ids_of(answer), ids) != 0)
        fail_msg("%s: '%s' instead of '%s'", query, ids_of(answer), ids);
}

static void getting_all_statuses(void **state)
{
    finds(*state, "[]", "unq que sta suc fai kil unk");
    finds_by_url(*state, "", "unq que sta suc fai kil unk");
}

static void state(void **state)
{
    finds(*state, "{\"state\":\"unqueued\"}", "unq");
    finds(*state, "{\"state\":\"queued\"}", "que");
    finds(*state, "{\"state\":\"started\"}", "sta");
    finds(*state, "{\"state\":\"succeeded\"}", "suc");
    finds(*state, "{\"state\":\"failed\"}", "fai");
    finds(*state, "{\"state\":\"killed\"}", "kil");
    finds(*state, "{\"state\":\"unknown\"}", "unk");
    finds(*state, "{\"state\":\"completed\"}", "suc fai");
    finds(*state, "{\"state\":\"incomplete\"}", "unq que sta kil");
    finds(*state, "{\"state\":\"terminal\"}", "suc fai kil");
    finds(*state, "{\"state\":[\"queued\",\"started\"]}", "que sta");
    finds(*state, "{\"state\":[]}", "");
    finds_by_url(*state, "state=queued,started&state=completed", "que sta suc fai");
}

static uint64_t time_of(struct service *service, const char *id, const char *field)
{
    char path[96], text[64];

    snprintf(path, sizeof path, "/statuses/%s?fields=%s", id, field);
    snprintf(text, sizeof text, "%s", answer_raw(expect(service, 200, "GET", path, NULL), field));
    return micros_of(text);
}

static void state_timestamp(void **state)
{
    struct service *service = *state;
    unsigned long long t = time_of(service, "suc", "recorded_at");
    unsigned long long failed = time_of(service, "fai", "failed_at");
    char where[256], text[64];

    snprintf(where, sizeof where, "{\"recorded_at\":{\"after\":%llu}}", t);
    finds(service, where, "suc fai kil unk");
    snprintf(where, sizeof where, "{\"recorded_at\":[%llu,null]}", t + 1);
    finds(service, where, "fai kil unk");
    snprintf(where, sizeof where, "{\"recorded_at\":{\"before\":\"%llu\"}}", t);
    finds(service, where, "unq que sta suc");
    snprintf(where, sizeof where, "{\"recorded_at\":[null,%llu]}", t - 1);
    finds(service, where, "unq que sta");
    snprintf(where, sizeof where, "{\"recorded_at\":[null,%llu.75]}", t - 1);
    finds(service, where, "unq que sta");
    snprintf(where, sizeof where, "{\"recorded_after\":%llu,\"recorded_before\":%llu}", t, t);
    finds(service, where, "suc");
    snprintf(where, sizeof where, "{\"failed_at\":{\"after\":%llu,\"before\":%llu}}", failed,
             failed);
    finds(service, where, "fai");
    snprintf(where, sizeof where, "{\"failed_at\":[%llu,%llu]}", failed + 1, failed);
    finds(service, where, "");
    snprintf(text, sizeof text, "%s",
             answer_string(expect(service, 200, "GET", "/statuses/fai", NULL), "failed_at"));
    snprintf(where, sizeof where, "failed_after=%s&failed_before=%s", text, text);
    finds_by_url(service, where, "fai");
    finds(service, "{\"queued_at\":{\"after\":0}}", "que");
    finds(service, "{\"started_at\":{\"after\":0}}", "sta");
    finds(service, "{\"succeeded_at\":{\"after\":0}}", "suc");
    finds(service, "{\"killed_at\":{\"after\":0}}", "kil");
    finds_by_url(service, "started_after=-1h", "sta");
    finds_by_url(service, "started_before=-1h", "");
    finds_by_url(service,
                 "recorded_after=2000-01-01T00:00:00%2B02:00&recorded_before=2000-01-02T00:00:00Z",
                 "");
}

static void job_name(void **state)
{
    finds(*state, "{\"job_name\":\"MySpecialBackgroundJob\"}", "unq");
    finds(*state, "{\"job_name\":[\"MySpecialBackgroundJob\",\"MyOtherJob\"]}", "unq que");
    finds(*state, "{\"job_name\":\"nobody\"}", "");
    finds_by_url(*state, "job_name=MyOtherJob&job_name=MySpecialBackgroundJob", "unq que");
}

static void job_arguments(void **state)
{
    finds(*state, "{\"job_arg\":\"gid://app/MyModel/42\"}", "que sta");
    finds(*state, "{\"job_arg\":\"gid://app/Person/86\"}", "sta kil");
    finds(*state, "[{\"job_arg\":\"gid://app/MyModel/42\"},{\"job_arg\":\"gid://app/Person/86\"}]",
          "sta");
    finds(*state, "{\"job_arg\":[\"gid://app/MyModel/42\",\"gid://app/Person/86\"]}",
          "que sta kil");
    finds(*state, "{\"job_arg.b\":\"gid://app/MyModel/42\"}", "sta");
    finds(*state, "{\"job_arg.c\":\"gid://app/MyModel/42\"}", "");
    finds_by_url(*state, "job_arg.a=gid://app/MyModel/42", "que");
}

/* As a client's JSON library writes them: with escapes, or without. */
static void job_arguments_of_any_name(void **state)
{
    struct service *service = *state;

    expect(service, 200, "PATCH", "/statuses/unq",
           "{\"job_args\":{\"gr\u00f6\u00dfe\":\"XL\",\"a \\\"b\\\"\":\"y\"}}");
    finds(service, "{\"job_arg.gr\\u00f6\\u00DFe\":\"XL\"}", "unq");
    finds(service, "{\"job_arg.größe\":\"XL\"}", "unq");
    finds(service, "{\"job_arg.a \\\"b\\\"\":\"y\"}", "unq");
    finds_by_url(service, "job_arg.gr%C3%B6%C3%9Fe=XL&job_arg.a%20%22b%22=y", "unq");
    expect_problem(expect(service, 422, "POST", "/statuses:query",
                          "{\"where\":{\"gr\\u00f6\u00dfe\":\"XL\"}}"),
                   422, "invalid-value", "where.größe");
}

static void provider_job_id(void **state)
{
    finds(*state, "{\"provider_job_id\":42}", "suc fai");
    finds(*state, "{\"provider_job_id\":\"42\"}", "suc fai");
    finds(*state, "{\"provider_job_id\":[\"x-1\",7]}", "unk");
}

static void status_ids(void **state)
{
    finds(*state, "{\"id\":[]}", "");
    finds(*state, "{\"id\":\"fai\"}", "fai");
    finds(*state, "{\"id\":[\"suc\",\"fai\",\"suc\"]}", "suc fai");
    finds(*state, "{\"id\":\"nobody\"}", "");
    finds_by_url(*state, "id=fai,suc", "suc fai");
}

static void kill_requested(void **state)
{
    finds(*state, "{\"kill_requested\":true}", "sta");
    finds(*state, "{\"kill_requested\":false,\"state\":\"incomplete\"}", "unq que kil");
}

static void query_chaining(void **state)
{
    finds(*state, "[{\"state\":\"queued\"},{\"recorded_at\":{\"after\":0}}]", "que");
    finds(*state, "[{\"job_name\":\"MyTroublesomeJob\"},{\"state\":\"failed\"}]", "fai");
    finds(*state, "[{\"state\":\"queued\"},{\"state\":\"failed\"}]", "");
    finds_by_url(*state, "job_name=MyTroublesomeJob&state=failed", "fai");
}

static void pagination(void **state)
{
    struct service *service = *state;

    finds_by_url(service, "limit=2&offset=1", "que sta");
    finds_by_url(service, "offset=7", "");
    expect_member(expect(service, 200, "GET", "/statuses?limit=7", NULL), "next_cursor", "null");
    expect_header(expect(service, 200, "GET", "/statuses?limit=7", NULL), "Link", NULL);
    assert_non_null(answer_header(expect(service, 200, "GET", "/statuses?limit=6", NULL), "Link"));
    expect_member(expect(service, 200, "GET", "/statuses?limit=1&count=true", NULL), "count", "7");
    expect_member(expect(service, 200, "GET", "/statuses:count?state=failed", NULL), "count", "1");
    /* Of those that have the time of the order, which are all that the pages list. */
    expect_member(expect(service, 200, "GET", "/statuses?sort=failed_at&count=true", NULL), "count",
                  "1");
    expect_member(expect(service, 200, "GET",
                         "/statuses?sort=-started_at&state=started,failed&limit=1&count=true",
                         NULL),
                  "count", "1");
    expect(service, 200, "HEAD", "/statuses?limit=1", NULL);
    expect(service, 200, "HEAD", "/statuses:count", NULL);
}

static void sort_order(void **state)
{
    struct service *service = *state;

    assert_string_equal(ids_of(expect(service, 200, "GET", "/statuses", NULL)),
                        "unk kil fai suc sta que unq");
    assert_string_equal(ids_of(expect(service, 200, "GET", "/statuses?sort=id", NULL)),
                        "fai kil que sta suc unk unq");
    assert_string_equal(ids_of(expect(service, 200, "GET", "/statuses?sort=-id&limit=2", NULL)),
                        "unq unk");
    assert_string_equal(ids_of(expect(service, 200, "GET", "/statuses?sort=failed_at", NULL)),
                        "fai");
}

static void fields_and_explanation(void **state)
{
    struct service *service = *state;
    const struct answer *answer =
        expect(service, 200, "POST", "/statuses:query?explain=true",
               "{\"where\":{\"state\":\"failed\"},\"fields\":[\"id\",\"completed\"]}");

    assert_memory_equal(answer->body,
                        "{\"statuses\":[{\"id\":\"fai\",\"completed\":true}],\"next_cursor\":null,"
                        "\"explain\":{\"driver\":0,\"expected\":1,\"cardinalities\":[1],",
                        118);
}

static void bad_queries_are_told(void **state)
{
    static const struct {
        int status;
        const char *method, *path, *body, *type, *culprit;
    } cases[] = {
        { 400, "GET", "/statuses?colour=1", NULL, "malformed-query", "colour" },
        { 400, "GET", "/statuses?limit=0", NULL, "malformed-query", "limit" },
        { 400, "GET", "/statuses?limit=1001", NULL, "malformed-query", "limit" },
        { 400, "GET", "/statuses?limit=-1", NULL, "malformed-query", "limit" },
        { 400, "GET", "/statuses?limit=1&limit=2", NULL, "malformed-query", "limit" },
        { 400, "GET", "/statuses?offset=99999999999", NULL, "malformed-query", "offset" },
        { 400, "GET", "/statuses?sort=progress", NULL, "malformed-query", "sort" },
        { 400, "GET", "/statuses?state=done", NULL, "malformed-query", "state" },
        { 400, "GET", "/statuses?id=a%20b", NULL, "malformed-query", "id" },
        { 400, "GET", "/statuses?started_after=yesterday", NULL, "malformed-query",
          "started_after" },
        { 400, "GET", "/statuses?started_after=2026-02-30T00:00:00Z", NULL, "malformed-query",
          "started_after" },
        { 400, "GET", "/statuses?kill_requested=1", NULL, "malformed-query", "kill_requested" },
        { 400, "GET", "/statuses?kill_requested=true&kill_requested=false", NULL, "malformed-query",
          "kill_requested" },
        { 400, "GET", "/statuses?cursor=x", NULL, "malformed-query", "cursor" },
        { 400, "GET", "/statuses?job_arg.=x", NULL, "malformed-query", "job_arg." },
        { 400, "POST", "/statuses:query", "[]", "malformed-json", NULL },
        { 422, "POST", "/statuses:query", "{\"where\":{\"id\":null}}", "invalid-value",
          "where.id" },
        { 422, "POST", "/statuses:query", "{\"where\":{\"x\":1}}", "invalid-value", "where.x" },
        { 422, "POST", "/statuses:query", "{\"where\":[1]}", "invalid-value", "where" },
        { 422, "POST", "/statuses:query", "{\"where\":{\"state\":{}}}", "invalid-value",
          "where.state" },
        { 422, "POST", "/statuses:query", "{\"where\":{\"started_at\":[1]}}", "invalid-value",
          "where.started_at" },
        { 422, "POST", "/statuses:query", "{\"where\":{\"started_at\":[null,null]}}",
          "invalid-value", "where.started_at" },
        { 422, "POST", "/statuses:query", "{\"where\":{\"started_at\":{}}}", "invalid-value",
          "where.started_at" },
        { 422, "POST", "/statuses:count",
          "{\"where\":{\"started_at\":{\"after\":null,\"before\":null}}}", "invalid-value",
          "where.started_at" },
        { 422, "POST", "/statuses:query", "{\"where\":{\"started_at\":\"-1h\"}}", "invalid-value",
          "where.started_at" },
        { 422, "POST", "/statuses:query", "{\"limit\":1.5}", "invalid-value", "limit" },
        { 422, "POST", "/statuses:query", "{\"fields\":[\"colour\"]}", "invalid-value", "fields" },
        { 422, "POST", "/statuses:query", "{\"order\":\"id\"}", "invalid-value", "order" },
        { 422, "POST", "/statuses:count", "{\"where\":{\"state\":\"done\"}}", "invalid-value",
          "where.state" },
    };
    struct service *service = *state;
    char *before = store_dump(service), *after;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_problem(
            expect(service, cases[i].status, cases[i].method, cases[i].path, cases[i].body),
            cases[i].status, cases[i].type, cases[i].culprit);
    after = store_dump(service);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void thousands_of_ids_are_refused(void **state)
{
    static char body[64 * 1024] = "{\"where\":{\"id\":[\"a\"";

    for (int i = 0; i < 1500; i++)
        sprintf(body + strlen(body), ",\"id%d\"", i);
    strcat(body, "]}}");
    expect_problem(expect(*state, 422, "POST", "/statuses:query", body), 422, "invalid-value",
                   "where.id");
}

static void a_cursor_is_bound_to_its_query(void **state)
{
    struct service *service = *state;
    char cursor[128], path[256];

    snprintf(cursor, sizeof cursor, "%s",
             answer_string(expect(service, 200, "GET", "/statuses?limit=3", NULL), "next_cursor"));
    snprintf(path, sizeof path, "/statuses?limit=2&cursor=%s", cursor);
    assert_string_equal(ids_of(expect(service, 200, "GET", path, NULL)), "suc sta");
    snprintf(path, sizeof path, "/statuses?state=failed&cursor=%s", cursor);
    expect_problem(expect(service, 400, "GET", path, NULL), 400, "malformed-query", "cursor");
    snprintf(path, sizeof path, "/statuses?sort=recorded_at&cursor=%s", cursor);
    expect_problem(expect(service, 400, "GET", path, NULL), 400, "malformed-query", "cursor");
    snprintf(path, sizeof path, "/statuses?offset=1&cursor=%s", cursor);
    expect_problem(expect(service, 400, "GET", path, NULL), 400, "malformed-query", "cursor");
    for (size_t i = 0; cursor[i]; i++) {
        char was = cursor[i];
        cursor[i] = was == '0' ? '1' : '0';
        snprintf(path, sizeof path, "/statuses?cursor=%s", cursor);
        expect_problem(expect(service, 400, "GET", path, NULL), 400, "malformed-query", "cursor");
        cursor[i] = was;
    }
}

/* Statuses come and go between the pages; those that stay are seen once. */
static void pages_neither_skip_nor_repeat(void **state)
{
    struct service *service = *state;
    char path[256], cursor[128] = "", seen[64] = { 0 };
    int pages = 0;

    for (int i = 0; i < 60; i++) {
        snprintf(path, sizeof path, "/statuses/p%02d", i);
        expect(service, 201, "PUT", path, "{\"job_name\":\"paged\",\"state\":\"failed\"}");
    }
    do {
        json_t *status;
        size_t i;
        snprintf(path, sizeof path, "/statuses?job_name=paged&limit=7%s%s",
                 *cursor ? "&cursor=" : "", cursor);
        const struct answer *answer = expect(service, 200, "GET", path, NULL);
        json_array_foreach(json_object_get(answer->json, "statuses"), i, status)
        {
            const char *id = json_string_value(json_object_get(status, "id"));
            if (id[0] == 'p')
                seen[atoi(id + 1)]++;
        }
        const char *next = answer_string(answer, "next_cursor");
        snprintf(cursor, sizeof cursor, "%s", next ? next : "");
        /* The one where the page ended goes, and new ones come. */
        snprintf(path, sizeof path, "/statuses/p%02d", 59 - 7 * (pages + 1) + 1);
        if (*cursor)
            expect(service, 204, "DELETE", path, NULL);
        snprintf(path, sizeof path, "/statuses/new%d", pages++);
        expect(service, 201, "PUT", path, "{\"job_name\":\"paged\"}");
    } while (*cursor && pages < 50);
    for (int i = 0; i < 60; i++)
        if (seen[i] != 1)
            fail_msg("p%02d was seen %d times", i, seen[i]);
}

/* The newest that failed are found by the time of failure, and are the newest by recording. */
static void the_newest_in_a_state(void **state)
{
    struct service *service = *state;
    const json_t *explain;

    service_flush(service);
    fill(service, "s", "succeeded", 40000, 0);
    fill(service, "f", "failed", 6000, 0);
    /* Recorded first, failed last; failed once, and queued again. */
    expect_store(service, "0", "ZADD jobba:failed_at 9000000000000000 f0");
    expect(service, 200, "POST", "/statuses/f5999/queued", NULL);
    const struct answer *answer =
        expect(service, 200, "GET",
               "/statuses?state=failed&job_name=filler&limit=5&fields=id&explain=true", NULL);
    assert_string_equal(ids_of(answer), "f5998 f5997 f5996 f5995 f5994");
    explain = json_object_get(answer->json, "explain");
    assert_string_equal(json_string_value(json_object_get(explain, "driver")), "failed_at");
    assert_in_range((size_t)json_number_value(json_object_get(explain, "looked_at")), 6, 5000);
    assert_string_equal(
        ids_of(expect(service, 200, "GET", "/statuses?state=failed&limit=2&offset=5997", NULL)),
        "f1 f0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(getting_all_statuses),
        cmocka_unit_test(state),
        cmocka_unit_test(state_timestamp),
        cmocka_unit_test(job_name),
        cmocka_unit_test(job_arguments),
        cmocka_unit_test(job_arguments_of_any_name),
        cmocka_unit_test(provider_job_id),
        cmocka_unit_test(status_ids),
        cmocka_unit_test(kill_requested),
        cmocka_unit_test(query_chaining),
        cmocka_unit_test(pagination),
        cmocka_unit_test(sort_order),
        cmocka_unit_test(fields_and_explanation),
        cmocka_unit_test(bad_queries_are_told),
        cmocka_unit_test(thousands_of_ids_are_refused),
        cmocka_unit_test(a_cursor_is_bound_to_its_query),
        cmocka_unit_test(pages_neither_skip_nor_repeat),
        cmocka_unit_test(the_newest_in_a_state),
        ENDS_CLEANLY,
    };
    return cmocka_run_group_tests_name("query", tests, setup, service_teardown);
}
