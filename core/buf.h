/*
 * A byte buffer that grows. `data` is not NUL-terminated unless buf_cstr() was the last call.
 * Zeroed memory is an empty buffer; buf_finish() may be called on it and more than once.
 */
#pragma once

#include "core/text.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data;
    size_t len;
    size_t cap;
};

void buf_finish(struct buf *buf);

/* Empties it, keeps the memory. */
static inline void buf_clear(struct buf *buf)
{
    buf->len = 0;
}

/* Makes room for `more` bytes behind the content and returns where they start; `len` stays. */
char *buf_reserve(struct buf *buf, size_t more);

void buf_add(struct buf *buf, const void *data, size_t len);
void buf_add_str(struct buf *buf, const char *string);
void buf_add_char(struct buf *buf, char c);
void buf_add_u64(struct buf *buf, uint64_t value);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline void buf_add_text(struct buf *buf, struct text text)
{
    buf_add(buf, text.at, text.len);
}

/* Drops the first `n` bytes. */
void buf_consume(struct buf *buf, size_t n);

/* The content with a NUL behind it that does not count into `len`. */
const char *buf_cstr(struct buf *buf);

static inline struct text buf_text(const struct buf *buf)
{
    return (struct text){ .at = buf->len ? buf->data : "", .len = buf->len };
}

/* Hands the memory over to the caller, who frees it with free(); the buffer is empty then. */
char *buf_take(struct buf *buf, size_t *ret_len);
