#include "api/json_write.h"

#include <stdint.h>

/* Length of the valid UTF-8 sequence at `at` (RFC 3629), 0 if there is none. */
static size_t utf8_length(const unsigned char *at, size_t left)
{
    static const struct {
        unsigned char first_least, first_most, second_least, second_most;
        size_t len;
    } forms[] = {
        { 0x00, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
        { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
        { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        size_t len = forms[i].len;
        if (*at < forms[i].first_least || *at > forms[i].first_most || len > left)
            continue;
        if (len > 1 && (at[1] < forms[i].second_least || at[1] > forms[i].second_most))
            continue;
        for (size_t k = 2; k < len; k++)
            if ((at[k] & 0xc0) != 0x80)
                return 0;
        return len;
    }
    return 0;
}

static void write_ascii(struct buf *out, char c)
{
    switch (c) {
    case '"':
    case '\\':
        buf_add_char(out, '\\');
        buf_add_char(out, c);
        break;
    case '\n':
        buf_add(out, "\\n", 2);
        break;
    default:
        if ((unsigned char)c < 0x20 || c == 0x7f)
            buf_printf(out, "\\u%04x", (unsigned)(unsigned char)c);
        else
            buf_add_char(out, c);
    }
}

void json_write_string(struct buf *out, struct text text)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < text.len;) {
        size_t len = utf8_length((const unsigned char *)text.at + i, text.len - i);
        if (len == 0)
            buf_add(out, "\xef\xbf\xbd", 3);
        else if (len == 1)
            write_ascii(out, text.at[i]);
        else
            buf_add(out, text.at + i, len);
        i += len ? len : 1;
    }
    buf_add_char(out, '"');
}

void json_write_join_lines(struct buf *out, size_t from)
{
    for (size_t i = from; i < out->len; i++)
        if (out->data[i] == '\n' || out->data[i] == '\r')
            out->data[i] = ' ';
}
