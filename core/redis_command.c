#include "core/redis_command.h"

void redis_command(struct buf *out, size_t n_args)
{
    buf_add_char(out, '*');
    buf_add_u64(out, n_args);
    buf_add(out, "\r\n", 2);
}

static void bulk_header(struct buf *out, size_t len)
{
    buf_add_char(out, '$');
    buf_add_u64(out, len);
    buf_add(out, "\r\n", 2);
}

void redis_arg(struct buf *out, struct text arg)
{
    bulk_header(out, arg.len);
    buf_add_text(out, arg);
    buf_add(out, "\r\n", 2);
}

void redis_arg_str(struct buf *out, const char *arg)
{
    redis_arg(out, text_of(arg));
}

void redis_arg_u64(struct buf *out, uint64_t arg)
{
    char digits[20]; /* 2^64 - 1 has 20 */
    struct buf number = { .data = digits, .cap = sizeof digits };
    buf_add_u64(&number, arg);
    redis_arg(out, buf_text(&number));
}

void redis_arg_parts(struct buf *out, const struct text *parts, size_t n)
{
    size_t len = 0;

    for (size_t i = 0; i < n; i++)
        len += parts[i].len;
    bulk_header(out, len);
    for (size_t i = 0; i < n; i++)
        buf_add_text(out, parts[i]);
    buf_add(out, "\r\n", 2);
}

void redis_arg_join(struct buf *out, struct text a, struct text b)
{
    redis_arg_parts(out, (struct text[]){ a, b }, 2);
}
