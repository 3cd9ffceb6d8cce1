/* The Redis client against a scripted peer on the same loop. */
#include "core/log.h"
#include "core/redis_command.h"
#include "core/redis_pool.h"
#include "tests/lib/fake_redis.h"
#include "tests/unit/unit_test.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

enum { CALLS_MAX = 600, TURNS_MAX = 100000 };

struct test_call {
    struct redis_call call;
    unsigned n, replies, done;
    bool refuse_reply;
    enum err err;
    char text[64]; /* of the last reply */
    void (*then)(struct test_call *call);
    struct rig *rig;
};

struct rig {
    uv_loop_t loop;
    char dir[32], path[64];
    struct fake_redis *fake;
    struct redis_options options;
    struct redis_pool *pool;
    struct test_call calls[CALLS_MAX];
    bool closed;
};

/* ---- calls: GET n, once or twice ---- */

static void call_format(struct redis_call *call, struct buf *out, bool with_source)
{
    struct test_call *test = container_of(call, struct test_call, call);

    for (unsigned i = 0; i < call->n_commands; i++) {
        redis_command(out, 2);
        redis_arg_str(out, with_source ? "EVAL" : "GET");
        redis_arg_u64(out, test->n);
    }
}

static bool call_reply(struct redis_call *call, unsigned index, const struct redis_reply *reply)
{
    struct test_call *test = container_of(call, struct test_call, call);

    test->replies = index + 1;
    snprintf(test->text, sizeof test->text, "%.*s", (int)reply->text.len,
             reply->text.at ? reply->text.at : "");
    return !test->refuse_reply;
}

static void call_done(struct redis_call *call, enum err err)
{
    struct test_call *test = container_of(call, struct test_call, call);

    test->done++;
    test->err = err;
    if (test->then)
        test->then(test);
}

static const struct redis_call_ops call_ops = { .format = call_format,
                                                .reply = call_reply,
                                                .done = call_done };

static enum err submit_for(struct rig *rig, unsigned n, unsigned n_commands, bool read_only,
                           uint64_t deadline_ms)
{
    struct test_call *test = &rig->calls[n];

    *test = (struct test_call){
        .n = n, .rig = rig, .refuse_reply = test->refuse_reply, .then = test->then
    };
    test->call = (struct redis_call){ .ops = &call_ops,
                                      .n_commands = n_commands,
                                      .read_only = read_only,
                                      .deadline_ms = uv_now(&rig->loop) + deadline_ms };
    enum err err = redis_pool_submit(rig->pool, REDIS_LANE_FAST, &test->call);
    assert_int_equal(test->done, 0); /* never before submit returns */
    return err;
}

static void submit(struct rig *rig, unsigned n)
{
    assert_int_equal(submit_for(rig, n, 1, false, 5000), ERR_NONE);
}

/* ---- turns of the loop ---- */

static void turn(struct rig *rig)
{
    if (!rig->closed)
        redis_pool_flush(rig->pool);
    uv_run(&rig->loop, UV_RUN_ONCE);
}

#define run_until(rig, condition)                              \
    do {                                                       \
        unsigned turns = 0;                                    \
        while (!(condition)) {                                 \
            turn(rig);                                         \
            if (++turns > TURNS_MAX)                           \
                fail_msg("did not come true: %s", #condition); \
        }                                                      \
    } while (0)

static bool is_ready(struct rig *rig)
{
    struct redis_pool_stats stats;

    redis_pool_get_stats(rig->pool, &stats);
    return stats.ready[REDIS_LANE_FAST] == rig->options.lane_size[REDIS_LANE_FAST] &&
           stats.ready[REDIS_LANE_SCAN];
}

static struct redis_pool_stats stats_of(struct rig *rig)
{
    struct redis_pool_stats stats;

    redis_pool_get_stats(rig->pool, &stats);
    return stats;
}

/* ---- setup ---- */

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);

    uv_loop_init(&rig->loop);
    snprintf(rig->dir, sizeof rig->dir, "/tmp/jobbad-pool-XXXXXX");
    if (!mkdtemp(rig->dir))
        return -1;
    snprintf(rig->path, sizeof rig->path, "%s/r", rig->dir);
    rig->fake = fake_redis_start(&rig->loop, rig->path);
    rig->options = (struct redis_options){
        .address = { .path = rig->path },
        .lane_size = { [REDIS_LANE_FAST] = 1, [REDIS_LANE_SCAN] = 1 },
        .window = 512,
        .window_bytes = 1 << 20,
        .max_waiting = 8,
        .max_reply_bytes = 1 << 20,
        .connect_timeout_ms = 300,
        .command_timeout_ms = 400,
        .check_ms = 60000,
    };
    *state = rig;
    return 0;
}

static void start(struct rig *rig)
{
    rig->pool = redis_pool_create(&rig->loop, &rig->options);
    run_until(rig, is_ready(rig));
}

static void pool_closed(void *arg)
{
    struct rig *rig = arg;
    rig->closed = true;
}

