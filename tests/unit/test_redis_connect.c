/* The Redis client against a scripted peer: connections, from the handshake to their loss. */
#include "core/log.h"
#include "tests/unit/pool_rig.h"

#include <signal.h>
#include <unistd.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(calls_wait_for_a_connection_that_is_on_its_way),
        TEST(known_to_be_down_refuses_at_once_and_recovers),
        TEST(a_bad_handshake_tells_why),
        TEST(user_password_and_database_are_sent),
        TEST(a_connection_lost_at_each_point_of_the_handshake_is_tried_again),
        TEST(an_idle_connection_is_checked),
        TEST(a_master_that_became_a_replica_is_left),
        TEST(tcp_works_by_name_by_ipv4_and_by_ipv6),
        TEST(an_unknown_name_is_unreachable),
    };
    signal(SIGPIPE, SIG_IGN);
    log_init(LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests_name("redis_connect", tests, NULL, NULL);
}
