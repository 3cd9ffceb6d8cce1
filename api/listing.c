#include "api/listing.h"

#include "api/change_json.h"
#include "api/status_json.h"
#include "core/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct listing *listing_create(uint64_t now)
{
    struct listing *listing = mem_zalloc(sizeof *listing);

    listing->filter.now = now;
    listing->order = FIELD_RECORDED_AT;
    listing->descending = true;
    listing->limit = LISTING_LIMIT;
    return listing;
}

void listing_destroy(struct listing *listing)
{
    if (!listing)
        return;
    query_finish(&listing->query);
    query_finish(&listing->total);
    filter_finish(&listing->filter);
    json_text_finish(&listing->json);
    free(listing);
}

/* ---- parameters besides the filters ---- */

static bool read_number(struct text text, uint64_t most, uint64_t *ret)
{
    *ret = 0;
    if (!text.len || text.len > 9)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        *ret = *ret * 10 + (uint64_t)(text.at[i] - '0');
    }
    return *ret <= most;
}

static const char *take_sort(struct listing *listing, struct text value)
{
    bool descending = value.len && value.at[0] == '-';
    struct text name = { value.at + descending, value.len - descending };
    enum status_field field = status_field_of_name(name);

    if (field != FIELD_ID && !(field != FIELD_NONE && status_field_is_indexed_time(field)))
        return "must be id or a time such as recorded_at, with - before it for descending";
    listing->order = field;
    listing->descending = descending;
    return NULL;
}

static const char *take_limit(struct listing *listing, struct text value)
{
    return read_number(value, LISTING_LIMIT_MAX, &listing->limit) && listing->limit > 0
               ? NULL
               : "must be a number from 1 to 1000";
}

static const char *take_offset(struct listing *listing, struct text value)
{
    return read_number(value, LISTING_OFFSET_MAX, &listing->offset)
               ? NULL
               : "must be a number from 0 to 1000000; a cursor goes further, at no cost";
}

static const char *take_cursor(struct listing *listing, struct text value)
{
    listing->cursor = value;
    return NULL;
}

static const char *take_bool(bool *ret, struct text value)
{
    *ret = text_is(value, "true");
    return *ret || text_is(value, "false") ? NULL : "must be true or false";
}

static const char *take_count(struct listing *listing, struct text value)
{
    return take_bool(&listing->want_count, value);
}

static const char *take_explain(struct listing *listing, struct text value)
{
    return take_bool(&listing->explain, value);
}

static const char *take_fields(struct listing *listing, struct text value)
{
    return listing_keys(value, &listing->keys);
}

const char *listing_keys(struct text names, uint32_t *ret_keys)
{
    *ret_keys = 0;
    while (names.len) {
        const char *comma = memchr(names.at, ',', names.len);
        size_t len = comma ? (size_t)(comma - names.at) : names.len;
        unsigned key = status_key_of_name((struct text){ .at = names.at, .len = len });

        if (key == STATUS_KEY_COUNT)
            return "must be a comma-separated list of keys of a status";
        *ret_keys |= STATUS_KEY_BIT(key);
        names.at += comma ? len + 1 : len;
        names.len -= comma ? len + 1 : len;
        if (comma && !names.len)
            return "must not end with a comma";
    }
    return *ret_keys ? NULL : "must not be empty";
}

static const struct {
    const char *name;
    const char *(*take)(struct listing *listing, struct text value);
} parameters[] = {
    { "sort", take_sort },       { "limit", take_limit },   { "offset", take_offset },
    { "cursor", take_cursor },   { "fields", take_fields }, { "count", take_count },
    { "explain", take_explain },
};

enum { N_PARAMETERS = sizeof parameters / sizeof *parameters };

static const char *take_once(struct listing *listing, size_t i, struct text value)
{
    if (listing->seen & 1u << i)
        return "is given more than once";
    listing->seen |= 1u << i;
    return parameters[i].take(listing, value);
}

const char *listing_take(struct listing *listing, struct text name, struct text value)
{
    bool known;
    const char *wrong;

    for (size_t i = 0; i < N_PARAMETERS; i++)
        if (text_is(name, parameters[i].name))
            return take_once(listing, i, value);
    listing->filter.relative = true;
    wrong = filter_take(&listing->filter, 0, name, value, &known);
    return known ? wrong : "is not a parameter of this route";
}

/* ---- JSON ---- */

/* The name of a member, without escapes: those need none. */
static const char *take_where_member(struct listing *listing, unsigned element, json_t *object,
                                     struct text raw_name, struct text raw)
{
    char name[256];
    bool known;

    if (memchr(raw_name.at, '\\', raw_name.len) || raw_name.len >= sizeof name)
        return "is not a filter";
    memcpy(name, raw_name.at, raw_name.len);
    name[raw_name.len] = '\0';
    return filter_take_json(&listing->filter, element, raw_name, json_object_get(object, name), raw,
                            &known);
}

static void take_where_object(struct listing *listing, unsigned element, json_t *object,
                              struct text raw, struct buf *errors)
{
    struct text name, value;
    size_t at = 0;