static void close_pool(struct rig *rig)
{
    redis_pool_close(rig->pool, pool_closed, rig);
    run_until(rig, rig->closed);
    redis_pool_destroy(rig->pool);
}

static int tear_down(void **state)
{
    struct rig *rig = *state;

    if (rig->pool && !rig->closed)
        close_pool(rig);
    fake_redis_stop(rig->fake);
    uv_run(&rig->loop, UV_RUN_DEFAULT);
    int left = uv_loop_close(&rig->loop); /* a handle that was left open fails the test */
    unlink(rig->path);
    rmdir(rig->dir);
    free(rig);
    return left;
}

#define SCRIPT(rig, ...)                                                      \
    fake_redis_script((rig)->fake, (const struct fake_line[]){ __VA_ARGS__ }, \
                      sizeof((const struct fake_line[]){ __VA_ARGS__ }) /     \
                          sizeof(struct fake_line))

/* ---- tests ---- */

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

static void calls_wait_for_a_connection_that_is_on_its_way(void **state)
{
    struct rig *rig = *state;

    SCRIPT(rig, { .reply = "+ok\r\n", .repeat = true });
    rig->pool = redis_pool_create(&rig->loop, &rig->options);
    for (unsigned i = 0; i < 8; i++)
        submit(rig, i);
    assert_int_equal(submit_for(rig, 8, 1, false, 1000), ERR_UNAVAILABLE); /* max_waiting */
    run_until(rig, rig->calls[7].done);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(rig->calls[i].err, ERR_NONE);
}

static void known_to_be_down_refuses_at_once_and_recovers(void **state)
{
    struct rig *rig = *state;

    fake_redis_accept(rig->fake, false);
    rig->pool = redis_pool_create(&rig->loop, &rig->options);
    submit(rig, 0);
    run_until(rig, rig->calls[0].done);
    assert_int_equal(rig->calls[0].err, ERR_UNAVAILABLE);
    assert_int_equal(redis_pool_health(rig->pool), REDIS_HEALTH_UNREACHABLE);
    assert_int_equal(submit_for(rig, 1, 1, false, 1000), ERR_UNAVAILABLE);
    run_until(rig, stats_of(rig).connect_failures > 6);
    fake_redis_accept(rig->fake, true);
    uint64_t before = uv_now(&rig->loop);
    run_until(rig, is_ready(rig));
    assert_true(uv_now(&rig->loop) - before <
                5000); /* in truth half a second: see the cap of the backoff */
    SCRIPT(rig, { "+ok\r\n" });
    submit(rig, 2);
    run_until(rig, rig->calls[2].done);
    assert_int_equal(rig->calls[2].err, ERR_NONE);
}

static void a_bad_handshake_tells_why(void **state)
{
    static const struct {
        const char *command, *reply;
        enum redis_health health;
    } cases[] = {
        { "ROLE", "*5\r\n$5\r\nslave\r\n$1\r\nx\r\n:1\r\n$1\r\ny\r\n:0\r\n",
          REDIS_HEALTH_NOT_MASTER },
        { "ROLE", "+OK\r\n", REDIS_HEALTH_PROTOCOL },
        { "ROLE", "*0\r\n", REDIS_HEALTH_PROTOCOL },
        { "ROLE", "-NOAUTH Authentication required.\r\n", REDIS_HEALTH_UNAUTHORIZED },
        { "ROLE", "-ERR max number of clients reached\r\n", REDIS_HEALTH_PROTOCOL },
        { "SCRIPT", "-LOADING Redis is loading\r\n", REDIS_HEALTH_LOADING },
        { "SCRIPT", "$3\r\nabc\r\n", REDIS_HEALTH_PROTOCOL },
        { "SCRIPT", ":1\r\n", REDIS_HEALTH_PROTOCOL },
        { "CLIENT", "garbage\r\n", REDIS_HEALTH_PROTOCOL },
        { "SCRIPT", NULL, REDIS_HEALTH_UNREACHABLE }, /* silence */
        { "AUTH", "-WRONGPASS invalid username-password pair\r\n", REDIS_HEALTH_UNAUTHORIZED },
        { "AUTH", "-ERR AUTH called without any password configured\r\n",
          REDIS_HEALTH_UNAUTHORIZED },
        { "SELECT", "-ERR DB index is out of range\r\n", REDIS_HEALTH_PROTOCOL },
    };
    struct rig *rig = *state;
    static char password[] = "pw";

    rig->options.address.password = password;
    rig->options.address.db = 3;
    rig->pool = redis_pool_create(&rig->loop, &rig->options);
    for (size_t i = 0; i < COUNT(cases); i++) {
        fake_redis_handshake(rig->fake, NULL, NULL);
        run_until(rig, is_ready(rig));
        fake_redis_handshake(rig->fake, cases[i].command, cases[i].reply);
        fake_redis_hang_up(rig->fake);
        uint64_t before = stats_of(rig).connect_failures;
        run_until(rig, stats_of(rig).connect_failures >= before + 4);
        assert_int_equal(redis_pool_health(rig->pool), cases[i].health);
    }
}

