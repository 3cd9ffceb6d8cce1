/*
 * From a request to its handler: target, route, and every check that a row of the table asks for,
 * so that handlers get checked, typed arguments.
 */
#include "api/assets.h"
#include "api/handlers.h"
#include "api/headers.h"
#include "api/request.h"
#include "api/routes.h"
#include "api/status_json.h"
#include "api/target.h"

#include <assert.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>

enum { ATTEMPT_DIGITS = 9 };

/* ---- matching ---- */

/* Whether a segment of a route's path takes this segment of a target. */
static bool segment_matches(struct text pattern, struct text segment)
{
    if (text_is(pattern, "{id}") || text_is(pattern, "{any_id}"))
        return segment.len > 0; /* what is in it is checked later, to name the culprit */
    if (text_is(pattern, "{state}"))
        return state_of_name(segment) != STATE_NONE;
    if (text_is(pattern, "{file}"))
        return asset_find(segment) != NULL;
    return text_equal(pattern, segment);
}

static bool next_segment(const char **path, struct text *ret)
{
    if (**path != '/')
        return false;
    size_t len = strcspn(*path + 1, "/");
    *ret = (struct text){ .at = *path + 1, .len = len };
    *path += 1 + len;
    return true;
}

static bool path_matches(const struct route *route, const struct target *target)
{
    const char *path = route->path;
    struct text pattern;
    size_t n = 0;

    for (; next_segment(&path, &pattern); n++)
        if (n >= target->n_segments || !segment_matches(pattern, target->segment[n]))
            return false;
    return n == target->n_segments;
}

static enum http_method method_of_row(enum http_method method)
{
    return method == HTTP_HEAD ? HTTP_GET : method;
}

/* Fills answer.allow with the methods of all rows of this path. False: no row has this path. */
static bool collect_allow(struct api_request *request, const struct target *target)
{
    char *allow = request->answer.allow;
    size_t size = sizeof request->answer.allow;
    size_t len = 0;

    for (size_t i = 0; i < n_routes; i++) {
        if (!path_matches(&routes[i], target))
            continue;
        len +=
            (size_t)snprintf(allow + len, size - len, "%s%s, ", http_method_name(routes[i].method),
                             routes[i].method == HTTP_GET ? ", HEAD" : "");
    }
    if (len)
        len += (size_t)snprintf(allow + len, size - len, "OPTIONS");
    assert(len < size);
    return len > 0;
}

static const struct route *find_route(enum http_method method, const struct target *target)
{
    for (size_t i = 0; i < n_routes; i++)
        if (routes[i].method == method_of_row(method) && path_matches(&routes[i], target))
            return &routes[i];
    return NULL;
}

/* ---- checks; each returns false after it has set the answer ---- */

static bool refuse(struct api_request *request, enum problem problem, const char *detail)
{
    api_set_problem(request, problem, detail, (struct text){ 0 }, (struct text){ 0 });
    return false;
}

static bool refuse_culprit(struct api_request *request, enum problem problem, const char *field,
                           const char *detail)
{
    struct buf errors = { 0 };

    change_json_blame(&errors, field, (struct text){ 0 }, detail);
    api_set_problem(request, problem, NULL, buf_text(&errors), (struct text){ 0 });
    buf_finish(&errors);
    return false;
}

static bool check_target(struct api_request *request, struct target *target)
{
    switch (target_parse(request->target, request->scratch, target)) {
    case TARGET_OK:
        return true;
    case TARGET_BAD_PATH:
        return refuse(request, PROBLEM_MALFORMED_REQUEST,
                      "The path has a byte that is not legal in a URI, or a bad %-escape.");
    case TARGET_BAD_QUERY:
        return refuse(request, PROBLEM_MALFORMED_QUERY,
                      "The query has a byte that is not legal in a URI, or a bad %-escape.");
    case TARGET_MANY_PARAMETERS:
        break;
    }
    return refuse(request, PROBLEM_MALFORMED_QUERY, "The query has more than 32 parameters.");
}

