#include "core/buf.h"
#include "tests/unit/unit_test.h"

static void assert_content(struct buf *buf, const char *expected)
{
    assert_int_equal(buf->len, strlen(expected));
    assert_string_equal(buf_cstr(buf), expected);
}

static void appends_in_order(void **state)
{
    (void)state;
    struct buf buf = { 0 };
    buf_add_str(&buf, "a");
    buf_add_char(&buf, 'b');
    buf_add_u64(&buf, 0);
    buf_add_u64(&buf, UINT64_MAX);
    buf_add_text(&buf, TEXT("c"));
    buf_printf(&buf, "%d-%s", 7, "x");
    assert_content(&buf, "ab018446744073709551615c7-x");
    buf_finish(&buf);
    buf_finish(&buf);
}

static void grows_past_its_first_size(void **state)
{
    (void)state;
    struct buf buf = { 0 };
    for (int i = 0; i < 10000; i++)
        buf_add_char(&buf, (char)('a' + i % 26));
    assert_int_equal(buf.len, 10000);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(buf.data[i], 'a' + i % 26);
    buf_finish(&buf);
}

static void consumes_from_the_front(void **state)
{
    (void)state;
    struct buf buf = { 0 };
    buf_add_str(&buf, "hello world");
    buf_consume(&buf, 6);
    assert_content(&buf, "world");
    buf_consume(&buf, 5);
    assert_content(&buf, "");
    buf_finish(&buf);
}

static void hands_its_memory_over(void **state)
{
    (void)state;
    struct buf buf = { 0 };
    buf_add_str(&buf, "mine");
    size_t len;
    char *data = buf_take(&buf, &len);
    assert_int_equal(len, 4);
    assert_memory_equal(data, "mine", 4);
    assert_null(buf.data);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_in_order),
        cmocka_unit_test(grows_past_its_first_size),
        cmocka_unit_test(consumes_from_the_front),
        cmocka_unit_test(hands_its_memory_over),
    };
    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
