#include "core/redis_pool.h"
#include "tests/unit/unit_test.h"

static void assert_same(const char *actual, const char *expected)
{
    if (expected)
        assert_string_equal(actual, expected);
    else
        assert_null(actual);
}

static void parses_urls(void **state)
{
    static const struct {
        const char *url, *path, *host, *user, *password;
        unsigned port, db;
    } cases[] = {
        { "redis://localhost", NULL, "localhost", NULL, NULL, 6379, 0 },
        { "redis://localhost/", NULL, "localhost", NULL, NULL, 6379, 0 },
        { "redis://10.0.1.1:6380/15", NULL, "10.0.1.1", NULL, NULL, 6380, 15 },
        { "redis://:p4ssw0rd@10.0.1.1:6380/15", NULL, "10.0.1.1", NULL, "p4ssw0rd", 6380, 15 },
        { "redis://me:secret@h:1", NULL, "h", "me", "secret", 1, 0 },
        { "redis://me:a%40b%3Ac%2F@h", NULL, "h", "me", "a@b:c/", 6379, 0 },
        { "redis://me:a@b@h", NULL, "h", "me", "a@b", 6379, 0 },
        { "redis://[::1]", NULL, "::1", NULL, NULL, 6379, 0 },
        { "redis://[::1]:7/2", NULL, "::1", NULL, NULL, 7, 2 },
        { "redis://:pw@[fe80::1]:65535", NULL, "fe80::1", NULL, "pw", 65535, 0 },
        { "unix:///run/redis.sock", "/run/redis.sock", NULL, NULL, NULL, 0, 0 },
        { "unix:///run/redis.sock?db=3", "/run/redis.sock", NULL, NULL, NULL, 0, 3 },
        { "unix://me:pw@/run/r", "/run/r", NULL, "me", "pw", 0, 0 },
        { "unix:///run/with@sign", "/run/with@sign", NULL, NULL, NULL, 0, 0 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct redis_address address;
        const char *message;
        if (!redis_address_parse(cases[i].url, &address, &message))
            fail_msg("%s: %s", cases[i].url, message);
        assert_same(address.path, cases[i].path);
        assert_same(address.host, cases[i].host);
        assert_same(address.user, cases[i].user);
        assert_same(address.password, cases[i].password);
        assert_int_equal(address.port, cases[i].port);
        assert_int_equal(address.db, cases[i].db);
        redis_address_finish(&address);
        redis_address_finish(&address);
    }
}

static void refuses_bad_urls_without_the_password_in_the_message(void **state)
{
    static const char *const cases[] = {
        "",
        "localhost",
        "http://localhost",
        "rediss://secret@localhost",
        "redis://",
        "redis://:6379",
        "redis://h:",
        "redis://h:0",
        "redis://h:65536",
        "redis://h:x",
        "redis://h:1x",
        "redis://h/x",
        "redis://h/1x",
        "redis://h/99999999999",
        "redis://[::1",
        "redis://[::1]x",
        "redis://user@h",
        "redis://:secret%zz@h",
        "redis://:secret%00@h",
        "redis://h?db=1",
        "unix://relative",
        "unix://",
        "unix:///a?x=1",
        "unix:///a?db=x",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct redis_address address;
        const char *message = NULL;
        if (redis_address_parse(cases[i], &address, &message))
            fail_msg("%s was taken", cases[i]);
        assert_non_null(message);
        assert_null(strstr(message, "secret"));
    }
}

static void refuses_a_socket_whose_path_the_kernel_would_cut(void **state)
{
    char url[128] = "unix:///";
    struct redis_address address;
    const char *message;

    (void)state;
    memset(url + 8, 'a', 106); /* with its slash 107 bytes: as long as may be */
    assert_true(redis_address_parse(url, &address, &message));
    redis_address_finish(&address);
    url[8 + 106] = 'a';
    assert_false(redis_address_parse(url, &address, &message));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_urls),
        cmocka_unit_test(refuses_bad_urls_without_the_password_in_the_message),
        cmocka_unit_test(refuses_a_socket_whose_path_the_kernel_would_cut),
    };
    return cmocka_run_group_tests_name("redis_address", tests, NULL, NULL);
}
