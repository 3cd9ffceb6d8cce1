#include "api/event_stream.h"

#include "api/json_write.h"
#include "api/request.h"
#include "api/status_json.h"
#include "core/mem.h"
#include "core/redis_pool.h"

#include <stdlib.h>

enum {
    QUEUE_BYTES = 1024 * 1024, /* that may wait for a reader, besides the first event */
    QUEUE_MOST = 4096,         /* events */
    PART_BYTES = 16 * 1024,    /* after which a part is enough */
};

/* ---- texts ---- */

static struct event_text *text_of_buf(struct buf *buf)
{
    struct event_text *text = mem_alloc(sizeof *text + buf->len);

    text->refs = 1;
    text->len = buf->len;
    memcpy(text->bytes, buf->data, buf->len);
    buf_finish(buf);
    return text;
}

struct event_text *event_text_of_status(const struct status_view *view)
{
    struct buf out = { 0 };
    size_t from;

    buf_add_str(&out, "event: status\ndata: ");
    from = out.len;
    status_json_write(&out, view, STATUS_KEYS_ALL);
    json_write_join_lines(&out, from);
    buf_add_str(&out, "\n\n");
    return text_of_buf(&out);
}

struct event_text *event_text_of_id(const char *event, struct text id)
{
    struct buf out = { 0 };

    buf_printf(&out, "event: %s\ndata: {\"id\":", event);
    json_write_string(&out, id);
    buf_add_str(&out, "}\n\n");
    return text_of_buf(&out);
}

struct event_text *event_text_of(const char *event)
{
    struct buf out = { 0 };

    buf_printf(&out, "event: %s\ndata: {}\n\n", event);
    return text_of_buf(&out);
}

void event_text_release(void *made)
{
    struct event_text *text = made;

    if (text && --text->refs == 0)
        free(text);
}

struct event_text *event_text_of_news(const struct live_news *news)
{
    struct live_news *shared = (struct live_news *)(uintptr_t)news; /* its memo is ours to fill */

    if (!shared->made)
        shared->made =
            news->view ? event_text_of_status(news->view) : event_text_of_id("deleted", news->id);
    return shared->made;
}

/* ---- the queue ---- */

static struct event_queued *queued_at(struct event_stream *stream, size_t i)
{
    return &stream->queue[(stream->head + i) & (stream->cap - 1)];
}

static void grow(struct event_stream *stream)
{
    size_t cap = stream->cap ? 2 * stream->cap : 4;
    struct event_queued *queue = mem_alloc(cap * sizeof *queue);

    for (size_t i = 0; i < stream->n; i++)
        queue[i] = *queued_at(stream, i);
    free(stream->queue);
    stream->queue = queue;
    stream->cap = cap;
    stream->head = 0;
}

static void drop_first(struct event_stream *stream)
{
    struct event_queued *first = queued_at(stream, 0);

    if (first->text)
        stream->bytes -= first->text->len;
    event_text_release(first->text);
    stream->head = (stream->head + 1) & (stream->cap - 1);
    stream->n--;
}

static void drop_all(struct event_stream *stream)
{
    while (stream->n)
        drop_first(stream);
    free(stream->queue);
    stream->queue = NULL;
    stream->cap = stream->head = 0;
}

static bool is_full(const struct event_stream *stream, size_t more)
{
    return stream->n >= QUEUE_MOST || (stream->n && stream->bytes + more > QUEUE_BYTES);
}

/* ---- sending ---- */

static uint64_t now_ms(const struct event_stream *stream)
{
    return redis_pool_now(stream->request->api->store.pool);
}

static void set_heartbeat(struct event_stream *stream)
{
    const struct watchers *watchers = stream->request->api->watchers;

    alarms_set(watchers->alarms, &stream->alarm, now_ms(stream) + watchers->heartbeat_ms);
}

static void write_event(struct buf *out, const struct event_queued *event)
{
    if (event->position) {
        buf_add_str(out, "id: ");
        buf_add_u64(out, event->position);
        buf_add_char(out, '\n');
    }
    if (event->text)
        buf_add(out, event->text->bytes, event->text->len);
    else
        buf_add_char(out, '\n');
}

static void send_queued(struct event_stream *stream)
{
    struct buf *out = &stream->request->answer.body;

    stream->is_waiting = false;
    while (stream->n && out->len < PART_BYTES) {
        write_event(out, queued_at(stream, 0));
        drop_first(stream);
    }
    if (!stream->n)
        drop_all(stream); /* most streams are idle most of the time */
    set_heartbeat(stream);
    api_answer_part(stream->request, false);
}

