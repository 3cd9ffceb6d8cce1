#include "api/filter.h"

#include "api/json_text.h"
#include "api/time_text.h"
#include "core/mem.h"
#include "core/state.h"
#include "core/status_id.h"

#include <stdlib.h>

/* ---- clauses and their values ---- */

/* The clause of this element that has the same kind and index or field; a new one if there is none.
 * NULL: too many. */
static struct clause *clause_for(struct filter *filter, unsigned element,
                                 const struct clause *wanted)
{
    for (size_t i = 0; i < filter->n_clauses; i++) {
        struct clause *clause = &filter->clauses[i];
        if (filter->element[i] == element && clause->kind == wanted->kind &&
            clause->field == wanted->field && text_equal(clause->index, wanted->index) &&
            (wanted->kind != CLAUSE_ARG || text_equal(clause->name, wanted->name)))
            return clause;
    }
    if (filter->n_clauses == FILTER_CLAUSES_MAX)
        return NULL;
    filter->element[filter->n_clauses] = element;
    filter->clauses[filter->n_clauses] = *wanted;
    return &filter->clauses[filter->n_clauses++];
}

static const char *const too_many_clauses = "is one condition too many: there may be 30";

static const char *add_value(struct filter *filter, struct clause *clause, struct text value)
{
    for (size_t i = 0; i < clause->n_values; i++)
        if (text_equal(clause->values[i], value))
            return NULL;
    if (filter->n_values == FILTER_VALUES_MAX)
        return "is one value too many: there may be 1000";
    if ((clause->n_values & (clause->n_values - 1)) == 0) { /* a power of two: full */
        size_t cap = clause->n_values ? 2 * clause->n_values : 1;
        clause->values = mem_realloc(clause->values, cap * sizeof *clause->values);
    }
    clause->values[clause->n_values++] = value;
    filter->n_values++;
    return NULL;
}

/* ---- kinds of names ---- */

/* A name that a client may use, and what it means. */
struct row {
    const char *name; /* whole, or up to what is behind it */
    const char *(*take)(struct filter *filter, unsigned element, const struct row *row,
                        struct text rest, struct text value);
    enum status_field field; /* of a time */
    bool prefix;             /* something has to be behind it */
};

/* Adds each part of a comma-separated value. */
static const char *add_each(struct filter *filter, struct clause *clause, struct text value,
                            const char *(*add)(struct filter *filter, struct clause *clause,
                                               struct text part))
{
    while (true) {
        const char *comma = memchr(value.at, ',', value.len);
        struct text part = { value.at, comma ? (size_t)(comma - value.at) : value.len };
        const char *wrong = add(filter, clause, part);
        if (wrong || !comma)
            return wrong;
        value = (struct text){ comma + 1, value.len - part.len - 1 };
    }
}

static const char *add_id(struct filter *filter, struct clause *clause, struct text id)
{
    return status_id_valid(id) ? add_value(filter, clause, id) : "must match " STATUS_ID_PATTERN;
}

static const char *take_id(struct filter *filter, unsigned element, const struct row *row,
                           struct text rest, struct text value)
{
    const struct clause wanted = { .kind = CLAUSE_IDS, .index = TEXT("") };
    struct clause *clause = clause_for(filter, element, &wanted);

    (void)row;
    (void)rest;
    if (!clause)
        return too_many_clauses;
    return add_each(filter, clause, value, add_id);
}

bool filter_state_is_in(struct text group, enum state state)
{
    bool completed = state_info(state)->completed;

    if (text_is(group, "completed"))
        return completed;
    if (text_is(group, "incomplete"))
        return !completed && state != STATE_UNKNOWN;
    if (text_is(group, "terminal"))
        return completed || state == STATE_KILLED;
    return text_is(group, state_info(state)->name);
}

static const char *add_states(struct filter *filter, struct clause *clause, struct text group)
{
    bool known = false;

    for (enum state state = 0; state < STATE_COUNT; state++) {
        if (!filter_state_is_in(group, state))
            continue;
        const char *wrong = add_value(filter, clause, text_of(state_info(state)->name));
        if (wrong)
            return wrong;
        known = true;
    }
    return known ? NULL
                 : "must be unqueued, queued, started, succeeded, failed, killed, unknown, "
                   "completed, incomplete or terminal";
}

static const char *take_state(struct filter *filter, unsigned element, const struct row *row,
                              struct text rest, struct text value)
{
    const struct clause wanted = { .kind = CLAUSE_SETS, .index = TEXT("") };
    struct clause *clause = clause_for(filter, element, &wanted);

    (void)row;
    (void)rest;
    if (!clause)
        return too_many_clauses;
    return add_each(filter, clause, value, add_states);
}

static const char *take_indexed(struct filter *filter, unsigned element, struct clause wanted,
                                struct text value)
{
    struct clause *clause = clause_for(filter, element, &wanted);

    return clause ? add_value(filter, clause, value) : too_many_clauses;
}

static const char *take_job_name(struct filter *filter, unsigned element, const struct row *row,
                                 struct text rest, struct text value)
{
    (void)row;
    (void)rest;
    return take_indexed(filter, element,
                        (struct clause){ .kind = CLAUSE_SETS, .index = TEXT("job_name:") }, value);
}

