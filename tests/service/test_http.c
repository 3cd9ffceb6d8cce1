/* HTTP as bytes: what is refused before the API sees it, and what is not. */
#include "tests/lib/raw.h"
#include "tests/service/service_test.h"

#define HOST "Host: localhost\r\n"
#define GET  "GET /version HTTP/1.1\r\n"
#define POST "POST /statuses HTTP/1.1\r\n" HOST

/* ---- one request on a connection ---- */

static const struct framing {
    const char *what, *request;
    int status; /* 0: closed without an answer */
    bool closed;
} framings[] = {
    { "plain", GET HOST "\r\n", 200, false },
    { "bare LF line ends", "GET /version HTTP/1.1\nHost: localhost\n\n", 200, false },
    { "empty lines before", "\r\n\r\n" GET HOST "\r\n", 200, false },
    { "HTTP/1.0", "GET /version HTTP/1.0\r\n\r\n", 421, true },
    { "HTTP/1.0 with Host", "GET /version HTTP/1.0\r\n" HOST "\r\n", 200, true },
    { "HTTP/1.0 kept alive", "GET /version HTTP/1.0\r\nConnection: keep-alive\r\n" HOST "\r\n", 200,
      false },
    { "Connection: close", GET HOST "Connection: close\r\n\r\n", 200, true },
    { "chunked", POST "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 201, false },
    { "chunk extension", POST "Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\n\r\n", 201,
      false },
    { "Chunked", POST "Transfer-Encoding: Chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 201, false },
    { "absolute-form", "GET http://localhost/version HTTP/1.1\r\n" HOST "\r\n", 200, false },
    { "absolute-form wins over Host", "GET http://127.0.0.1/version HTTP/1.1\r\nHost: x\r\n\r\n",
      200, false },
    { "absolute-form of another host", "GET http://evil/version HTTP/1.1\r\n" HOST "\r\n", 421,
      false },
    { "asterisk-form", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 204, false },

    { "length and chunked", POST "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", 400,
      true },
    { "two different lengths", POST "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400, true },
    { "two equal lengths", POST "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400, true },
    { "space before the colon", POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400, true },
    { "unknown coding", POST "Transfer-Encoding: identity\r\n\r\n", 501, true },
    { "two codings", POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, true },
    { "almost chunked", POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501, true },
    { "chunked and a tab", POST "Transfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n", 501, true },
    { "coding twice",
      POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, true },
    { "coding in HTTP/1.0",
      "POST /statuses HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, true },
    { "control byte in a value", GET HOST "X-A: a\001b\r\n\r\n", 400, true },
    { "CR in a value", GET HOST "X-A: a\rb\r\n\r\n", 400, true },
    { "name that is no token", GET HOST "X(A)@: b\r\n\r\n", 400, true },
    { "space before the first name", GET " Host: localhost\r\n\r\n", 400, true },
    { "two hosts", GET HOST HOST "\r\n", 400, true },
    { "no host", GET "\r\n", 400, true },
    { "length is a word", POST "Content-Length: x\r\n\r\n", 400, true },
    { "length is negative", POST "Content-Length: -1\r\n\r\n", 400, true },
    { "length with a plus", POST "Content-Length: +5\r\n\r\n12345", 400, true },
    { "length in hex", POST "Content-Length: 0x5\r\n\r\n12345", 400, true },
    { "length is empty", POST "Content-Length: \r\n\r\n", 400, true },
    { "length beyond 64 bits", POST "Content-Length: 99999999999999999999\r\n\r\n", 413, true },
    { "chunk size with a space", POST "Transfer-Encoding: chunked\r\n\r\n2 \r\n{}\r\n0\r\n\r\n",
      400, true },
    { "chunk size in hex prefix", POST "Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
      400, true },
    { "chunk size beyond 64 bits",
      POST "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n", 413, true },
    { "space in the target", "GET /statuses/a b HTTP/1.1\r\n" HOST "\r\n", 400, true },
    { "unknown version", "GET /version HTTP/1.5\r\n" HOST "\r\n", 505, true },
    { "HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, true },
    { "unknown method", "BREW /version HTTP/1.1\r\n" HOST "\r\n", 501, false },
    { "method in lower case", "get /version HTTP/1.1\r\n" HOST "\r\n", 501, false },
    { "CONNECT", "CONNECT a:80 HTTP/1.1\r\n" HOST "\r\n", 501, false },
    { "TRACE", "TRACE /version HTTP/1.1\r\n" HOST "\r\n", 501, false },
    { "unknown expectation", POST "Expect: tea\r\nContent-Length: 2\r\n\r\n{}", 417, true },
    { "%00 in the path", "GET /statuses/a%00b HTTP/1.1\r\n" HOST "\r\n", 400, false },
    { "bad escape", "GET /statuses/a%zz HTTP/1.1\r\n" HOST "\r\n", 400, false },
    { "cut escape", "GET /statuses/a%2 HTTP/1.1\r\n" HOST "\r\n", 400, false },
    { "escaped slash is part of the id", "GET /statuses/a%2Fb HTTP/1.1\r\n" HOST "\r\n", 422,
      false },
    { "byte above ASCII in the path", "GET /statuses/\xc3\xbc HTTP/1.1\r\n" HOST "\r\n", 400,
      false },
    { "%00 in the query", "GET /statuses/a?fields=%00 HTTP/1.1\r\n" HOST "\r\n", 400, false },
    { "target without a slash", "GET version HTTP/1.1\r\n" HOST "\r\n", 400, false },
};

static void each_framing_is_answered_and_the_connection_is_as_it_should(void **state)
{
    struct service *service = *state;
    unsigned faults = 0;
    bool closed;

    for (size_t i = 0; i < sizeof framings / sizeof *framings; i++) {
        const struct framing *framing = &framings[i];
        int status = raw_exchange(service->port, framing->request, &closed);
        if (status == framing->status && closed == framing->closed)
            continue;
        print_error("%s: %d %s instead of %d %s\n", framing->what, status,
                    closed ? "closed" : "open", framing->status,
                    framing->closed ? "closed" : "open");
        faults++;
    }
    assert_int_equal(faults, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(each_framing_is_answered_and_the_connection_is_as_it_should),
        ENDS_CLEANLY,
    };

    return cmocka_run_group_tests_name("http", tests, service_setup, service_teardown);
}
