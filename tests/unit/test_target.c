#include "api/target.h"
#include "tests/unit/unit_test.h"

/* "a|b?c=d&e=" of a parsed target. */
static void show(const struct target *target, char *out, size_t size)
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < target->n_segments && i < TARGET_SEGMENTS_MAX; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%.*s", i ? "|" : "",
                                (int)target->segment[i].len, target->segment[i].at);
    for (size_t i = 0; i < target->n_parameters; i++)
        len += (size_t)snprintf(out + len, size - len, "%c%.*s=%.*s", i ? '&' : '?',
                                (int)target->parameter[i].name.len, target->parameter[i].name.at,
                                (int)target->parameter[i].value.len, target->parameter[i].value.at);
}

static enum target_fault parse(const char *raw, char *shown, size_t size)
{
    struct target target;
    char *scratch =
        malloc(strlen(raw) + 1); /* exactly as much as is promised: a sanitizer watches */
    enum target_fault fault = target_parse(raw, scratch, &target);

    if (fault == TARGET_OK)
        show(&target, shown, size);
    free(scratch);
    return fault;
}

static void splits_and_decodes(void **state)
{
    static const struct {
        const char *raw, *shown;
    } cases[] = {
        { "/", "" },
        { "/statuses", "statuses" },
        { "/statuses/", "statuses|" },
        { "//a", "|a" },
        { "/a/b/c/d", "a|b|c|d" },
        { "/a/b/c/d/e/f", "a|b|c|d" },
        { "/%61%2Fb/c+d", "a/b|c+d" },
        { "/a?", "a" },
        { "/a?x=1&y=2", "a?x=1&y=2" },
        { "/a?x", "a?x=" },
        { "/a?x=", "a?x=" },
        { "/a?=x", "a?=x" },
        { "/a?x=1=2", "a?x=1=2" },
        { "/a?&&x=1&", "a?x=1" },
        { "/a?x=%26+%3D%2b", "a?x=& =+" },
        { "/a?x=?/", "a?x=?/" },
        { "/%7E%7e", "~~" },
    };
    char shown[256];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(parse(cases[i].raw, shown, sizeof shown), TARGET_OK);
        assert_string_equal(shown, cases[i].shown);
    }
}

static void refuses_what_is_no_target(void **state)
{
    static const struct {
        const char *raw;
        enum target_fault fault;
    } cases[] = {
        { "", TARGET_BAD_PATH },          { "a", TARGET_BAD_PATH },
        { "*", TARGET_BAD_PATH },         { "/%", TARGET_BAD_PATH },
        { "/%4", TARGET_BAD_PATH },       { "/%zz", TARGET_BAD_PATH },
        { "/%00", TARGET_BAD_PATH },      { "/a%00b", TARGET_BAD_PATH },
        { "/a b", TARGET_BAD_PATH },      { "/a\tb", TARGET_BAD_PATH },
        { "/\x7f", TARGET_BAD_PATH },     { "/\xc3\xa9", TARGET_BAD_PATH },
        { "/%4?x=1", TARGET_BAD_PATH },   { "/a?x=%", TARGET_BAD_QUERY },
        { "/a?%zz=1", TARGET_BAD_QUERY }, { "/a?x=%00", TARGET_BAD_QUERY },
        { "/a?x=a b", TARGET_BAD_QUERY }, { "/a?x=%4&y=1", TARGET_BAD_QUERY },
    };
    char shown[64];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (parse(cases[i].raw, shown, sizeof shown) != cases[i].fault)
            fail_msg("'%s'", cases[i].raw);
}

static void bounds_the_parameters(void **state)
{
    char raw[512] = "/a?", shown[512];
    (void)state;
    for (int i = 0; i < TARGET_PARAMETERS_MAX; i++)
        strcat(raw, "a=1&");
    assert_int_equal(parse(raw, shown, sizeof shown), TARGET_OK);
    strcat(raw, "a=1");
    assert_int_equal(parse(raw, shown, sizeof shown), TARGET_MANY_PARAMETERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_and_decodes),
        cmocka_unit_test(refuses_what_is_no_target),
        cmocka_unit_test(bounds_the_parameters),
    };
    return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