static const char *take_provider(struct filter *filter, unsigned element, const struct row *row,
                                 struct text rest, struct text value)
{
    (void)row;
    (void)rest;
    return take_indexed(filter, element,
                        (struct clause){ .kind = CLAUSE_SETS, .index = TEXT("provider_job_id:") },
                        value);
}

static const char *take_job_arg(struct filter *filter, unsigned element, const struct row *row,
                                struct text rest, struct text value)
{
    (void)row;
    (void)rest;
    return take_indexed(filter, element,
                        (struct clause){ .kind = CLAUSE_SETS, .index = TEXT("job_arg:") }, value);
}

static const char *take_named_arg(struct filter *filter, unsigned element, const struct row *row,
                                  struct text rest, struct text value)
{
    (void)row;
    return take_indexed(
        filter, element,
        (struct clause){ .kind = CLAUSE_ARG, .index = TEXT("job_arg:"), .name = rest }, value);
}

static const char *take_kill(struct filter *filter, unsigned element, const struct row *row,
                             struct text rest, struct text value)
{
    const struct clause wanted = { .kind = CLAUSE_KILL,
                                   .index = TEXT(""),
                                   .wanted = text_is(value, "true") };
    struct clause *clause = clause_for(filter, element, &wanted);

    (void)row;
    (void)rest;
    if (!clause)
        return too_many_clauses;
    if (!wanted.wanted && !text_is(value, "false"))
        return "must be true or false";
    return clause->wanted == wanted.wanted ? NULL : "is given as true and as false";
}

/* "-15m" is so long ago; a '-' can't begin any other time. */
static bool read_time(const struct filter *filter, struct text value, uint64_t *ret)
{
    uint64_t span;

    if (!filter->relative || !value.len || value.at[0] != '-')
        return time_text_parse(value, ret);
    if (!time_text_parse_span((struct text){ value.at + 1, value.len - 1 }, &span))
        return false;
    *ret = span < filter->now ? filter->now - span : 0;
    return true;
}

static const char *take_bound(struct filter *filter, unsigned element, enum status_field field,
                              bool is_after, struct text value)
{
    const struct clause wanted = {
        .kind = CLAUSE_RANGE, .index = TEXT(""), .field = field, .max = CLAUSE_TIME_MAX
    };
    struct clause *clause = clause_for(filter, element, &wanted);
    uint64_t time;

    if (!clause)
        return too_many_clauses;
    if (!read_time(filter, value, &time))
        return filter->relative ? "must be a time of RFC 3339, microseconds since the epoch, or "
                                  "like -15m, -2h, -7d"
                                : "must be a time of RFC 3339 or microseconds since the epoch";
    if (is_after && time > clause->min)
        clause->min = time;
    if (!is_after && time < clause->max)
        clause->max = time;
    return NULL;
}

static const char *take_after(struct filter *filter, unsigned element, const struct row *row,
                              struct text rest, struct text value)
{
    (void)rest;
    return take_bound(filter, element, row->field, true, value);
}

static const char *take_before(struct filter *filter, unsigned element, const struct row *row,
                               struct text rest, struct text value)
{
    (void)rest;
    return take_bound(filter, element, row->field, false, value);
}

#define TIME_ROWS(stem, FIELD)                                      \
    { .name = stem "_after", .take = take_after, .field = FIELD },  \
    {                                                               \
        .name = stem "_before", .take = take_before, .field = FIELD \
    }

static const struct row rows[] = {
    { .name = "id", .take = take_id },
    { .name = "state", .take = take_state },
    { .name = "job_name", .take = take_job_name },
    { .name = "job_arg", .take = take_job_arg },
    { .name = "job_arg.", .take = take_named_arg, .prefix = true },
    { .name = "provider_job_id", .take = take_provider },
    { .name = "kill_requested", .take = take_kill },
    TIME_ROWS("recorded", FIELD_RECORDED_AT),
    TIME_ROWS("queued", FIELD_QUEUED_AT),
    TIME_ROWS("started", FIELD_STARTED_AT),
    TIME_ROWS("succeeded", FIELD_SUCCEEDED_AT),
    TIME_ROWS("failed", FIELD_FAILED_AT),
    TIME_ROWS("killed", FIELD_KILLED_AT),
};

static const struct row *row_of(struct text name, struct text *ret_rest)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t len = strlen(rows[i].name);
        *ret_rest = (struct text){ name.at + len, name.len - len };
        if (rows[i].prefix ? text_starts(name, rows[i].name) && name.len > len
                           : text_is(name, rows[i].name))
            return &rows[i];
    }
    return NULL;
}

/* ---- taking ---- */

static uint64_t hash_text(uint64_t hash, struct text text)
{
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.at[i]) * UINT64_C(1099511628211);
    return (hash ^ 0xff) * UINT64_C(1099511628211);
}

