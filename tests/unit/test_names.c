/* The tables and names of the domain: ids, keys, states, fields, times, problems. */
#include "api/problem.h"
#include "api/time_text.h"
#include "core/keys.h"
#include "core/state.h"
#include "core/status_id.h"
#include "tests/unit/unit_test.h"

static void an_id_has_only_bytes_that_need_no_escape(void **state)
{
    static const char legal[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-";
    char longest[STATUS_ID_MAX + 2];

    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        const char id[] = { 'a', (char)byte };
        bool valid = status_id_valid((struct text){ id, 2 });
        assert_int_equal(valid, byte != 0 && strchr(legal, byte) != NULL);
    }
    assert_false(status_id_valid(TEXT("")));
    memset(longest, 'x', sizeof longest);
    assert_true(status_id_valid((struct text){ longest, STATUS_ID_MAX }));
    assert_false(status_id_valid((struct text){ longest, STATUS_ID_MAX + 1 }));
}

static void an_archived_attempt_has_a_number(void **state)
{
    static const struct {
        const char *id;
        bool valid, archived;
    } cases[] = {
        { "a", true, false },     { "a:0", true, true },
        { "a:12", true, true },   { "a:", false, false },
        { "a:01", false, false }, { "a:x", false, false },
        { ":0", false, false },   { "a:0:1", false, false },
        { "a:-1", false, false }, { "a:99999999999999999999", false, false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        bool archived = false;
        bool valid = status_id_or_attempt_valid(text_of(cases[i].id), &archived);
        if (valid != cases[i].valid || (valid && archived != cases[i].archived))
            fail_msg("%s: %d %d", cases[i].id, valid, archived);
    }
}

static void made_ids_are_random_uuids(void **state)
{
    char a[STATUS_ID_UUID_LEN + 1], b[STATUS_ID_UUID_LEN + 1];

    (void)state;
    status_id_make(a);
    status_id_make(b);
    assert_string_not_equal(a, b);
    assert_int_equal(a[14], '4');
    assert_non_null(strchr("89ab", a[19]));
    assert_true(status_id_valid(text_of(a)));
}

static void keys_are_one_argument(void **state)
{
    struct buf out = { 0 };

    (void)state;
    keys_add_status(&out, TEXT("jobba:"), TEXT("a"));
    keys_add_attempt(&out, TEXT("x:"), TEXT("b"), 12);
    assert_string_equal(buf_cstr(&out), "$10\r\njobba:id:a\r\n$9\r\nx:id:b:12\r\n");
    buf_finish(&out);
}

static void every_state_has_its_timestamp_and_group(void **state)
{
    static const struct {
        const char *name;
        enum status_field timestamp;
        bool completed;
    } rows[] = {
        { "unqueued", FIELD_RECORDED_AT, false }, { "queued", FIELD_QUEUED_AT, false },
        { "started", FIELD_STARTED_AT, false },   { "succeeded", FIELD_SUCCEEDED_AT, true },
        { "failed", FIELD_FAILED_AT, true },      { "killed", FIELD_KILLED_AT, false },
        { "unknown", FIELD_RECORDED_AT, false },
    };

    (void)state;
    assert_int_equal(COUNT(rows), STATE_COUNT);
    for (size_t i = 0; i < COUNT(rows); i++) {
        enum state found = state_of_name(text_of(rows[i].name));
        assert_int_not_equal(found, STATE_NONE);
        assert_string_equal(state_info(found)->name, rows[i].name);
        assert_int_equal(state_info(found)->timestamp, rows[i].timestamp);
        assert_int_equal(state_info(found)->completed, rows[i].completed);
    }
    assert_int_equal(state_of_name(TEXT("Started")), STATE_NONE);
    assert_int_equal(state_of_name(TEXT("")), STATE_NONE);
    assert_int_equal(state_of_name(TEXT("startedx")), STATE_NONE);
}

static void every_field_is_found_by_its_name(void **state)
{
    (void)state;
    for (enum status_field field = 0; field < FIELD_COUNT; field++)
        assert_int_equal(status_field_of_name(text_of(status_field_name(field))), field);
    assert_int_equal(status_field_of_name(TEXT("colour")), FIELD_NONE);
    assert_int_equal(status_field_of_name(TEXT("")), FIELD_NONE);
}

static void times_are_rfc_3339_with_microseconds(void **state)
{
    static const struct {
        uint64_t at;
        const char *text;
    } cases[] = {
        { 0, "1970-01-01T00:00:00.000000Z" },
        { UINT64_C(951782400000001), "2000-02-29T00:00:00.000001Z" },
        { UINT64_C(1795491596123456), "2026-11-24T03:39:56.123456Z" },
        { TIME_TEXT_MAX, "9999-12-31T23:59:59.999999Z" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf out = { 0 };
        time_text_write(&out, cases[i].at);
        assert_string_equal(buf_cstr(&out), cases[i].text);
        buf_finish(&out);
    }
}

static void times_are_read_as_they_are_written_and_in_other_ways(void **state)
{
    static const struct {
        const char *text;
        uint64_t at; /* UINT64_MAX: not a time */
    } cases[] = {
        { "2026-11-24T03:39:56.123456Z", UINT64_C(1795491596123456) },
        { "2026-11-24t03:39:56.123456789z", UINT64_C(1795491596123456) },
        { "2026-11-24 05:09:56.1+01:30", UINT64_C(1795491596100000) },
        { "2026-11-23T22:39:56-05:00", UINT64_C(1795491596000000) },
        { "1970-01-01T00:00:00Z", 0 },
        { "2000-02-29T00:00:00.000001Z", UINT64_C(951782400000001) },
        { "9999-12-31T23:59:59.999999Z", TIME_TEXT_MAX },
        { "0", 0 },
        { "1795491596123456", UINT64_C(1795491596123456) },
        { "1795491596123456.0", UINT64_C(1795491596123456) },
        { "1795491596123456.999", UINT64_C(1795491596123456) },
        { "1795491596123456.", UINT64_MAX },
        { ".5", UINT64_MAX },
        { "1.5.5", UINT64_MAX },
        { "", UINT64_MAX },
        { "1900-02-29T00:00:00Z", UINT64_MAX },
        { "2026-02-29T00:00:00Z", UINT64_MAX },
        { "2026-13-01T00:00:00Z", UINT64_MAX },
        { "2026-11-24T24:00:00Z", UINT64_MAX },
        { "2026-11-24T03:39:56", UINT64_MAX },
        { "2026-11-24T03:39:56.Z", UINT64_MAX },
        { "2026-11-24T03:39:56Zx", UINT64_MAX },
        { "2026-11-24", UINT64_MAX },
        { "1970-01-01T00:00:00+01:00", UINT64_MAX },
        { "17954915961234567", UINT64_MAX },
        { "-1", UINT64_MAX },
        { "1e9", UINT64_MAX },
    };
    uint64_t at;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        at = UINT64_MAX;
        if (time_text_parse(text_of(cases[i].text), &at) != (cases[i].at != UINT64_MAX) ||
            at != cases[i].at)
            fail_msg("%s: %llu", cases[i].text, (unsigned long long)at);
    }
    assert_true(time_text_parse_span(TEXT("90m"), &at) && at == UINT64_C(5400000000));
    assert_true(time_text_parse_span(TEXT("7d"), &at) && at == UINT64_C(604800000000));
    assert_false(time_text_parse_span(TEXT("7"), &at) || time_text_parse_span(TEXT("d"), &at) ||
                 time_text_parse_span(TEXT("7w"), &at) || time_text_parse_span(TEXT(""), &at));
}

static void every_problem_says_what_it_is(void **state)
{
    (void)state;
    for (enum problem problem = 0; problem < PROBLEM_COUNT; problem++) {
        const struct problem_info *info = problem_info(problem);
        assert_true(*info->type && *info->title && *info->detail);
        assert_in_range(info->status, 400, 599);
        for (enum problem other = 0; other < problem; other++)
            assert_string_not_equal(info->type, problem_info(other)->type);
    }
    for (enum err err = ERR_NONE + 1; err < ERR_COUNT; err++)
        assert_in_range(problem_info(problem_of_err(err))->status, 400, 599);
}

static void a_problem_is_json(void **state)
{
    struct buf out = { 0 };

    (void)state;
    problem_write(&out, PROBLEM_INVALID_VALUE, "say \"what\"",
                  TEXT("{\"field\":\"id\",\"detail\":\"no\"}"), TEXT("{\"id\":\"a\"}"));
    assert_string_equal(buf_cstr(&out),
                        "{\"type\":\"/problems/invalid-value\",\"title\":\"A value is not valid\","
                        "\"status\":422,\"detail\":\"say \\\"what\\\"\","
                        "\"errors\":[{\"field\":\"id\",\"detail\":\"no\"}],"
                        "\"current\":{\"id\":\"a\"}}\n");
    buf_finish(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_has_only_bytes_that_need_no_escape),
        cmocka_unit_test(an_archived_attempt_has_a_number),
        cmocka_unit_test(made_ids_are_random_uuids),
        cmocka_unit_test(keys_are_one_argument),
        cmocka_unit_test(every_state_has_its_timestamp_and_group),
        cmocka_unit_test(every_field_is_found_by_its_name),
        cmocka_unit_test(times_are_rfc_3339_with_microseconds),
        cmocka_unit_test(times_are_read_as_they_are_written_and_in_other_ways),
        cmocka_unit_test(every_problem_says_what_it_is),
        cmocka_unit_test(a_problem_is_json),
    };
    return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
