#include "api/listing.h"

#include "api/change_json.h"
#include "api/status_json.h"
#include "api/time_text.h"
#include "core/mem.h"
#include "core/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct listing *listing_create(unsigned takes, uint64_t now)
{
    struct listing *listing = mem_zalloc(sizeof *listing);

    listing->takes = takes;
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
    bulk_finish(&listing->bulk);
    buf_finish(&listing->place_id);
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
    listing->has_limit = true;
    return read_number(value, LISTING_LIMIT_MAX, &listing->limit) && listing->limit > 0
               ? NULL
               : "must be a number from 1 to 1000";
}

static const char *take_first(struct listing *listing, struct text value)
{
    return read_number(value, LISTING_LIMIT_MAX, &listing->limit)
               ? NULL
               : "must be a number from 0 to 1000";
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
    listing->has_fields = true;
    return listing_keys(value, &listing->keys);
}

static const char *take_dry_run(struct listing *listing, struct text value)
{
    return take_bool(&listing->dry_run, value);
}

static const char *take_all(struct listing *listing, struct text value)
{
    return take_bool(&listing->all, value);
}

static const char *take_force(struct listing *listing, struct text value)
{
    return take_bool(&listing->force, value);
}

static const char *take_max(struct listing *listing, struct text value)
{
    listing->has_max = true;
    return read_number(value, 999999999, &listing->max) ? NULL
                                                        : "must be a number from 0 to 999999999";
}

static const char *take_older_than(struct listing *listing, struct text value)
{
    return time_text_parse_span(value, &listing->older_than)
               ? NULL
               : "must be a number with s, m, h or d, such as 360d";
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

static const struct parameter {
    const char *name;
    enum listing_takes where;
    const char *(*take)(struct listing *listing, struct text value);
} parameters[] = {
    { "sort", LISTING_PAGE, take_sort },
    { "limit", LISTING_PAGE, take_limit },
    { "offset", LISTING_PAGE, take_offset },
    { "cursor", LISTING_PAGE, take_cursor },
    { "fields", LISTING_PAGE, take_fields },
    { "count", LISTING_PAGE, take_count },
    { "explain", LISTING_PAGE, take_explain },
    { "limit", LISTING_EVENTS, take_first },
    { "dry_run", LISTING_BULK, take_dry_run },
    { "max", LISTING_BULK, take_max },
    { "all", LISTING_BULK, take_all },
    { "force", LISTING_FORCE, take_force },
    { "older_than", LISTING_OLDER_THAN, take_older_than },
};

enum { N_PARAMETERS = sizeof parameters / sizeof *parameters };

/* Index in the table; N_PARAMETERS: this listing takes no such parameter. */
static size_t find_parameter(const struct listing *listing, struct text name)
{
    size_t i = 0;

    while (i < N_PARAMETERS &&
           !(parameters[i].where & listing->takes && text_is(name, parameters[i].name)))
        i++;
    return i;
}

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
    size_t i = find_parameter(listing, name);

    if (i < N_PARAMETERS)
        return take_once(listing, i, value);
    listing->filter.relative = true;
    wrong = filter_take(&listing->filter, 0, name, value, &known);
    return known ? wrong : "is not a parameter of this route";
}

/* ---- JSON ---- */

/* A name may have escapes in the text; jansson has decoded it, and keeps the order of members. */
static void take_where_object(struct listing *listing, unsigned element, json_t *object,
                              struct text raw, struct buf *errors)
{
    void *member = json_object_iter(object);
    struct text raw_name, value;
    size_t at = 0;

    if (!json_is_object(object)) {
        change_json_blame(errors, "where", (struct text){ 0 },
                          "must be an object, or a list of objects");
        return;
    }
    for (; json_text_next_member(raw, &at, &raw_name, &value);
         member = json_object_iter_next(object, member)) {
        struct text name = text_of(json_object_iter_key(member));
        bool known;
        const char *wrong = filter_take_json(&listing->filter, element, name,
                                             json_object_iter_value(member), value, &known);
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

    listing->has_fields = true;
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
    size_t i = find_parameter(listing, name);

    if (i == N_PARAMETERS)
        return "is not a field that this request takes";
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

/* Whether all that match have the time of the order. */
static bool order_is_implied(const struct listing *listing)
{
    if (listing->order == FIELD_ID || listing->order == FIELD_RECORDED_AT)
        return true;
    for (size_t i = 0; i < listing->filter.n_clauses; i++) {
        const struct clause *clause = &listing->filter.clauses[i];
        enum state state = STATE_NONE;
        if (clause->kind == CLAUSE_RANGE && clause->field == listing->order)
            return true;
        if (clause->kind == CLAUSE_SETS && !clause->index.len && clause->n_values == 1)
            state = state_of_name(clause->values[0]);
        if (state != STATE_NONE && state_info(state)->timestamp == listing->order)
            return true;
    }
    return false;
}

void listing_prepare_total(struct listing *listing)
{
    struct query *query = &listing->query, *total = &listing->total;
    size_t n = query->n_clauses;

    *total = (struct query){
        .store = query->store,
        .clauses = query->clauses,
        .n_clauses = n,
        .call_ms = query->call_ms,
        .deadline_ms = query->deadline_ms,
    };
    if (order_is_implied(listing))
        return;
    for (size_t i = 0; i < n; i++)
        listing->total_clauses[i] = query->clauses[i];
    listing->total_clauses[n] = (struct clause){
        .kind = CLAUSE_RANGE, .index = TEXT(""), .field = listing->order, .max = CLAUSE_TIME_MAX
    };
    total->clauses = listing->total_clauses;
    total->n_clauses = n + 1;
}

/* What a cleanup is for: recorded long ago, and over, unless forced. */
static const char *add_cleanup(struct listing *listing)
{
    enum { OWN_ELEMENT = UINT16_MAX }; /* AND with all others */
    struct filter *filter = &listing->filter;
    uint64_t now = filter->now;
    struct buf cutoff = { .data = listing->cutoff, .cap = sizeof listing->cutoff };
    const char *wrong;

    buf_add_u64(&cutoff, listing->older_than < now ? now - listing->older_than : 0);
    wrong = filter_take(filter, OWN_ELEMENT, TEXT("recorded_before"), buf_text(&cutoff), NULL);
    if (wrong || listing->force)
        return wrong;
    return filter_take(filter, OWN_ELEMENT, TEXT("state"), TEXT("terminal"), NULL);
}

const char *listing_prepare_bulk(struct listing *listing, const char **ret_field)
{
    struct bulk *bulk = &listing->bulk;
    const char *wrong = NULL;

    *ret_field = "older_than";
    if (listing->takes & LISTING_OLDER_THAN)
        wrong = listing->older_than ? add_cleanup(listing) : "is needed, such as 360d";
    if (wrong)
        return wrong;
    *ret_field = "all";
    if (!listing->filter.n_clauses && !listing->all)
        return "must be true for a change of all statuses: there is no filter";
    if (listing->filter.n_clauses && listing->all)
        return "can't be together with a filter";
    bulk->clauses = listing->filter.clauses;
    bulk->n_clauses = listing->filter.n_clauses;
    bulk->dry_run = listing->dry_run;
    bulk->most = listing->has_max ? listing->max : UINT64_MAX;
    return NULL;
}
