/* The Redis client against a scripted peer: calls. */
#include "core/log.h"
#include "tests/unit/pool_rig.h"

#include <signal.h>
#include <time.h>

static void calls_of_a_turn_leave_in_one_write_and_are_answered_in_order(void **state)
{
    struct rig *rig = *state;
    static struct fake_line lines[100];
    static char replies[100][16];

    start(rig);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(replies[i], sizeof replies[i], "+%u\r\n", i);
        lines[i] = (struct fake_line){ .reply = replies[i] };
    }
    fake_redis_script(rig->fake, lines, 100);
    uint64_t writes = stats_of(rig).writes;
    for (unsigned i = 0; i < 100; i++)
        submit(rig, i);
    run_until(rig, rig->calls[99].done);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(rig->calls[i].done, 1);
        assert_int_equal(rig->calls[i].err, ERR_NONE);
        assert_int_equal(atoi(rig->calls[i].text), i);
    }
    assert_int_equal(stats_of(rig).writes, writes + 1);
    assert_int_equal(fake_redis_reads(rig->fake), 1);
}

static void all_replies_of_a_call_come_before_its_end(void **state)
{
    struct rig *rig = *state;

    start(rig);
    SCRIPT(rig, { "+a\r\n" }, { "+b\r\n" }, { "+c\r\n" }, { "+d\r\n" });
    assert_int_equal(submit_for(rig, 0, 3, false, 1000), ERR_NONE);
    submit(rig, 1);
    run_until(rig, rig->calls[1].done);
    assert_int_equal(rig->calls[0].replies, 3);
    assert_string_equal(rig->calls[0].text, "c");
    assert_string_equal(rig->calls[1].text, "d");
}

static void an_unknown_script_is_sent_again_with_its_source(void **state)
{
    struct rig *rig = *state;

    start(rig);
    SCRIPT(rig, { "-NOSCRIPT No matching script\r\n" }, { "+stale\r\n" }, { "+done\r\n" },
           { "+fresh\r\n" });
    assert_int_equal(submit_for(rig, 0, 2, false, 1000), ERR_NONE);
    run_until(rig, rig->calls[0].done);
    assert_int_equal(rig->calls[0].err, ERR_NONE);
    assert_string_equal(rig->calls[0].text, "fresh");
    assert_string_equal(fake_redis_last(rig->fake), "EVAL 0");
    assert_int_equal(fake_redis_connections(rig->fake), 2); /* one for each lane: none was lost */
}

static void errors_mean_what_the_table_says(void **state)
{
    static const struct {
        const char *reply;
        enum err err;
        bool retried; /* the second answer is +OK */
    } cases[] = {
        { "-LOADING Redis is loading the dataset in memory\r\n", ERR_NONE, true },
        { "-BUSY Redis is busy running a script\r\n", ERR_NONE, true },
        { "-TRYAGAIN Multiple keys request during rehashing of slot\r\n", ERR_NONE, true },
        { "-CLUSTERDOWN Hash slot not served\r\n", ERR_NONE, true },
        { "-MASTERDOWN Link with MASTER is down\r\n", ERR_NONE, true },
        { "-NOREPLICAS Not enough good replicas to write.\r\n", ERR_NONE, true },
        { "-READONLY You can't write against a read only replica.\r\n", ERR_NONE, true },
        { "-NOAUTH Authentication required.\r\n", ERR_NONE, true },
        { "-OOM command not allowed when used memory > 'maxmemory'.\r\n", ERR_STORE_FULL, false },
        { "-MISCONF Redis is configured to save RDB snapshots\r\n", ERR_UNAVAILABLE, false },
        { "-WRONGTYPE Operation against a key\r\n", ERR_INTERNAL, false },
        { "-MOVED 3999 127.0.0.1:6381\r\n", ERR_INTERNAL, false },
        { "-ERR user_script:1: boom\r\n", ERR_INTERNAL, false },
        { "-NOPERM this user has no permissions\r\n", ERR_INTERNAL, false },
        { "-\r\n", ERR_INTERNAL, false },
        { "-LOADINGX\r\n", ERR_INTERNAL, false },
    };
    struct rig *rig = *state;

    start(rig);
    for (size_t i = 0; i < COUNT(cases); i++) {
        unsigned before = fake_redis_commands(rig->fake);
        SCRIPT(rig, { cases[i].reply }, { "+OK\r\n" });
        submit(rig, 0);
        run_until(rig, rig->calls[0].done);
        assert_int_equal(rig->calls[0].err, cases[i].err);
        assert_int_equal(fake_redis_commands(rig->fake) - before, cases[i].retried ? 2 : 1);
        run_until(rig, is_ready(rig));
    }
}

