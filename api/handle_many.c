/* The reads of many statuses (api.md "Many statuses"). */
#include "api/handle_many.h"
#include "api/handlers.h"
#include "api/json_write.h"
#include "api/listing.h"
#include "api/request.h"
#include "api/status_json.h"
#include "api/status_table.h"
#include "core/redis_pool.h"

#include <stdio.h>
#include <time.h>

/* A page is held whole until it is answered. */
enum { LIST_BYTES_MAX = 32 * 1024 * 1024 };

static struct listing *listing_of(struct query *query)
{
    return container_of(query, struct listing, query);
}

static struct api_request *request_of(struct query *query)
{
    return query->arg;
}

void many_answer_err(struct api_request *request, enum err err)
{
    api_answer_problem(request, problem_of_err(err), NULL);
}

/* ---- the parts of an answer ---- */

static void write_plan(struct buf *out, const struct listing *listing)
{
    const struct query *query = &listing->query;
    bool in_order = query->plan.driver == PLAN_BY_ORDER,
         by_state = query->plan.driver == PLAN_BY_STATE;
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    buf_add_str(out, ",\"explain\":{\"driver\":");
    if (in_order || by_state)
        json_write_string(out,
                          text_of(status_field_name(in_order ? query->order : query->state_time)));
    else
        buf_printf(out, "%u", query->plan.driver);
    buf_printf(out, ",\"expected\":%llu,\"cardinalities\":[", (unsigned long long)query->plan.cost);
    for (size_t i = 0; i < query->n_all; i++)
        buf_printf(out, "%s%llu", i ? "," : "", (unsigned long long)query->cardinalities[i]);
    buf_printf(out,
               "],\"order_cardinality\":%llu,\"slices\":%u,\"looked_at\":%llu,\"fell_back\":%s,"
               "\"microseconds\":%llu}",
               (unsigned long long)query->order_cardinality, query->slices,
               (unsigned long long)query->looked_at, query->fell_back ? "true" : "false",
               (unsigned long long)(((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec -
                                     listing->started_ns) /
                                    1000));
}

/* What comes behind the statuses. */
static void write_tail(struct api_request *request)
{
    struct listing *listing = request->listing;
    struct buf *out = &request->answer.body;

    buf_add_str(out, "],\"next_cursor\":");
    if (listing->query.has_more) {
        buf_add_char(out, '"');
        listing_write_cursor(listing, &listing->query.next, out);
        buf_add_char(out, '"');
    } else {
        buf_add_str(out, "null");
    }
    if (listing->want_count)
        buf_printf(out, ",\"count\":%llu", (unsigned long long)listing->count);
    if (listing->explain)
        write_plan(out, listing);
    buf_add_str(out, "}\n");
}

/* The same request with the cursor of the next page. */
static void write_link(struct api_request *request)
{
    struct listing *listing = request->listing;
    const char *query = strchr(request->target, '?');
    struct buf *out = &request->answer.link;

    if (!listing->query.has_more || request->method == HTTP_POST)
        return;
    buf_add_str(out, "</statuses?");
    for (const char *at = query ? query + 1 : ""; *at;) {
        size_t len = strcspn(at, "&");
        if (len && strncmp(at, "cursor=", 7) != 0 && strncmp(at, "offset=", 7) != 0) {
            buf_add(out, at, len);
            buf_add_char(out, '&');
        }
        at += len + (at[len] == '&');
    }
    buf_add_str(out, "cursor=");
    listing_write_cursor(listing, &listing->query.next, out);
    buf_add_str(out, ">; rel=\"next\"");
}

/* ---- listing ---- */

/* Of a page that is too big to be held, the rest is not written. */
static bool is_too_large(const struct api_request *request)
{
    return request->answer.body.len > LIST_BYTES_MAX;
}

static void answer_too_large(struct api_request *request)
{
    api_answer_problem(request, PROBLEM_ANSWER_TOO_LARGE,
                       "The page takes more than 32 MiB. Ask for less with limit or fields, or "
                       "for application/x-ndjson.");
}

/* What a person at a console needs to know besides the rows. */
static void write_table_end(struct api_request *request)
{
    const struct listing *listing = request->listing;
    struct buf *out = &request->answer.body;

    if (!listing->shown)
        buf_add_str(out, "(no status)\n");
    if (listing->query.has_more)
        buf_add_str(out, "(there are more: limit=1000, or follow the Link header)\n");
    if (listing->want_count)
        buf_printf(out, "(%llu in all)\n", (unsigned long long)listing->count);
}

static void answer_list(struct api_request *request)
{
    write_link(request);
    if (is_too_large(request)) {
        answer_too_large(request);
    } else if (request->format == API_FORMAT_TEXT) {
        write_table_end(request);
        api_set_etag_of_body(request);
        api_answer_read(request, "text/plain; charset=utf-8");
    } else {
        write_tail(request);
        api_set_etag_of_body(request);
        api_answer_read(request, "application/json");
    }
}

static void add_status(struct query *query, const struct status_view *view)
{
    struct listing *listing = listing_of(query);
    struct buf *out = &request_of(query)->answer.body;

    if (is_too_large(request_of(query)))
        return;
    listing->shown++;
    if (request_of(query)->format == API_FORMAT_TEXT) {
        status_table_row(out, view, listing->filter.now);
        return;
    }
    if (listing->shown > 1)
        buf_add_char(out, ',');
    status_json_write(out, view, listing->keys);
}

static void go_on_unless_too_large(struct query *query)
{
    if (is_too_large(request_of(query)))
        answer_too_large(request_of(query));
    else
        query_go_on(query);
}

/* The total, when it was asked for: another walk, behind the page. */
static void total_done(struct query *total, enum err err)
{
    struct api_request *request = request_of(total);

    request->listing->count = total->count;
    if (err == ERR_NONE)
        answer_list(request);
    else
        many_answer_err(request, err);
}

static void list_done(struct query *query, enum err err)
{
    struct api_request *request = request_of(query);
    struct listing *listing = request->listing;

    if (err == ERR_NONE && listing->want_count) {
        listing_prepare_total(listing);
        listing->total.done = total_done;
        listing->total.arg = request;
        err = query_count(&listing->total);
        if (err == ERR_NONE)
            return;
    }
    if (err == ERR_NONE)
        answer_list(request);
    else
        many_answer_err(request, err);
}

/* What a format has no place for. NULL, or what is wrong, with the parameter in *ret_field. */
static const char *misfit(const struct api_request *request, const char **ret_field)
{
    const struct listing *listing = request->listing;

    *ret_field = listing->explain ? "explain" : "fields";
    if (request->format == API_FORMAT_TEXT && (listing->explain || listing->has_fields))
        return "is not for text/plain";
    *ret_field = listing->explain ? "explain" : "count";
    if (request->format == API_FORMAT_NDJSON && (listing->explain || listing->want_count))
        return "is not for application/x-ndjson";
    return NULL;
}

uint64_t many_deadline(const struct api_request *request)
{
    return redis_pool_now(request->api->store.pool) + request->query_ms;
}

struct query *many_prepare(struct api_request *request, query_done_fn *done)
{
    struct listing *listing = request->listing;
    struct query *query = &listing->query;
    const char *field, *wrong = misfit(request, &field);
    struct timespec now;

    if (!wrong)
        wrong = listing_prepare(listing, &field);

    if (wrong) {
        api_answer_culprit(request, PROBLEM_MALFORMED_QUERY, field, wrong);
        return NULL;
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    listing->started_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    query->store = &request->api->store;
    query->call_ms = request->call_ms;
    query->deadline_ms = many_deadline(request);
    query->done = done;
    query->arg = request;
    return query;
}

static void start_list(struct api_request *request)
{
    struct query *query;
    enum err err;

    if (request->format == API_FORMAT_NDJSON) {
        many_export(request);
        return;
    }
    query = many_prepare(request, list_done);
    if (!query)
        return;
    if (request->format == API_FORMAT_TEXT) {
        query->fields = STATUS_TABLE_FIELDS;
        status_table_head(&request->answer.body);
    } else {
        buf_add_str(&request->answer.body, "{\"statuses\":[");
    }
    query->each = add_status;
    query->step = go_on_unless_too_large;
    err = query_list(query);
    if (err != ERR_NONE)
        many_answer_err(request, err);
}

/* ---- counting ---- */

static void count_done(struct query *query, enum err err)
{
    struct api_request *request = request_of(query);

    if (err != ERR_NONE) {
        many_answer_err(request, err);
        return;
    }
    buf_printf(&request->answer.body, "{\"count\":%llu}\n", (unsigned long long)query->count);
    api_answer_json(request, 200);
}

static void start_count(struct api_request *request)
{
    struct query *query = many_prepare(request, count_done);
    enum err err;

    if (!query)
        return;
    err = query_count(query);
    if (err != ERR_NONE)
        many_answer_err(request, err);
}

/* ---- handlers ---- */

/* False: answered. */
bool many_take_body(struct api_request *request)
{
    struct buf message = { 0 }, errors = { 0 };
    bool ok =
        !request->body.len || listing_parse(request->listing, request->body, &message, &errors);

    if (!ok) {
        api_set_problem(request, message.len ? PROBLEM_MALFORMED_JSON : PROBLEM_INVALID_VALUE,
                        message.len ? buf_cstr(&message) : NULL, buf_text(&errors),
                        (struct text){ 0 });
        request->answered(request);
    }
    buf_finish(&message);
    buf_finish(&errors);
    return ok;
}

void handle_list(struct api_request *request)
{
    start_list(request);
}

void handle_query(struct api_request *request)
{
    if (many_take_body(request))
        start_list(request);
}

void handle_count(struct api_request *request)
{
    start_count(request);
}

void handle_count_query(struct api_request *request)
{
    if (many_take_body(request))
        start_count(request);
}
