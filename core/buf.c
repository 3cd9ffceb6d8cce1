#include "core/buf.h"

#include "core/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

void buf_finish(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){ 0 };
}

char *buf_reserve(struct buf *buf, size_t more)
{
    if (buf->cap - buf->len < more) {
        size_t cap = buf->cap ? buf->cap : 64;
        while (cap - buf->len < more)
            cap *= 2;
        buf->data = mem_realloc(buf->data, cap);
        buf->cap = cap;
    }
    return buf->data + buf->len;
}

void buf_add(struct buf *buf, const void *data, size_t len)
{
    if (!len)
        return;
    memcpy(buf_reserve(buf, len), data, len);
    buf->len += len;
}

void buf_add_str(struct buf *buf, const char *string)
{
    buf_add(buf, string, strlen(string));
}

void buf_add_char(struct buf *buf, char c)
{
    *buf_reserve(buf, 1) = c;
    buf->len++;
}

void buf_add_u64(struct buf *buf, uint64_t value)
{
    char digits[20]; /* 2^64 - 1 has 20 */
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    buf_add(buf, digits + at, sizeof digits - at);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(len >= 0);

    char *at = buf_reserve(buf, (size_t)len + 1);
    va_start(args, format);
    vsnprintf(at, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
}

void buf_consume(struct buf *buf, size_t n)
{
    assert(n <= buf->len);
    buf->len -= n;
    if (n && buf->len)
        memmove(buf->data, buf->data + n, buf->len);
}

const char *buf_cstr(struct buf *buf)
{
    *buf_reserve(buf, 1) = '\0';
    return buf->data;
}

char *buf_take(struct buf *buf, size_t *ret_len)
{
    char *data = buf->data;
    *ret_len = buf->len;
    *buf = (struct buf){ 0 };
    return data;
}