static void what_stays_refused_ends_at_the_deadline_as_not_applied(void **state)
{
    struct rig *rig = *state;

    start(rig);
    SCRIPT(rig, { .reply = "-LOADING wait\r\n", .repeat = true });
    assert_int_equal(submit_for(rig, 0, 1, false, 200), ERR_NONE);
    run_until(rig, rig->calls[0].done);
    assert_int_equal(rig->calls[0].err, ERR_UNAVAILABLE);
    assert_true(fake_redis_commands(rig->fake) > 2);
}

static void alarm_rang(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

/* A call that went out again as a retry is watched as closely as any other. */
static void silence_after_a_retry_ends_at_the_deadline(void **state)
{
    struct rig *rig = *state;
    uv_timer_t alarm;
    bool rang = false;

    start(rig);
    SCRIPT(rig, { .reply = "-BUSY wait\r\n" }, { .reply = NULL, .repeat = true });
    assert_int_equal(submit_for(rig, 0, 1, false, 200), ERR_NONE);
    uv_timer_init(&rig->loop, &alarm);
    alarm.data = &rang;
    uv_timer_start(&alarm, alarm_rang, 700, 0);
    run_until(rig, rig->calls[0].done || rang);
    assert_false(rang); /* both are of the same clock: a slow machine makes both late */
    assert_int_equal(rig->calls[0].err, ERR_OUTCOME_UNKNOWN);
    uv_close((uv_handle_t *)&alarm, NULL);
    turn(rig);
}

static void an_error_behind_the_write_leaves_the_outcome_unknown(void **state)
{
    struct rig *rig = *state;

    start(rig);
    SCRIPT(rig, { "+written\r\n" }, { "-LOADING odd\r\n" });
    assert_int_equal(submit_for(rig, 0, 2, false, 1000), ERR_NONE);
    run_until(rig, rig->calls[0].done);
    assert_int_equal(rig->calls[0].err, ERR_OUTCOME_UNKNOWN);
    assert_int_equal(fake_redis_commands(rig->fake), 2);
}

static void silence_drops_the_connection_and_the_next_one_serves(void **state)
{
    struct rig *rig = *state;

    start(rig);
    SCRIPT(rig, { NULL }, { NULL }, { .reply = "+back\r\n", .repeat = true });
    submit(rig, 0);
    assert_int_equal(submit_for(rig, 1, 1, true, 5000), ERR_NONE);
    run_until(rig, rig->calls[0].done && rig->calls[1].done);
    assert_int_equal(rig->calls[0].err, ERR_OUTCOME_UNKNOWN); /* sent, and not to be sent twice */
    assert_int_equal(rig->calls[1].err, ERR_NONE);            /* a read may be */
    assert_string_equal(rig->calls[1].text, "back");
    assert_int_equal(stats_of(rig).drops, 1);
}

static void one_overdue_call_leaves_the_others_alone(void **state)
{
    struct rig *rig = *state;

    start(rig);
    SCRIPT(rig, { NULL }, { NULL });
    assert_int_equal(submit_for(rig, 0, 1, false, 50), ERR_NONE);
    assert_int_equal(submit_for(rig, 1, 1, false, 5000), ERR_NONE);
    run_until(rig, rig->calls[0].done);
    assert_int_equal(rig->calls[0].err, ERR_OUTCOME_UNKNOWN);
    assert_int_equal(rig->calls[1].done, 0);
    SCRIPT(rig, { "+late\r\n+first\r\n+second\r\n" }); /* the answers of 0, 1 and 2 */
    submit(rig, 2);
    run_until(rig, rig->calls[2].done);
    assert_string_equal(rig->calls[1].text, "first");
    assert_string_equal(rig->calls[2].text, "second");
    assert_int_equal(rig->calls[0].done, 1);
    assert_int_equal(stats_of(rig).drops, 0);
}

static void a_reply_cut_anywhere_is_no_reply(void **state)
{
    static const char reply[] = "*2\r\n$3\r\nabc\r\n:17\r\n";
    struct rig *rig = *state;

    start(rig);
    for (size_t n = 1; n < sizeof reply - 1; n++) {
        SCRIPT(rig, { .reply = reply, .only = n, .close = true });
        submit(rig, 0);
        run_until(rig, rig->calls[0].done);
        assert_int_equal(rig->calls[0].err, ERR_OUTCOME_UNKNOWN);
        assert_int_equal(rig->calls[0].replies, 0);
        run_until(rig, is_ready(rig));
    }
}

static void garbage_drops_the_connection(void **state)
{
    static const char *const garbage[] = { "what?\r\n", "*2147483647\r\n", "$9999999999x\r\n",
                                           "HTTP/1.1 200 OK\r\n\r\n" };
    struct rig *rig = *state;

    start(rig);
    for (size_t i = 0; i < COUNT(garbage); i++) {
        SCRIPT(rig, { garbage[i] });
        submit(rig, 0);
        run_until(rig, rig->calls[0].done);
        assert_int_equal(rig->calls[0].err, ERR_OUTCOME_UNKNOWN);
        run_until(rig, is_ready(rig));
    }
    assert_int_equal(stats_of(rig).drops, 4);
}

static void a_reply_that_does_not_fit_drops_the_connection(void **state)
{
    struct rig *rig = *state;

    start(rig);
    SCRIPT(rig, { "+odd\r\n" }, { NULL });
    rig->calls[0].refuse_reply = true;
    submit(rig, 0);
    submit(rig, 1);
    run_until(rig, rig->calls[0].done && rig->calls[1].done);
    assert_int_equal(rig->calls[0].err, ERR_OUTCOME_UNKNOWN);
    assert_int_equal(rig->calls[1].err, ERR_OUTCOME_UNKNOWN);
}

static void a_reply_that_nobody_asked_for_drops_the_connection(void **state)
{
    struct rig *rig = *state;

    start(rig);
    SCRIPT(rig, { "+one\r\n+two\r\n" });
    submit(rig, 0);
    run_until(rig, stats_of(rig).drops == 1);
    assert_int_equal(rig->calls[0].err, ERR_NONE);
}

static void what_was_not_sent_moves_to_another_connection(void **state)
{
    struct rig *rig = *state;

    start(rig);
    fake_redis_hang_up(rig->fake);
    SCRIPT(rig, { .reply = "+ok\r\n", .repeat = true });
    submit(rig, 0); /* formatted for a connection that is lost before the flush */
    uv_run(&rig->loop, UV_RUN_NOWAIT);
    run_until(rig, rig->calls[0].done);
    assert_int_equal(rig->calls[0].err, ERR_NONE);
    assert_int_equal(fake_redis_commands(rig->fake), 1);
}

static void a_full_window_refuses(void **state)
{
    struct rig *rig = *state;

    rig->options.window = 3;
    start(rig);
    SCRIPT(rig, { NULL }, { NULL }, { "+a\r\n+b\r\n+c\r\n" }, { "+d\r\n" });
    for (unsigned i = 0; i < 3; i++)
        submit(rig, i);
    assert_int_equal(submit_for(rig, 3, 1, false, 1000), ERR_UNAVAILABLE);
    run_until(rig, rig->calls[2].done);
    assert_int_equal(rig->calls[3].done, 0); /* a submit that fails never calls back */
    submit(rig, 3);
    run_until(rig, rig->calls[3].done);
    assert_int_equal(rig->calls[3].err, ERR_NONE);
}

static void resubmit(struct test_call *call)
{
    call->then = NULL;
    if (call->err == ERR_NONE)
        submit(call->rig, call->n + 1);
}

static void the_end_of_a_call_may_submit_the_next(void **state)
{
    struct rig *rig = *state;

    start(rig);
    SCRIPT(rig, { .reply = "+ok\r\n", .repeat = true });
    rig->calls[0].then = resubmit;
    submit(rig, 0);
    run_until(rig, rig->calls[1].done);
    assert_int_equal(rig->calls[1].err, ERR_NONE);
}

static void closing_ends_every_call_once(void **state)
{
    struct rig *rig = *state;

    start(rig);
    SCRIPT(rig, { .reply = NULL, .repeat = true });
    for (unsigned i = 0; i < 50; i++)
        submit(rig, i);
    turn(rig);
    for (unsigned i = 50; i < 60; i++) /* not flushed */
        submit(rig, i);
    close_pool(rig);
    for (unsigned i = 0; i < 60; i++) {
        assert_int_equal(rig->calls[i].done, 1);
        assert_int_equal(rig->calls[i].err, i < 50 ? ERR_OUTCOME_UNKNOWN : ERR_UNAVAILABLE);
    }
}

static void closing_is_possible_in_every_state(void **state)
{
    struct rig *rig = *state;

    fake_redis_handshake(rig->fake, "ROLE", NULL);
    rig->pool = redis_pool_create(&rig->loop, &rig->options);
    submit(rig, 0);
    unsigned turns = (unsigned)rand() % 6;
    for (unsigned i = 0; i < turns; i++)
        uv_run(&rig->loop, UV_RUN_NOWAIT);
    close_pool(rig);
    assert_int_equal(rig->calls[0].done, 1);
    assert_int_equal(rig->calls[0].err, ERR_UNAVAILABLE);
}

static void every_call_ends_once_whatever_happens(void **state)
{
    static const struct fake_line moods[] = {
        { .reply = "+ok\r\n", .repeat = true },
        { .reply = "-LOADING x\r\n", .repeat = true },
        { .reply = "-READONLY x\r\n", .repeat = true },
        { .reply = "-ERR x\r\n", .repeat = true },
        { .reply = "-NOSCRIPT x\r\n", .repeat = true },
        { .reply = "+cut", .close = true, .repeat = true },
        { .reply = "garbage\r\n", .repeat = true },
        { .reply = NULL, .repeat = true },
    };
    struct rig *rig = *state;
    unsigned seed = (unsigned)time(NULL), submitted[CALLS_MAX] = { 0 };

    print_message("# seed %u\n", seed);
    srand(seed);
    rig->options.lane_size[REDIS_LANE_FAST] = 2;
    rig->options.window = 32;
    rig->options.command_timeout_ms = 60;
    start(rig);
    for (unsigned i = 0; i < CALLS_MAX; i++) {
        if (rand() % 8 == 0)
            fake_redis_script(rig->fake, &moods[(size_t)rand() % (COUNT(moods))], 1);
        if (rand() % 60 == 0)
            fake_redis_hang_up(rig->fake);
        submitted[i] = submit_for(rig, i, 1 + (unsigned)rand() % 3, rand() % 2,
                                  20 + (uint64_t)(rand() % 200)) == ERR_NONE;
        if (rand() % 4 == 0)
            turn(rig);
    }
    fake_redis_script(rig->fake, moods, 1);
    for (unsigned i = 0; i < CALLS_MAX; i++)
        run_until(rig, rig->calls[i].done >= submitted[i]);
    run_until(rig, is_ready(rig) && stats_of(rig).in_flight == 0);
    for (unsigned i = 0; i < CALLS_MAX; i++)
        assert_int_equal(rig->calls[i].done, submitted[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(calls_of_a_turn_leave_in_one_write_and_are_answered_in_order),
        TEST(all_replies_of_a_call_come_before_its_end),
        TEST(an_unknown_script_is_sent_again_with_its_source),
        TEST(errors_mean_what_the_table_says),
        TEST(what_stays_refused_ends_at_the_deadline_as_not_applied),
        TEST(silence_after_a_retry_ends_at_the_deadline),
        TEST(an_error_behind_the_write_leaves_the_outcome_unknown),
        TEST(silence_drops_the_connection_and_the_next_one_serves),
        TEST(one_overdue_call_leaves_the_others_alone),
        TEST(a_reply_cut_anywhere_is_no_reply),
        TEST(garbage_drops_the_connection),
        TEST(a_reply_that_does_not_fit_drops_the_connection),
        TEST(a_reply_that_nobody_asked_for_drops_the_connection),
        TEST(what_was_not_sent_moves_to_another_connection),
        TEST(a_full_window_refuses),
        TEST(the_end_of_a_call_may_submit_the_next),
        TEST(closing_ends_every_call_once),
        TEST(closing_is_possible_in_every_state),
        TEST(every_call_ends_once_whatever_happens),
    };
    signal(SIGPIPE, SIG_IGN);
    log_init(LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests_name("redis_pool", tests, NULL, NULL);
}
