/* Lists in other formats than JSON: NDJSON without end, and tables for a console. */
#include "tests/lib/filler.h"
#include "tests/lib/raw.h"
#include "tests/lib/sanitized.h"
#include "tests/service/service_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define NDJSON "Accept: application/x-ndjson"
#define TEXT   "Accept: text/plain"

/* ---- a reader with a pace of its own ---- */

struct reader {
    int fd;
    char *data;
    size_t len, cap;
};

static void reader_open(struct reader *reader, struct service *service, const char *target,
                        const char *version)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(service->port) };
    int small = 4096;
    char request[512];

    *reader = (struct reader){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    setsockopt(reader->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(reader->fd, (struct sockaddr *)&address, sizeof address), 0);
    snprintf(request, sizeof request,
             "GET %s HTTP/%s\r\nHost: localhost\r\nAccept: application/x-ndjson\r\n\r\n", target,
             version);
    assert_int_equal(send(reader->fd, request, strlen(request), MSG_NOSIGNAL),
                     (ssize_t)strlen(request));
}

/* Reads until there are so many bytes, or the end, which it tells by false. */
static bool reader_take(struct reader *reader, size_t bytes)
{
    while (reader->len < bytes) {
        struct pollfd wait = { .fd = reader->fd, .events = POLLIN };
        ssize_t n;
        if (reader->cap - reader->len < 65537) {
            reader->cap = 2 * reader->cap + 65537;
            reader->data = realloc(reader->data, reader->cap);
        }
        if (poll(&wait, 1, 20000) != 1)
            fail_msg("nothing came in 20 s, after %zu bytes", reader->len);
        n = recv(reader->fd, reader->data + reader->len, 65536, 0);
        if (n <= 0)
            return false;
        reader->len += (size_t)n;
        reader->data[reader->len] = '\0';
    }
    return true;
}

static void reader_close(struct reader *reader)
{
    close(reader->fd);
    free(reader->data);
}

static const char *reader_body(const struct reader *reader)
{
    const char *end = strstr(reader->data, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

/* ---- what the service does meanwhile ---- */

static long statuses_read(struct service *service)
{
    const char *found = strstr(store(service, "INFO commandstats"), "cmdstat_hgetall:calls=");
    return found ? atol(found + strlen("cmdstat_hgetall:calls=")) : 0;
}

/* Waits until it reads no more. */
static long statuses_read_at_rest(struct service *service)
{
    long before = -1, now = statuses_read(service);

    for (int calm = 0; calm < 20; before = now, now = statuses_read(service)) {
        calm = now == before ? calm + 1 : 0;
        usleep(10000);
    }
    return now;
}

static long resident_kib(const struct process *process)
{
    char path[64], line[256];
    long kib = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/status", (int)process->pid);
    file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, "VmRSS:", 6) == 0)
            kib = atol(line + 6);
    fclose(file);
    return kib;
}

/* ---- NDJSON ---- */

static void every_match_is_a_line(void **state)
{
    struct service *service = *state;

    fill(service, "n", "failed", 3, 0);
    const struct answer *answer =
        expect_with(service, 200, NDJSON, "GET", "/statuses?state=failed&fields=id,state", NULL);
    assert_string_equal(answer->body, "{\"id\":\"n2\",\"state\":\"failed\"}\n"
                                      "{\"id\":\"n1\",\"state\":\"failed\"}\n"
                                      "{\"id\":\"n0\",\"state\":\"failed\"}\n");
    expect_header(answer, "Content-Type", "application/x-ndjson");
    answer = expect_with(service, 200, NDJSON, "POST", "/statuses:query",
                         "{\"sort\":\"id\",\"limit\":2,\"offset\":1,\"fields\":[\"id\"]}");
    assert_string_equal(answer->body, "{\"id\":\"n1\"}\n{\"id\":\"n2\"}\n");
    answer = expect_with(service, 200, NDJSON, "GET", "/statuses?state=queued", NULL);
    assert_string_equal(answer->body, "");
    expect_with(service, 200, NDJSON, "HEAD", "/statuses", NULL);
    expect_problem(expect_with(service, 400, NDJSON, "GET", "/statuses?count=true", NULL), 400,
                   "malformed-query", "count");
    expect_problem(expect_with(service, 400, NDJSON, "POST", "/statuses:query?explain=true", "{}"),
                   400, "malformed-query", "explain");
}

