#include "api/change_json.h"

#include "tests/unit/unit_test.h"

enum {
    ALL = CHANGE_ID | CHANGE_STATE | CHANGE_JOB_NAME | CHANGE_JOB_ARGS | CHANGE_PROVIDER_JOB_ID |
          CHANGE_DATA | CHANGE_PROGRESS | CHANGE_ERROR
};

static struct change_json parsed;
static struct status_change change;

static bool parse(const char *body, unsigned allowed)
{
    change_json_finish(&parsed);
    parsed = (struct change_json){ 0 };
    change = (struct status_change){ .state = STATE_NONE };
    return change_json_parse(&parsed, text_of(body), allowed, &change);
}

static int forget(void **state)
{
    (void)state;
    change_json_finish(&parsed);
    parsed = (struct change_json){ 0 };
    return 0;
}

static void assert_text(struct text text, const char *expected)
{
    if (!text_is(text, expected))
        fail_msg("'%.*s' instead of '%s'", (int)text.len, text.at ? text.at : "", expected);
}

static void an_empty_object_changes_nothing(void **state)
{
    (void)state;
    assert_true(parse(" { } ", ALL));
    assert_int_equal(change.state, STATE_NONE);
    assert_null(change.data.at);
    assert_null(change.error.at);
    assert_null(change.progress.at);
    assert_null(change.job_name.at);
    assert_null(change.job_args.at);
    assert_null(change.provider_job_id.at);
    assert_null(parsed.id.at);
}

static void every_member_is_taken(void **state)
{
    (void)state;
    assert_true(parse("{\"id\":\"a.b\",\"state\":\"failed\",\"job_name\":\"N \\\"q\\\"\","
                      "\"job_args\":{\"x\":\"1\",\"y\":\"\\u00e9\"},\"provider_job_id\":42,"
                      "\"data\":{ \"a\" : [1, 2.50] },\"progress\":{\"at\":1,\"out_of\":4},"
                      "\"error\":null}",
                      ALL & ~CHANGE_ERROR) == false);
    assert_true(parse("{\"id\":\"a.b\",\"state\":\"failed\",\"job_name\":\"N \\\"q\\\"\","
                      "\"job_args\":{\"x\":\"1\",\"y\":\"\\u00e9\"},\"provider_job_id\":42,"
                      "\"data\":{ \"a\" : [1, 2.50] },\"progress\":{\"at\":1,\"out_of\":4},"
                      "\"error\":{\"msg\":\"x\"}}",
                      ALL));
    assert_text(parsed.id, "a.b");
    assert_int_equal(change.state, STATE_FAILED);
    assert_text(change.job_name_index, "N \"q\"");
    assert_text(change.data, "{\"a\":[1,2.50]}"); /* as it was written, but for white space */
    assert_text(change.progress, "0.25");
    assert_text(change.error, "{\"msg\":\"x\"}");
    assert_text(change.provider_job_id, "42");
    assert_text(change.provider_index, "42");
    assert_int_equal(change.n_arg_index, 2);
    assert_text(change.arg_index[0], "1");
    assert_text(change.arg_index[1], "\xc3\xa9");
}

/* The member that is blamed, with its part. */
static void every_bad_value_is_blamed(void **state)
{
    static const struct {
        const char *body, *field;
    } cases[] = {
        { "{\"id\":7}", "id" },
        { "{\"id\":\"a b\"}", "id" },
        { "{\"id\":\"\"}", "id" },
        { "{\"id\":\"a:0\"}", "id" },
        { "{\"state\":\"done\"}", "state" },
        { "{\"state\":null}", "state" },
        { "{\"job_name\":\"\"}", "job_name" },
        { "{\"job_name\":\" \\t\"}", "job_name" },
        { "{\"job_name\":1}", "job_name" },
        { "{\"job_args\":[]}", "job_args" },
        { "{\"job_args\":{\"a\":1}}", "job_args.a" },
        { "{\"job_args\":{\"a\":\"1\",\"b\":null}}", "job_args.b" },
        { "{\"provider_job_id\":true}", "provider_job_id" },
        { "{\"provider_job_id\":\" \"}", "provider_job_id" },
        { "{\"progress\":2}", "progress" },
        { "{\"progress\":{\"at\":1,\"out_of\":0}}", "progress.out_of" },
        { "{\"error\":null}", "error" },
        { "{\"colour\":1}", "colour" },
    };
    char wanted[64];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (parse(cases[i].body, ALL))
            fail_msg("%s was taken", cases[i].body);
        snprintf(wanted, sizeof wanted, "{\"field\":\"%s\",", cases[i].field);
        if (!strstr(buf_cstr(&parsed.errors), wanted))
            fail_msg("%s: %s", cases[i].body, buf_cstr(&parsed.errors));
    }
}

