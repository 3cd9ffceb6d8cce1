#include "api/batch.h"

#include "api/handle_many.h"
#include "api/headers.h"
#include "api/json_write.h"
#include "api/routes.h"
#include "core/mem.h"
#include "core/redis_pool.h"

#include <stdlib.h>

enum {
    ANSWER_BYTES = 16 * 1024 * 1024, /* beyond it bodies are left out: the changes are made */
};

enum slot_state { SLOT_FREE, SLOT_WAITING, SLOT_RUNNING, SLOT_ANSWERED };

struct slot {
    struct batch *batch;
    enum slot_state state;
    bool is_released; /* who waited for it has been told */
    struct operation operation;
    struct api_request request;
    char *scratch;
    char key[STATUS_KEY_MAX + sizeof "\"1000"];
};

struct batch {
    struct api_request *request;
    struct operations operations;
    size_t written, taken; /* operations: those before it are done with; have got a slot */
    bool is_pumping;
    struct gate_pass pass;
    uint64_t deadline_ms;
    size_t n_slots;
    struct slot slots[]; /* operation i is in slot i % n_slots */
};

static struct slot *slot_at(struct batch *batch, size_t i)
{
    return &batch->slots[i % batch->n_slots];
}

/* ---- answers ---- */

static void write_result(struct batch *batch, const struct api_answer *answer)
{
    struct buf *out = &batch->request->answer.body;
    struct text body = buf_text(&answer->body);

    buf_printf(out, "{\"status\":%u", answer->status);
    if (*answer->location)
        buf_printf(out, ",\"location\":\"%s\"", answer->location);
    if (*answer->etag) {
        buf_add_str(out, ",\"etag\":");
        json_write_string(out, text_of(answer->etag));
    }
    if (answer->replayed)
        buf_add_str(out, ",\"replayed\":true");
    if (out->len + body.len > ANSWER_BYTES) {
        buf_add_str(out, ",\"omitted\":true}");
        return;
    }
    if (body.len) {
        buf_add_str(out, ",\"body\":");
        buf_add(out, body.at, body.len - (body.at[body.len - 1] == '\n'));
    }
    buf_add_char(out, '}');
}

static bool answers_lines(const struct batch *batch)
{
    return batch->request->format == API_FORMAT_NDJSON;
}

static void finish_slot(struct slot *slot)
{
    api_finish(&slot->request);
    operation_finish(&slot->operation);
    free(slot->scratch);
    slot->scratch = NULL;
    slot->state = SLOT_FREE;
}

/* In order, as far as they have been answered. */
static void write_answered(struct batch *batch)
{
    struct buf *out = &batch->request->answer.body;

    for (; batch->written < batch->taken; batch->written++) {
        struct slot *slot = slot_at(batch, batch->written);
        if (slot->state != SLOT_ANSWERED)
            return;
        if (batch->written && !answers_lines(batch))
            buf_add_char(out, ',');
        write_result(batch, &slot->request.answer);
        if (answers_lines(batch))
            buf_add_char(out, '\n');
        finish_slot(slot);
    }
}

static void answer(struct batch *batch)
{
    struct api_request *request = batch->request;

    gate_leave(&batch->pass);
    if (answers_lines(batch)) {
        api_answer_text(request, api_format_type(API_FORMAT_NDJSON));
        return;
    }
    buf_add_str(&request->answer.body, "]}\n");
    api_answer_json(request, 200);
}

/* ---- an operation ---- */

static void pump(struct batch *batch);

static void slot_answered(struct api_request *request)
{
    struct slot *slot = container_of(request, struct slot, request);

    slot->state = SLOT_ANSWERED;
    if (!slot->batch->is_pumping)
        pump(slot->batch);
}

/* Under the key of the batch each operation has one of its own: clients can't send a quote in
 * theirs. */
static struct text key_of(struct slot *slot, size_t number)
{
    struct text all = slot->batch->request->guards.key;
    struct buf key = { .data = slot->key, .cap = sizeof slot->key };

    if (slot->request.guards.key.at || !all.at)
        return slot->request.guards.key;
    buf_add_text(&key, all);
    buf_add_char(&key, '"');
    buf_add_u64(&key, number);
    return buf_text(&key);
}

/* The request that it stands for. */
static void describe(struct slot *slot)
{
    const struct api_request *whole = slot->batch->request;
    struct api_request *request = &slot->request;

    slot->scratch = mem_alloc(strlen(slot->operation.path) + 1);
    request->method = slot->operation.method;
    request->target = slot->operation.path;
    request->scratch = slot->scratch;
    request->body = slot->operation.body;
    request->query_ms = whole->query_ms;
    request->call_ms = whole->call_ms;
    request->header[HTTP_HEADER_HOST] = whole->header[HTTP_HEADER_HOST];
    request->header[HTTP_HEADER_PREFER] = whole->header[HTTP_HEADER_PREFER];
    request->header[HTTP_HEADER_IDEMPOTENCY_KEY] = slot->operation.key;
    request->header[HTTP_HEADER_IF_MATCH] = slot->operation.if_match;
}

