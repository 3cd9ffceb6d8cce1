/* Start, settings that stop it, logs, the private Redis, and the end. */
#include "tests/lib/raw.h"
#include "tests/service/service_test.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

enum { END_MS = 20000 };

/* A directory, nothing runs yet. */
static void make_service(struct service *service)
{
    *service = (struct service){ .redis.out = -1, .jobbad.out = -1 };
    service_make_dir(service);
}

/* Starts jobbad with a private Redis in the service's directory. */
static void start_private(struct service *service, char data_dir[96])
{
    snprintf(data_dir, 96, "%s/data", service->dir);
    const char *const flags[] = { "--data-dir", data_dir, "--threads", "2", NULL };

    if (!service_start_jobbad_alone(service, flags))
        fail_msg("%s", service_log(service));
}

/* What jobbad says on stderr when it ends by itself; the caller frees it. */
static char *run_to_its_end(const char *const *flags, int *ret_code)
{
    const char *argv[16] = { getenv("JOBBAD") };
    struct service service;
    char *said;

    make_service(&service);
    for (int i = 0; flags[i]; i++)
        argv[i + 1] = flags[i];
    process_start(&service.jobbad, argv, service.err_path);
    *ret_code = process_wait(&service.jobbad, END_MS);
    said = service_log(&service);
    service_stop(&service);
    return said;
}

/* The last number behind `mark` in jobbad's log; 0: none. */
static int last_number(const struct service *service, const char *mark)
{
    char *log = service_log((struct service *)(uintptr_t)service);
    int number = 0;

    for (char *at = log; (at = strstr(at, mark)); at++)
        number = atoi(at + strlen(mark));
    free(log);
    return number;
}

/* ---- settings ---- */

static void a_bad_setting_stops_the_start(void **state)
{
    static const struct {
        const char *flags[5];
        const char *says;
    } cases[] = {
        { { "--threads", "many" }, "threads" },
        { { "--threads", "65" }, "threads" },
        { { "--listen", "nowhere" }, "listen" },
        { { "--listen", "127.0.0.1:70000" }, "listen" },
        { { "--listen", "0.0.0.0:0" }, "--insecure-no-auth" },
        { { "--listen", "[::]:0" }, "--insecure-no-auth" },
        { { "--redis", "http://127.0.0.1" }, "redis" },
        { { "--redis", "rediss://127.0.0.1" }, "TLS" },
        { { "--namespace", "a b" }, "namespace" },
        { { "--request-timeout", "1y" }, "request_timeout" },
        { { "--log-format", "xml" }, "log_format" },
        { { "--colour", "red" }, "--colour" },
        { { "--threads" }, "--threads" },
        { { "--threads", "1", "--threads=2" }, "more than once" },
        { { "--config", "/nonexistent" }, "/nonexistent" },
        { { "--redis", "unix:///x", "--redis-password-file", "/nonexistent" }, "/nonexistent" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int code;
        char *said = run_to_its_end(cases[i].flags, &code);
        if (code != 2 || !strstr(said, cases[i].says))
            fail_msg("%s %s: %d, %s", cases[i].flags[0], cases[i].flags[1], code, said);
        free(said);
    }
}

static void what_the_machine_refuses_is_told(void **state)
{
    struct service *service = *state;
    char listen[64];
    const char *const taken[] = { "--redis", "unix:///x", "--listen", listen, NULL };
    static const char *const cases[][6] = {
        { "--listen", "127.0.0.1:0", "--data-dir", "/proc/nowhere", NULL, "data_dir /proc" },
        { "--listen", "127.0.0.1:0", "--redis-server", "/nonexistent", NULL, "redis_server" },
        { "--listen", "192.0.2.1:0", "--insecure-no-auth", NULL, NULL, "192.0.2.1" },
    };
    char *said;
    int code;

    snprintf(listen, sizeof listen, "127.0.0.1:%u", service->port);
    said = run_to_its_end(taken, &code);
    assert_int_equal(code, 1);
    assert_non_null(strstr(said, "Address already in use"));
    free(said);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        said = run_to_its_end(cases[i], &code);
        if (code != 1 || !strstr(said, cases[i][5]))
            fail_msg("%s: %d, %s", cases[i][5], code, said);
        free(said);
    }
}