    if (!json_is_object(object)) {
        change_json_blame(errors, "where", (struct text){ 0 },
                          "must be an object, or a list of objects");
        return;
    }
    while (json_text_next_member(raw, &at, &name, &value)) {
        const char *wrong = take_where_member(listing, element, object, name, value);
        if (wrong)
            change_json_blame(errors, "where", name, wrong);
    }
}

static void take_where(struct listing *listing, json_t *where, struct text raw, struct buf *errors)
{
    struct text part;
    size_t at = 0;

    if (!json_is_array(where)) {
        take_where_object(listing, 0, where, raw, errors);
        return;
    }
    for (unsigned i = 0; json_text_next_element(raw, &at, &part); i++)
        take_where_object(listing, i, json_array_get(where, i), part, errors);
}

/* ["id","state"] as id,state. */
static const char *take_fields_list(struct listing *listing, json_t *list)
{
    struct buf names = { 0 };
    const char *wrong = NULL;

    for (size_t i = 0; i < json_array_size(list) && !wrong; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (!name || strchr(name, ','))
            wrong = "must be a list of keys of a status";
        else
            buf_printf(&names, "%s%s", i ? "," : "", name);
    }
    if (!wrong)
        wrong = listing_keys(buf_text(&names), &listing->keys);
    buf_finish(&names);
    return wrong;
}

static const char *take_member(struct listing *listing, struct text name, json_t *value,
                               struct text raw)
{
    for (size_t i = 0; i < N_PARAMETERS; i++) {
        if (!text_is(name, parameters[i].name))
            continue;
        if (json_is_null(value))
            return NULL; /* as if it were not there */
        if (json_is_array(value) && parameters[i].take == take_fields)
            return take_fields_list(listing, value);
        if (json_is_object(value) || json_is_array(value))
            return "must not be an object or a list";
        return take_once(listing, i,
                         json_is_string(value)
                             ? (struct text){ json_string_value(value), json_string_length(value) }
                             : raw);
    }
    return "is not a field that this request takes";
}

bool listing_parse(struct listing *listing, struct text body, struct buf *message,
                   struct buf *errors)
{
    struct text raw, name, value;
    size_t at = 0;

    if (!json_text_parse(body, &listing->json, message))
        return false;
    raw = buf_text(&listing->json.raw);
    if (!json_is_object(listing->json.root)) {
        buf_add_str(message, "the body must be a JSON object");
        return false;
    }
    while (json_text_next_member(raw, &at, &name, &value)) {
        char member[64];
        json_t *node;
        const char *wrong = "is not a field that this request takes";

        snprintf(member, sizeof member, "%.*s", (int)name.len, name.at);
        node = json_object_get(listing->json.root, member);
        if (node && text_is(name, "where")) {
            take_where(listing, node, value, errors);
            continue;
        }
        if (node)
            wrong = take_member(listing, name, node, value);
        if (wrong)
            change_json_blame(errors, member, (struct text){ 0 }, wrong);
    }
    return errors->len == 0;
}

/* ---- cursors: HASH-SCORE-ID, where the hash is of the query and of the place, against mix-ups
 * ---- */

static uint64_t cursor_hash(const struct listing *listing, uint64_t score, struct text id)
{
    uint64_t hash = listing->filter.hash ^ ((uint64_t)listing->order << 1 | listing->descending);

    hash = (hash ^ score) * UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; i < id.len; i++)
        hash = (hash ^ (unsigned char)id.at[i]) * UINT64_C(1099511628211);
    return hash ^ hash >> 31;
}

void listing_write_cursor(const struct listing *listing, const struct query_place *place,
                          struct buf *out)
{
    buf_printf(out, "%016" PRIx64 "-%" PRIu64 "-%.*s",
               cursor_hash(listing, place->score, place->id), place->score, (int)place->id.len,
               place->id.at);
}

static bool read_cursor(const struct listing *listing, struct query_place *ret)
{
    struct text cursor = listing->cursor, id;
    struct buf again = { 0 };
    uint64_t score = 0;
    size_t at = 17;
    bool same;

    if (cursor.len < 20)
        return false;
    for (; at < cursor.len && at < 34 && cursor.at[at] >= '0' && cursor.at[at] <= '9'; at++)
        score = score * 10 + (uint64_t)(cursor.at[at] - '0');
    if (at >= cursor.len || cursor.at[at] != '-')
        return false;
    id = (struct text){ cursor.at + at + 1, cursor.len - at - 1 };
    *ret = (struct query_place){ .score = score, .id = id };
    listing_write_cursor(listing, ret, &again);
    same = text_equal(buf_text(&again), cursor);
    buf_finish(&again);
    return same && id.len > 0;
}

const char *listing_prepare(struct listing *listing, const char **ret_field)
{
    struct query *query = &listing->query;

    *ret_field = "cursor";
    if (listing->cursor.at && listing->offset)
        return "can't be together with offset";
    if (listing->cursor.at && !read_cursor(listing, &query->from))
        return "is not one that this query has answered with";
    query->clauses = listing->filter.clauses;
    query->n_clauses = listing->filter.n_clauses;
    query->order = listing->order;
    query->descending = listing->descending;
    query->limit = listing->limit;
    query->offset = listing->offset;
    if (!listing->keys)
        listing->keys = STATUS_KEYS_ALL;
    query->fields = status_keys_fields(listing->keys);
    return NULL;
}