static void all_that_is_wrong_is_told_at_once(void **state)
{
    (void)state;
    assert_false(parse("{\"state\":1,\"progress\":-1,\"x\":0}", ALL));
    assert_non_null(strstr(buf_cstr(&parsed.errors), "\"field\":\"state\""));
    assert_non_null(strstr(buf_cstr(&parsed.errors), "\"field\":\"progress\""));
    assert_non_null(strstr(buf_cstr(&parsed.errors), "\"field\":\"x\""));
}

static void members_that_do_not_belong_here_are_refused(void **state)
{
    (void)state;
    assert_false(parse("{\"id\":\"a\"}", ALL & ~CHANGE_ID));
    assert_non_null(strstr(buf_cstr(&parsed.errors), "\"field\":\"id\""));
    assert_false(parse("{\"state\":\"failed\"}", CHANGE_DATA));
    assert_non_null(strstr(buf_cstr(&parsed.errors), "\"field\":\"state\""));
}

static void what_is_no_object_is_told(void **state)
{
    static const char *const bodies[] = { "[]", "1", "\"a\"", "null", "{", "", "{}{}", "{'a':1}" };

    (void)state;
    for (size_t i = 0; i < COUNT(bodies); i++) {
        assert_false(parse(bodies[i], ALL));
        if (!parsed.message.len && !parsed.errors.len)
            fail_msg("%s: no reason", bodies[i]);
    }
}

/* The fraction that is stored, or "" and the part that is blamed. */
static void progress_is_a_fraction(void **state)
{
    static const struct {
        const char *body, *fraction, *blamed;
    } cases[] = {
        { "0", "0.0", NULL },
        { "-0", "0.0", NULL },
        { "-0.0", "0.0", NULL },
        { "1", "1.0", NULL },
        { "0.1", "0.1", NULL },
        { "1e-400", "0.0", NULL },
        { "0.30000000000000004", "0.30000000000000004", NULL },
        { "{\"at\":0.5}", "0.5", NULL },
        { "{\"at\":7,\"out_of\":10}", "0.7", NULL },
        { "{\"out_of\":3,\"at\":1}", "0.333333333333333", NULL },
        { "{\"at\":10,\"out_of\":10}", "1.0", NULL },
        { "{\"at\":1e300,\"out_of\":1e308}", "1e-08", NULL },
        { "1.0000001", "", "" },
        { "-0.1", "", "" },
        { "1e999", "", "" },
        { "\"0.5\"", "", "" },
        { "null", "", "" },
        { "true", "", "" },
        { "[0.5]", "", "" },
        { "{}", "", "at" },
        { "{\"at\":2}", "", "at" },
        { "{\"at\":-1,\"out_of\":2}", "", "at" },
        { "{\"at\":3,\"out_of\":2}", "", "at" },
        { "{\"at\":0,\"out_of\":0}", "", "out_of" },
        { "{\"at\":1,\"out_of\":-2}", "", "out_of" },
        { "{\"at\":\"1\",\"out_of\":2}", "", "at" },
        { "{\"at\":1e999,\"out_of\":2}", "", "at" },
        { "{\"at\":1,\"out_of\":2,\"unit\":3}", "", "" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char wanted[64] = "\"field\":\"progress\"";
        change_json_finish(&parsed);
        parsed = (struct change_json){ 0 };
        change = (struct status_change){ .state = STATE_NONE };
        bool ok = change_json_parse_progress(&parsed, text_of(cases[i].body), &change);
        if (ok != (cases[i].blamed == NULL))
            fail_msg("%s: %s", cases[i].body, ok ? "taken" : buf_cstr(&parsed.errors));
        if (ok) {
            /* Shortest digits, and the same double. */
            double got = strtod(change.progress.at, NULL);
            if (strncmp(change.progress.at, cases[i].fraction, strlen(cases[i].fraction)) != 0)
                fail_msg("%s: %.*s", cases[i].body, (int)change.progress.len, change.progress.at);
            assert_true(got >= 0 && got <= 1);
            continue;
        }
        if (*cases[i].blamed)
            snprintf(wanted, sizeof wanted, "\"field\":\"progress.%s\"", cases[i].blamed);
        if (!strstr(buf_cstr(&parsed.errors), wanted) &&
            !strstr(buf_cstr(&parsed.message), "overflow"))
            fail_msg("%s: %s%s", cases[i].body, buf_cstr(&parsed.errors),
                     buf_cstr(&parsed.message));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_object_changes_nothing),
        cmocka_unit_test(every_member_is_taken),
        cmocka_unit_test(every_bad_value_is_blamed),
        cmocka_unit_test(all_that_is_wrong_is_told_at_once),
        cmocka_unit_test(members_that_do_not_belong_here_are_refused),
        cmocka_unit_test(what_is_no_object_is_told),
        cmocka_unit_test(progress_is_a_fraction),
    };
    return cmocka_run_group_tests_name("change_json", tests, NULL, forget);
}
