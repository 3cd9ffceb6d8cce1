#include "api/request.h"

#include "api/batch.h"
#include "api/event_stream.h"
#include "api/headers.h"
#include "api/status_json.h"

#include <assert.h>
#include <stdio.h>

static const char *const method_names[] = {
    [HTTP_GET] = "GET",         [HTTP_HEAD] = "HEAD",   [HTTP_POST] = "POST",
    [HTTP_PUT] = "PUT",         [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE",
    [HTTP_OPTIONS] = "OPTIONS",
};
_Static_assert(sizeof method_names / sizeof *method_names == HTTP_METHOD_COUNT,
               "a name for each method");

static const char *const header_names[] = {
    [HTTP_HEADER_HOST] = "host",
    [HTTP_HEADER_ORIGIN] = "origin",
    [HTTP_HEADER_SEC_FETCH_SITE] = "sec-fetch-site",
    [HTTP_HEADER_ACCEPT] = "accept",
    [HTTP_HEADER_CONTENT_TYPE] = "content-type",
    [HTTP_HEADER_PREFER] = "prefer",
    [HTTP_HEADER_IDEMPOTENCY_KEY] = "idempotency-key",
    [HTTP_HEADER_IF_MATCH] = "if-match",
    [HTTP_HEADER_IF_NONE_MATCH] = "if-none-match",
    [HTTP_HEADER_CACHE_CONTROL] = "cache-control",
    [HTTP_HEADER_LAST_EVENT_ID] = "last-event-id",
    [HTTP_HEADER_REQUEST_METHOD] = "access-control-request-method",
};
_Static_assert(sizeof header_names / sizeof *header_names == HTTP_HEADER_COUNT,
               "a name for each header");

static const char *const format_types[] = {
    [API_FORMAT_JSON] = "application/json",
    [API_FORMAT_NDJSON] = "application/x-ndjson",
    [API_FORMAT_TEXT] = "text/plain",
    [API_FORMAT_EVENTS] = "text/event-stream",
};
_Static_assert(sizeof format_types / sizeof *format_types == API_FORMAT_COUNT,
               "a type for each format");

const char *api_format_type(enum api_format format)
{
    assert(format < API_FORMAT_COUNT);
    return format_types[format];
}

const char *http_method_name(enum http_method method)
{
    assert(method < HTTP_METHOD_COUNT);
    return method_names[method];
}

enum http_method http_method_of_name(const char *name)
{
    for (enum http_method method = 0; method < HTTP_METHOD_COUNT; method++)
        if (strcmp(name, method_names[method]) == 0)
            return method;
    return HTTP_METHOD_OTHER;
}

const char *http_header_name(enum http_header header)
{
    assert(header < HTTP_HEADER_COUNT);
    return header_names[header];
}

void api_init(void)
{
    json_object_seed(0); /* the first use of jansson seeds its hash tables */
}

void api_finish(struct api_request *request)
{
    change_json_finish(&request->parsed);
    buf_finish(&request->answer.body);
    buf_finish(&request->answer.link);
    listing_destroy(request->listing);
    if (request->stream)
        event_stream_close(request->stream);
    batch_destroy(request->batch);
}

void api_sign(struct api_request *request, struct text body)
{
    const struct text parts[] = {
        text_of(http_method_name(request->method)),
        TEXT(" "),
        text_of(request->target),
        TEXT("\n"),
        body,
    };

    if (request->guards.key.at)
        digest_of(parts, sizeof parts / sizeof *parts, request->guards.fingerprint);
}

/* A second answer is our bug, and must not reach the client as a mix of both. */
static void set_status(struct api_request *request, unsigned status)
{
    assert(request->answer.status == 0);
    request->answer.status = status;
}

void api_answer_empty(struct api_request *request, unsigned status)
{
    set_status(request, status);
    request->answered(request);
}

void api_answer_json(struct api_request *request, unsigned status)
{
    set_status(request, status);
    request->answer.content_type = "application/json";
    request->answered(request);
}

void api_set_etag_of_body(struct api_request *request)
{
    char digest[DIGEST_LEN + 1];
    struct text body = buf_text(&request->answer.body);

    digest_of(&body, 1, digest);
    snprintf(request->answer.etag, sizeof request->answer.etag, "W/\"%s\"", digest);
}

static bool client_has_it(const struct api_request *request)
{
    return *request->answer.etag && !request->is_whole &&
           if_none_match_has(request->header[HTTP_HEADER_IF_NONE_MATCH], request->answer.etag);
}

void api_answer_read(struct api_request *request, const char *content_type)
{
    set_status(request, client_has_it(request) ? 304 : 200);
    request->answer.content_type = content_type;
    request->answered(request);
}

void api_answer_text(struct api_request *request, const char *content_type)
{
    set_status(request, 200);
    request->answer.content_type = content_type;
    request->answered(request);
}

void api_answer_kept(struct api_request *request, struct near_entry *entry)
{
    request->answer.kept = entry;
    api_answer_read(request, "application/json");
}

void api_write_kept(struct api_request *request)
{
    status_json_write(&request->answer.body, &request->answer.kept->view, STATUS_KEYS_ALL);
    buf_add_char(&request->answer.body, '\n');
}

void api_answer_parts(struct api_request *request, const char *content_type,
                      void (*more)(struct api_request *request))
{
    request->answer.more = more;
    api_answer_text(request, content_type);
}

void api_answer_part(struct api_request *request, bool is_last)
{
    if (is_last)
        request->answer.more = NULL;
    request->answered(request);
}

void api_answer_cut(struct api_request *request)
{
    request->answer.more = NULL;
    request->answer.is_cut = true;
    request->answered(request);
}

void api_answer_static(struct api_request *request, const char *content_type, struct text body)
{
    request->answer.static_body = body;
    api_answer_read(request, content_type);
}

void api_set_problem(struct api_request *request, enum problem problem, const char *detail,
                     struct text errors, struct text current)
{
    const struct problem_info *info = problem_info(problem);

    set_status(request, info->status);
    request->answer.content_type = "application/problem+json";
    request->answer.retry_after_s = info->retry_after_s;
    buf_clear(&request->answer.body);
    problem_write(&request->answer.body, problem, detail, errors, current);
}

void api_answer_problem(struct api_request *request, enum problem problem, const char *detail)
{
    api_set_problem(request, problem, detail, (struct text){ 0 }, (struct text){ 0 });
    request->answered(request);
}

void api_answer_culprit(struct api_request *request, enum problem problem, const char *field,
                        const char *detail)
{
    struct buf errors = { 0 };

    change_json_blame(&errors, field, (struct text){ 0 }, detail);
    api_set_problem(request, problem, NULL, buf_text(&errors), (struct text){ 0 });
    buf_finish(&errors);
    request->answered(request);
}
