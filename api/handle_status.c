/* The operations on one status (api.md "One status"). */
#include "api/handle_wait.h"
#include "api/handlers.h"
#include "api/headers.h"
#include "api/request.h"
#include "api/status_json.h"

#include <stdio.h>

enum { ATTEMPTS_BYTES = 8 * 1024 * 1024 }; /* in one answer */

enum {
    CHANGE_FIELDS =
        CHANGE_JOB_NAME | CHANGE_JOB_ARGS | CHANGE_PROVIDER_JOB_ID | CHANGE_DATA | CHANGE_PROGRESS,
    CREATE_FIELDS = CHANGE_FIELDS | CHANGE_STATE,
    PATCH_FIELDS = CHANGE_FIELDS | CHANGE_STATE | CHANGE_ERROR,
    ENTER_FIELDS = CHANGE_FIELDS | CHANGE_ERROR,
};

static struct api_request *request_of(struct status_op *op)
{
    return container_of(op, struct api_request, op.status);
}

/* ---- answers ---- */

static void answer_err(struct api_request *request, enum err err, const struct status_view *view)
{
    struct buf current = { 0 };

    if (view) {
        status_json_write(&current, view, STATUS_KEYS_ALL);
        status_etag(view, request->answer.etag);
    }
    api_set_problem(request, problem_of_err(err), NULL, (struct text){ 0 }, buf_text(&current));
    buf_finish(&current);
    request->answered(request);
}

static void write_status_line(struct api_request *request, const struct status_view *view)
{
    status_json_write(&request->answer.body, view, request->keys);
    buf_add_char(&request->answer.body, '\n');
}

static void answer_status(struct api_request *request, unsigned code,
                          const struct status_view *view)
{
    status_etag(view, request->answer.etag);
    write_status_line(request, view);
    api_answer_json(request, code);
}

static void write_done(struct status_op *op, enum err err, const struct status_view *view)
{
    struct api_request *request = request_of(op);

    request->answer.replayed = op->replayed;
    if (err != ERR_NONE) {
        answer_err(request, err, view);
    } else if (request->minimal) {
        request->answer.preference_applied = true;
        api_answer_empty(request, 204);
    } else if (!view) {
        api_answer_problem(request, PROBLEM_STATUS_NOT_FOUND,
                           "The change was made; then another request deleted the status.");
    } else {
        answer_status(request, op->created ? 201 : 200, view);
    }
}

/* A created status tells where it is, whether its id was chosen by the client or made here. */
static void create_done(struct status_op *op, enum err err, const struct status_view *view)
{
    struct api_request *request = request_of(op);

    if (err == ERR_NONE && op->created)
        snprintf(request->answer.location, sizeof request->answer.location, "/statuses/%.*s",
                 (int)op->id.len, op->id.at);
    write_done(op, err, view);
}

/* ---- starting ---- */

static struct status_op *prepare(struct api_request *request, status_done_fn *done)
{
    struct status_op *op = &request->op.status;

    op->store = &request->api->store;
    op->id = request->id;
    op->deadline_ms = request->deadline_ms;
    op->want_view = true;
    op->guards = &request->guards;
    op->done = done;
    return op;
}

static void write_status(struct api_request *request, enum status_mode mode, status_done_fn *done)
{
    struct status_op *op = prepare(request, done);
    enum err err;

    op->want_view = !request->minimal;
    api_sign(request, buf_text(&request->parsed.json.raw));
    err = status_write(op, mode, &request->change);
    if (err != ERR_NONE)
        answer_err(request, err, NULL);
}

static void answer_bad_body(struct api_request *request)
{
    struct change_json *parsed = &request->parsed;

    if (parsed->message.len)
        api_set_problem(request, PROBLEM_MALFORMED_JSON, buf_cstr(&parsed->message),
                        (struct text){ 0 }, (struct text){ 0 });
    else
        api_set_problem(request, PROBLEM_INVALID_VALUE, NULL, buf_text(&parsed->errors),
                        (struct text){ 0 });
    request->answered(request);
}

