#include "api/progress.h"

#include "api/json_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { NUMBER_MAX = 400 }; /* a longer one is no progress report */

/* A JSON number; infinite when it is beyond a double. False: too long. */
static bool read_number(struct text raw, double *ret)
{
    char digits[NUMBER_MAX + 1];

    if (raw.len > NUMBER_MAX)
        return false;
    memcpy(digits, raw.at, raw.len);
    digits[raw.len] = '\0';
    *ret = strtod(digits, NULL);
    return true;
}

static void write_fraction(double fraction, char ret[PROGRESS_TEXT_SIZE])
{
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(ret, PROGRESS_TEXT_SIZE, "%.*g", precision, fraction);
        if (strtod(ret, NULL) == fraction)
            break;
    }
    if (!strpbrk(ret, ".e")) /* a float for readers that tell 1 from 1.0, as the gem's are */
        snprintf(ret, PROGRESS_TEXT_SIZE, "%.1f", fraction);
}

/* What is known of a progress while its members are read. */
struct parts {
    double at, out_of;
    bool has_at, has_out_of;
};

static const char *take_part(struct parts *parts, json_t *object, const char *name, struct text raw)
{
    bool is_at = strcmp(name, "at") == 0;
    double *number = is_at ? &parts->at : &parts->out_of;

    if (!json_is_number(json_object_get(object, name)))
        return "must be a number";
    if (!read_number(raw, number) || !isfinite(*number))
        return "must be finite, and written in at most 400 characters";
    *(is_at ? &parts->has_at : &parts->has_out_of) = true;
    return NULL;
}

/* The rules; NULL when they are kept. */
static const char *check_parts(const struct parts *parts, const char **ret_member)
{
    *ret_member = "at";
    if (!parts->has_at)
        return "is missing";
    if (parts->at < 0)
        return "must not be negative";
    if (!parts->has_out_of)
        return parts->at <= 1 ? NULL : "must be from 0 to 1, or come with out_of";
    if (parts->at > parts->out_of && parts->out_of > 0)
        return "must not be more than out_of";
    *ret_member = "out_of";
    return parts->out_of > 0 ? NULL : "must be more than 0";
}

static bool parse_object(json_t *value, struct text raw, struct parts *parts,
                         struct progress_fault *ret_fault)
{
    static const char *const names[] = { "at", "out_of" };
    struct text raw_name, raw_value;
    size_t at = 0;

    while (json_text_next_member(raw, &at, &raw_name, &raw_value)) {
        const char *name = NULL;
        for (size_t i = 0; i < 2; i++)
            if (json_text_name_is(raw_name, names[i]))
                name = names[i];
        const char *detail =
            name ? take_part(parts, value, name, raw_value) : "has only at and out_of";
        if (detail) {
            *ret_fault = (struct progress_fault){ .member = name, .detail = detail };
            return false;
        }
    }
    return true;
}

bool progress_parse(json_t *value, struct text raw, char ret_fraction[PROGRESS_TEXT_SIZE],
                    struct progress_fault *ret_fault)
{
    struct parts parts = { .out_of = 1 };

    *ret_fault =
        (struct progress_fault){ .detail =
                                     "must be a number from 0 to 1, or {\"at\":7,\"out_of\":10}" };
    if (json_is_object(value)) {
        if (!parse_object(value, raw, &parts, ret_fault))
            return false;
        ret_fault->detail = check_parts(&parts, &ret_fault->member);
        if (ret_fault->detail)
            return false;
    } else if (!json_is_number(value) || !read_number(raw, &parts.at) ||
               !(parts.at >= 0 && parts.at <= 1)) {
        return false;
    }
    write_fraction(parts.at / parts.out_of + 0.0, ret_fraction); /* + 0.0 makes -0 a 0 */
    return true;
}
