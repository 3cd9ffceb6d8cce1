#include "api/json_text.h"
#include "tests/unit/unit_test.h"

#include <time.h>

static bool parses(struct text body, char *raw, size_t size)
{
    struct json_text json;
    struct buf message = { 0 };
    bool ok = json_text_parse(body, &json, &message);

    assert_int_equal(ok, message.len == 0);
    if (ok) {
        snprintf(raw, size, "%.*s", (int)json.raw.len, json.raw.data);
        json_text_finish(&json);
    }
    buf_finish(&message);
    return ok;
}

static void keeps_the_bytes_but_for_white_space(void **state)
{
    static const struct {
        const char *body, *raw;
    } cases[] = {
        { "null", "null" },
        { " true ", "true" },
        { "\r\n\t -0 ", "-0" },
        { "1E+2", "1E+2" },
        { "0.10", "0.10" },
        { "123456789012345678901234567890.5e-400", "123456789012345678901234567890.5e-400" },
        { "\" a \\\" \\u0041 \"", "\" a \\\" \\u0041 \"" },
        { "[ 1 , [ ] , { } ]", "[1,[],{}]" },
        { "{ \"a b\" : \"c : d\" , \"e\" : { \"f\" : [ 1 , 2 ] } }",
          "{\"a b\":\"c : d\",\"e\":{\"f\":[1,2]}}" },
        { "\"\\\\\"", "\"\\\\\"" },
        { "[\"\\\\\",1]", "[\"\\\\\",1]" },
    };
    char raw[256];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_true(parses(text_of(cases[i].body), raw, sizeof raw));
        assert_string_equal(raw, cases[i].raw);
    }
}

static void refuses_what_is_no_json(void **state)
{
    static const char *const cases[] = {
        "",
        " ",
        "nul",
        "NaN",
        "Infinity",
        "-",
        "+1",
        "01",
        "-01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x10",
        "1 2",
        "12abc",
        "1-2",
        "[1-2]",
        "[1",
        "[1,]",
        "[,1]",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "'a'",
        "\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\t\"",
        "\"\\ud800\"",
        "\"\\udc00\\ud800\"",
        "\"\\u0000\"",
        "\"\xff\"",
        "\"\xc0\xaf\"",
        "\"\xed\xa0\x80\"",
        "\xef\xbb\xbf\t1",
        "{\"a\":1,\"a\":2}",
        "[{\"a\":1,\"a\":2}]",
        "{\"a\":1,\"\\u0061\":2}",
        "1]",
        "[1]]",
        "//",
        "[1]x",
    };
    char raw[256];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (parses(text_of(cases[i]), raw, sizeof raw))
            fail_msg("%s was taken as %s", cases[i], raw);
}

static void refuses_nul_wherever_it_is(void **state)
{
    static const struct text cases[] = {
        { "[1\0,2]", 6 }, { "\0001", 2 }, { "1\0", 2 }, { "\"a\0b\"", 5 }
    };
    char raw[16];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_false(parses(cases[i], raw, sizeof raw));
}

static void refuses_more_than_32_levels(void **state)
{
    char body[100], raw[100];
    (void)state;
    for (unsigned depth = 31; depth <= 33; depth++) {
        memset(body, '[', depth);
        memset(body + depth, ']', depth);
        assert_int_equal(parses((struct text){ body, 2 * depth }, raw, sizeof raw),
                         depth <= JSON_TEXT_DEPTH_MAX);
    }
    assert_true(parses(text_of("[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],"
                               "[],[],[],[],[],[],[],[],[],[],[],[]]"),
                       raw, sizeof raw)); /* side by side is not deep */
    memset(body, '[', sizeof body);
    assert_false(parses((struct text){ body, sizeof body }, raw, sizeof raw));
}

static void walks_the_members_of_an_object(void **state)
{
    static const char body[] =
        "{\"a\":1,\"b\":{\"c\":[1,2,{\"d\":\"}\"}]},\"\":\"x,y\",\"q\\\"\":[]}";
    static const char *const expected[][2] = {
        { "a", "1" }, { "b", "{\"c\":[1,2,{\"d\":\"}\"}]}" }, { "", "\"x,y\"" }, { "q\\\"", "[]" }
    };
    struct text name, value;
    size_t at = 0, n = 0;
    (void)state;
    while (json_text_next_member(text_of(body), &at, &name, &value)) {
        assert_true(text_is(name, expected[n][0]));
        assert_true(text_is(value, expected[n][1]));
        n++;
    }
    assert_int_equal(n, 4);
    at = 0;
    assert_false(json_text_next_member(TEXT("{}"), &at, &name, &value));
}

static void knows_names_with_escapes(void **state)
{
    struct json_text json;
    struct buf message = { 0 };
    struct text name, value;
    size_t at = 0;
    (void)state;
    assert_true(json_text_parse(TEXT("{\"d\\u0061ta\":1}"), &json, &message));
    assert_true(json_text_next_member(buf_text(&json.raw), &at, &name, &value));
    assert_true(json_text_name_is(name, "data"));
    assert_false(json_text_name_is(name, "date"));
    json_text_finish(&json);
}

/* ---- any JSON comes back as the same value ---- */

static void write_space(struct buf *out)
{
    for (int n = rand() % 3; n > 0; n--)
        buf_add_char(out, " \t\r\n"[rand() % 4]);
}

static void write_random(struct buf *out, unsigned depth)
{
    static const char *const scalars[] = {
        "0",    "-1",   "1.5",     "2e3",         "true",        "false",
        "null", "\"\"", "\"a b\"", "\"{\\\"[ \"", "\"\\u00e9\"", "\"\xc3\xa9\""
    };
    int kind = depth > 5 ? 0 : rand() % 3;

    write_space(out);
    if (kind == 0) {
        buf_add_str(out, scalars[(size_t)rand() % (COUNT(scalars))]);
    } else {
        int n = rand() % 4;
        buf_add_char(out, kind == 1 ? '[' : '{');
        for (int i = 0; i < n; i++) {
            if (i)
                buf_add_char(out, ',');
            if (kind == 2)
                buf_printf(out, " \"k%d\" :", i);
            write_random(out, depth + 1);
        }
        write_space(out);
        buf_add_char(out, kind == 1 ? ']' : '}');
    }
    write_space(out);
}

static void random_json_comes_back_as_the_same_value(void **state)
{
    unsigned seed = (unsigned)time(NULL);
    (void)state;
    print_message("# seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 2000; round++) {
        struct buf body = { 0 }, message = { 0 };
        struct json_text json;
        write_random(&body, 0);
        assert_true(json_text_parse(buf_text(&body), &json, &message));
        json_t *before = json_loadb(body.data, body.len, JSON_DECODE_ANY, NULL);
        json_t *after = json_loadb(json.raw.data, json.raw.len, JSON_DECODE_ANY, NULL);
        assert_true(json_equal(before, after));
        json_decref(before);
        json_decref(after);
        json_text_finish(&json);
        buf_finish(&body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_bytes_but_for_white_space),
        cmocka_unit_test(refuses_what_is_no_json),
        cmocka_unit_test(refuses_nul_wherever_it_is),
        cmocka_unit_test(refuses_more_than_32_levels),
        cmocka_unit_test(walks_the_members_of_an_object),
        cmocka_unit_test(knows_names_with_escapes),
        cmocka_unit_test(random_json_comes_back_as_the_same_value),
    };
    return cmocka_run_group_tests_name("json_text", tests, NULL, NULL);
}
