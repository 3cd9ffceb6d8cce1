#include "core/log.h"

#include "core/text.h"
#include "tests/unit/unit_test.h"

#include <fcntl.h>
#include <unistd.h>

static int ours[2], real_stderr;
static char said[65536];

/* From now on stderr is a pipe. */
static int divert(void **state)
{
    (void)state;
    real_stderr = dup(STDERR_FILENO);
    return pipe2(ours, O_NONBLOCK) != 0 || dup2(ours[1], STDERR_FILENO) < 0;
}

static int restore(void **state)
{
    (void)state;
    dup2(real_stderr, STDERR_FILENO);
    close(ours[0]);
    return close(ours[1]);
}

/* What was logged since the last call, without the time. */
static const char *logged(void)
{
    ssize_t n = read(ours[0], said, sizeof said - 1);
    char *level;

    said[n > 0 ? n : 0] = '\0';
    level = strstr(said, "level");
    return level ? level : said;
}

static void a_line_is_logfmt(void **state)
{
    (void)state;
    log_init(LOG_INFO, LOG_LOGFMT);
    log_event(LOG_WARN, "lost", LOG_S("lane", "fast"), LOG_I("ms", -12), LOG_S("none", NULL),
              LOG_S("empty", ""), LOG_S("words", "two words"), LOG_S("quote", "a\"b\\c=d"));
    assert_string_equal(logged(), "level=warn event=lost lane=fast ms=-12 empty=\"\" "
                                  "words=\"two words\" quote=\"a\\\"b\\\\c=d\"\n");
}

static void a_line_is_json(void **state)
{
    (void)state;
    log_init(LOG_INFO, LOG_JSON);
    log_event(LOG_ERROR, "lost", LOG_S("lane", "fast"), LOG_I("ms", 12), LOG_S("none", NULL));
    assert_string_equal(logged(),
                        "level\":\"error\",\"event\":\"lost\",\"lane\":\"fast\",\"ms\":12}\n");
    assert_memory_equal(said, "{\"time\":\"20", 11);
}

static void no_byte_of_a_stranger_reaches_the_terminal_as_it_is(void **state)
{
    static const char hostile[] = "a\nlevel=error\x1b[2J\x7f\xc3\xa9\0end";

    (void)state;
    log_init(LOG_INFO, LOG_LOGFMT);
    log_event(LOG_INFO, "x", LOG_T("t", ((struct text){ hostile, sizeof hostile - 1 })));
    assert_string_equal(logged(), "level=info event=x t=\"a\\u000alevel=error\\u001b[2J\\u007f"
                                  "\\u00c3\\u00a9\\u0000end\"\n");
}

static void levels_below_the_least_are_silent(void **state)
{
    (void)state;
    log_init(LOG_WARN, LOG_LOGFMT);
    assert_false(log_enabled(LOG_INFO));
    assert_true(log_enabled(LOG_WARN));
    log_event(LOG_INFO, "x", LOG_I("n", 1));
    assert_string_equal(logged(), "");
}

static void a_value_that_does_not_fit_is_left_out(void **state)
{
    static char big[8000];
    const char *line;

    (void)state;
    memset(big, 'x', sizeof big - 1);
    for (int format = LOG_LOGFMT; format <= LOG_JSON; format++) {
        log_init(LOG_INFO, (enum log_format)format);
        log_event(LOG_INFO, "x", LOG_I("n", 1), LOG_S("big", big), LOG_I("m", 2));
        line = logged();
        assert_null(strstr(line, "xxx"));
        assert_non_null(strstr(line, format == LOG_JSON ? "\"n\":1,\"cut\":1}\n" : "n=1 cut=1\n"));
    }
}

static void a_full_pipe_costs_lines_and_not_time(void **state)
{
    unsigned lines = 0;

    (void)state;
    log_init(LOG_INFO, LOG_LOGFMT);
    fcntl(ours[1], F_SETPIPE_SZ, 8192);
    for (int i = 0; i < 1000; i++)
        log_event(LOG_INFO, "filling", LOG_I("i", i));
    for (const char *at = logged(); (at = strchr(at, '\n')); at++)
        lines++;
    assert_in_range(lines, 1, 999);
    log_event(LOG_INFO, "after", LOG_I("i", 0));
    assert_non_null(strstr(logged(), "event=log_lines_dropped"));
    assert_int_equal(atoi(strstr(said, " n=") + 3), 1000 - lines);
    assert_non_null(strstr(said, "event=after"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_logfmt),
        cmocka_unit_test(a_line_is_json),
        cmocka_unit_test(no_byte_of_a_stranger_reaches_the_terminal_as_it_is),
        cmocka_unit_test(levels_below_the_least_are_silent),
        cmocka_unit_test(a_value_that_does_not_fit_is_left_out),
        cmocka_unit_test(a_full_pipe_costs_lines_and_not_time),
    };
    return cmocka_run_group_tests_name("log", tests, divert, restore);
}