static void line_breaks_of_others_are_none(void **state)
{
    struct service *service = *state;

    fill(service, "n", "failed", 1, 0);
    expect_store(service, "1", "HSET jobba:id:n0 data %s", "{\"a\":\r\n[1,\n2]}");
    assert_string_equal(
        expect_with(service, 200, NDJSON, "GET", "/statuses?fields=data", NULL)->body,
        "{\"data\":{\"a\":  [1, 2]}}\n");
}

/* More than an export keeps ids of at a time. */
static void an_export_has_all_in_order_and_once(void **state)
{
    enum { COUNT = 23456 };
    struct service *service = *state;
    struct reader reader;
    int wanted = COUNT;

    fill(service, "n", "failed", COUNT, 0);
    reader_open(&reader, service, "/statuses?fields=id", "1.0");
    while (reader_take(&reader, reader.len + 1))
        ;
    for (const char *line = reader_body(&reader); *line; line = strchr(line, '\n') + 1) {
        wanted--;
        if (strncmp(line, "{\"id\":\"n", 8) != 0 || atoi(line + 8) != wanted)
            fail_msg("%.40s instead of n%d", line, wanted);
    }
    assert_int_equal(wanted, 0);
    reader_close(&reader);
}

static void a_slow_reader_sets_the_pace(void **state)
{
    enum { COUNT = 50000 };
    struct service *service = *state;
    struct reader reader;
    long before, stopped, lines = 0;

    fill(service, "n", "failed", COUNT, 0);
    expect_with(service, 200, NDJSON, "GET", "/statuses?limit=1000", NULL); /* warm */
    store(service, "CONFIG RESETSTAT");
    before = resident_kib(&service->jobbad);
    reader_open(&reader, service, "/statuses", "1.0");
    assert_true(reader_take(&reader, 1000));
    stopped = statuses_read_at_rest(service);
    assert_in_range(stopped, 1, COUNT / 2); /* the kernel's buffers hold some megabytes */
    while (reader_take(&reader, reader.len + 1))
        ;
    for (const char *at = reader_body(&reader); *at; at++)
        lines += *at == '\n';
    assert_int_equal(lines, COUNT);
    assert_int_equal(statuses_read(service), COUNT);
    if (!is_sanitized())
        assert_true(resident_kib(&service->jobbad) - before < 8L * 1024);
    reader_close(&reader);
}

static void it_stops_when_the_reader_goes(void **state)
{
    enum { COUNT = 50000 };
    struct service *service = *state;
    struct reader reader;

    fill(service, "n", "failed", COUNT, 0);
    store(service, "CONFIG RESETSTAT");
    reader_open(&reader, service, "/statuses", "1.1");
    assert_true(reader_take(&reader, 1000));
    reader_close(&reader);
    assert_in_range(statuses_read_at_rest(service), 1, COUNT / 2);
    expect(service, 200, "GET", "/statuses?limit=1", NULL);
}

/* What has been sent can't be taken back, but is not passed off as the whole. */
static void a_lost_redis_cuts_the_export(void **state)
{
    struct service service;
    struct reader reader;

    (void)state;
    service_start(&service, NULL);
    fill(&service, "n", "failed", 50000, 0);
    reader_open(&reader, &service, "/statuses", "1.1");
    assert_true(reader_take(&reader, 1000));
    process_kill(&service.redis, SIGKILL);
    while (reader_take(&reader, reader.len + 1))
        ;
    assert_memory_equal(reader.data, "HTTP/1.1 200 ", 13);
    assert_true(reader.len < 20000000 && strcmp(reader.data + reader.len - 5, "0\r\n\r\n") != 0);
    reader_close(&reader);
    expect_problem(expect_with(&service, 503, NDJSON, "GET", "/statuses", NULL), 503, "unavailable",
                   NULL);
    service_stop(&service);
}

static void a_reader_that_stops_does_not_hold_up_the_end(void **state)
{
    static const char *const flags[] = { "--drain-timeout", "200ms", NULL };
    struct service service;
    struct reader reader;

    (void)state;
    service_start(&service, flags);
    fill(&service, "n", "failed", 50000, 0);
    reader_open(&reader, &service, "/statuses", "1.1");
    assert_true(reader_take(&reader, 1000));
    process_kill(&service.jobbad, SIGTERM);
    assert_int_equal(process_wait(&service.jobbad, 10000), 0);
    reader_close(&reader);
    service_stop(&service);
}

/* ---- tables ---- */