static void it_serves_where_it_is_told_to(void **state)
{
    static const char *const listens[] = { "--listen=[::1]:0", "--listen=localhost:0",
                                           "--listen=0.0.0.0:0" };
    char line[256];

    (void)state;
    for (size_t i = 0; i < sizeof listens / sizeof *listens; i++) {
        const char *argv[] = { getenv("JOBBAD"),     "--redis", "unix:///nowhere", listens[i],
                               "--insecure-no-auth", NULL };
        struct process jobbad;
        struct client *client;

        process_start(&jobbad, argv, "/dev/null");
        assert_true(process_read_line(&jobbad, line, sizeof line, PATIENCE_MS));
        client = client_create(strstr(line, "http://"));
        assert_true(process_read_line(&jobbad, line, sizeof line, PATIENCE_MS));
        assert_non_null(strstr(line, "try: curl"));
        assert_int_equal(client_ask(client, "GET", "/health/live", NULL, NULL)->status, 200);
        client_destroy(client);
        process_stop(&jobbad);
    }
}

/* ---- the log ---- */

static void the_access_log_has_a_line_for_each_request_and_no_bodies(void **state)
{
    static const char *const formats[] = { "logfmt", "json" };
    static const char *const lines[] = {
        "method=POST target=/statuses status=201",
        "\"method\":\"POST\",\"target\":\"/statuses\",\"status\":201",
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const char *const flags[] = { "--access-log", "--log-level", "debug",
                                      "--log-format", formats[i],    NULL };
        struct service service;
        char *log, *rest = NULL;

        service_start(&service, flags);
        expect(&service, 201, "POST", "/statuses", "{\"data\":\"topsecret\"}");
        expect(&service, 404, "GET", "/nowhere", NULL);
        process_kill(&service.jobbad, SIGTERM);
        assert_int_equal(process_wait(&service.jobbad, END_MS), 0);
        log = service_log(&service);
        assert_non_null(strstr(log, lines[i]));
        assert_null(strstr(log, "topsecret"));
        for (char *line = strtok_r(log, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
            json_t *json = json_loads(line, 0, NULL);
            assert_int_equal(json != NULL, i == 1);
            json_decref(json);
        }
        free(log);
        service_stop(&service);
    }
}

/* ---- the private Redis ---- */

static unsigned mode_of(const char *dir, const char *name)
{
    char path[160];
    struct stat found;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(stat(path, &found), 0);
    return found.st_mode & 07777;
}

static void its_files_are_private(void **state)
{
    struct service service;
    char dir[96];

    (void)state;
    make_service(&service);
    start_private(&service, dir);
    expect(&service, 201, "POST", "/statuses", NULL);
    assert_int_equal(mode_of(dir, "."), 0700);
    assert_int_equal(mode_of(dir, "redis.conf"), 0600);
    assert_int_equal(mode_of(dir, "redis.sock"), 0700);
    service_stop(&service);
}

static void a_killed_child_comes_back_with_all_data(void **state)
{
    struct service service;
    char dir[96];

    (void)state;
    make_service(&service);
    start_private(&service, dir);
    expect(&service, 201, "PUT", "/statuses/kept", "{\"data\":\"kept\"}");
    for (int round = 1; round <= 2; round++) {
        int child = last_number(&service, "event=embedded_redis_started pid=");
        expect(&service, 200, "POST", "/statuses/kept/errors", "\"boom\"");
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_until(last_number(&service, "event=embedded_redis_started pid=") != child);
        assert_until(service_is_ready(&service));
        const struct answer *answer = expect(&service, 200, "GET", "/statuses/kept", NULL);
        expect_member(answer, "data", "\"kept\"");
        expect_member(answer, "errors", round == 1 ? "[\"boom\"]" : "[\"boom\",\"boom\"]");
    }
    service_stop(&service);
}

/* It is gone, or dead and not yet collected by whoever inherited it. */
static bool is_dead(int pid)
{
    char path[64], stat[256] = "";
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    file = fopen(path, "r");
    if (!file)
        return true;
    if (!fgets(stat, sizeof stat, file))
        *stat = '\0';
    fclose(file);
    return !*stat || strstr(stat, ") Z ") || strstr(stat, ") X ");
}

static void nothing_outlives_a_killed_service(void **state)
{
    struct service service;
    char dir[96];

    (void)state;
    make_service(&service);
    start_private(&service, dir);
    for (int round = 1; round <= 3; round++) {
        int child = last_number(&service, "event=embedded_redis_started pid=");
        expect(&service, round == 1 ? 201 : 200, "PUT", "/statuses/kept", NULL);
        expect(&service, 200, "POST", "/statuses/kept/errors", "1");
        process_kill(&service.jobbad, SIGKILL);
        start_private(&service, dir); /* at once: it waits for the orphan to end */
        assert_true(is_dead(child));
        const struct answer *answer = expect(&service, 200, "GET", "/statuses/kept", NULL);
        assert_int_equal(json_array_size(json_object_get(answer->json, "errors")), round);
    }
    service_stop(&service);
}

static void two_never_share_a_directory(void **state)
{
    struct service service;
    char dir[96], *said;
    int code;

    (void)state;
    make_service(&service);
    start_private(&service, dir);
    const char *const flags[] = { "--listen", "127.0.0.1:0", "--data-dir", dir, NULL };
    said = run_to_its_end(flags, &code);
    assert_int_equal(code, 1);
    assert_non_null(strstr(said, "another jobbad uses it"));
    free(said);
    expect(&service, 201, "POST", "/statuses", NULL);
    service_stop(&service);
}

/* redis-server goes into the directory: a name that is relative means something else there. */
static void the_directory_may_be_relative(void **state)
{
    const char *const flags[] = { "--data-dir", "here/data", NULL };
    char wanted[160], *home = getcwd(NULL, 0);
    struct service service;
    struct stat found;

    (void)state;
    make_service(&service);
    assert_int_equal(chdir(service.dir), 0);
    assert_true(service_start_jobbad_alone(&service, flags));
    assert_int_equal(chdir(home), 0);
    free(home);
    expect(&service, 201, "POST", "/statuses", NULL);
    snprintf(wanted, sizeof wanted, "%s/here/data/appendonlydir", service.dir);
    assert_int_equal(stat(wanted, &found), 0);
    service_stop(&service);
}

static void the_default_directory_is_the_users(void **state)
{
    char wanted[160];
    struct service service;
    struct stat found;

    (void)state;
    make_service(&service);
    setenv("XDG_STATE_HOME", service.dir, 1);
    const char *const flags[] = { NULL };
    assert_true(service_start_jobbad_alone(&service, flags));
    unsetenv("XDG_STATE_HOME");
    snprintf(wanted, sizeof wanted, "%s/jobbad/appendonlydir", service.dir);
    expect(&service, 201, "POST", "/statuses", NULL);
    assert_int_equal(stat(wanted, &found), 0);
    service_stop(&service);
}

/* ---- the end ---- */

#define START_R "POST /statuses/r/started HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"

static void what_is_in_flight_is_finished_at_the_end(void **state)
{
    struct service service;
    struct raw *busy, *idle;

    (void)state;
    service_start(&service, NULL);
    expect(&service, 201, "PUT", "/statuses/r", NULL);
    busy = raw_open(service.port);
    idle = raw_open(service.port);
    store(&service, "CLIENT PAUSE 1200 ALL");
    raw_send(busy, START_R);
    pause_ms(100); /* under way; were it not, it would be refused and the test fail */
    process_kill(&service.jobbad, SIGTERM);
    assert_until(!raw_port_is_open(service.port));
    assert_int_equal(raw_take(busy, 0), -1); /* it was refused at once, not at the end */
    assert_int_equal(raw_take(busy, PATIENCE_MS), 200);
    assert_string_equal(raw_header(busy, "Connection"), "close");
    assert_true(raw_is_closed(busy, PATIENCE_MS));
    assert_true(raw_is_closed(idle, PATIENCE_MS));
    assert_int_equal(process_wait(&service.jobbad, END_MS), 0);
    expect_store(&service, "\"started\"", "HGET jobba:id:r state");
    raw_close(busy);
    raw_close(idle);
    service_stop(&service);
}

static void a_client_that_does_not_end_is_not_waited_for_longer_than_the_limit(void **state)
{
    static const char *const flags[] = { "--drain-timeout=300ms", "--header-timeout=600s", NULL };
    struct service service;
    struct raw *raw;

    (void)state;
    service_start(&service, flags);
    raw = raw_open(service.port);
    raw_send(raw, "GET /health/live HTTP/1.1\r\nX-Half");
    expect(&service, 200, "GET", "/health/live", NULL);
    process_kill(&service.jobbad, SIGTERM);
    assert_int_equal(process_wait(&service.jobbad, END_MS), 0);
    raw_close(raw);
    service_stop(&service);
}

/* Redis is let go before the clients are: a request may still come to its end. */
static void a_body_that_ends_after_the_limit_does_no_harm(void **state)
{
    static const char *const flags[] = { "--drain-timeout=300ms", "--body-timeout=600s", NULL };
    struct service service;
    struct raw *raw;

    (void)state;
    service_start(&service, flags);
    raw = raw_open(service.port);
    raw_send(raw, "POST /statuses HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{");
    expect(&service, 200, "GET", "/health/live", NULL);
    process_kill(&service.jobbad, SIGTERM);
    assert_until(service_log_has(&service, "event=drain_expired"));
    raw_send_bytes(raw, "}", 1);
    assert_int_not_equal(raw_take(raw, PATIENCE_MS), 201);
    assert_int_equal(process_wait(&service.jobbad, END_MS), 0);
    assert_false(service_log_has(&service, "Sanitizer"));
    raw_close(raw);
    service_stop(&service);
}

static void a_second_signal_ends_it_at_once(void **state)
{
    static const char *const flags[] = { "--request-timeout=600s", "--redis-timeout=600s",
                                         "--drain-timeout=600s", NULL };
    struct service service;
    struct raw *raw;

    (void)state;
    service_start(&service, flags);
    expect(&service, 201, "PUT", "/statuses/r", NULL);
    store(&service, "CLIENT PAUSE 600000 ALL");
    raw = raw_open(service.port);
    raw_send(raw, START_R);
    pause_ms(100);
    process_kill(&service.jobbad, SIGTERM);
    assert_until(service_log_has(&service, "event=draining"));
    process_kill(&service.jobbad, SIGTERM);
    assert_int_equal(process_wait(&service.jobbad, END_MS), 1);
    raw_close(raw);
    service_stop(&service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bad_setting_stops_the_start),
        cmocka_unit_test(what_the_machine_refuses_is_told),
        cmocka_unit_test(it_serves_where_it_is_told_to),
        cmocka_unit_test(the_access_log_has_a_line_for_each_request_and_no_bodies),
        cmocka_unit_test(its_files_are_private),
        cmocka_unit_test(a_killed_child_comes_back_with_all_data),
        cmocka_unit_test(nothing_outlives_a_killed_service),
        cmocka_unit_test(two_never_share_a_directory),
        cmocka_unit_test(the_directory_may_be_relative),
        cmocka_unit_test(the_default_directory_is_the_users),
        cmocka_unit_test(what_is_in_flight_is_finished_at_the_end),
        cmocka_unit_test(a_client_that_does_not_end_is_not_waited_for_longer_than_the_limit),
        cmocka_unit_test(a_body_that_ends_after_the_limit_does_no_harm),
        cmocka_unit_test(a_second_signal_ends_it_at_once),
        ENDS_CLEANLY,
    };
    return cmocka_run_group_tests_name("lifecycle", tests, service_setup, service_teardown);
}
