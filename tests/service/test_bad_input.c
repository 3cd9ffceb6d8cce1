/* Bad input: a clear 4xx that names the culprit, nothing changed, the connection still good. */
#include "tests/service/service_test.h"

struct bad {
    const char *method, *path, *body;
    int status;
    const char *type, *culprit;
};

#define D16 "[[[[[[[[[[[[[[[["
#define B16 "]]]]]]]]]]]]]]]]"

static const struct bad cases[] = {
    /* not JSON */
    { "POST", "/statuses", "{", 400, "malformed-json", NULL },
    { "POST", "/statuses", "{}}", 400, "malformed-json", NULL },
    { "POST", "/statuses", "{\"id\":\"a\",\"id\":\"b\"}", 400, "malformed-json", NULL },
    { "POST", "/statuses", "{\"data\":{\"x\":1,\"x\":2}}", 400, "malformed-json", NULL },
    { "POST", "/statuses", "{\"data\":\"\xff\"}", 400, "malformed-json", NULL },
    { "POST", "/statuses", "{\"data\":\"\xc0\xaf\"}", 400, "malformed-json", NULL },
    { "POST", "/statuses", "{\"data\":\"\\ud800\"}", 400, "malformed-json", NULL },
    { "POST", "/statuses", "{\"data\":\"\\u0000\"}", 400, "malformed-json", NULL },
    { "POST", "/statuses", "\xef\xbb\xbf{}", 400, "malformed-json", NULL },
    { "POST", "/statuses", "{'id':1}", 400, "malformed-json", NULL },
    { "PUT", "/statuses/x/data", "NaN", 400, "malformed-json", NULL },
    { "PUT", "/statuses/x/data", "01", 400, "malformed-json", NULL },
    { "PUT", "/statuses/x/data", "1.", 400, "malformed-json", NULL },
    { "PUT", "/statuses/x/data", "+1", 400, "malformed-json", NULL },
    { "PUT", "/statuses/x/data", "1 2", 400, "malformed-json", NULL },
    { "PUT", "/statuses/x/data", "[1-2]", 400, "malformed-json", NULL },
    { "PUT", "/statuses/x/data", "", 400, "malformed-json", NULL },
    { "PUT", "/statuses/x/data", " ", 400, "malformed-json", NULL },
    { "PUT", "/statuses/x/data", "[" D16 D16 B16 B16 "]", 400, "malformed-json", NULL },
    { "PATCH", "/statuses/x", NULL, 400, "malformed-json", NULL },
    { "DELETE", "/statuses/x", "{}", 400, "malformed-json", NULL },
    /* wrong values */
    { "POST", "/statuses", "[]", 422, "invalid-value", "body" },
    { "POST", "/statuses", "7", 422, "invalid-value", "body" },
    { "POST", "/statuses", "{\"colour\":1}", 422, "invalid-value", "colour" },
    { "POST", "/statuses", "{\"error\":1}", 422, "invalid-value", "error" },
    { "PUT", "/statuses/new", "{\"id\":\"new\"}", 422, "invalid-value", "id" },
    { "PATCH", "/statuses/x", "{\"id\":\"y\"}", 422, "invalid-value", "id" },
    { "PATCH", "/statuses/x", "{\"rev\":7}", 422, "invalid-value", "rev" },
    { "POST", "/statuses/x/failed", "{\"state\":\"queued\"}", 422, "invalid-value", "state" },
    { "POST", "/statuses/x/request_kill", "{\"at\":1}", 422, "invalid-value", "at" },
    { "POST", "/statuses", "{\"id\":7}", 422, "invalid-value", "id" },
    { "POST", "/statuses", "{\"id\":\"\"}", 422, "invalid-value", "id" },
    { "POST", "/statuses", "{\"id\":null}", 422, "invalid-value", "id" },
    { "POST", "/statuses", "{\"id\":\"a b\"}", 422, "invalid-value", "id" },
    { "POST", "/statuses", "{\"id\":\"a:0\"}", 422, "invalid-value", "id" },
    { "POST", "/statuses", "{\"id\":\"a/b\"}", 422, "invalid-value", "id" },
    { "POST", "/statuses", "{\"id\":\"\xc3\xa9\"}", 422, "invalid-value", "id" },
    { "POST", "/statuses", "{\"state\":\"done\"}", 422, "invalid-value", "state" },
    { "POST", "/statuses", "{\"state\":null}", 422, "invalid-value", "state" },
    { "POST", "/statuses", "{\"job_name\":\"\"}", 422, "invalid-value", "job_name" },
    { "POST", "/statuses", "{\"job_name\":\" \\t\"}", 422, "invalid-value", "job_name" },
    { "POST", "/statuses", "{\"job_name\":null}", 422, "invalid-value", "job_name" },
    { "POST", "/statuses", "{\"job_name\":7}", 422, "invalid-value", "job_name" },
    { "POST", "/statuses", "{\"job_args\":[]}", 422, "invalid-value", "job_args" },
    { "POST", "/statuses", "{\"job_args\":null}", 422, "invalid-value", "job_args" },
    { "POST", "/statuses", "{\"job_args\":{\"book\":7}}", 422, "invalid-value", "job_args.book" },
    { "POST", "/statuses", "{\"job_args\":{\"book\":null}}", 422, "invalid-value",
      "job_args.book" },
    { "POST", "/statuses", "{\"job_args\":{\"\":\"x\"}}", 422, "invalid-value", "job_args." },
    { "POST", "/statuses", "{\"provider_job_id\":true}", 422, "invalid-value", "provider_job_id" },
    { "POST", "/statuses", "{\"provider_job_id\":\" \"}", 422, "invalid-value", "provider_job_id" },
    { "POST", "/statuses", "{\"provider_job_id\":null}", 422, "invalid-value", "provider_job_id" },
    { "PATCH", "/statuses/x", "{\"error\":null}", 422, "invalid-value", "error" },
    { "POST", "/statuses/x/errors", "null", 422, "invalid-value", "error" },
    /* progress */
    { "PUT", "/statuses/x/progress", "-0.1", 422, "invalid-value", "progress" },
    { "PUT", "/statuses/x/progress", "1.1", 422, "invalid-value", "progress" },
    { "PUT", "/statuses/x/progress", "1e999", 422, "invalid-value", "progress" },
    { "PUT", "/statuses/x/progress", "null", 422, "invalid-value", "progress" },
    { "PUT", "/statuses/x/progress", "\"0.5\"", 422, "invalid-value", "progress" },
    { "PUT", "/statuses/x/progress", "[0.5]", 422, "invalid-value", "progress" },
    { "PUT", "/statuses/x/progress", "{}", 422, "invalid-value", "progress.at" },
    { "PUT", "/statuses/x/progress", "{\"out_of\":10}", 422, "invalid-value", "progress.at" },
    { "PUT", "/statuses/x/progress", "{\"at\":2}", 422, "invalid-value", "progress.at" },
    { "PUT", "/statuses/x/progress", "{\"at\":-1,\"out_of\":10}", 422, "invalid-value",
      "progress.at" },
    { "PUT", "/statuses/x/progress", "{\"at\":11,\"out_of\":10}", 422, "invalid-value",
      "progress.at" },
    { "PUT", "/statuses/x/progress", "{\"at\":1e999,\"out_of\":1e999}", 422, "invalid-value",
      "progress.at" },
    { "PUT", "/statuses/x/progress", "{\"at\":0,\"out_of\":0}", 422, "invalid-value",
      "progress.out_of" },
    { "PUT", "/statuses/x/progress", "{\"at\":0,\"out_of\":-1}", 422, "invalid-value",
      "progress.out_of" },
    { "PUT", "/statuses/x/progress", "{\"at\":0.5,\"out_of\":null}", 422, "invalid-value",
      "progress.out_of" },
    { "PUT", "/statuses/x/progress", "{\"at\":\"7\"}", 422, "invalid-value", "progress.at" },
    { "PATCH", "/statuses/x", "{\"data\":1,\"progress\":2}", 422, "invalid-value", "progress" },
    { "PATCH", "/statuses/x", "{\"data\":1,\"progress\":{\"at\":0,\"out_of\":0}}", 422,
      "invalid-value", "progress.out_of" },
    /* targets */
    { "GET", "/statuses/bad%20id", NULL, 422, "invalid-value", "id" },
    { "GET", "/statuses/a%2Fb", NULL, 422, "invalid-value", "id" },
    { "GET", "/statuses/a:", NULL, 422, "invalid-value", "id" },
    { "GET", "/statuses/a:01", NULL, 422, "invalid-value", "id" },
    { "GET", "/statuses/a:b", NULL, 422, "invalid-value", "id" },
    { "GET", "/statuses/a:1:2", NULL, 422, "invalid-value", "id" },
    { "GET", "/statuses/x:0/attempts", NULL, 422, "invalid-value", "id" },
    { "GET", "/statuses/a%00", NULL, 400, "malformed-request", NULL },
    { "GET", "/statuses/a%zz", NULL, 400, "malformed-request", NULL },
    { "GET", "/statuses/a%2", NULL, 400, "malformed-request", NULL },
    { "GET", "/statuses/%C3%A9", NULL, 422, "invalid-value", "id" },
    { "GET", "/statuses/x?fields=", NULL, 400, "malformed-query", "fields" },
    { "GET", "/statuses/x?fields=colour", NULL, 400, "malformed-query", "fields" },
    { "GET", "/statuses/x?fields=state,", NULL, 400, "malformed-query", "fields" },
    { "GET", "/statuses/x?fields=state&fields=id", NULL, 400, "malformed-query", "fields" },
    { "GET", "/statuses/x?Fields=state", NULL, 400, "malformed-query", "Fields" },
    { "GET", "/statuses/x?force=true", NULL, 400, "malformed-query", "force" },
    { "GET", "/statuses/x?a=%zz", NULL, 400, "malformed-query", NULL },
    { "DELETE", "/statuses/x?force=maybe", NULL, 400, "malformed-query", "force" },
    { "DELETE", "/statuses/x?force", NULL, 400, "malformed-query", "force" },
};