/* An object with some of `allowed`, or no body. False: answered. */
static bool take_body(struct api_request *request, unsigned allowed)
{
    if (!request->body.len ||
        change_json_parse(&request->parsed, request->body, allowed, &request->change))
        return true;
    answer_bad_body(request);
    return false;
}

/* ---- handlers ---- */

void handle_create(struct api_request *request)
{
    request->change.state = STATE_UNQUEUED;
    if (!take_body(request, CREATE_FIELDS | CHANGE_ID))
        return;
    request->id = request->parsed.id;
    if (!request->id.at) {
        status_id_make(request->made_id);
        request->id = text_of(request->made_id);
    }
    write_status(request, STATUS_CREATE, create_done);
}

void handle_find_or_create(struct api_request *request)
{
    request->change.state = STATE_UNKNOWN;
    if (take_body(request, CREATE_FIELDS))
        write_status(request, STATUS_FIND, create_done);
}

void handle_change(struct api_request *request)
{
    request->change.state = STATE_NONE;
    if (take_body(request, PATCH_FIELDS))
        write_status(request, STATUS_CHANGE, write_done);
}

void handle_enter_state(struct api_request *request)
{
    request->change.state = request->state;
    if (take_body(request, ENTER_FIELDS))
        write_status(request, STATUS_CHANGE, write_done);
}

void handle_request_kill(struct api_request *request)
{
    request->change.state = STATE_NONE;
    request->change.request_kill = true;
    if (take_body(request, 0))
        write_status(request, STATUS_CHANGE, write_done);
}

/* The body is the value itself. */
static void write_value(struct api_request *request,
                        bool (*parse)(struct change_json *, struct text, struct status_change *))
{
    request->change.state = STATE_NONE;
    if (parse(&request->parsed, request->body, &request->change))
        write_status(request, STATUS_CHANGE, write_done);
    else
        answer_bad_body(request);
}

void handle_set_progress(struct api_request *request)
{
    write_value(request, change_json_parse_progress);
}

void handle_add_error(struct api_request *request)
{
    write_value(request, change_json_parse_error);
}

void handle_set_data(struct api_request *request)
{
    write_value(request, change_json_parse_data);
}

static void delete_done(struct status_op *op, enum err err, const struct status_view *view)
{
    struct api_request *request = request_of(op);

    request->answer.replayed = op->replayed;
    if (err != ERR_NONE)
        answer_err(request, err, view);
    else
        api_answer_empty(request, 204);
}

void handle_delete(struct api_request *request)
{
    enum err err;

    api_sign(request, TEXT(""));
    err = status_delete(prepare(request, delete_done), request->force);

    if (err != ERR_NONE)
        answer_err(request, err, NULL);
}

/* From memory, if it is there and the client does not mind. */
static struct near_entry *find_near(const struct api_request *request)
{
    struct near_cache *cache = request->api->store.cache;

    if (!cache || cache_control_has_no_cache(request->header[HTTP_HEADER_CACHE_CONTROL]))
        return NULL;
    return near_cache_find(cache, request->id);
}

static void answer_near(struct api_request *request, struct near_entry *entry)
{
    if (!*entry->etag)
        status_etag(&entry->view, entry->etag);
    memcpy(request->answer.etag, entry->etag, sizeof entry->etag);
    api_answer_kept(request, entry);
}

void status_prepare_answer(struct api_request *request, const struct status_view *view)
{
    buf_clear(&request->answer.body);
    write_status_line(request, view);
    if (request->keys == STATUS_KEYS_ALL)
        status_etag(view, request->answer.etag);
    else
        api_set_etag_of_body(request);
}

static void answer_whole(struct api_request *request, const struct status_view *view)
{
    status_etag(view, request->answer.etag);
    buf_clear(&request->answer.body);
    write_status_line(request, view);
    api_answer_read(request, "application/json");
}