/* False: refused, its answer is there. */
static bool begin(struct slot *slot, size_t number)
{
    struct operation *operation = &slot->operation;
    struct api_request *request = &slot->request;
    struct text none = { 0 };

    if (operation->message.len) {
        api_set_problem(request, PROBLEM_MALFORMED_JSON, buf_cstr(&operation->message), none, none);
        return false;
    }
    if (operation->errors.len) {
        api_set_problem(request, PROBLEM_INVALID_VALUE, NULL, buf_text(&operation->errors), none);
        return false;
    }
    describe(slot);
    if (!api_begin(request))
        return false;
    if (!request->route->in_batch) {
        api_set_problem(request, PROBLEM_NOT_IN_BATCH, NULL, none, none);
        return false;
    }
    request->guards.key = key_of(slot, number);
    if (!request->id.at)
        request->id = operation->id; /* to keep the order; the handler reads it from the body */
    return true;
}

static void start(struct slot *slot)
{
    uint64_t now_ms = redis_pool_now(slot->request.api->store.pool);
    uint64_t deadline_ms = now_ms + slot->request.call_ms;

    slot->state = SLOT_RUNNING;
    slot->request.deadline_ms =
        deadline_ms < slot->batch->deadline_ms ? deadline_ms : slot->batch->deadline_ms;
    api_handle(&slot->request);
}

/* Whether an earlier operation on the same status is under way. */
static bool must_wait(struct batch *batch, size_t i)
{
    struct text id = slot_at(batch, i)->request.id;

    for (size_t k = batch->written; id.at && k < i; k++)
        if (slot_at(batch, k)->state != SLOT_ANSWERED &&
            text_equal(slot_at(batch, k)->request.id, id))
            return true;
    return false;
}

/* The first that waits for this one. */
static void release(struct batch *batch, size_t i)
{
    struct text id = slot_at(batch, i)->request.id;

    slot_at(batch, i)->is_released = true;
    for (size_t k = i + 1; id.at && k < batch->taken; k++) {
        struct slot *slot = slot_at(batch, k);
        if (slot->state != SLOT_WAITING || !text_equal(slot->request.id, id))
            continue;
        if (!must_wait(batch, k))
            start(slot);
        return;
    }
}

/* ---- all of them ---- */

static void release_answered(struct batch *batch)
{
    for (size_t i = batch->written; i < batch->taken; i++)
        if (slot_at(batch, i)->state == SLOT_ANSWERED && !slot_at(batch, i)->is_released)
            release(batch, i);
}

static void take(struct batch *batch, struct slot *slot)
{
    size_t i = batch->taken++;

    slot->batch = batch;
    slot->is_released = false;
    slot->request = (struct api_request){ .api = batch->request->api, .answered = slot_answered };
    if (!begin(slot, i))
        slot->state = SLOT_ANSWERED;
    else if (must_wait(batch, i))
        slot->state = SLOT_WAITING;
    else
        start(slot);
}

/* False: no slot is free, or no operation is left. */
static bool take_next(struct batch *batch)
{
    struct slot *slot = slot_at(batch, batch->taken);

    if (batch->taken - batch->written == batch->n_slots ||
        !operations_next(&batch->operations, &slot->operation))
        return false;
    take(batch, slot);
    return true;
}

/* Goes as far as it can without an answer of Redis. */
static void pump(struct batch *batch)
{
    bool more = true;

    batch->is_pumping = true;
    while (more) {
        while (take_next(batch))
            ;
        release_answered(batch);
        size_t before = batch->written;
        write_answered(batch);
        more = batch->written > before;
    }
    batch->is_pumping = false;
    if (batch->written == batch->operations.n)
        answer(batch);
}

/* Lines are answered with lines, unless the client likes JSON better. */
static void prefer_lines(struct api_request *request)
{
    const char *const types[] = { api_format_type(API_FORMAT_NDJSON),
                                  api_format_type(API_FORMAT_JSON) };

    if (accept_choose(request->header[HTTP_HEADER_ACCEPT], types, 2) == 0)
        request->format = API_FORMAT_NDJSON;
}

struct batch *batch_create(struct api_request *request)
{
    struct buf message = { 0 }, errors = { 0 };
    struct operations operations = { 0 };
    struct batch *batch = NULL;
    bool lines = content_type_is_ndjson(request->header[HTTP_HEADER_CONTENT_TYPE]);

    if (lines)
        prefer_lines(request);
    if (operations_open(&operations, request->body, lines, &message, &errors)) {
        size_t most = request->api->batch_slots;
        size_t n_slots = operations.n < most ? operations.n : most;
        n_slots = n_slots ? n_slots : 1;
        batch = mem_zalloc(sizeof *batch + n_slots * sizeof *batch->slots);
        batch->request = request;
        batch->operations = operations;
        batch->n_slots = n_slots;
    } else {
        operations_finish(&operations);
        api_set_problem(request, message.len ? PROBLEM_MALFORMED_JSON : PROBLEM_INVALID_VALUE,
                        message.len ? buf_cstr(&message) : NULL, buf_text(&errors),
                        (struct text){ 0 });
        request->answered(request);
    }
    buf_finish(&message);
    buf_finish(&errors);
    return batch;
}

static void let_in(struct gate_pass *pass)
{
    pump(container_of(pass, struct batch, pass));
}

void batch_run(struct batch *batch)
{
    batch->deadline_ms = many_deadline(batch->request);
    if (!answers_lines(batch))
        buf_add_str(&batch->request->answer.body, "{\"results\":[");
    if (gate_enter(batch->request->api->batches, &batch->pass, let_in))
        pump(batch);
}

void batch_destroy(struct batch *batch)
{
    if (!batch)
        return;
    gate_leave(&batch->pass);
    for (; batch->written < batch->taken; batch->written++)
        finish_slot(slot_at(batch, batch->written));
    operations_finish(&batch->operations);
    free(batch);
}