static void user_password_and_database_are_sent(void **state)
{
    static char user[] = "me", password[] = "s p\r\nq";
    struct rig *rig = *state;

    rig->options.address.user = user;
    rig->options.address.password = password;
    rig->options.address.db = 7;
    start(rig);
    assert_string_equal(fake_redis_auth(rig->fake), "me s p\r\nq");
    assert_string_equal(fake_redis_select(rig->fake), "7");
}

static void a_connection_lost_at_each_point_of_the_handshake_is_tried_again(void **state)
{
    static const char *const commands[] = { "CLIENT", "ROLE", "SCRIPT" };
    struct rig *rig = *state;

    rig->pool = redis_pool_create(&rig->loop, &rig->options);
    for (size_t i = 0; i < COUNT(commands); i++) {
        fake_redis_handshake(rig->fake, commands[i], NULL);
        fake_redis_hang_up(rig->fake);
        unsigned before = fake_redis_connections(rig->fake);
        run_until(rig, fake_redis_connections(rig->fake) >= before + 2);
        fake_redis_hang_up(rig->fake);
    }
    fake_redis_handshake(rig->fake, NULL, NULL);
    run_until(rig, is_ready(rig));
}

#define ROLE_MASTER  "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"
#define ROLE_REPLICA "*5\r\n$5\r\nslave\r\n$1\r\nx\r\n:1\r\n$1\r\ny\r\n:0\r\n"

static void an_idle_connection_is_checked(void **state)
{
    struct rig *rig = *state;

    rig->options.check_ms = 30;
    start(rig);
    SCRIPT(rig, { .reply = ROLE_MASTER, .repeat = true });
    run_until(rig, fake_redis_commands(rig->fake) >= 2);
    assert_string_equal(fake_redis_last(rig->fake), "ROLE");
    assert_int_equal(stats_of(rig).drops, 0);
    SCRIPT(rig, { .reply = NULL, .repeat = true });
    run_until(rig, stats_of(rig).drops >= 1); /* nobody is there any more */
}

static void a_master_that_became_a_replica_is_left(void **state)
{
    struct rig *rig = *state;

    rig->options.check_ms = 30;
    start(rig);
    SCRIPT(rig, { .reply = ROLE_REPLICA, .repeat = true });
    fake_redis_handshake(rig->fake, "ROLE", ROLE_REPLICA);
    run_until(rig, redis_pool_health(rig->pool) == REDIS_HEALTH_NOT_MASTER);
    fake_redis_handshake(rig->fake, NULL, NULL);
    SCRIPT(rig, { .reply = ROLE_MASTER, .repeat = true });
    run_until(rig, is_ready(rig));
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

static void tcp_works_by_name_by_ipv4_and_by_ipv6(void **state)
{
    static const char *const hosts[][2] = { { "127.0.0.1", "127.0.0.1" },
                                            { "::1", "::1" },
                                            { "127.0.0.1", "localhost" } };
    struct rig *rig = *state;

    for (size_t i = 0; i < COUNT(hosts); i++) {
        char host[32];
        uint16_t port;
        struct fake_redis *tcp = fake_redis_start_tcp(&rig->loop, hosts[i][0], &port);
        snprintf(host, sizeof host, "%s", hosts[i][1]);
        rig->options.address = (struct redis_address){ .host = host, .port = port };
        start(rig);
        static const struct fake_line ok[] = { { "+ok\r\n" } };
        fake_redis_script(tcp, ok, 1);
        submit(rig, 0);
        run_until(rig, rig->calls[0].done);
        assert_int_equal(rig->calls[0].err, ERR_NONE);
        close_pool(rig);
        rig->pool = NULL;
        rig->closed = false;
        fake_redis_stop(tcp);
    }
}

static void an_unknown_name_is_unreachable(void **state)
{
    static char host[] = "no-such-host.invalid";
    struct rig *rig = *state;

    rig->options.address = (struct redis_address){ .host = host, .port = 1 };
    rig->pool = redis_pool_create(&rig->loop, &rig->options);
    run_until(rig, stats_of(rig).connect_failures >= 2);
    assert_int_equal(redis_pool_health(rig->pool), REDIS_HEALTH_UNREACHABLE);
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

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

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
        TEST(calls_wait_for_a_connection_that_is_on_its_way),
        TEST(known_to_be_down_refuses_at_once_and_recovers),
        TEST(a_bad_handshake_tells_why),
        TEST(user_password_and_database_are_sent),
        TEST(a_connection_lost_at_each_point_of_the_handshake_is_tried_again),
        TEST(an_idle_connection_is_checked),
        TEST(a_master_that_became_a_replica_is_left),
        TEST(the_end_of_a_call_may_submit_the_next),
        TEST(closing_ends_every_call_once),
        TEST(closing_is_possible_in_every_state),
        TEST(tcp_works_by_name_by_ipv4_and_by_ipv6),
        TEST(an_unknown_name_is_unreachable),
        TEST(every_call_ends_once_whatever_happens),
    };
    signal(SIGPIPE, SIG_IGN);
    log_init(LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests_name("redis_pool", tests, NULL, NULL);
}