static void each_is_refused_and_changes_nothing(void **state)
{
    struct service *service = *state;
    char *before, *after, type[64];
    unsigned connections;

    ask(service, "POST", "/statuses", "{\"id\":\"x\",\"state\":\"started\",\"job_name\":\"n\"}");
    ask(service, "POST", "/statuses/x/started", NULL);
    before = store_dump(service);
    connections = client_connections(service->client);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct bad *bad = &cases[i];
        const struct answer *answer = ask(service, bad->method, bad->path, bad->body);

        snprintf(type, sizeof type, "/problems/%s", bad->type);
        if (answer->status != bad->status || !answer_string(answer, "type") ||
            strcmp(answer_string(answer, "type"), type) != 0)
            fail_msg("%s %s %s: %d %s", bad->method, bad->path, bad->body ? bad->body : "",
                     answer->status, answer->body);
        assert_string_equal(answer_header(answer, "Content-Type"), "application/problem+json");
        if (bad->culprit &&
            (!answer_culprit(answer) || strcmp(answer_culprit(answer), bad->culprit) != 0))
            fail_msg("%s %s %s blames %s", bad->method, bad->path, bad->body ? bad->body : "",
                     answer->body);
    }
    assert_int_equal(client_connections(service->client), connections); /* all on one connection */
    after = store_dump(service);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void all_culprits_are_named(void **state)
{
    struct service *service = *state;
    const struct answer *answer =
        ask(service, "POST", "/statuses", "{\"job_name\":\"\",\"progress\":7,\"x\":1}");

    assert_int_equal(json_array_size(json_object_get(answer->json, "errors")), 3);
}

