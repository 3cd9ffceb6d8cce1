/*
 * The examples for worker authors, docs/examples/: a program that works on a job has to behave the
 * same in each language, also when its connections are cut.
 *
 * usage: test_worker LANGUAGE
 */
#include "tests/lib/proxy.h"
#include "tests/service/service_test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CUT_EVERY = 3, SEED = 5, RUN_MS = 120000, OUT_BYTES = 4096 };

static const struct language {
    const char *name;
    const char *program[4]; /* and the file comes last */
} languages[] = {
    { "shell", { "sh", "worker.sh" } },
    { "python", { "python3", "worker.py" } },
    { "ruby", { "ruby", "worker.rb" } },
    { "javascript", { "node", "worker.mjs" } },
    { "go",
      { "sh", "-c", "go build -o go-worker \"$0\" && exec ./go-worker \"$@\"", "worker.go" } },
    { "java", { "java", "Worker.java" } },
};

static const struct language *language; /* under test */

/* ---- running one ---- */

struct worker {
    struct process process;
    char out[OUT_BYTES];
    int code;
};

/* In the directory of the service, on the status "job". `files` up to a NULL. */
static void start_worker(struct worker *worker, const char *url, const char *const *files)
{
    const char *argv[40] = { NULL };
    char source[512];
    unsigned n = 0;

    for (unsigned i = 0; i < 4 && language->program[i]; i++)
        argv[n++] = language->program[i];
    snprintf(source, sizeof source, "%s/%s", getenv("JOBBAD_EXAMPLES"), argv[n - 1]);
    argv[n - 1] = source;
    argv[n++] = url;
    argv[n++] = "job";
    while (*files)
        argv[n++] = *files++;
    *worker = (struct worker){ 0 };
    process_start(&worker->process, argv, "worker.log");
}

static void end_worker(struct worker *worker)
{
    char line[512];
    size_t len = 0;

    while (process_read_line(&worker->process, line, sizeof line, RUN_MS) && len < OUT_BYTES)
        len += (size_t)snprintf(worker->out + len, OUT_BYTES - len, "%s\n", line);
    worker->code = process_wait(&worker->process, RUN_MS);
}

static void expect_end(struct worker *worker, int code, const char *out)
{
    char log[OUT_BYTES] = "";
    FILE *file = fopen("worker.log", "r");

    end_worker(worker);
    if (worker->code == code && strcmp(worker->out, out) == 0)
        return;
    log[file ? fread(log, 1, sizeof log - 1, file) : 0] = '\0';
    fail_msg("%s ended with %d, not %d\nprinted: %s\nexpected: %s\nstderr: %s", language->name,
             worker->code, code, worker->out, out, log);
}

static void expect_run(const char *url, const char *const *files, int code, const char *out)
{
    struct worker worker;

    start_worker(&worker, url, files);
    expect_end(&worker, code, out);
}

static void write_file(const char *name, unsigned lines)
{
    FILE *file = fopen(name, "w");

    for (unsigned i = 0; i < lines; i++)
        fprintf(file, "line %u\n", i);
    fclose(file);
}

/* A worker that is in the middle of its work: it waits for what the pipe says. */
static int start_worker_that_waits(struct service *service, struct worker *worker)
{
    static const char *const files[] = { "a", "pipe", "b", NULL };
    int fd = -1;

    expect(service, 201, "PUT", "/statuses/job", "{\"state\":\"queued\"}");
    unlink("pipe");
    assert_int_equal(mkfifo("pipe", 0600), 0);
    start_worker(worker, service->url, files);
    assert_until((fd = open("pipe", O_WRONLY | O_NONBLOCK | O_CLOEXEC)) >= 0);
    expect_member(expect(service, 200, "GET", "/statuses/job", NULL), "progress",
                  "0.3333333333333333");
    return fd;
}

static void let_it_go_on(int fd)
{
    assert_int_equal(write(fd, "x\n", 2), 2);
    close(fd);
}

/* ---- tests ---- */

