#include "api/operation.h"

/* ---- members of an operation ---- */

struct member {
    struct operation *operation;
    const json_t *value;
    struct text raw;
};

static void blame(struct operation *operation, const char *field, const char *detail)
{
    change_json_blame(&operation->errors, field, (struct text){ 0 }, detail);
}

static void take_method(struct member *member)
{
    const char *name = json_string_value(member->value);

    member->operation->method = name ? http_method_of_name(name) : HTTP_METHOD_OTHER;
    if (member->operation->method == HTTP_METHOD_OTHER)
        blame(member->operation, "method", "must be POST, PUT, PATCH or DELETE");
}

static void take_path(struct member *member)
{
    member->operation->path = json_string_value(member->value);
    if (!member->operation->path || member->operation->path[0] != '/')
        blame(member->operation, "path", "must be a string that begins with /");
}

static void take_body(struct member *member)
{
    const json_t *id = json_object_get(member->value, "id");

    member->operation->body = member->raw;
    if (json_is_string(id))
        member->operation->id = (struct text){ json_string_value(id), json_string_length(id) };
}

static struct text string_of(const struct member *member, const char *field)
{
    if (!json_is_string(member->value)) {
        blame(member->operation, field, "must be a string");
        return (struct text){ 0 };
    }
    return (struct text){ json_string_value(member->value), json_string_length(member->value) };
}

static void take_key(struct member *member)
{
    member->operation->key = string_of(member, "idempotency_key");
}

static void take_if_match(struct member *member)
{
    member->operation->if_match = string_of(member, "if_match");
}

static const struct {
    const char *name;
    void (*take)(struct member *member);
} members[] = {
    { "method", take_method },       { "path", take_path },         { "body", take_body },
    { "idempotency_key", take_key }, { "if_match", take_if_match },
};

static void take_member(struct member *member, const json_t *object, struct text raw_name)
{
    struct buf name = { 0 };

    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (!json_text_name_is(raw_name, members[i].name))
            continue;
        member->value = json_object_get(object, members[i].name);
        members[i].take(member);
        return;
    }
    buf_add_text(&name, raw_name);
    blame(member->operation, buf_cstr(&name), "is not a member of an operation");
    buf_finish(&name);
}

static void take_object(struct operation *operation, const json_t *object, struct text raw)
{
    struct member member = { .operation = operation };
    struct text raw_name;
    size_t at = 0;

    operation->method = HTTP_METHOD_OTHER;
    if (!json_is_object(object)) {
        blame(operation, "operation", "must be an object");
        return;
    }
    while (json_text_next_member(raw, &at, &raw_name, &member.raw))
        take_member(&member, object, raw_name);
    if (!json_object_get(object, "method"))
        blame(operation, "method", "is missing");
    if (!json_object_get(object, "path"))
        blame(operation, "path", "is missing");
}

void operation_finish(struct operation *operation)
{
    json_text_finish(&operation->json);
    buf_finish(&operation->message);
    buf_finish(&operation->errors);
}

/* ---- one after another ---- */

/* The next line that is not blank. */
static bool next_line(struct text *rest, struct text *ret)
{
    while (rest->len) {
        const char *end = memchr(rest->at, '\n', rest->len);
        struct text line = { rest->at, end ? (size_t)(end - rest->at) : rest->len };
        size_t used = line.len + (end != NULL);

        rest->at += used;
        rest->len -= used;
        if (line.len && line.at[line.len - 1] == '\r')
            line.len--;
        if (line.len) {
            *ret = line;
            return true;
        }
    }
    return false;
}

static bool open_lines(struct operations *operations, struct text body)
{
    struct text rest = body, line;

    operations->rest = body;
    while (next_line(&rest, &line))
        operations->n++;
    return true;
}

static bool open_array(struct operations *operations, struct text body, struct buf *message,
                       struct buf *errors)
{
    struct text raw_name;
    size_t at = 0;

    if (!json_text_parse(body, &operations->json, message))
        return false;
    const json_t *array = json_object_get(operations->json.root, "operations");
    if (!json_is_array(array) || json_object_size(operations->json.root) != 1) {
        change_json_blame(errors, "body", (struct text){ 0 },
                          "must be an object with an array, operations, and nothing else");
        return false;
    }
    json_text_next_member(buf_text(&operations->json.raw), &at, &raw_name, &operations->rest);
    operations->n = json_array_size(array);
    return true;
}

bool operations_open(struct operations *operations, struct text body, bool lines,
                     struct buf *message, struct buf *errors)
{
    struct buf detail = { 0 };

    operations->lines = lines;
    if (lines ? !open_lines(operations, body) : !open_array(operations, body, message, errors))
        return false;
    if (operations->n <= OPERATIONS_MAX)
        return true;
    buf_printf(&detail, "must be at most %d, and are %zu", OPERATIONS_MAX, operations->n);
    change_json_blame(errors, "operations", (struct text){ 0 }, buf_cstr(&detail));
    buf_finish(&detail);
    return false;
}

void operations_finish(struct operations *operations)
{
    json_text_finish(&operations->json);
}

static bool next_of_lines(struct operations *operations, struct operation *ret)
{
    struct text line;

    if (!next_line(&operations->rest, &line))
        return false;
    if (json_text_parse(line, &ret->json, &ret->message))
        take_object(ret, ret->json.root, buf_text(&ret->json.raw));
    return true;
}

static bool next_of_array(struct operations *operations, struct operation *ret)
{
    const json_t *array = json_object_get(operations->json.root, "operations");
    struct text raw;

    if (!json_text_next_element(operations->rest, &operations->at, &raw))
        return false;
    take_object(ret, json_array_get(array, operations->next), raw);
    return true;
}

bool operations_next(struct operations *operations, struct operation *ret)
{
    bool there;

    *ret = (struct operation){ .method = HTTP_METHOD_OTHER };
    there = operations->lines ? next_of_lines(operations, ret) : next_of_array(operations, ret);
    operations->next += there;
    return there;
}
