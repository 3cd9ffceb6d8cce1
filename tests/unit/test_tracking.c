/* Redis' messages about changes, against a scripted peer. */
#include "core/log.h"
#include "core/tracking.h"
#include "tests/lib/fake_redis.h"
#include "tests/unit/unit_test.h"

#include <signal.h>
#include <unistd.h>

enum { TURNS_MAX = 100000 };

#define SUBSCRIBED                                                                \
    { .reply = ":77\r\n" }, /* CLIENT ID */                                       \
    {                                                                             \
        .reply = "*3\r\n$9\r\nsubscribe\r\n$20\r\n__redis__:invalidate\r\n:1\r\n" \
    }
#define TRACKED            \
    {                      \
        .reply = "+OK\r\n" \
    }
#define PONG    "*2\r\n$4\r\npong\r\n$0\r\n\r\n"
#define MESSAGE "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n"

struct rig {
    uv_loop_t loop;
    char dir[32], path[64];
    struct fake_redis *fake;
    struct redis_options options;
    struct tracking *tracking;
    unsigned ready, lost, all;
    char changed[256]; /* the ids, with a blank behind each */
    bool closed;
};

static void on_ready(void *arg)
{
    ((struct rig *)arg)->ready++;
}

static void on_lost(void *arg)
{
    ((struct rig *)arg)->lost++;
}

static void on_all(void *arg)
{
    ((struct rig *)arg)->all++;
}

static void on_changed(void *arg, struct text id)
{
    struct rig *rig = arg;
    size_t len = strlen(rig->changed);

    snprintf(rig->changed + len, sizeof rig->changed - len, "%.*s ", (int)id.len, id.at);
}

static const struct tracking_events events = { on_ready, on_lost, on_changed, on_all };

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);

    uv_loop_init(&rig->loop);
    snprintf(rig->dir, sizeof rig->dir, "/tmp/jobbad-track-XXXXXX");
    if (!mkdtemp(rig->dir))
        return -1;
    snprintf(rig->path, sizeof rig->path, "%s/r", rig->dir);
    rig->fake = fake_redis_start(&rig->loop, rig->path);
    rig->options = (struct redis_options){
        .address = { .path = rig->path },
        .window_bytes = 1 << 20,
        .max_reply_bytes = 1 << 20,
        .connect_timeout_ms = 300,
        .command_timeout_ms = 400,
    };
    *state = rig;
    return 0;
}