/* `rev` counts the changes: one more, and something was counted twice. */
static void each_report_counts_once_though_connections_are_cut(void **state)
{
    static const char *const first[] = { "a",        "b", "c", "no \"such\" file", "a",
                                         "no\\file", "b", "a", "missing",          NULL };
    static const char *const second[] = { "a", "b", "c", "a", "b", "c", "a", "b", NULL };
    static const char *const said_first =
        "started job, attempt 0\na: 3 lines\nb: 5 lines\nc: 0 lines\n"
        "no \"such\" file: can't be read\na: 3 lines\nno\\file: can't be read\nb: 5 lines\n"
        "a: 3 lines\nmissing: can't be read\nfailed: 3 of 9 files can't be read\n";
    static const char *const said_second =
        "started job, attempt 1\na: 3 lines\nb: 5 lines\nc: 0 lines\na: 3 lines\nb: 5 lines\n"
        "c: 0 lines\na: 3 lines\nb: 5 lines\ndone: 24 lines\n";
    struct service *service = *state;
    const struct answer *answer;
    struct proxy *proxy;
    char target[64], url[64];

    snprintf(target, sizeof target, "127.0.0.1:%u", service->port);
    proxy = proxy_start("127.0.0.1:0", target, SEED, 0);
    proxy_cut_every(proxy, CUT_EVERY);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", proxy_port(proxy));
    expect(service, 201, "PUT", "/statuses/job", "{\"state\":\"queued\"}");

    expect_run(url, first, 1, said_first);
    answer = expect(service, 200, "GET", "/statuses/job", NULL);
    expect_member(answer, "state", "\"failed\"");
    expect_member(answer, "progress", "1.0");
    expect_member(answer, "errors",
                  "[{\"file\":\"no \\\"such\\\" file\",\"message\":\"can't be read\"},"
                  "{\"file\":\"no\\\\file\",\"message\":\"can't be read\"},"
                  "{\"file\":\"missing\",\"message\":\"can't be read\"}]");
    expect_member(answer, "rev", "15"); /* created, started, 9 progress, 3 errors, failed */

    expect_run(url, second, 0, said_second);
    answer = expect(service, 200, "GET", "/statuses/job", NULL);
    expect_member(answer, "state", "\"succeeded\"");
    expect_member(answer, "attempt", "1");
    expect_member(answer, "data", "{\"lines\":24}");
    expect_member(answer, "errors", "[]");
    expect_member(answer, "rev", "25"); /* and started, 8 progress, succeeded */

    for (unsigned i = CUT_BEFORE_REQUEST; i < CUT_KINDS; i++)
        assert_true(proxy_counts(proxy).cuts[i] > 0);
    proxy_stop(proxy);
}

static void a_job_that_another_works_on_is_left_alone(void **state)
{
    static const char *const files[] = { "a", NULL };
    struct service *service = *state;

    expect(service, 201, "PUT", "/statuses/job", "{\"state\":\"started\"}");
    expect_run(service->url, files, 2, "not mine: job is started\n");
    expect_member(expect(service, 200, "GET", "/statuses/job", NULL), "rev", "1");
}

static void it_ends_when_it_is_asked_to(void **state)
{
    struct service *service = *state;
    struct worker worker;
    int fd = start_worker_that_waits(service, &worker);

    expect(service, 200, "POST", "/statuses/job/request_kill", NULL);
    let_it_go_on(fd);
    expect_end(&worker, 3,
               "started job, attempt 0\na: 3 lines\npipe: 1 lines\nkilled after 2 of 3 files\n");
    expect_member(expect(service, 200, "GET", "/statuses/job", NULL), "state", "\"killed\"");
}

static void a_late_report_does_not_get_into_the_next_attempt(void **state)
{
    struct service *service = *state;
    struct worker worker;
    const struct answer *answer;
    int fd = start_worker_that_waits(service, &worker);

    expect(service, 200, "POST", "/statuses/job/started?attempt=1", NULL);
    let_it_go_on(fd);
    expect_end(&worker, 4, "started job, attempt 0\na: 3 lines\npipe: 1 lines\n");
    answer = expect(service, 200, "GET", "/statuses/job", NULL);
    expect_member(answer, "state", "\"started\"");
    expect_member(answer, "attempt", "1");
    expect_member(answer, "progress", "0");
}

/* The files that are worked on. */
static int begin(void **state)
{
    struct service *service;

    setenv("no_proxy", "*", 1);
    service_setup(state);
    service = *state;
    assert_int_equal(chdir(service->dir), 0);
    write_file("a", 3);
    write_file("b", 5);
    write_file("c", 0);
    return 0;
}

static int end(void **state)
{
    assert_int_equal(chdir("/"), 0);
    return service_teardown(state);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        FRESH(each_report_counts_once_though_connections_are_cut),
        FRESH(a_job_that_another_works_on_is_left_alone),
        FRESH(it_ends_when_it_is_asked_to),
        FRESH(a_late_report_does_not_get_into_the_next_attempt),
        ENDS_CLEANLY,
    };

    for (size_t i = 0; argc == 2 && i < sizeof languages / sizeof *languages; i++)
        if (strcmp(argv[1], languages[i].name) == 0)
            language = &languages[i];
    if (!language) {
        fprintf(stderr, "usage: %s shell|python|ruby|javascript|go|java\n", argv[0]);
        return 2;
    }
    return cmocka_run_group_tests_name(language->name, tests, begin, end);
}
