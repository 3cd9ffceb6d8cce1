#include "server/config.h"

#include "tests/unit/unit_test.h"

#include <unistd.h>

enum { ARGS_MAX = 8 };

static struct config config;
static struct buf message;
static char file_path[64];

/* Loads flags and environment, each up to a NULL (or NULL for none). */
static enum config_action load(const char *const *flags, const char *const *environment)
{
    static const char *const none[] = { NULL };
    const char *argv[ARGS_MAX + 2] = { "jobbad" };
    int argc = 1;

    while (flags && *flags)
        argv[argc++] = *flags++;
    buf_clear(&message);
    return config_load(argc, (char *const *)(uintptr_t)argv,
                       (char *const *)(uintptr_t)(environment ? environment : none), &config,
                       &message);
}

static void write_file(const char *content)
{
    FILE *file = fopen(file_path, "w");

    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

static int make_file(void **state)
{
    int fd;

    (void)state;
    strcpy(file_path, "/tmp/jobbad-config-XXXXXX");
    fd = mkstemp(file_path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    buf_finish(&message);
    return unlink(file_path);
}

static void a_flag_wins_over_a_variable_over_the_file_over_the_default(void **state)
{
    const char *const in_file[] = { "--config", file_path, NULL };
    const char *const flag[] = { "--config", file_path, "--threads=4", NULL };
    static const char *const variable[] = { "JOBBAD_THREADS=3", "HOME=/root", NULL };

    (void)state;
    write_file("# comment\n\n  threads =  2  \nbody_limit=1MiB\n");
    assert_int_equal(load(in_file, NULL), CONFIG_RUN);
    assert_int_equal(config.threads, 2);
    assert_int_equal(config.body_limit, 1024 * 1024);
    assert_int_equal(config.max_connections, 10000);
    config_finish(&config);
    assert_int_equal(load(in_file, variable), CONFIG_RUN);
    assert_int_equal(config.threads, 3);
    config_finish(&config);
    assert_int_equal(load(flag, variable), CONFIG_RUN);
    assert_int_equal(config.threads, 4);
    config_finish(&config);
}

static void an_unknown_variable_is_a_warning(void **state)
{
    static const char *const variables[] = { "JOBBAD_SERVICE_PORT=1", "JOBBAD_THREADS=3",
                                             "JOBBAD_X=", NULL };

    (void)state;
    assert_int_equal(load(NULL, variables), CONFIG_RUN);
    assert_int_equal(config.threads, 3);
    assert_string_equal(buf_cstr(&message), "no such setting: JOBBAD_SERVICE_PORT; "
                                            "no such setting: JOBBAD_X");
    config_finish(&config);
}

static void the_file_can_be_named_by_a_variable(void **state)
{
    char name[96];
    const char *const variable[] = { name, NULL };

    (void)state;
    snprintf(name, sizeof name, "JOBBAD_CONFIG=%s", file_path);
    write_file("namespace = other:{x}\n");
    assert_int_equal(load(NULL, variable), CONFIG_RUN);
    assert_string_equal(config.namespace, "other:{x}");
    config_finish(&config);
}

static void flags_are_written_in_each_usual_way(void **state)
{
    static const char *const flags[] = {
        "--data-dir", "/d", "--request_timeout=1500ms", "--access-log", "--listen", "[::1]:0", NULL
    };

    (void)state;
    assert_int_equal(load(flags, NULL), CONFIG_RUN);
    assert_string_equal(config.data_dir, "/d");
    assert_int_equal(config.request_timeout, 1500);
    assert_true(config.access_log);
    assert_string_equal(config.listen_host, "::1");
    assert_int_equal(config.listen_port, 0);
    assert_true(config.listen_is_loopback && config.embedded);
    config_finish(&config);
}

static void units_are_understood(void **state)
{
    static const struct {
        const char *flag;
        uint64_t ms;
    } cases[] = {
        { "--idle-timeout=1500", 1500 },   { "--idle-timeout=2s", 2000 },
        { "--idle-timeout=5m", 300000 },   { "--idle-timeout=1h", 3600000 },
        { "--idle-timeout=1000ms", 1000 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *const flags[] = { cases[i].flag, NULL };
        assert_int_equal(load(flags, NULL), CONFIG_RUN);
        assert_int_equal(config.idle_timeout, cases[i].ms);
        config_finish(&config);
    }
}

static void lists_are_split(void **state)
{
    static const char *const flags[] = { "--allowed-hosts", " a.example,b.example:80 , ", NULL };

    (void)state;
    assert_int_equal(load(flags, NULL), CONFIG_RUN);
    assert_string_equal(config.allowed_hosts[0], "a.example");
    assert_string_equal(config.allowed_hosts[1], "b.example:80");
    assert_null(config.allowed_hosts[2]);
    assert_null(config.allowed_origins[0]);
    config_finish(&config);
}

static void a_bad_value_is_named_with_its_source(void **state)
{
    static const struct {
        const char *flag, *variable, *file, *says;
    } cases[] = {
        { "--threads=x", NULL, NULL, "command line: threads: 'x' is not valid, expected a number" },
        { "--threads=-1", NULL, NULL, "threads: '-1'" },
        { "--threads=65", NULL, NULL, "from 0 to 64" },
        { "--threads=9999999999999999999", NULL, NULL, "threads" },
        { "--access-log=maybe", NULL, NULL, "true or false" },
        { "--body-limit=1GiB", NULL, NULL, "bytes" },
        { "--log-level=loud", NULL, NULL, "debug|info|warn|error" },
        { NULL, "JOBBAD_THREADS=x", NULL, "environment: threads: 'x'" },
        { NULL, NULL, "threads = x\n", ":1: threads: 'x'" },
        { NULL, NULL, "\nthreds = 1\n", ":2: threds: no such setting" },
        { NULL, NULL, "threads\n", "'name = value'" },
        { "--allowed-origins=shop.example", NULL, NULL, "allowed_origins: shop.example: expected" },
        { "--allowed-origins=https://a.example,https://b.example/", NULL, NULL, "https://b.exa" },
        { "--allowed-origins=*", NULL, NULL, "allowed_origins: *: expected https://host" },
        { "--allowed-origins=https://*.example", NULL, NULL, "allowed_origins: https://*" },
        { "--allowed-origins=https://", NULL, NULL, "allowed_origins: https://: expected" },
        { "threads=1", NULL, NULL, "no such flag" },
        { "--", NULL, NULL, "no such flag" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *flags[] = { "--config", file_path, cases[i].flag, NULL };
        const char *const environment[] = { cases[i].variable, NULL };
        write_file(cases[i].file ? cases[i].file : "");
        assert_int_equal(load(flags, environment), CONFIG_FAILED);
        if (!strstr(buf_cstr(&message), cases[i].says))
            fail_msg("'%s' does not say '%s'", buf_cstr(&message), cases[i].says);
    }
}

static void the_password_comes_from_a_file_and_is_never_shown(void **state)
{
    static const char url[] = "--redis=redis://worker:old@127.0.0.1:7000/3";
    char from[96];
    const char *const flags[] = { url, from, NULL };
    struct buf shown = { 0 };

    (void)state;
    snprintf(from, sizeof from, "--redis-password-file=%s", file_path);
    write_file("s3cret\n");
    assert_int_equal(load(flags, NULL), CONFIG_RUN);
    assert_string_equal(config.redis_address.password, "s3cret");
    assert_string_equal(config.redis_address.user, "worker");
    config_write_redis(&shown, &config);
    assert_string_equal(buf_cstr(&shown), "redis://worker:***@127.0.0.1:7000/3");
    buf_finish(&shown);
    config_finish(&config);
}

static void the_help_names_every_setting_in_three_ways(void **state)
{
    static const char *const names[] = { "`listen`", "`--data-dir`", "`JOBBAD_NAMESPACE`" };
    struct buf help = { 0 }, markdown = { 0 };

    (void)state;
    config_write_help(&help);
    config_write_markdown(&markdown);
    assert_non_null(strstr(buf_cstr(&help), "--redis-password-file"));
    for (size_t i = 0; i < COUNT(names); i++)
        assert_non_null(strstr(buf_cstr(&markdown), names[i]));
    for (const char *line = buf_cstr(&help), *end; *line; line = end + 1) {
        end = strchr(line, '\n');
        assert_in_range(end - line, 0, 100);
    }
    buf_finish(&help);
    buf_finish(&markdown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flag_wins_over_a_variable_over_the_file_over_the_default),
        cmocka_unit_test(an_unknown_variable_is_a_warning),
        cmocka_unit_test(the_file_can_be_named_by_a_variable),
        cmocka_unit_test(flags_are_written_in_each_usual_way),
        cmocka_unit_test(units_are_understood),
        cmocka_unit_test(lists_are_split),
        cmocka_unit_test(a_bad_value_is_named_with_its_source),
        cmocka_unit_test(the_password_comes_from_a_file_and_is_never_shown),
        cmocka_unit_test(the_help_names_every_setting_in_three_ways),
    };
    return cmocka_run_group_tests_name("config", tests, make_file, remove_file);
}
