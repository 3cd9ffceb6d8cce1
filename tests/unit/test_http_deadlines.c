/* The sweep, on real TCP connections and with a clock of the test's own. */
#include "server/http_deadlines.h"

#include "tests/unit/unit_test.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER_MS = 1000, BODY_MS = 2000, REPLY_MS = 3000 };

static struct http_deadlines deadlines;

/* A connection: the service's side and the client's. */
struct pair {
    struct http_conn conn;
    int client;
};

static int setup(void **state)
{
    (void)state;
    deadlines =
        (struct http_deadlines){ .header_ms = HEADER_MS, .body_ms = BODY_MS, .reply_ms = REPLY_MS };
    http_deadlines_init(&deadlines);
    return 0;
}

static void open_pair(struct pair *pair, uint64_t now_ms)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    pair->client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(pair->client, (struct sockaddr *)&address, len), 0);
    http_deadlines_add(&deadlines, &pair->conn, accept(listener, NULL, NULL), now_ms);
    close(listener);
}

static void close_pair(struct pair *pair)
{
    http_deadlines_remove(&pair->conn);
    close(pair->conn.fd);
    close(pair->client);
}

static void sweep(uint64_t now_ms)
{
    http_deadlines_sweep(&deadlines, now_ms, 100);
}

/* What the client has got: "" while it is open and silent, "cut" for an end without a word. */
static const char *got(struct pair *pair)
{
    static char bytes[1024];
    ssize_t n = recv(pair->client, bytes, sizeof bytes - 1, MSG_DONTWAIT);

    if (n == 0)
        return "cut";
    bytes[n > 0 ? n : 0] = '\0';
    return bytes;
}

/* The kernel has counted the byte, and the service has not read it. */
static void send_byte(struct pair *pair)
{
    struct pollfd readable = { .fd = pair->conn.fd, .events = POLLIN };

    assert_int_equal(send(pair->client, "G", 1, 0), 1);
    assert_int_equal(poll(&readable, 1, 10000), 1);
}

static void headers_have_their_time_from_the_start(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair, 5000);
    sweep(5000 + HEADER_MS);
    assert_string_equal(got(&pair), "");
    sweep(5001 + HEADER_MS);
    assert_memory_equal(got(&pair), "HTTP/1.1 408 ", 13);
    assert_string_equal(got(&pair), "cut");
    close_pair(&pair);
}

static void between_requests_nothing_is_owed_until_a_byte_comes(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair, 0);
    http_conn_enter(&pair.conn, HTTP_PHASE_WORKING, 10);
    http_conn_enter(&pair.conn, HTTP_PHASE_IDLE, 20);
    sweep(30);
    sweep(1000000);
    assert_string_equal(got(&pair), "");
    send_byte(&pair);
    sweep(2000000); /* now its time runs, and further bytes don't stop it */
    send_byte(&pair);
    sweep(2000000 + HEADER_MS);
    assert_string_equal(got(&pair), "");
    sweep(2000001 + HEADER_MS);
    assert_memory_equal(got(&pair), "HTTP/1.1 408 ", 13);
    close_pair(&pair);
}

static void a_body_gains_time_with_its_bytes(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair, 0);
    http_conn_enter(&pair.conn, HTTP_PHASE_BODY, 100);
    pair.conn.bytes = 4096;
    sweep(100 + BODY_MS + 4000);
    assert_string_equal(got(&pair), "");
    sweep(101 + BODY_MS + 4000);
    assert_memory_equal(got(&pair), "HTTP/1.1 408 ", 13);
    close_pair(&pair);
}

static void an_answer_under_way_is_cut_without_a_second_one(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair, 0);
    http_conn_enter(&pair.conn, HTTP_PHASE_REPLY, 100);
    sweep(100 + REPLY_MS);
    assert_string_equal(got(&pair), "");
    sweep(101 + REPLY_MS);
    assert_string_equal(got(&pair), "cut");
    close_pair(&pair);
}

static void work_has_a_deadline_of_its_own(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair, 0);
    http_conn_enter(&pair.conn, HTTP_PHASE_WORKING, 0);
    sweep(UINT64_MAX - 1);
    assert_string_equal(got(&pair), "");
    close_pair(&pair);
}

static void a_sweep_goes_on_where_the_last_one_ended(void **state)
{
    struct pair pairs[5];

    (void)state;
    for (size_t i = 0; i < COUNT(pairs); i++)
        open_pair(&pairs[i], 1);
    for (size_t i = 0; i < COUNT(pairs); i++) {
        http_deadlines_sweep(&deadlines, HEADER_MS + 2, 1);
        for (size_t k = i + 1; k < COUNT(pairs); k++)
            assert_string_equal(got(&pairs[k]), "");
        assert_memory_equal(got(&pairs[i]), "HTTP/1.1 408 ", 13);
    }
    for (size_t i = 0; i < COUNT(pairs); i++)
        close_pair(&pairs[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(headers_have_their_time_from_the_start, setup),
        cmocka_unit_test_setup(between_requests_nothing_is_owed_until_a_byte_comes, setup),
        cmocka_unit_test_setup(a_body_gains_time_with_its_bytes, setup),
        cmocka_unit_test_setup(an_answer_under_way_is_cut_without_a_second_one, setup),
        cmocka_unit_test_setup(work_has_a_deadline_of_its_own, setup),
        cmocka_unit_test_setup(a_sweep_goes_on_where_the_last_one_ended, setup),
    };
    return cmocka_run_group_tests_name("http_deadlines", tests, NULL, NULL);
}