static void note(struct filter *filter, unsigned element, struct text name, struct text value)
{
    uint64_t hash = UINT64_C(14695981039346656037) + element;

    filter->hash += hash_text(hash_text(hash, name), value); /* a sum: the order does not matter */
}

const char *filter_take(struct filter *filter, unsigned element, struct text name,
                        struct text value, bool *ret_known)
{
    struct text rest;
    const struct row *row = row_of(name, &rest);

    if (ret_known)
        *ret_known = row;
    if (!row)
        return "is not a filter";
    note(filter, element, name, value);
    return row->take(filter, element, row, rest, value);
}

/* The text of a scalar: a string's content, else its JSON. `at` NULL: it is none. */
static struct text scalar_of(json_t *value, struct text raw)
{
    if (json_is_string(value))
        return (struct text){ json_string_value(value), json_string_length(value) };
    if (json_is_number(value) || json_is_boolean(value))
        return raw;
    return (struct text){ 0 };
}

static const char *take_scalar(struct filter *filter, unsigned element, const struct row *row,
                               struct text rest, json_t *value, struct text raw)
{
    struct text scalar = scalar_of(value, raw);

    return scalar.at ? row->take(filter, element, row, rest, scalar)
                     : "must be a string, a number, a boolean or a list of them";
}

static const char *const range_shape =
    "must be {\"after\":...,\"before\":...} or [after,before], of which one may be null";

/* One end of a range; null is no bound. */
static const char *take_end(struct filter *filter, unsigned element, enum status_field field,
                            bool is_after, json_t *bound, struct text raw, unsigned *n_bounds)
{
    struct text scalar = scalar_of(bound, raw);

    if (json_is_null(bound))
        return NULL;
    ++*n_bounds;
    return scalar.at ? take_bound(filter, element, field, is_after, scalar) : range_shape;
}

/* [after, before] */
static const char *take_pair(struct filter *filter, unsigned element, enum status_field field,
                             json_t *pair, struct text raw)
{
    struct text part;
    const char *wrong = NULL;
    unsigned n_bounds = 0;
    size_t at = 0;

    if (json_array_size(pair) != 2)
        return range_shape;
    for (size_t i = 0; !wrong && json_text_next_element(raw, &at, &part); i++)
        wrong = take_end(filter, element, field, i == 0, json_array_get(pair, i), part, &n_bounds);
    return wrong || n_bounds ? wrong : range_shape;
}

/* {"after":...,"before":...} */
static const char *take_ends(struct filter *filter, unsigned element, enum status_field field,
                             json_t *ends, struct text raw)
{
    struct text name, part;
    const char *wrong = NULL;
    unsigned n_bounds = 0;
    size_t at = 0;

    while (!wrong && json_text_next_member(raw, &at, &name, &part)) {
        bool is_after = json_text_name_is(name, "after");
        if (is_after || json_text_name_is(name, "before"))
            wrong = take_end(filter, element, field, is_after,
                             json_object_get(ends, is_after ? "after" : "before"), part, &n_bounds);
        else
            wrong = range_shape;
    }
    return wrong || n_bounds ? wrong : range_shape;
}

static const char *take_range(struct filter *filter, unsigned element, enum status_field field,
                              json_t *value, struct text raw)
{
    if (json_is_array(value))
        return take_pair(filter, element, field, value, raw);
    return json_is_object(value) ? take_ends(filter, element, field, value, raw) : range_shape;
}

/* A row with a list, which may be empty: then its clause has no value, and matches nothing. */
static const char *take_list(struct filter *filter, unsigned element, const struct row *row,
                             struct text rest, json_t *list, struct text raw)
{
    struct text part;
    size_t at = 0;

    if (json_array_size(list) == 0) {
        const struct clause none = { .kind = CLAUSE_IDS, .index = TEXT("") };
        if (filter->n_clauses == FILTER_CLAUSES_MAX)
            return too_many_clauses;
        filter->element[filter->n_clauses] = UINT32_MAX; /* of no element: nothing is added to it */
        filter->clauses[filter->n_clauses++] = none;
        return NULL;
    }
    for (size_t i = 0; json_text_next_element(raw, &at, &part); i++) {
        const char *wrong = take_scalar(filter, element, row, rest, json_array_get(list, i), part);
        if (wrong)
            return wrong;
    }
    return NULL;
}

const char *filter_take_json(struct filter *filter, unsigned element, struct text name,
                             json_t *value, struct text raw, bool *ret_known)
{
    enum status_field field = status_field_of_name(name);
    bool is_time = field != FIELD_NONE && status_field_is_indexed_time(field);
    struct text rest;
    const struct row *row = row_of(name, &rest);

    *ret_known = row || is_time;
    if (!*ret_known)
        return "is not a filter";
    note(filter, element, name, raw);
    if (is_time)
        return take_range(filter, element, field, value, raw);
    if (json_is_array(value))
        return take_list(filter, element, row, rest, value, raw);
    return take_scalar(filter, element, row, rest, value, raw);
}

void filter_finish(struct filter *filter)
{
    for (size_t i = 0; i < filter->n_clauses; i++)
        free(filter->clauses[i].values);
    filter->n_clauses = filter->n_values = 0;
}