/* A page of another site may read what is open, if its origin is in the setting: no other way. */
static void let_page_read(struct api_request *request, const struct route *route)
{
    struct text origin = request->header[HTTP_HEADER_ORIGIN];

    if (route && route->is_open && origin.at &&
        origin_is_listed(origin, request->api->allowed_origins))
        request->answer.allow_origin = origin;
}

/* Whether a browser asks on behalf of a page what that may do. */
static bool is_preflight(const struct api_request *request)
{
    return request->method == HTTP_OPTIONS && request->header[HTTP_HEADER_ORIGIN].at &&
           request->header[HTTP_HEADER_REQUEST_METHOD].at;
}

static bool check_route(struct api_request *request, const struct target *target)
{
    request->route = find_route(request->method, target);
    let_page_read(request, is_preflight(request) ? find_route(HTTP_GET, target) : request->route);
    request->answer.is_preflight = is_preflight(request);
    if (request->route)
        return true;
    if (!collect_allow(request, target))
        return refuse(request, PROBLEM_ROUTE_NOT_FOUND, NULL);
    if (request->method != HTTP_OPTIONS)
        return refuse(request, PROBLEM_METHOD_NOT_ALLOWED, NULL);
    request->answer.status = 204;
    return false;
}

static bool check_id(struct api_request *request, bool attempt_allowed)
{
    bool archived = false;

    if (!status_id_or_attempt_valid(request->id, &archived))
        return refuse_culprit(request, PROBLEM_INVALID_VALUE, "id",
                              "must match " STATUS_ID_PATTERN);
    if (archived && !attempt_allowed)
        return refuse_culprit(request, PROBLEM_INVALID_VALUE, "id",
                              "names an archived attempt, which can only be read");
    return true;
}

static bool check_path_parameters(struct api_request *request, const struct target *target)
{
    const char *path = request->route->path;
    struct text pattern;

    for (size_t i = 0; next_segment(&path, &pattern); i++) {
        if (text_is(pattern, "{state}"))
            request->state = state_of_name(target->segment[i]);
        if (text_is(pattern, "{file}"))
            request->asset = asset_find(target->segment[i]);
        if (!text_is(pattern, "{id}") && !text_is(pattern, "{any_id}"))
            continue;
        request->id = target->segment[i];
        if (!check_id(request, text_is(pattern, "{any_id}")))
            return false;
    }
    return true;
}

static const char *take_force(struct api_request *request, struct text value)
{
    request->force = text_is(value, "true");
    return request->force || text_is(value, "false") ? NULL : "must be true or false";
}

static const char *take_fields(struct api_request *request, struct text value)
{
    return listing_keys(value, &request->keys);
}

static const char *take_attempt(struct api_request *request, struct text value)
{
    request->guards.attempt = value;
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] < '0' || value.at[i] > '9')
            value.len = 0;
    return value.len > 0 && value.len <= ATTEMPT_DIGITS ? NULL : "must be a number from 0 on";
}

static const char *take_if_state(struct api_request *request, struct text value)
{
    request->guards.states = value;
    for (;;) {
        const char *comma = memchr(value.at, ',', value.len);
        struct text name = { value.at, comma ? (size_t)(comma - value.at) : value.len };
        if (state_of_name(name) == STATE_NONE)
            return "must be some of unqueued, queued, started, succeeded, failed, killed and "
                   "unknown, with commas between";
        if (!comma)
            return NULL;
        value.at += name.len + 1;
        value.len -= name.len + 1;
    }
}

static const char *take_wait(struct api_request *request, struct text value)
{
    return watch_args_wait(&request->watching, value);
}

static const char *take_rev(struct api_request *request, struct text value)
{
    return watch_args_rev(&request->watching, value);
}

static const char *take_until(struct api_request *request, struct text value)
{
    return watch_args_until(&request->watching, value);
}

static const char *take_last_event_id(struct api_request *request, struct text value)
{
    return watch_args_position(&request->watching, value);
}