static void a_table_is_for_people(void **state)
{
    struct service *service = *state;
    char long_id[129] = "";

    expect(service, 201, "POST", "/statuses",
           "{\"id\":\"publish-53\",\"state\":\"started\",\"job_name\":\"PublishBook\","
           "\"progress\":0.5}");
    const struct answer *answer = expect_with(service, 200, TEXT, "GET", "/statuses", NULL);
    expect_header(answer, "Content-Type", "text/plain; charset=utf-8");
    assert_string_equal(answer->body, "STATE     PROGRESS         AGE NAME         ID\n"
                                      "started   [####----]  50%   0s PublishBook  publish-53\n");
    assert_string_equal(
        expect_with(service, 200, TEXT, "GET", "/statuses?state=failed&count=true", NULL)->body,
        "STATE     PROGRESS         AGE NAME         ID\n(no status)\n(0 in all)\n");
    memset(long_id, 'x', 128);
    char body[300];
    snprintf(body, sizeof body, "{\"id\":\"%s\",\"job_name\":\"%s\"}", long_id, long_id);
    expect(service, 201, "POST", "/statuses", body);
    answer = expect_with(service, 200, TEXT, "POST", "/statuses:query", "{\"limit\":1}");
    for (const char *line = answer->body; *line; line = strchr(line, '\n') + 1)
        assert_in_range(strcspn(line, "\n"), 1, 80 + 4); /* two ellipses of three bytes */
    assert_non_null(strstr(answer->body, "there are more"));
    assert_non_null(
        answer_header(expect_with(service, 200, TEXT, "GET", "/statuses?limit=1", NULL), "Link"));
    expect_problem(expect_with(service, 400, TEXT, "GET", "/statuses?fields=id", NULL), 400,
                   "malformed-query", "fields");
    expect_problem(expect_with(service, 400, TEXT, "GET", "/statuses?explain=true", NULL), 400,
                   "malformed-query", "explain");
    expect_problem(expect_with(service, 406, TEXT, "GET", "/statuses/publish-53", NULL), 406,
                   "not-acceptable", NULL);
    expect_problem(expect_with(service, 406, "Accept: text/html", "GET", "/statuses", NULL), 406,
                   "not-acceptable", NULL);
}

/* ---- JSON ---- */

static void a_page_too_big_to_hold_is_refused(void **state)
{
    static char body[250 * 1024];
    struct service *service = *state;
    char path[32];

    memset(body, 'x', sizeof body - 1);
    body[0] = body[sizeof body - 2] = '"';
    for (int i = 0; i < 140; i++) {
        snprintf(path, sizeof path, "/statuses/big%d", i);
        expect_with(service, 201, "Prefer: handling=lenient", "PUT", path, NULL);
        expect_store(service, "1", "HSET jobba:id:big%d data %s", i, body);
    }
    expect_problem(ask(service, "GET", "/statuses?limit=1000", NULL), 422, "answer-too-large",
                   NULL);
    expect(service, 200, "GET", "/statuses?limit=1000&fields=id", NULL);
}

/* The answer behind it must be found where it begins. */
static void the_head_of_an_export_has_no_body(void **state)
{
    struct service *service = *state;
    struct raw *raw = raw_open(service->port);

    fill(service, "h", "failed", 500, 0);
    raw_send(raw, "HEAD /statuses HTTP/1.1\r\nHost: localhost\r\n" NDJSON "\r\n\r\n");
    assert_int_equal(raw_take_head(raw, 20000), 200);
    assert_string_equal(raw_header(raw, "Content-Type"), "application/x-ndjson");
    raw_send(raw, "GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_int_equal(raw_take(raw, 20000), 200);
    assert_non_null(strstr(raw->body, "jobbad"));
    raw_close(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(every_match_is_a_line),
        FRESH(line_breaks_of_others_are_none),
        FRESH(the_head_of_an_export_has_no_body),
        FRESH(an_export_has_all_in_order_and_once),
        FRESH(a_slow_reader_sets_the_pace),
        FRESH(it_stops_when_the_reader_goes),
        cmocka_unit_test(a_lost_redis_cuts_the_export),
        cmocka_unit_test(a_reader_that_stops_does_not_hold_up_the_end),
        FRESH(a_table_is_for_people),
        FRESH(a_page_too_big_to_hold_is_refused),
        ENDS_CLEANLY,
    };
    return cmocka_run_group_tests_name("formats", tests, service_setup, service_teardown);
}
