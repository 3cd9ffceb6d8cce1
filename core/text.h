/* A borrowed run of bytes: who made it says how long it lives. `at` NULL means "absent". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct text {
    const char *at;
    size_t len;
};

/* A string literal as a text. */
#define TEXT(literal) ((struct text){ .at = "" literal, .len = sizeof(literal) - 1 })

static inline struct text text_of(const char *string)
{
    return (struct text){ .at = string, .len = string ? strlen(string) : 0 };
}

static inline bool text_is(struct text text, const char *string)
{
    return text.at && text.len == strlen(string) && memcmp(text.at, string, text.len) == 0;
}

static inline bool text_equal(struct text a, struct text b)
{
    return a.at && b.at && a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

static inline bool text_starts(struct text text, const char *prefix)
{
    size_t len = strlen(prefix);
    return text.at && text.len >= len && memcmp(text.at, prefix, len) == 0;
}