/* Some of its keys: with a version of their own, as the rest may change without them. */
static void answer_part(struct api_request *request, const struct status_view *view)
{
    status_prepare_answer(request, view);
    api_answer_read(request, "application/json");
}

static void get_done(struct status_op *op, enum err err, const struct status_view *view)
{
    struct api_request *request = request_of(op);

    if (err != ERR_NONE)
        answer_err(request, err, NULL);
    else if (request->keys == STATUS_KEYS_ALL)
        answer_whole(request, view);
    else
        answer_part(request, view);
}

static void read_status(struct api_request *request, uint32_t fields, status_done_fn *done)
{
    enum err err = status_read(prepare(request, done), fields);

    if (err != ERR_NONE)
        answer_err(request, err, NULL);
}

void status_get(struct api_request *request)
{
    struct near_entry *entry = find_near(request);

    if (!entry)
        read_status(request, status_keys_fields(request->keys), get_done);
    else if (request->keys == STATUS_KEYS_ALL)
        answer_near(request, entry);
    else
        answer_part(request, &entry->view);
}

void handle_get(struct api_request *request)
{
    const struct watch_args *args = &request->watching;

    if (!args->has_wait && (args->has_rev || args->until))
        api_answer_culprit(request, PROBLEM_MALFORMED_QUERY, args->until ? "until" : "rev",
                           "is only for a request with wait, or for events");
    else if (args->wait_ms)
        wait_for_news(request);
    else
        status_get(request);
}

static void answer_data(struct api_request *request, const struct status_view *view)
{
    struct text data = view->field[FIELD_DATA];

    status_etag(view, request->answer.etag);
    buf_add_text(&request->answer.body, data.at ? data : TEXT("null"));
    buf_add_char(&request->answer.body, '\n');
    api_answer_read(request, "application/json");
}

static void get_data_done(struct status_op *op, enum err err, const struct status_view *view)
{
    struct api_request *request = request_of(op);

    if (err == ERR_NONE)
        answer_data(request, view);
    else
        answer_err(request, err, NULL);
}

void handle_get_data(struct api_request *request)
{
    struct near_entry *entry = find_near(request);

    if (entry)
        answer_data(request, &entry->view);
    else
        read_status(request, FIELDS_ALL, get_data_done); /* all: the ETag is that of the status */
}

/* ---- attempts ---- */

static struct api_request *request_of_attempts(struct status_attempts *attempts)
{
    return container_of(attempts, struct api_request, op.attempts);
}

static void attempts_add(struct status_attempts *attempts, const struct status_view *view)
{
    struct buf *body = &request_of_attempts(attempts)->answer.body;

    if (attempts->enough)
        return;
    if (body->data[body->len - 1] != '[')
        buf_add_char(body, ',');
    status_json_write(body, view, STATUS_KEYS_ALL);
    attempts->enough = body->len > ATTEMPTS_BYTES;
}

static void attempts_done(struct status_attempts *attempts, enum err err)
{
    struct api_request *request = request_of_attempts(attempts);

    if (err != ERR_NONE) {
        answer_err(request, err, NULL);
        return;
    }
    if (attempts->enough) {
        api_answer_problem(request, PROBLEM_ANSWER_TOO_LARGE, NULL);
        return;
    }
    buf_add_str(&request->answer.body, "]}\n");
    api_set_etag_of_body(request);
    api_answer_read(request, "application/json");
}

void handle_attempts(struct api_request *request)
{
    struct status_attempts *attempts = &request->op.attempts;
    enum err err;

    attempts->store = &request->api->store;
    attempts->id = request->id;
    attempts->deadline_ms = request->deadline_ms;
    attempts->each = attempts_add;
    attempts->done = attempts_done;
    attempts->enough = false;
    buf_add_str(&request->answer.body, "{\"attempts\":[");
    err = status_attempts_read(attempts);
    if (err != ERR_NONE)
        answer_err(request, err, NULL);
}
