#include "server/http_exchange.h"

#include "core/log.h"
#include "core/mem.h"
#include "server/http_raw.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>

/* Of a refused body so much is read and dropped, so that the client gets to see the answer. */
enum { DISCARD_MAX = 1024 * 1024 };

/* What the library asks for at a time of a body in parts. */
enum { PARTS_BUFFER = 16 * 1024, EVENTS_BUFFER = 2 * 1024 };

#define PREFERENCE_APPLIED "Preference-Applied"
#define RETURN_MINIMAL     "return=minimal"

/* ---- birth: the request line has been read ---- */

static struct http_connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info->socket_context;
}

static void exchange_answered(struct api_request *request);
static void exchange_cut(struct api_request *request);

/* The raw target is gone when the library has decoded it: copy it, with room for the API's own
 * decoding. */
void *http_exchange_target(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    struct http *http = cls;
    size_t size = strlen(uri) + 1;
    struct http_exchange *exchange = mem_alloc(sizeof *exchange + 2 * size);

    *exchange = (struct http_exchange){
        .http = http,
        .mhd = mhd,
        .connection = connection_of(mhd),
        .started_ns = uv_hrtime(),
        .scratch = exchange->target + size,
        .refusal = PROBLEM_BODY_TOO_LARGE,
        .request = { .api = http->api, .answered = exchange_answered, .cut = exchange_cut },
    };
    memcpy(exchange->target, uri, size);
    return exchange;
}

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    if (value && *value)
        MHD_add_response_header(response, name, value);
}

/* ---- a body in parts ---- */

static void begin_part(struct http_exchange *exchange)
{
    exchange->state = EXCHANGE_SENDING;
    exchange->part_sent = 0;
    http_conn_enter(&exchange->connection->conn, HTTP_PHASE_REPLY, uv_now(exchange->http->loop));
    exchange->connection->conn.bytes = exchange->request.answer.body.len;
}

/* False: it will come later, and the connection is suspended until then. */
static bool ask_for_part(struct http_exchange *exchange)
{
    buf_clear(&exchange->request.answer.body);
    exchange->state = EXCHANGE_WORKING;
    exchange->http->working++;
    http_conn_enter(&exchange->connection->conn, HTTP_PHASE_WORKING, uv_now(exchange->http->loop));
    exchange->request.answer.more(&exchange->request);
    if (exchange->state == EXCHANGE_ANSWERED)
        return true;
    exchange->suspended = true;
    MHD_suspend_connection(exchange->mhd);
    return false;
}

/* In HTTP/1.0 a close is the end of the body: a reset is not. It also throws away what is queued.
 */
