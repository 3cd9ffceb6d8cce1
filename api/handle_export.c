/*
 * Lists as NDJSON: every match, however many, a status in each line, in constant memory.
 *
 * An export is a walk of long pages behind each other, each begun at the place where the last one
 * ended; of a page only the ids are kept. What the reader has taken is what sets the pace: it asks
 * for a part, and that fetches the next statuses of the page, or begins the next page.
 */
#include "api/handle_many.h"
#include "api/json_write.h"
#include "api/status_json.h"

/* Ids of a page. In the order of ids each page looks at all that match, so there it is longer. */
enum { PAGE = 10000, PAGE_BY_ID = 100000 };

static struct api_request *request_of(struct query *query)
{
    return query->arg;
}

/* ---- parts ---- */

static void go_on(struct api_request *request);

static void deliver(struct api_request *request, bool is_last)
{
    bool begun = request->answer.status != 0;

    if (!request->answer.body.len && !is_last)
        go_on(request); /* all of them have gone meanwhile */
    else if (begun)
        api_answer_part(request, is_last);
    else if (is_last)
        api_answer_text(request, api_format_type(API_FORMAT_NDJSON));
    else
        api_answer_parts(request, api_format_type(API_FORMAT_NDJSON), go_on);
}

static void fail(struct api_request *request, enum err err)
{
    if (request->answer.status)
        api_answer_cut(request);
    else
        many_answer_err(request, err);
}

static void add_line(struct query *query, const struct status_view *view)
{
    struct api_request *request = request_of(query);
    struct buf *out = &request->answer.body;
    size_t from = out->len;

    status_json_write(out, view, request->listing->keys);
    json_write_join_lines(out, from);
    buf_add_char(out, '\n');
}

/* ---- pages ---- */

static void part_fetched(struct query *query)
{
    query->deadline_ms = 0; /* from here on the reader sets the pace */
    deliver(request_of(query), false);
}

static void page_done(struct query *query, enum err err)
{
    struct api_request *request = request_of(query);
    struct listing *listing = request->listing;

    if (err != ERR_NONE) {
        fail(request, err);
        return;
    }
    listing->page_is_due = query->has_more && !listing->has_limit;
    if (listing->page_is_due) { /* its place is in memory that the next page takes */
        buf_clear(&listing->place_id);
        buf_add_text(&listing->place_id, query->next.id);
        query->from.score = query->next.score;
    }
    deliver(request, !listing->page_is_due);
}

static void next_page(struct api_request *request)
{
    struct listing *listing = request->listing;
    struct query *query = &listing->query;
    enum err err;

    listing->page_is_due = false;
    query->from.id = buf_text(&listing->place_id);
    query->offset = 0;
    query->deadline_ms = many_deadline(request);
    err = query_list(query);
    if (err != ERR_NONE)
        fail(request, err);
}

static void go_on(struct api_request *request)
{
    if (request->listing->page_is_due)
        next_page(request);
    else
        query_go_on(&request->listing->query);
}

void many_export(struct api_request *request)
{
    struct listing *listing = request->listing;
    struct query *query = many_prepare(request, page_done);
    enum err err;

    if (!query)
        return;
    if (!listing->has_limit)
        query->limit = query->order == FIELD_ID ? PAGE_BY_ID : PAGE;
    query->each = add_line;
    query->step = part_fetched;
    err = query_list(query);
    if (err != ERR_NONE)
        many_answer_err(request, err);
}
