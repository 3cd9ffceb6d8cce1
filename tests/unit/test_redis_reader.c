#include "core/buf.h"
#include "core/redis_reader.h"
#include "tests/unit/unit_test.h"

#include <time.h>

enum { MAX_BYTES = 1 << 20 };

/* A reply as text: +x -x $x :n nil [a b]. */
static void show(struct buf *out, const struct redis_reply *reply)
{
    static const char marks[] = { [REDIS_STRING] = '$', [REDIS_STATUS] = '+', [REDIS_ERROR] = '-' };

    switch (reply->type) {
    case REDIS_NIL:
        buf_add_str(out, "nil");
        break;
    case REDIS_INTEGER:
        buf_printf(out, ":%lld", (long long)reply->integer);
        break;
    case REDIS_ARRAY:
        buf_add_char(out, '[');
        for (size_t i = 0; i < reply->n_items; i++) {
            if (i)
                buf_add_char(out, ' ');
            show(out, &reply->items[i]);
        }
        buf_add_char(out, ']');
        break;
    default:
        buf_add_char(out, marks[reply->type]);
        buf_add_text(out, reply->text);
    }
}

static const struct {
    const char *resp, *shown;
} good[] = {
    { "+OK\r\n", "+OK" },
    { "-ERR no\r\n", "-ERR no" },
    { ":42\r\n", ":42" },
    { ":-7\r\n", ":-7" },
    { "$5\r\nhello\r\n", "$hello" },
    { "$0\r\n\r\n", "$" },
    { "$-1\r\n", "nil" },
    { "*-1\r\n", "nil" },
    { "*0\r\n", "[]" },
    { "*2\r\n$1\r\na\r\n:1\r\n", "[$a :1]" },
    { "*3\r\n*1\r\n+x\r\n$-1\r\n*2\r\n:1\r\n*1\r\n$2\r\nyy\r\n", "[[+x] nil [:1 [$yy]]]" },
    { "$4\r\n\r\n\r\n\r\n", "$\r\n\r\n" },
};

static void assert_reads(struct redis_reader *reader, const char *shown)
{
    const struct redis_reply *reply;
    struct buf text = { 0 };

    assert_int_equal(redis_reader_next(reader, &reply), REDIS_READ_REPLY);
    show(&text, reply);
    assert_string_equal(buf_cstr(&text), shown);
    buf_finish(&text);
}

static void reads_every_type_whole_or_byte_by_byte(void **state)
{
    (void)state;
    const struct redis_reply *reply;
    for (size_t i = 0; i < COUNT(good); i++) {
        struct redis_reader *reader = redis_reader_create(MAX_BYTES);
        size_t len = strlen(good[i].resp);

        redis_reader_feed(reader, good[i].resp, len);
        assert_reads(reader, good[i].shown);
        redis_reader_release(reader);
        for (size_t at = 0; at < len; at++) {
            assert_int_equal(redis_reader_next(reader, &reply), REDIS_READ_MORE);
            redis_reader_feed(reader, good[i].resp + at, 1);
        }
        assert_reads(reader, good[i].shown);
        redis_reader_destroy(reader);
    }
}

static void reads_replies_that_come_together(void **state)
{
    (void)state;
    struct redis_reader *reader = redis_reader_create(MAX_BYTES);

    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < COUNT(good); i++)
            redis_reader_feed(reader, good[i].resp, strlen(good[i].resp));
        for (size_t i = 0; i < COUNT(good); i++)
            assert_reads(reader, good[i].shown);
        redis_reader_release(reader);
    }
    redis_reader_destroy(reader);
}

static void replies_stay_until_they_are_released(void **state)
{
    (void)state;
    struct redis_reader *reader = redis_reader_create(MAX_BYTES);
    const struct redis_reply *first;
    char big[40000];

    redis_reader_feed(reader, "*1\r\n$5\r\nfirst\r\n", 15);
    assert_int_equal(redis_reader_next(reader, &first), REDIS_READ_REPLY);
    struct text kept = first->items[0].text;
    int len = snprintf(big, sizeof big, "$30000\r\n%030000d\r\n", 7);
    redis_reader_feed(reader, big, (size_t)len);
    assert_int_equal(redis_reader_next(reader, &first), REDIS_READ_REPLY);
    assert_true(text_is(kept, "first"));
    redis_reader_destroy(reader);
}

static void refuses_what_is_no_reply_or_too_long(void **state)
{
    static const char *const bad[] = {
        "hello\r\n",
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "*2147483647\r\n",
        "*2147483648\r\n",
        "*99999999999999999999\r\n",
        "*100000\r\n", /* of items: more than MAX_BYTES take */
        ":12x\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
    };
    (void)state;
    const struct redis_reply *reply;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct redis_reader *reader = redis_reader_create(MAX_BYTES);
        redis_reader_feed(reader, bad[i], strlen(bad[i]));
        assert_int_equal(redis_reader_next(reader, &reply), REDIS_READ_BROKEN);
        redis_reader_destroy(reader);
    }
}

static void does_not_gather_a_bulk_without_end(void **state)
{
    (void)state;
    struct redis_reader *reader = redis_reader_create(MAX_BYTES);
    const struct redis_reply *reply;
    static char chunk[65536];
    unsigned fed = 0;

    redis_reader_feed(reader, "$9999999999\r\n", 13);
    while (redis_reader_next(reader, &reply) == REDIS_READ_MORE && fed < 100) {
        redis_reader_feed(reader, chunk, sizeof chunk);
        fed++;
    }
    assert_int_equal(redis_reader_next(reader, &reply), REDIS_READ_BROKEN);
    assert_in_range(fed, 1, MAX_BYTES / sizeof chunk + 1);
    redis_reader_destroy(reader);
}

static void survives_random_bytes(void **state)
{
    (void)state;
    static const char alphabet[] = "*$:+-0123456789\r\n\r\nab";
    unsigned seed = (unsigned)time(NULL);
    print_message("# seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 3000; round++) {
        struct redis_reader *reader = redis_reader_create(4096);
        const struct redis_reply *reply;
        enum redis_read result = REDIS_READ_MORE;
        for (int i = 0; i < 200 && result != REDIS_READ_BROKEN; i++) {
            char byte = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
            redis_reader_feed(reader, &byte, 1);
            while ((result = redis_reader_next(reader, &reply)) == REDIS_READ_REPLY)
                redis_reader_release(reader);
        }
        redis_reader_destroy(reader);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_type_whole_or_byte_by_byte),
        cmocka_unit_test(reads_replies_that_come_together),
        cmocka_unit_test(replies_stay_until_they_are_released),
        cmocka_unit_test(refuses_what_is_no_reply_or_too_long),
        cmocka_unit_test(does_not_gather_a_bulk_without_end),
        cmocka_unit_test(survives_random_bytes),
    };
    return cmocka_run_group_tests_name("redis_reader", tests, NULL, NULL);
}