static void reset_when_closed(int fd)
{
    const struct linger linger = { .l_onoff = 1 };

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

/* The library has room for more of the body: so the reader sets the pace. */
static ssize_t read_parts(void *cls, uint64_t position, char *room, size_t size)
{
    struct http_exchange *exchange = cls;
    const struct api_answer *answer = &exchange->request.answer;

    (void)position;
    if (exchange->state == EXCHANGE_ANSWERED)
        begin_part(exchange);
    while (exchange->part_sent == answer->body.len) {
        if (answer->is_cut) {
            reset_when_closed(exchange->connection->conn.fd);
            return MHD_CONTENT_READER_END_WITH_ERROR;
        }
        if (!answer->more)
            return MHD_CONTENT_READER_END_OF_STREAM;
        if (!ask_for_part(exchange))
            return 0;
        begin_part(exchange);
    }
    size_t left = answer->body.len - exchange->part_sent;
    size_t n = left < size ? left : size;
    memcpy(room, answer->body.data + exchange->part_sent, n);
    exchange->part_sent += n;
    exchange->answer_bytes += n;
    return (ssize_t)n;
}

/* ---- sending ---- */

/* The library ends a chunked answer to HEAD with a last chunk, although it has no body, and that
 * would be taken for the next answer: so what comes in parts is answered as if it were empty. */
static struct MHD_Response *make_response(struct http_exchange *exchange)
{
    struct api_answer *answer = &exchange->request.answer;
    size_t len;

    if (answer->more && exchange->request.method == HTTP_HEAD)
        buf_clear(&answer->body);
    else if (answer->more)
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN,
                                                 answer->is_events ? EVENTS_BUFFER : PARTS_BUFFER,
                                                 read_parts, exchange, NULL);

    if (answer->static_body.at) {
        exchange->answer_bytes = answer->static_body.len;
        return MHD_create_response_from_buffer(answer->static_body.len,
                                               (void *)(uintptr_t)answer->static_body.at,
                                               MHD_RESPMEM_PERSISTENT);
    }
    if (answer->kept)
        api_write_kept(&exchange->request);
    char *body = buf_take(&answer->body, &len);
    exchange->answer_bytes = len;
    return MHD_create_response_from_buffer(len, body,
                                           body ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
}

static void add_common_headers(struct MHD_Response *response, const char *cache_control)
{
    add_header(response, "Cache-Control", cache_control ? cache_control : "no-store");
    add_header(response, "X-Content-Type-Options", "nosniff");
}

static void add_text(struct MHD_Response *response, const char *name, struct text value)
{
    char *copy = mem_strndup(value.at, value.len);

    add_header(response, name, copy);
    free(copy);
}

/* Which pages of other sites may read the answer. */
static void add_cors(struct MHD_Response *response, const struct api_answer *answer)
{
    if (!answer->allow_origin.at)
        return;
    add_text(response, "Access-Control-Allow-Origin", answer->allow_origin);
    add_header(response, "Vary", "Origin");
    add_header(response, "Access-Control-Expose-Headers", "ETag");
    if (!answer->is_preflight)
        return;
    add_header(response, "Access-Control-Allow-Methods", "GET, HEAD");
    add_header(response, "Access-Control-Allow-Headers",
               "Cache-Control, If-None-Match, Last-Event-ID");
    add_header(response, "Access-Control-Max-Age", "600");
}

static void add_headers(struct MHD_Response *response, struct http_exchange *exchange)
{
    const struct api_answer *answer = &exchange->request.answer;
    struct text request_id = http_guard_request_id(&exchange->guard);
    char number[16];

    add_header(response, "Content-Type", answer->content_type);
    add_common_headers(response, answer->cache_control);
    add_header(response, "Location", answer->location);
    add_header(response, "Allow", answer->allow);
    add_header(response, "ETag", answer->etag);
    for (const struct api_header *header = answer->headers; header && header->name; header++)
        add_header(response, header->name, header->value);
    if (answer->link.len)
        add_header(response, "Link", buf_cstr(&exchange->request.answer.link));
    if (answer->replayed)
        add_header(response, "Idempotency-Replayed", "true");
    if (answer->preference_applied)
        add_header(response, PREFERENCE_APPLIED, RETURN_MINIMAL);
    if (answer->retry_after_s) {
        snprintf(number, sizeof number, "%u", answer->retry_after_s);
        add_header(response, "Retry-After", number);
    }
    if (request_id.at)
        add_text(response, "X-Request-Id", request_id);
    add_cors(response, answer);
    if (answer->is_events)
        add_header(response, "X-Accel-Buffering", "no"); /* nginx would hold events back */
    if (exchange->close || exchange->http->draining)
        add_header(response, "Connection", "close");
}

struct MHD_Response *http_exchange_make_done(void)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);

    if (response) {
        add_common_headers(response, NULL);
        add_header(response, PREFERENCE_APPLIED, RETURN_MINIMAL);
    }
    return response;
}

/* Whether the answer says what is for this request alone. */
static bool has_own_headers(const struct http_exchange *exchange)
{
    return http_guard_request_id(&exchange->guard).at || exchange->close ||
           exchange->request.answer.allow_origin.at || exchange->http->draining;
}

/* Whether http->done says all that there is to say. */
static bool is_done(const struct http_exchange *exchange)
{
    const struct api_answer *answer = &exchange->request.answer;

    return answer->status == MHD_HTTP_NO_CONTENT && answer->preference_applied &&
           !answer->replayed && !*answer->location && !has_own_headers(exchange);
}

static struct MHD_Response *new_response(struct http_exchange *exchange)
{
    struct MHD_Response *response = make_response(exchange);

    assert(response);
    add_headers(response, exchange);
    return response;
}

/* Of a status in the near cache: its response is made once, and goes when the status changes. */
static struct MHD_Response *kept_response(struct http_exchange *exchange)
{
    struct near_entry *entry = exchange->request.answer.kept;

    if (!entry || has_own_headers(exchange))
        return NULL;
    if (!entry->made) {
        struct MHD_Response *response = new_response(exchange);
        near_cache_keep(exchange->request.api->store.cache, entry, response,
                        exchange->answer_bytes);
    }
    exchange->answer_bytes = entry->made_bytes;
    return entry->made;
}

void http_exchange_unmake(void *response)
{
    MHD_destroy_response(response); /* those who are being sent it have a share in it */
}

/* One that others are sent too; NULL: there is none for this answer. */
static struct MHD_Response *shared_response(struct http_exchange *exchange)
{
    return is_done(exchange) ? exchange->http->done : kept_response(exchange);
}

static enum MHD_Result send_answer(struct http_exchange *exchange)
{
    struct MHD_Response *shared = shared_response(exchange);
    struct MHD_Response *response = shared ? shared : new_response(exchange);
    enum MHD_Result result;

