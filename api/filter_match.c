#include "api/filter_match.h"

#include "api/filter.h"

#include <assert.h>
#include <jansson.h>

static bool has_value(const struct clause *clause, struct text value)
{
    for (size_t i = 0; i < clause->n_values; i++)
        if (text_equal(clause->values[i], value))
            return true;
    return false;
}

static json_t *decode(struct text json)
{
    return json.at ? json_loadb(json.at, json.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
}

static struct text string_of(const json_t *string)
{
    return (struct text){ json_string_value(string), json_string_length(string) };
}

/* Whether the text of a stored JSON scalar, as the index spells it, is one of the values. */
static bool has_scalar(const struct clause *clause, struct text json)
{
    json_t *string;
    bool has;

    if (!json.at || json.len < 1)
        return false;
    if (json.at[0] != '"')
        return has_value(clause, json); /* a number is its own text */
    if (json.len >= 2 && !memchr(json.at, '\\', json.len))
        return has_value(clause, (struct text){ json.at + 1, json.len - 2 });
    string = decode(json);
    has = json_is_string(string) && has_value(clause, string_of(string));
    json_decref(string);
    return has;
}

/* An argument with this name, or with any if there is none, has one of the values. */
static bool has_arg(const struct clause *clause, struct text name, struct text json)
{
    json_t *args = decode(json), *value;
    const char *key;
    bool has = false;

    json_object_foreach(args, key, value)
    {
        bool is_named = !name.at || text_is(name, key);
        if (is_named && json_is_string(value) && has_value(clause, string_of(value)))
            has = true;
    }
    json_decref(args);
    return has;
}

static bool matches_sets(const struct clause *clause, const struct status_view *view)
{
    if (text_is(clause->index, "job_name:"))
        return has_scalar(clause, view->field[FIELD_JOB_NAME]);
    if (text_is(clause->index, "provider_job_id:"))
        return has_scalar(clause, view->field[FIELD_PROVIDER_JOB_ID]);
    if (text_is(clause->index, "job_arg:"))
        return has_arg(clause, (struct text){ 0 }, view->field[FIELD_JOB_ARGS]);
    return has_scalar(clause, view->field[FIELD_STATE]);
}

static bool matches_range(const struct clause *clause, const struct status_view *view)
{
    uint64_t time = status_view_u64(view, clause->field, UINT64_MAX);

    return time != UINT64_MAX && time >= clause->min && time <= clause->max;
}

static bool matches(const struct clause *clause, struct text id, const struct status_view *view)
{
    switch (clause->kind) {
    case CLAUSE_SETS:
        return matches_sets(clause, view);
    case CLAUSE_RANGE:
        return matches_range(clause, view);
    case CLAUSE_IDS:
        return has_value(clause, id);
    case CLAUSE_ARG:
        return has_arg(clause, clause->name, view->field[FIELD_JOB_ARGS]);
    case CLAUSE_KILL:
        return (view->field[FIELD_KILL_REQUESTED_AT].at != NULL) == clause->wanted;
    case CLAUSE_KIND_COUNT:
        break;
    }
    assert(clause->kind < CLAUSE_KIND_COUNT);
    return false;
}

bool filter_matches(const struct clause *clauses, size_t n_clauses, struct text id,
                    const struct status_view *view)
{
    for (size_t i = 0; i < n_clauses; i++)
        if (!matches(&clauses[i], id, view))
            return false;
    return true;
}