static const struct {
    enum route_query bit;
    const char *name;
    const char *(*take)(struct api_request *request,
                        struct text value); /* NULL, or what is wrong */
} parameters[] = {
    { QUERY_FIELDS, "fields", take_fields },
    { QUERY_FORCE, "force", take_force },
    { QUERY_ATTEMPT, "attempt", take_attempt },
    { QUERY_IF_STATE, "if_state", take_if_state },
    { QUERY_WAIT, "wait", take_wait },
    { QUERY_REV, "rev", take_rev },
    { QUERY_UNTIL, "until", take_until },
    { QUERY_LAST_EVENT_ID, "last_event_id", take_last_event_id },
};

static const char *take_parameter(struct api_request *request, struct text name, struct text value,
                                  unsigned *seen)
{
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++) {
        if (!(parameters[i].bit & request->route->query) || !text_is(name, parameters[i].name))
            continue;
        if (*seen & parameters[i].bit)
            return "is given more than once";
        *seen |= parameters[i].bit;
        return parameters[i].take(request, value);
    }
    if (request->listing)
        return listing_take(request->listing, name, value);
    return "is not a parameter of this route";
}

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static bool check_query(struct api_request *request, const struct target *target)
{
    unsigned seen = 0;

    if (request->route->any_query)
        return true;
    if (request->route->listing)
        request->listing = listing_create(request->route->listing, now_us());
    for (size_t i = 0; i < target->n_parameters; i++) {
        struct text name = target->parameter[i].name;
        const char *detail = take_parameter(request, name, target->parameter[i].value, &seen);
        if (detail) {
            struct buf field = { 0 };
            buf_add_text(&field, name);
            refuse_culprit(request, PROBLEM_MALFORMED_QUERY, buf_cstr(&field), detail);
            buf_finish(&field);
            return false;
        }
    }
    return true;
}

static bool changes_something(enum http_method method)
{
    return method != HTTP_GET && method != HTTP_HEAD && method != HTTP_OPTIONS;
}

static bool check_key(struct api_request *request)
{
    struct text value = request->header[HTTP_HEADER_IDEMPOTENCY_KEY];
    const char *fault = value.at ? idempotency_key_parse(value, &request->guards.key) : NULL;

    return !fault || refuse_culprit(request, PROBLEM_MALFORMED_HEADER, "Idempotency-Key", fault);
}

static bool check_if_match(struct api_request *request)
{
    struct text value = request->header[HTTP_HEADER_IF_MATCH];
    const char *fault;

    if (!value.at)
        return true;
    fault =
        request->route->query & QUERY_IF_MATCH ? if_match_fault(value) : "is not for this route";
    request->guards.etags = value;
    return !fault || refuse_culprit(request, PROBLEM_MALFORMED_HEADER, "If-Match", fault);
}

/* A condition that nobody looks at must not seem to hold. A POST that reads has an ETag too. */
static bool check_if_none_match(struct api_request *request)
{
    return !request->header[HTTP_HEADER_IF_NONE_MATCH].at ||
           request->route->listing & LISTING_PAGE ||
           refuse_culprit(request, PROBLEM_MALFORMED_HEADER, "If-None-Match",
                          "is for reads; a change takes If-Match, attempt and if_state");
}

/* What a change is bound to, besides the parameters. */
static bool check_guards(struct api_request *request)
{
    return !changes_something(request->method) ||
           (check_key(request) && check_if_match(request) && check_if_none_match(request));
}

/* Keeps web pages of other sites out: api.md "Errors", last paragraph. */
static bool check_site(struct api_request *request)
{
    struct text site = request->header[HTTP_HEADER_SEC_FETCH_SITE];
    struct text host = request->header[HTTP_HEADER_HOST];
    struct text origin = request->header[HTTP_HEADER_ORIGIN];

    if (request->api->loopback && !host_is_allowed(host, request->api->allowed_hosts))
        return refuse(request, PROBLEM_MISDIRECTED_HOST, NULL);
    if (!changes_something(request->method))
        return true;
    if (!origin_is_allowed(origin, host, request->api->allowed_origins))
        return refuse(request, PROBLEM_FOREIGN_ORIGIN, NULL);
    if (!origin.at && text_is(site, "cross-site"))
        return refuse(request, PROBLEM_FOREIGN_ORIGIN,
                      "Sec-Fetch-Site says that another site's page sent this.");
    return true;
}