    exchange->state = EXCHANGE_SENDING;
    http_conn_enter(&exchange->connection->conn, HTTP_PHASE_REPLY, uv_now(exchange->http->loop));
    exchange->connection->conn.bytes = exchange->answer_bytes + exchange->request.answer.body.len;
    result = MHD_queue_response(exchange->mhd, exchange->request.answer.status, response);
    if (!shared)
        MHD_destroy_response(response);
    return result;
}

/* ---- headers ---- */

static enum MHD_Result take_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   size_t name_len, const char *value, size_t value_len)
{
    (void)kind;
    http_guard_header(cls, (struct text){ name, name_len },
                      (struct text){ value ? value : "", value_len });
    return MHD_YES;
}

static bool refuse(struct http_exchange *exchange, enum problem problem, const char *detail)
{
    char limit[80];

    if (problem == PROBLEM_BODY_TOO_LARGE) {
        snprintf(limit, sizeof limit, "The limit of a body is %zu bytes (setting body_limit).",
                 exchange->http->options->body_limit);
        detail = limit;
    }
    exchange->refusal = problem;
    api_set_problem(&exchange->request, problem, detail, (struct text){ 0 }, (struct text){ 0 });
    return false;
}

/* Bad framing: nothing behind this request can be trusted. False: refused. */
static bool guard_request(struct http_exchange *exchange, const char *version)
{
    struct http_verdict verdict;

    MHD_get_connection_values_n(exchange->mhd, MHD_HEADER_KIND, take_header, &exchange->guard);
    verdict = http_guard_verdict(&exchange->guard, version, exchange->target);
    return verdict.ok || refuse(exchange, verdict.problem, verdict.detail);
}

static bool begin_request(struct http_exchange *exchange, const char *method)
{
    struct api_request *request = &exchange->request;

    memcpy(request->header, exchange->guard.header, sizeof request->header);
    request->method = http_method_of_name(method);
    request->target = http_guard_origin_form(exchange->target, &request->header[HTTP_HEADER_HOST]);
    request->scratch = exchange->scratch;
    if (exchange->connection->is_surplus) {
        exchange->close = true;
        return refuse(exchange, PROBLEM_UNAVAILABLE, "Too many connections. Nothing was changed.");
    }
    return api_begin(request);
}

/* The first call: the headers are complete. An answer given here makes the library close the
 * connection. */
static enum MHD_Result exchange_begin(struct http_exchange *exchange, const char *method,
                                      const char *version)
{
    uint64_t length = 0;
    bool has_body, accepted;

    if (!guard_request(exchange, version)) {
        exchange->close = true;
        return send_answer(exchange);
    }
    accepted = begin_request(exchange, method);
    has_body = http_guard_has_body(&exchange->guard, &length);
    exchange->state = accepted ? EXCHANGE_BODY : EXCHANGE_DISCARD;
    if (!has_body)
        return MHD_YES;

    http_conn_enter(&exchange->connection->conn, HTTP_PHASE_BODY, uv_now(exchange->http->loop));
    if (accepted && length != UINT64_MAX && length > exchange->http->options->body_limit) {
        refuse(exchange, PROBLEM_BODY_TOO_LARGE, NULL);
        exchange->close = true;
        return send_answer(exchange);
    }
    if (!accepted && (exchange->guard.expect.at || length > exchange->http->options->body_limit)) {
        exchange->close = true; /* don't make the client send what nobody reads */
        return send_answer(exchange);
    }
    return MHD_YES;
}

/* ---- body ---- */

static void drop_body(struct http_exchange *exchange)
{
    exchange->http->bodies -= exchange->body.cap;
    buf_finish(&exchange->body);
}

/* What is wrong with so much more of it; PROBLEM_COUNT: nothing. */
static enum problem judge_body(const struct http_exchange *exchange, size_t more)
{
    const struct http *http = exchange->http;

    if (exchange->body.len + more > http->options->body_limit)
        return PROBLEM_BODY_TOO_LARGE; /* chunked, so nothing told before how long it would be */
    return http->bodies + more > http->options->bodies_limit ? PROBLEM_UNAVAILABLE : PROBLEM_COUNT;
}

static void keep_body(struct http_exchange *exchange, const char *data, size_t len)
{
    size_t before = exchange->body.cap;

    buf_add(&exchange->body, data, len);
    exchange->http->bodies += exchange->body.cap - before;
}

/* The answer comes behind the body; one that goes on for too long gets it at once, and is cut. */
static void discard_body(struct http_exchange *exchange, size_t len)
{
    exchange->discarded += len;
    if (exchange->discarded > DISCARD_MAX && exchange->discarded - len <= DISCARD_MAX)
        http_raw_refuse(exchange->connection->conn.fd, exchange->refusal);
}

