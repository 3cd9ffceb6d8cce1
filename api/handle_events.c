/*
 * The events of one status.
 *
 *   [SYNC, with a Last-Event-ID] -> WATCHING: first how it is, then what becomes of it -> END
 */
#include "api/event_stream.h"
#include "api/handlers.h"
#include "api/request.h"
#include "api/status_json.h"
#include "core/mem.h"

#include <stdlib.h>

struct status_events {
    struct event_stream stream;
    struct live_sync sync;
    struct live_watch watch;
};

static struct live *live_of(const struct status_events *events)
{
    return events->stream.request->api->watchers->live;
}

/* The state that the reader waits for has come: nothing is sent behind it. */
static void end_if_reached(struct status_events *events, const struct live_news *news)
{
    if (news->view && watch_args_is_reached(&events->stream.request->watching, news->view)) {
        live_unwatch(live_of(events), &events->watch);
        event_stream_end(&events->stream);
    }
}

static void push_news(struct status_events *events, const struct live_news *news)
{
    event_stream_push(&events->stream, news->position, event_text_of_news(news));
}

/* Who comes back is told only what it has missed. */
static void tell_first(struct status_events *events, const struct live_news *news)
{
    const struct watch_args *args = &events->stream.request->watching;
    struct live *live = live_of(events);
    bool reaches_back = args->has_position && live_reaches_back(live, args->position);

    event_stream_begin(&events->stream);
    if (args->has_position && !reaches_back)
        event_stream_push_own(&events->stream, 0, event_text_of("reset"));
    if (!reaches_back || live_has_changed_since(live, news->id, args->position))
        push_news(events, news);
    event_stream_push_own(&events->stream, news->position, event_text_of("ready"));
}

static void told(struct live_watch *watch, const struct live_news *news)
{
    struct status_events *events = container_of(watch, struct status_events, watch);
    struct event_stream *stream = &events->stream;

    if (stream->is_begun) {
        push_news(events, news);
    } else if (news->view || stream->request->watching.has_position) {
        tell_first(events, news);
    } else {
        live_unwatch(live_of(events), watch);
        event_stream_refuse(stream, PROBLEM_STATUS_NOT_FOUND, NULL);
        return;
    }
    end_if_reached(events, news);
}

static void synced(struct live_sync *sync, uint64_t position)
{
    struct status_events *events = container_of(sync, struct status_events, sync);

    (void)position;
    live_watch(live_of(events), &events->watch);
}

static void closed(struct event_stream *stream)
{
    struct status_events *events = container_of(stream, struct status_events, stream);

    live_unsync(live_of(events), &events->sync);
    live_unwatch(live_of(events), &events->watch);
    free(events);
}

void handle_resource_events(struct api_request *request)
{
    const struct watch_args *args = &request->watching;

    if (memchr(request->id.at, ':', request->id.len))
        api_answer_culprit(request, PROBLEM_INVALID_VALUE, "id",
                           "names an archived attempt, which has no events");
    else if (args->has_wait || args->has_rev || request->keys != STATUS_KEYS_ALL)
        api_answer_culprit(request, PROBLEM_MALFORMED_QUERY,
                           args->has_wait  ? "wait"
                           : args->has_rev ? "rev"
                                           : "fields",
                           "is not for text/event-stream");
    else
        handle_status_events(request);
}

void handle_status_events(struct api_request *request)
{
    struct status_events *events;

    events = mem_zalloc(sizeof *events);
    events->stream.request = request;
    events->stream.closed = closed;
    events->watch = (struct live_watch){ .id = request->id, .coalesced = true, .told = told };
    events->sync.done = synced;
    if (!event_stream_open(&events->stream)) {
        free(events);
        return;
    }
    if (request->watching.has_position && live_hears(live_of(events)))
        live_sync(live_of(events), &events->sync);
    else
        live_watch(live_of(events), &events->watch);
}