/* What a route answers in; returns how many. */
static size_t list_formats(const struct route *route, enum api_format ret[API_FORMAT_COUNT])
{
    size_t n = 0, most = route->formats ? route->formats : 1;

    while (n < most) {
        ret[n] = (enum api_format)n;
        n++;
    }
    if (route->events)
        ret[n++] = API_FORMAT_EVENTS;
    return n;
}

static bool refuse_formats(struct api_request *request, const char *const *types, size_t n)
{
    struct buf detail = { 0 };

    buf_add_str(&detail, "This route answers ");
    for (size_t i = 0; i < n; i++)
        buf_printf(&detail, "%s%s", i == 0 ? "" : i + 1 < n ? ", " : " and ", types[i]);
    buf_add_char(&detail, '.');
    refuse(request, PROBLEM_NOT_ACCEPTABLE, buf_cstr(&detail));
    buf_finish(&detail);
    return false;
}

static bool check_accept(struct api_request *request)
{
    enum api_format formats[API_FORMAT_COUNT];
    const char *types[API_FORMAT_COUNT];
    size_t n;
    int choice;

    if (request->route->any_type)
        return true;
    n = list_formats(request->route, formats);
    for (size_t i = 0; i < n; i++)
        types[i] = api_format_type(formats[i]);
    choice = accept_choose(request->header[HTTP_HEADER_ACCEPT], types, n);
    if (choice < 0)
        return refuse_formats(request, types, n);
    request->format = formats[choice];
    return true;
}

/* The header, which a browser sends by itself when it comes back; else the parameter. What is none
 * of ours is the id of nothing. */
static void take_last_event(struct api_request *request)
{
    struct text value = request->header[HTTP_HEADER_LAST_EVENT_ID];
    struct watch_args args = request->watching;

    if (!(request->route->query & QUERY_LAST_EVENT_ID) || !value.len)
        return;
    if (watch_args_position(&args, value))
        args.position = 0;
    request->watching = args;
}

bool api_begin(struct api_request *request)
{
    struct target target;

    request->keys = STATUS_KEYS_ALL;
    request->minimal = prefer_is_minimal(request->header[HTTP_HEADER_PREFER]);
    if (request->method == HTTP_METHOD_OTHER)
        return refuse(request, PROBLEM_NOT_IMPLEMENTED, "This method is not known.");
    if (!check_site(request))
        return false;
    if (request->method == HTTP_OPTIONS && strcmp(request->target, "*") == 0) {
        snprintf(request->answer.allow, sizeof request->answer.allow,
                 "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        request->answer.status = 204;
        return false;
    }
    return check_target(request, &target) && check_route(request, &target) &&
           check_path_parameters(request, &target) && check_query(request, &target) &&
           check_guards(request) && check_accept(request);
}

/* What the row's handler is for this format. */
static void handle(struct api_request *request)
{
    if (request->format == API_FORMAT_EVENTS)
        request->route->events(request);
    else
        request->route->handler(request);
}

/* ---- with the body ---- */

static bool check_body(struct api_request *request)
{
    enum route_body wanted = request->route->body;

    if (!request->body.len) {
        if (wanted == BODY_REQUIRED)
            return refuse(request, PROBLEM_MALFORMED_JSON, "This request needs a body.");
        return true;
    }
    if (wanted == BODY_NONE)
        return refuse(request, PROBLEM_MALFORMED_JSON, "This request takes no body.");
    struct text type = request->header[HTTP_HEADER_CONTENT_TYPE];
    if (!content_type_is_json(type) &&
        !(request->route->takes_lines && content_type_is_ndjson(type)))
        return refuse(request, PROBLEM_UNSUPPORTED_MEDIA_TYPE, NULL);
    return true;
}

void api_handle(struct api_request *request)
{
    take_last_event(request);
    if (check_body(request))
        handle(request);
    else
        request->answered(request);
}
