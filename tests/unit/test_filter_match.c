/* Filters against the fields of a status. */
#include "api/filter.h"
#include "api/filter_match.h"
#include "tests/unit/unit_test.h"

#define JSON(literal)                             \
    {                                             \
        .at = literal, .len = sizeof(literal) - 1 \
    }

static const struct status_view view = {
    .field = { [FIELD_ID] = JSON("\"a\""),
               [FIELD_STATE] = JSON("\"started\""),
               [FIELD_JOB_NAME] = JSON("\"Pub\\u006cish \\\"Book\\\"\""),
               [FIELD_JOB_ARGS] = JSON("{\"book\":\"53\",\"k\\u0065y\":\"v,w\",\"n\":7}"),
               [FIELD_PROVIDER_JOB_ID] = JSON("42"),
               [FIELD_RECORDED_AT] = JSON("1000"),
               [FIELD_STARTED_AT] = JSON("2000") },
};

static bool matches_view(const char *name, const char *value, const struct status_view *of)
{
    struct filter filter = { .now = 10000000000, .relative = true };
    const char *wrong = filter_take(&filter, 0, text_of(name), text_of(value), NULL);
    bool matches;

    if (wrong)
        fail_msg("%s=%s %s", name, value, wrong);
    matches = filter_matches(filter.clauses, filter.n_clauses, TEXT("a"), of);
    filter_finish(&filter);
    return matches;
}

static void each_kind_of_condition_is_looked_at(void **state)
{
    static const struct {
        const char *name, *value;
        bool matches;
    } cases[] = {
        { "id", "a", true },
        { "id", "b,a", true },
        { "id", "b", false },
        { "state", "started", true },
        { "state", "queued", false },
        { "state", "incomplete", true },
        { "state", "terminal", false },
        { "state", "failed,started", true },
        { "job_name", "Publish \"Book\"", true },
        { "job_name", "Pub\\u006cish \\\"Book\\\"", false },
        { "job_name", "Publish", false },
        { "job_arg", "53", true },
        { "job_arg", "v,w", true },
        { "job_arg", "7", false },
        { "job_arg", "book", false },
        { "job_arg.book", "53", true },
        { "job_arg.key", "v,w", true },
        { "job_arg.book", "v,w", false },
        { "job_arg.none", "53", false },
        { "provider_job_id", "42", true },
        { "provider_job_id", "4", false },
        { "kill_requested", "false", true },
        { "kill_requested", "true", false },
        { "recorded_after", "1000", true },
        { "recorded_after", "1001", false },
        { "recorded_before", "1000", true },
        { "recorded_before", "999", false },
        { "started_before", "-1s", true },
        { "started_after", "-1s", false },
        { "failed_after", "0", false },
        { "failed_before", "9999", false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (matches_view(cases[i].name, cases[i].value, &view) != cases[i].matches)
            fail_msg("%s=%s: not %s", cases[i].name, cases[i].value,
                     cases[i].matches ? "true" : "false");
}

static void all_conditions_must_hold(void **state)
{
    struct filter filter = { 0 };

    (void)state;
    assert_true(filter_matches(NULL, 0, TEXT("a"), &view));
    filter_take(&filter, 0, TEXT("state"), TEXT("started"), NULL);
    filter_take(&filter, 0, TEXT("job_arg"), TEXT("53"), NULL);
    assert_true(filter_matches(filter.clauses, filter.n_clauses, TEXT("a"), &view));
    filter_take(&filter, 1, TEXT("job_arg"), TEXT("54"), NULL);
    assert_false(filter_matches(filter.clauses, filter.n_clauses, TEXT("a"), &view));
    filter_finish(&filter);
}

static void what_is_missing_or_strange_does_not_match(void **state)
{
    static const char *const names[] = { "state",     "job_name",        "job_arg",
                                         "job_arg.k", "provider_job_id", "recorded_after" };
    static const char *const values[] = { "unknown", "x", "x", "x", "1", "0" };
    struct status_view strange = { 0 };

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++)
        assert_false(matches_view(names[i], values[i], &strange));
    for (enum status_field field = 0; field < FIELD_COUNT; field++)
        strange.field[field] = TEXT("\"\\u00zz");
    for (size_t i = 0; i < COUNT(names); i++)
        assert_false(matches_view(names[i], values[i], &strange));
    strange.field[FIELD_PROVIDER_JOB_ID] = TEXT("\"1\"");
    assert_true(matches_view("provider_job_id", "1", &strange));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_condition_is_looked_at),
        cmocka_unit_test(all_conditions_must_hold),
        cmocka_unit_test(what_is_missing_or_strange_does_not_match),
    };
    return cmocka_run_group_tests_name("filter_match", tests, NULL, NULL);
}