static void a_raw_nul_is_refused_wherever_it_is(void **state)
{
    static const char between[] = "[1\0,2]", inside[] = "\"a\0b\"", behind[] = "1\0";
    struct service *service = *state;

    ask(service, "PUT", "/statuses/nul", NULL);
    assert_int_equal(
        client_ask_bytes(service->client, "PUT", "/statuses/nul/data", between, 6, NULL)->status,
        400);
    assert_int_equal(
        client_ask_bytes(service->client, "PUT", "/statuses/nul/data", inside, 5, NULL)->status,
        400);
    assert_int_equal(
        client_ask_bytes(service->client, "PUT", "/statuses/nul/data", behind, 2, NULL)->status,
        400);
}

static void a_long_id_is_refused(void **state)
{
    struct service *service = *state;
    char path[256], body[256];

    memset(body, 0, sizeof body);
    memset(path, 0, sizeof path);
    memcpy(path, "/statuses/", 10);
    memset(path + 10, 'a', 128);
    assert_int_equal(ask(service, "PUT", path, NULL)->status, 201);
    path[138] = 'a';
    assert_int_equal(ask(service, "PUT", path, NULL)->status, 422);
    assert_int_equal(ask(service, "GET", path, NULL)->status, 422);
}

static void too_many_parameters_are_refused(void **state)
{
    struct service *service = *state;
    char path[512] = "/statuses/x?";

    for (int i = 0; i < 33; i++)
        strcat(path, "a=1&");
    assert_int_equal(ask(service, "GET", path, NULL)->status, 400);
}

static void a_body_up_to_the_limit_is_taken(void **state)
{
    static char body[256 * 1024 + 2];
    struct service *service = *state;

    memset(body, 'x', 256 * 1024);
    body[0] = body[256 * 1024 - 1] = '"';
    ask(service, "PUT", "/statuses/big", NULL);
    assert_int_equal(ask(service, "PUT", "/statuses/big/data", body)->status, 200);
    body[256 * 1024 - 1] = 'x';
    body[256 * 1024] = '"';
    const struct answer *answer = ask(service, "PUT", "/statuses/big/data", body);
    assert_int_equal(answer->status, 413);
    assert_string_equal(answer_string(answer, "type"), "/problems/body-too-large");
    ask(service, "DELETE", "/statuses/big?force=true", NULL);
}

static void many_args_are_refused(void **state)
{
    struct service *service = *state;
    char *body = malloc(32 * 1024);
    size_t len = (size_t)sprintf(body, "{\"job_args\":{\"a0\":\"0\"");

    for (int i = 1; i < 1001; i++)
        len += (size_t)sprintf(body + len, ",\"a%d\":\"%d\"", i, i);
    strcpy(body + len, "}}");
    const struct answer *answer = ask(service, "POST", "/statuses", body);
    assert_int_equal(answer->status, 422);
    assert_string_equal(answer_culprit(answer), "job_args");
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_refused_and_changes_nothing),
        cmocka_unit_test(all_culprits_are_named),
        cmocka_unit_test(a_raw_nul_is_refused_wherever_it_is),
        cmocka_unit_test(a_long_id_is_refused),
        cmocka_unit_test(too_many_parameters_are_refused),
        cmocka_unit_test(a_body_up_to_the_limit_is_taken),
        cmocka_unit_test(many_args_are_refused),
        ENDS_CLEANLY,
    };
    return cmocka_run_group_tests_name("bad_input", tests, service_setup, service_teardown);
}
