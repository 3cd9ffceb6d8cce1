#include "api/change_json.h"

#include "api/json_write.h"
#include "api/progress.h"
#include "core/mem.h"
#include "core/status_id.h"

#include <stdlib.h>

enum { JOB_ARGS_MAX = 1000 };

/* A member of a body under inspection. */
struct member {
    struct change_json *parsed;
    struct status_change *change;
    json_t *value;   /* numbers in it are 0: for types and strings */
    struct text raw; /* its JSON text */
};

void change_json_blame(struct buf *errors, const char *field, struct text sub_field,
                       const char *detail)
{
    struct buf name = { 0 };

    buf_add_str(&name, field);
    if (sub_field.at) {
        buf_add_char(&name, '.');
        buf_add_text(&name, sub_field);
    }
    buf_add_str(errors, errors->len ? ",{\"field\":" : "{\"field\":");
    json_write_string(errors, buf_text(&name));
    buf_add_str(errors, ",\"detail\":");
    json_write_string(errors, text_of(detail));
    buf_add_char(errors, '}');
    buf_finish(&name);
}

static void blame(struct member *member, const char *field, const char *detail)
{
    change_json_blame(&member->parsed->errors, field, (struct text){ 0 }, detail);
}

static struct text content_of(const json_t *string)
{
    return (struct text){ .at = json_string_value(string), .len = json_string_length(string) };
}

static bool is_blank(struct text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!strchr(" \t\r\n\v\f", text.at[i]))
            return false;
    return true;
}

/* ---- a function for each member ---- */

static void take_id(struct member *member)
{
    if (!json_is_string(member->value) || !status_id_valid(content_of(member->value))) {
        blame(member, "id", "must be a string that matches " STATUS_ID_PATTERN);
        return;
    }
    member->parsed->id = content_of(member->value);
}

static void take_state(struct member *member)
{
    if (json_is_string(member->value))
        member->change->state = state_of_name(content_of(member->value));
    if (!json_is_string(member->value) || member->change->state == STATE_NONE)
        blame(member, "state",
              "must be unqueued, queued, started, succeeded, failed, killed or unknown");
}

static void take_job_name(struct member *member)
{
    if (!json_is_string(member->value) || is_blank(content_of(member->value))) {
        blame(member, "job_name", "must be a string that is not blank");
        return;
    }
    member->change->job_name = member->raw;
    member->change->job_name_index = content_of(member->value);
}

static bool arg_is_valid(struct member *member, const char *name, const json_t *value)
{
    const char *detail = NULL;

    if (is_blank(text_of(name)))
        detail = "the name of an argument must not be blank";
    else if (!json_is_string(value))
        detail = "must be a string";
    if (detail)
        change_json_blame(&member->parsed->errors, "job_args", text_of(name), detail);
    return !detail;
}

static void take_job_args(struct member *member)
{
    const char *name;
    json_t *value;
    size_t n = 0;

    if (!json_is_object(member->value)) {
        blame(member, "job_args", "must be an object whose values are strings");
        return;
    }
    if (json_object_size(member->value) > JOB_ARGS_MAX) {
        blame(member, "job_args", "must have at most 1000 members");
        return;
    }
    member->parsed->args = mem_alloc(json_object_size(member->value) * sizeof(struct text));
    json_object_foreach(member->value, name, value)
    {
        if (!arg_is_valid(member, name, value))
            return;
        member->parsed->args[n++] = content_of(value);
    }
    member->change->job_args = member->raw;
    member->change->arg_index = member->parsed->args;
    member->change->n_arg_index = n;
}

static void take_provider_job_id(struct member *member)
{
    if (json_is_number(member->value)) {
        member->change->provider_index = member->raw;
    } else if (json_is_string(member->value) && !is_blank(content_of(member->value))) {
        member->change->provider_index = content_of(member->value);
    } else {
        blame(member, "provider_job_id", "must be a number, or a string that is not blank");
        return;
    }
    member->change->provider_job_id = member->raw;
}

static void take_data(struct member *member)
{
    member->change->data = member->raw;
}

static void take_progress(struct member *member)
{
    struct progress_fault fault;

    if (!progress_parse(member->value, member->raw, member->parsed->progress, &fault)) {
        change_json_blame(&member->parsed->errors, "progress", text_of(fault.member), fault.detail);
        return;
    }
    member->change->progress = text_of(member->parsed->progress);
}

static void take_error(struct member *member)
{
    if (json_is_null(member->value))
        blame(member, "error", "must not be null");
    else
        member->change->error = member->raw;
}

static const struct {
    enum change_member bit;
    const char *name;
    void (*take)(struct member *member);
} members[] = {
    { CHANGE_ID, "id", take_id },
    { CHANGE_STATE, "state", take_state },
    { CHANGE_JOB_NAME, "job_name", take_job_name },
    { CHANGE_JOB_ARGS, "job_args", take_job_args },
    { CHANGE_PROVIDER_JOB_ID, "provider_job_id", take_provider_job_id },
    { CHANGE_DATA, "data", take_data },
    { CHANGE_PROGRESS, "progress", take_progress },
    { CHANGE_ERROR, "error", take_error },
};

/* ---- bodies ---- */

static void blame_unknown(struct member *member, struct text raw_name)
{
    struct buf name = { 0 };

    buf_add_text(&name, raw_name);
    change_json_blame(&member->parsed->errors, buf_cstr(&name), (struct text){ 0 },
                      "is not a field that this request takes");
    buf_finish(&name);
}

static void take_member(struct member *member, struct text raw_name, unsigned allowed)
{
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (!(members[i].bit & allowed) || !json_text_name_is(raw_name, members[i].name))
            continue;
        member->value = json_object_get(member->parsed->json.root, members[i].name);
        members[i].take(member);
        return;
    }
    blame_unknown(member, raw_name);
}

bool change_json_parse(struct change_json *parsed, struct text body, unsigned allowed,
                       struct status_change *change)
{
    struct member member = { .parsed = parsed, .change = change };
    struct text raw_name;
    size_t at = 0;

    if (!json_text_parse(body, &parsed->json, &parsed->message))
        return false;
    if (!json_is_object(parsed->json.root)) {
        change_json_blame(&parsed->errors, "body", (struct text){ 0 }, "must be a JSON object");
        return false;
    }
    while (json_text_next_member(buf_text(&parsed->json.raw), &at, &raw_name, &member.raw))
        take_member(&member, raw_name, allowed);
    return !parsed->errors.len;
}

static bool parse_value(struct change_json *parsed, struct text body, struct status_change *change,
                        void (*take)(struct member *member))
{
    struct member member = { .parsed = parsed, .change = change };

    if (!json_text_parse(body, &parsed->json, &parsed->message))
        return false;
    member.value = parsed->json.root;
    member.raw = buf_text(&parsed->json.raw);
    take(&member);
    return !parsed->errors.len;
}

bool change_json_parse_progress(struct change_json *parsed, struct text body,
                                struct status_change *change)
{
    return parse_value(parsed, body, change, take_progress);
}

bool change_json_parse_error(struct change_json *parsed, struct text body,
                             struct status_change *change)
{
    return parse_value(parsed, body, change, take_error);
}

bool change_json_parse_data(struct change_json *parsed, struct text body,
                            struct status_change *change)
{
    return parse_value(parsed, body, change, take_data);
}

void change_json_finish(struct change_json *parsed)
{
    json_text_finish(&parsed->json);
    free(parsed->args);
    buf_finish(&parsed->errors);
    buf_finish(&parsed->message);
    parsed->args = NULL;
}