/* The server has room for more. */
static void more(struct api_request *request)
{
    struct event_stream *stream = request->stream;

    stream->is_waiting = true;
    if (!stream->n && !stream->is_ending && stream->drained)
        stream->drained(stream); /* which may push, and that sends */
    if (!stream->is_waiting)
        return;
    if (stream->is_cut) {
        stream->is_waiting = false;
        api_answer_cut(request);
    } else if (stream->n) {
        send_queued(stream);
    } else if (stream->is_ending) {
        stream->is_waiting = false;
        api_answer_part(request, true);
    } else {
        buf_finish(&request->answer.body);
    }
}

static void push(struct event_stream *stream, uint64_t position, struct event_text *text)
{
    size_t len = text ? text->len : 0;

    if (stream->is_ending || stream->is_cut || !stream->is_begun) {
        event_text_release(text);
        return;
    }
    if (is_full(stream, len)) {
        event_text_release(text);
        event_stream_cut(stream);
        return;
    }
    if (stream->n == stream->cap)
        grow(stream);
    stream->n++;
    *queued_at(stream, stream->n - 1) = (struct event_queued){ .text = text, .position = position };
    stream->bytes += len;
    if (stream->is_waiting)
        send_queued(stream);
}

void event_stream_push_own(struct event_stream *stream, uint64_t position, struct event_text *text)
{
    push(stream, position, text);
}

void event_stream_push(struct event_stream *stream, uint64_t position, struct event_text *text)
{
    text->refs++;
    push(stream, position, text);
}

void event_stream_push_position(struct event_stream *stream, uint64_t position)
{
    push(stream, position, NULL);
}

void event_stream_end(struct event_stream *stream)
{
    stream->is_ending = true;
    if (stream->is_waiting) {
        stream->is_waiting = false;
        api_answer_part(stream->request, true);
    }
}

void event_stream_cut(struct event_stream *stream)
{
    if (stream->is_cut)
        return;
    stream->is_cut = true;
    drop_all(stream);
    if (stream->is_waiting) {
        stream->is_waiting = false;
        api_answer_cut(stream->request);
    } else if (stream->is_begun) {
        stream->request->cut(stream->request);
    }
}

/* ---- time ---- */

static void beat(struct event_stream *stream)
{
    uint64_t position = stream->position ? stream->position(stream) : 0;
    struct buf comment = { 0 };

    if (stream->is_waiting) {
        buf_add_str(&comment, ":\n\n");
        push(stream, position, text_of_buf(&comment));
    }
    set_heartbeat(stream);
}

static void alarm_rang(struct alarm *alarm)
{
    struct event_stream *stream = container_of(alarm, struct event_stream, alarm);

    if (stream->is_begun)
        beat(stream);
    else
        event_stream_refuse(stream, PROBLEM_UNAVAILABLE, NULL);
}

static void watcher_ended(struct watcher *watcher)
{
    struct event_stream *stream = container_of(watcher, struct event_stream, watcher);

    if (stream->is_begun)
        event_stream_end(stream);
    else
        event_stream_refuse(stream, PROBLEM_UNAVAILABLE,
                            "The service is about to end. Nothing was changed; repeat the "
                            "request.");
}

/* ---- life ---- */

bool event_stream_open(struct event_stream *stream)
{
    struct watchers *watchers = stream->request->api->watchers;
    const char *detail;

    stream->watcher.end = watcher_ended;
    stream->alarm.rang = alarm_rang;
    if (!watchers_admit(watchers, &stream->watcher, &detail)) {
        api_answer_problem(stream->request, PROBLEM_UNAVAILABLE, detail);
        return false;
    }
    alarms_set(watchers->alarms, &stream->alarm, stream->request->deadline_ms);
    live_stream_opened(watchers->live);
    stream->request->stream = stream;
    return true;
}

void event_headers(struct api_request *request)
{
    request->answer.is_events = true;
    api_answer_text(request, "text/event-stream");
}

void event_stream_begin(struct event_stream *stream)
{
    struct api_request *request = stream->request;

    if (stream->is_begun || stream->is_ending)
        return;
    stream->is_begun = true;
    if (request->method == HTTP_HEAD) {
        alarms_clear(request->api->watchers->alarms, &stream->alarm);
        event_headers(request);
        return;
    }
    set_heartbeat(stream);
    buf_printf(&request->answer.body, "retry: %u\n\n", watchers_retry_ms(request->api->watchers));
    request->answer.is_events = true;
    api_answer_parts(request, "text/event-stream", more);
}

void event_stream_refuse(struct event_stream *stream, unsigned problem, const char *detail)
{
    if (stream->is_begun || stream->is_ending)
        return;
    stream->is_ending = true;
    alarms_clear(stream->request->api->watchers->alarms, &stream->alarm);
    api_answer_problem(stream->request, (enum problem)problem, detail);
}

void event_stream_close(struct event_stream *stream)
{
    struct watchers *watchers = stream->request->api->watchers;

    drop_all(stream);
    alarms_clear(watchers->alarms, &stream->alarm);
    watchers_leave(watchers, &stream->watcher);
    live_stream_closed(watchers->live);
    stream->closed(stream);
}
