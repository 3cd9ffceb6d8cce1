#include "api/json_text.h"

#include <assert.h>

/* One pass over the bytes: `raw` gets them without white space, `plain` with each number made 0. */
struct scan {
    const char *at, *end;
    unsigned depth;
    struct buf *raw, *plain;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && is_digit(*at))
        at++;
    return at;
}

/* The end of the number that begins at `at`; NULL if it is not one. */
static const char *skip_number(const char *at, const char *end)
{
    const char *digits;

    if (*at == '-')
        at++;
    digits = at;
    at = skip_digits(at, end);
    if (at == digits || (*digits == '0' && at > digits + 1))
        return NULL;
    if (at < end && *at == '.') {
        digits = ++at;
        at = skip_digits(at, end);
        if (at == digits)
            return NULL;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        digits = at;
        at = skip_digits(at, end);
        if (at == digits)
            return NULL;
    }
    return at;
}

/* Behind the closing quote of the string that begins at `at`, or `end`. */
static const char *skip_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++)
        if (*at == '\\' && at + 1 < end)
            at++;
    return at < end ? at + 1 : end;
}

static const char *scan_number(struct scan *scan)
{
    const char *end = skip_number(scan->at, scan->end);

    if (!end)
        return "malformed number";
    buf_add(scan->raw, scan->at, (size_t)(end - scan->at));
    buf_add_char(scan->plain, '0');
    memset(buf_reserve(scan->plain, (size_t)(end - scan->at)), ' ', (size_t)(end - scan->at));
    scan->plain->len += (size_t)(end - scan->at) - 1; /* offsets stay those of the body */
    scan->at = end;
    return NULL;
}

static const char *scan_token(struct scan *scan)
{
    char c = *scan->at;
    const char *end = scan->at + 1;

    if (c == '-' || is_digit(c))
        return scan_number(scan);
    if (c == '"')
        end = skip_string(scan->at, scan->end);
    else if ((c == '[' || c == '{') && ++scan->depth > JSON_TEXT_DEPTH_MAX)
        return "nested deeper than 32";
    else if ((c == ']' || c == '}') && scan->depth > 0)
        scan->depth--;
    if (!is_space(c))
        buf_add(scan->raw, scan->at, (size_t)(end - scan->at));
    buf_add(scan->plain, scan->at, (size_t)(end - scan->at));
    scan->at = end;
    return NULL;
}

static bool scan_body(struct text body, struct buf *raw, struct buf *plain, struct buf *ret_message)
{
    struct scan scan = { .at = body.at, .end = body.at + body.len, .raw = raw, .plain = plain };
    const char *nul = memchr(body.at, '\0', body.len);

    if (nul) { /* jansson skips it between tokens */
        buf_printf(ret_message, "NUL at byte %zu", (size_t)(nul - body.at));
        return false;
    }
    while (scan.at < scan.end) {
        const char *message = scan_token(&scan);
        if (message) {
            buf_printf(ret_message, "%s at byte %zu", message, (size_t)(scan.at - body.at));
            return false;
        }
    }
    return true;
}

static void describe(const json_error_t *error, struct buf *ret_message)
{
    const char *near = strstr(error->text, " near "); /* what follows is a piece of our `plain` */
    int len = near ? (int)(near - error->text) : (int)strlen(error->text);

    buf_printf(ret_message, "%.*s at byte %d", len, error->text, error->position);
}

bool json_text_parse(struct text body, struct json_text *ret, struct buf *ret_message)
{
    struct buf raw = { 0 }, plain = { 0 };
    json_error_t error;
    json_t *root = NULL;

    if (!body.len) {
        buf_add_str(ret_message, "the body is empty");
        return false;
    }
    if (scan_body(body, &raw, &plain, ret_message)) {
        root = json_loadb(plain.data, plain.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
        if (!root)
            describe(&error, ret_message);
    }
    buf_finish(&plain);
    if (!root) {
        buf_finish(&raw);
        return false;
    }
    *ret = (struct json_text){ .root = root, .raw = raw };
    return true;
}

void json_text_finish(struct json_text *json)
{
    json_decref(json->root);
    buf_finish(&json->raw);
    json->root = NULL;
}

/* Behind the value that begins at `at`, in valid text without white space. */
static const char *skip_value(const char *at, const char *end)
{
    unsigned depth = 0;

    while (at < end) {
        if (*at == '"') {
            at = skip_string(at, end);
        } else if (*at == '[' || *at == '{') {
            depth++;
            at++;
        } else if (*at == ']' || *at == '}') {
            if (depth == 0)
                return at; /* of the object around it */
            depth--;
            at++;
        } else if (*at == ',' && depth == 0) {
            return at;
        } else {
            at++;
        }
    }
    return at;
}

bool json_text_next_member(struct text object, size_t *at, struct text *ret_name,
                           struct text *ret_value)
{
    const char *end = object.at + object.len;
    const char *name = object.at + *at + 1; /* behind '{' or ',' */

    if (name >= end || *name != '"')
        return false;
    const char *name_end = skip_string(name, end);
    assert(name_end < end && *name_end == ':');
    const char *value_end = skip_value(name_end + 1, end);

    *ret_name = (struct text){ .at = name + 1, .len = (size_t)(name_end - name) - 2 };
    *ret_value = (struct text){ .at = name_end + 1, .len = (size_t)(value_end - name_end) - 1 };
    *at = (size_t)(value_end - object.at);
    return true;
}

bool json_text_next_element(struct text array, size_t *at, struct text *ret_value)
{
    const char *end = array.at + array.len;
    const char *value = array.at + *at + 1; /* behind '[' or ',' */

    if (value >= end || *value == ']')
        return false;
    const char *value_end = skip_value(value, end);

    *ret_value = (struct text){ .at = value, .len = (size_t)(value_end - value) };
    *at = (size_t)(value_end - array.at);
    return true;
}

bool json_text_name_is(struct text raw_name, const char *name)
{
    if (!memchr(raw_name.at, '\\', raw_name.len))
        return text_is(raw_name, name);

    /* Escapes in a name are rare; with its quotes it is a JSON string that has been validated. */
    json_t *decoded = json_loadb(raw_name.at - 1, raw_name.len + 2, JSON_DECODE_ANY, NULL);
    bool same = decoded && strcmp(json_string_value(decoded), name) == 0;
    json_decref(decoded);
    return same;
}