static void take_body(struct http_exchange *exchange, const char *data, size_t len)
{
    enum problem problem =
        exchange->state == EXCHANGE_BODY ? judge_body(exchange, len) : PROBLEM_COUNT;

    exchange->connection->conn.bytes += len;
    if (problem != PROBLEM_COUNT) {
        refuse(exchange, problem, NULL);
        exchange->state = EXCHANGE_DISCARD;
        exchange->close = true;
        drop_body(exchange);
    }
    if (exchange->state == EXCHANGE_BODY)
        keep_body(exchange, data, len);
    else
        discard_body(exchange, len);
}

/* ---- the API ---- */

/* Until the library gets to it, much may happen to the cache. */
static void write_kept(struct http_exchange *exchange)
{
    if (!exchange->request.answer.kept)
        return;
    api_write_kept(&exchange->request);
    exchange->request.answer.kept = NULL;
}

/* From inside api_handle(), or later from a reply of Redis. */
static void exchange_answered(struct api_request *request)
{
    struct http_exchange *exchange = container_of(request, struct http_exchange, request);

    assert(exchange->state == EXCHANGE_WORKING);
    exchange->state = EXCHANGE_ANSWERED;
    exchange->http->working--;
    if (exchange->suspended) {
        exchange->suspended = false;
        write_kept(exchange);
        exchange->http->due =
            true; /* the library does not tell by itself that it has something to do */
        MHD_resume_connection(exchange->mhd);
    }
}

/* The library then sees the end of the stream. */
static void exchange_cut(struct api_request *request)
{
    struct http_exchange *exchange = container_of(request, struct http_exchange, request);

    exchange->http->due = true;
    reset_when_closed(exchange->connection->conn.fd); /* nobody takes what the kernel still holds */
    shutdown(exchange->connection->conn.fd, SHUT_RDWR);
}

static enum MHD_Result exchange_work(struct http_exchange *exchange)
{
    struct http *http = exchange->http;

    exchange->state = EXCHANGE_WORKING;
    http->working++;
    http_conn_enter(&exchange->connection->conn, HTTP_PHASE_WORKING, uv_now(http->loop));
    exchange->request.body = buf_text(&exchange->body);
    exchange->request.call_ms = http->options->request_ms;
    exchange->request.deadline_ms = uv_now(http->loop) + http->options->request_ms;
    exchange->request.query_ms = http->options->query_ms;
    api_handle(&exchange->request);
    if (exchange->state == EXCHANGE_ANSWERED)
        return send_answer(exchange);
    exchange->suspended = true;
    MHD_suspend_connection(exchange->mhd);
    return MHD_YES;
}

enum MHD_Result http_exchange_run(void *cls, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **con_cls)
{
    struct http_exchange *exchange = *con_cls;

    (void)cls;
    (void)mhd;
    (void)url; /* decoded by the library, which cuts it at %00 */
    if (exchange->state == EXCHANGE_HEADERS)
        return exchange_begin(exchange, method, version);
    if (*upload_size) {
        take_body(exchange, upload, *upload_size);
        *upload_size = 0;
        return MHD_YES;
    }
    if (exchange->state == EXCHANGE_BODY)
        return exchange_work(exchange);
    assert(exchange->state == EXCHANGE_DISCARD || exchange->state == EXCHANGE_ANSWERED);
    return send_answer(exchange);
}

/* ---- end ---- */

/* HEAD and 304 tell the length of a body that does not come. */
static size_t sent_bytes(const struct http_exchange *exchange)
{
    const struct api_request *request = &exchange->request;
    bool has_body = request->method != HTTP_HEAD && request->answer.status != 304;

    return has_body ? exchange->answer_bytes : 0;
}

static void log_access(const struct http_exchange *exchange, const char *method)
{
    log_event(LOG_INFO, "request", LOG_S("method", method), LOG_S("target", exchange->target),
              LOG_I("status", exchange->request.answer.status),
              LOG_I("bytes", sent_bytes(exchange)),
              LOG_I("us", (uv_hrtime() - exchange->started_ns) / 1000),
              LOG_T("request_id", http_guard_request_id(&exchange->guard)));
}

void http_exchange_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
                             enum MHD_RequestTerminationCode code)
{
    struct http *http = cls;
    struct http_exchange *exchange = *con_cls;

    (void)mhd;
    (void)code;
    if (!exchange)
        return;
    assert(exchange->state !=
           EXCHANGE_WORKING); /* suspended connections are not ended by the library */
    if (http->options->access_log) {
        enum http_method method = exchange->request.method;
        log_access(exchange, method < HTTP_METHOD_COUNT ? http_method_name(method) : "?");
    }
    http_conn_enter(&exchange->connection->conn, HTTP_PHASE_IDLE, uv_now(http->loop));
    drop_body(exchange);
    api_finish(&exchange->request);
    free(exchange);
    *con_cls = NULL;
}