static void turn(struct rig *rig)
{
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

#define SCRIPT(rig, ...)                                                      \
    fake_redis_script((rig)->fake, (const struct fake_line[]){ __VA_ARGS__ }, \
                      COUNT(((const struct fake_line[]){ __VA_ARGS__ })))

static void start(struct rig *rig)
{
    rig->tracking = tracking_create(&rig->loop, &rig->options, TEXT("jobba:"), &events, rig);
}

static void on_closed(void *arg)
{
    ((struct rig *)arg)->closed = true;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;

    tracking_close(rig->tracking, on_closed, rig);
    run_until(rig, rig->closed);
    assert_int_equal(rig->lost, rig->ready);
    tracking_destroy(rig->tracking);
    fake_redis_stop(rig->fake);
    uv_run(&rig->loop, UV_RUN_DEFAULT);
    int left = uv_loop_close(&rig->loop); /* a handle that was left open fails the test */
    unlink(rig->path);
    rmdir(rig->dir);
    free(rig);
    return left;
}

static void it_is_ready_once_redis_sends_messages_to_the_subscriber(void **state)
{
    struct rig *rig = *state;

    SCRIPT(rig, SUBSCRIBED, TRACKED);
    start(rig);
    assert_false(tracking_is_current(rig->tracking));
    run_until(rig, rig->ready);
    assert_int_equal(fake_redis_connections(rig->fake), 2);
    assert_string_equal(fake_redis_last(rig->fake),
                        "CLIENT TRACKING ON REDIRECT 77 BCAST PREFIX jobba:id:");
    assert_true(tracking_is_current(rig->tracking));
}

static void messages_name_statuses_and_attempts_or_all_of_them(void **state)
{
    struct rig *rig = *state;

    SCRIPT(rig, SUBSCRIBED, TRACKED,
           { .reply = MESSAGE "*2\r\n$10\r\njobba:id:a\r\n$14\r\njobba:id:bcd:0\r\n" MESSAGE
                              "$-1\r\n" PONG },
           { .reply = PONG, .repeat = true });
    start(rig);
    run_until(rig, rig->all);
    assert_string_equal(rig->changed, "a bcd:0 ");
    assert_int_equal(rig->lost, 0);
}

static void while_a_check_is_on_its_way_it_is_not_current(void **state)
{
    struct rig *rig = *state;

    SCRIPT(rig, SUBSCRIBED, TRACKED, { .reply = NULL });
    start(rig);
    run_until(rig, rig->ready);
    run_until(rig, !tracking_is_current(rig->tracking));
    assert_true(tracking_is_ready(rig->tracking));
}

static void a_subscriber_that_is_silent_is_given_up(void **state)
{
    struct rig *rig = *state;

    SCRIPT(rig, SUBSCRIBED, TRACKED, { .reply = NULL }, SUBSCRIBED, TRACKED,
           { .reply = PONG, .repeat = true });
    start(rig);
    run_until(rig, rig->lost);
    run_until(rig, rig->ready == 2);
    assert_int_equal(fake_redis_connections(rig->fake), 4);
}

static void a_lost_connection_is_told_and_both_begin_anew(void **state)
{
    struct rig *rig = *state;

    SCRIPT(rig, SUBSCRIBED, TRACKED);
    start(rig);
    run_until(rig, rig->ready);
    fake_redis_hang_up(rig->fake);
    tracking_drain(rig->tracking); /* maybe before the peer has closed */
    run_until(rig, rig->lost);
    assert_false(tracking_is_ready(rig->tracking));
    SCRIPT(rig, SUBSCRIBED, TRACKED);
    run_until(rig, rig->ready == 2);
    assert_int_equal(fake_redis_connections(rig->fake), 4);
}

static void what_redis_refuses_is_tried_again_and_again(void **state)
{
    static const struct fake_line cases[][3] = {
        { { "-NOPERM this user has no permissions\r\n" }, { "+OK\r\n" }, { "+OK\r\n" } },
        { { "+what\r\n" }, { "+OK\r\n" }, { "+OK\r\n" } },
        { { ":77\r\n" }, { "-NOPERM no channel\r\n" }, { "+OK\r\n" } },
        { { ":77\r\n" },
          { "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n" },
          { "-ERR unknown command\r\n" } },
        { { ":77\r\n" }, { "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n" }, { ":1\r\n" } },
    };
    struct rig *rig = *state;

    start(rig);
    for (size_t i = 0; i < COUNT(cases); i++) {
        unsigned before = fake_redis_connections(rig->fake);
        fake_redis_script(rig->fake, cases[i], 3);
        run_until(rig, fake_redis_connections(rig->fake) >= before + 2);
        assert_int_equal(rig->ready, 0);
    }
    run_until(rig, fake_redis_connections(rig->fake) > 8);
    /* Connections that were made before may take some of this script: then it begins anew. */
    static const struct fake_line good[] = { SUBSCRIBED,
                                             TRACKED,
                                             { .reply = PONG, .repeat = true } };
    for (unsigned i = 0; !rig->ready; i++) {
        unsigned before = fake_redis_connections(rig->fake);
        assert_true(i < 50);
        fake_redis_script(rig->fake, good, COUNT(good));
        run_until(rig, rig->ready || fake_redis_connections(rig->fake) >= before + 2);
    }
}

static void garbage_instead_of_a_message_drops_it(void **state)
{
    struct rig *rig = *state;

    SCRIPT(rig, SUBSCRIBED, TRACKED, { .reply = PONG ":1\r\n" });
    start(rig);
    run_until(rig, rig->lost);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_ready_once_redis_sends_messages_to_the_subscriber),
        TEST(messages_name_statuses_and_attempts_or_all_of_them),
        TEST(while_a_check_is_on_its_way_it_is_not_current),
        TEST(a_subscriber_that_is_silent_is_given_up),
        TEST(a_lost_connection_is_told_and_both_begin_anew),
        TEST(what_redis_refuses_is_tried_again_and_again),
        TEST(garbage_instead_of_a_message_drops_it),
    };
    signal(SIGPIPE, SIG_IGN);
    log_init(LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests_name("tracking", tests, NULL, NULL);
}
