#include "core/status_id.h"

#include <uuid/uuid.h>

enum { ATTEMPT_DIGITS_MAX = 9 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_id_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '.' ||
           c == '_' || c == '~' || c == '-';
}

bool status_id_valid(struct text id)
{
    if (id.len < 1 || id.len > STATUS_ID_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++)
        if (!is_id_char(id.at[i]))
            return false;
    return true;
}

static bool attempt_valid(struct text digits)
{
    if (digits.len < 1 || digits.len > ATTEMPT_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < digits.len; i++)
        if (!is_digit(digits.at[i]))
            return false;
    return digits.at[0] != '0' || digits.len == 1;
}

bool status_id_or_attempt_valid(struct text id, bool *ret_archived)
{
    const char *colon = id.len ? memchr(id.at, ':', id.len) : NULL;
    size_t id_len = colon ? (size_t)(colon - id.at) : id.len;

    if (!status_id_valid((struct text){ .at = id.at, .len = id_len }))
        return false;
    if (colon && !attempt_valid((struct text){ .at = colon + 1, .len = id.len - id_len - 1 }))
        return false;
    *ret_archived = colon != NULL;
    return true;
}

void status_id_make(char ret_id[STATUS_ID_UUID_LEN + 1])
{
    uuid_t uuid;
    uuid_generate_random(
        uuid); /* not uuid_generate(), which may put the time and the MAC into it */
    uuid_unparse_lower(uuid, ret_id);
}
