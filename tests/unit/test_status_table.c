#include "api/status_table.h"
#include "tests/unit/unit_test.h"

#include <utf8proc.h>

static const uint64_t now = UINT64_C(1764000000000000);

static const char *row(const char *id, const char *state, const char *progress, const char *name,
                       const char *recorded_at)
{
    static char line[512];
    struct status_view view = { 0 };
    struct buf out = { 0 };

    view.field[FIELD_ID] = text_of(id);
    view.field[FIELD_STATE] = text_of(state);
    view.field[FIELD_PROGRESS] = text_of(progress);
    view.field[FIELD_JOB_NAME] = text_of(name);
    view.field[FIELD_RECORDED_AT] = text_of(recorded_at);
    status_table_row(&out, &view, now);
    snprintf(line, sizeof line, "%s", buf_cstr(&out));
    buf_finish(&out);
    return line;
}

static int columns_of(const char *line)
{
    utf8proc_int32_t point;
    int columns = 0;

    for (utf8proc_ssize_t len; *line && *line != '\n'; line += len) {
        len = utf8proc_iterate((const utf8proc_uint8_t *)line, -1, &point);
        assert_true(len > 0);
        columns += utf8proc_charwidth(point);
    }
    return columns;
}

#define UUID "\"5d9c2d4a-9d6f-4d07-8c15-0f6a3c1ad9b2\""

static void a_row_says_what_a_person_needs(void **state)
{
    static const struct {
        const char *id, *state, *progress, *name, *recorded_at, *line;
    } rows[] = {
        { UUID, "\"started\"", "0.5", "\"PublishBook\"", "1763999820000000",
          "started   [####----]  50%   3m PublishBook  5d9c2d4a-9d6f-4d07-8c15-0f6a3c1ad9b2\n" },
        { UUID, "\"succeeded\"", "1.0", "\"Name of a long job\"", "1763996400000000",
          "succeeded [########] 100%  60m Name of a l… 5d9c2d4a-9d6f-4d07-8c15-0f6a3c1ad9b2\n" },
        { "\"a\"", "\"queued\"", "0", NULL, "1763992799000000",
          "queued    [--------]   0%   2h -            a\n" },
        { "\"a\"", "\"killed\"", "0.99", "\"\"", "1763827200000000",
          "killed    [#######-]  99%   2d              a\n" },
        { "\"a\"", "\"failed\"", "0.333333333333333", "null", "1700000000000000",
          "failed    [##------]  33%   2y -            a\n" },
        { "\"a\"", "\"over\"", "x", "\"n\"", "1764000009000000",
          "unknown   [--------]   0%   0s n            a\n" },
        { "\"a\"", NULL, "-4", "[1]", NULL, "unknown   [--------]   0%    - -            a\n" },
        { "\"a\"", "\"failed\"", "17", "\"n\"", "1763999999000000",
          "failed    [########] 100%   1s n            a\n" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(
            row(rows[i].id, rows[i].state, rows[i].progress, rows[i].name, rows[i].recorded_at),
            rows[i].line);
}

static void text_of_strangers_neither_spreads_nor_commands(void **state)
{
    static const struct {
        const char *name, *shown;
    } rows[] = {
        { "\"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe3\x81\xae\xe4\xbb\x95\xe4\xba\x8b\"",
          "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe3\x81\xae\xe4\xbb\x95\xe4\xba\x8b" },
        { "\"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe3\x81\xae\xe4\xbb\x95\xe4\xba\x8b\xe8\xa1\xa8"
          "\"",
          "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe3\x81\xae\xe4\xbb\x95…" },
        { "\"Publi\\u00e9\"", "Publi\xc3\xa9" },
        { "\"e\\u0301te\\u0301\"", "e\xcc\x81te\xcc\x81" },
        { "\"\\u001b[31mred\"", "?[31mred" },
        { "\"a\\nb\\tc\\u007f\\u009b\"", "a?b?c??" },
        { "\"a\\u202eb\\u200fc\"", "a?b?c" },
        { "\"\\u2028\\ufeff\\ue000\"", "???" },
    };
    char expected[64];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *line = row(UUID, "\"failed\"", "0", rows[i].name, "1763999999000000");
        snprintf(expected, sizeof expected, "1s %s", rows[i].shown);
        assert_non_null(strstr(line, expected));
        assert_int_equal(columns_of(line), 80);
    }
}

static void no_id_makes_a_line_too_long(void **state)
{
    char id[131] = "\"";
    const char *line;

    (void)state;
    for (size_t len = 1; len <= 128; len++) {
        memset(id + 1, 'x', len);
        strcpy(id + len + 1, "\"");
        line = row(id, "\"failed\"", "1", "\"PublishAllBooks\"", "1763999999000000");
        assert_int_equal(columns_of(line), len < 36 ? 44 + (int)len : 80);
        assert_int_equal(strstr(line, "x…") != NULL, len > 36);
    }
}

static void the_head_stands_over_the_columns(void **state)
{
    struct buf out = { 0 };

    (void)state;
    status_table_head(&out);
    assert_string_equal(buf_cstr(&out), "STATE     PROGRESS         AGE NAME         ID\n");
    buf_finish(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_says_what_a_person_needs),
        cmocka_unit_test(text_of_strangers_neither_spreads_nor_commands),
        cmocka_unit_test(no_id_makes_a_line_too_long),
        cmocka_unit_test(the_head_stands_over_the_columns),
    };
    return cmocka_run_group_tests_name("status_table", tests, NULL, NULL);
}
