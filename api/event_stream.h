/*
 * An answer that goes on: server-sent events (text/event-stream, WHATWG HTML 9.2) to one reader.
 * What is to be sent waits here, bounded; the reader's pace is the server's (api_answer_parts).
 *
 *   created -- begin() --> WAITING for events <---- all sent ----+
 *                              |  push()                         |
 *                              +-----------------------------> SENDING -- queue full --> cut
 *                              end(): once all has been sent, the answer ends
 *
 * Its text is shared: what one has written for an event is sent to all who are told of it.
 */
#pragma once

#include "api/watchers.h"
#include "core/alarms.h"
#include "core/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct api_request;
struct event_stream;
struct live_news;
struct status_view;

/* Lines of an event, with the blank one behind it but without its id. */
struct event_text {
    unsigned refs;
    size_t len;
    char bytes[];
};

struct event_text *event_text_of_status(const struct status_view *view);
/* "deleted", "unmatched": {"id":"..."}. */
struct event_text *event_text_of_id(const char *event, struct text id);
/* "ready", "reset": {}. */
struct event_text *event_text_of(const char *event);
void event_text_release(void *made); /* NULL is good */

/* The event of a piece of news, made by the first who needs it; borrowed from the news. */
struct event_text *event_text_of_news(const struct live_news *news);

struct event_queued {
    struct event_text *text; /* NULL: just an id */
    uint64_t position;       /* the id; 0: none */
};

/* Embedded in what knows which events there are. */
struct event_stream {
    /* Set by the owner. */
    struct api_request *request;
    /* The request is over: what the stream is embedded in is to be freed. */
    void (*closed)(struct event_stream *stream);
    /* All has been sent and there is room for more; may push. NULL: nobody wants to know. */
    void (*drained)(struct event_stream *stream);
    uint64_t (*position)(struct event_stream *stream); /* to tell with a heartbeat; NULL: none */

    /* Private. */
    struct watcher watcher;
    struct alarm alarm; /* before it begins: the latest time for it; then: the heartbeat */
    struct event_queued *queue;
    size_t head, n, cap, bytes;
    bool is_begun, is_waiting, is_ending, is_cut;
};

/*
 * Admits it among the watchers, and sees to it that the request is answered in time. False: it has
 * been answered, with a problem; the stream is not the request's.
 */
bool event_stream_open(struct event_stream *stream);

/* The answer to HEAD, which tells of what would come, and that is that. */
void event_headers(struct api_request *request);

/* Answers 200 and the first lines; HEAD the headers alone. */
void event_stream_begin(struct event_stream *stream);
/* Instead: a problem. The stream lives until closed(). */
void event_stream_refuse(struct event_stream *stream, unsigned problem, const char *detail);

/* Takes a share in the text. */
void event_stream_push(struct event_stream *stream, uint64_t position, struct event_text *text);
/* The same with a text that nobody else has a share in. */
void event_stream_push_own(struct event_stream *stream, uint64_t position, struct event_text *text);
/* Just an id. */
void event_stream_push_position(struct event_stream *stream, uint64_t position);

/* The answer ends when all has been sent. */
void event_stream_end(struct event_stream *stream);

/* The reader must not take what it got for all there is. */
void event_stream_cut(struct event_stream *stream);

/* Whether nothing waits to be sent. */
static inline bool event_stream_is_empty(const struct event_stream *stream)
{
    return stream->n == 0;
}

/* By api_finish(): clears it, then calls closed(). */
void event_stream_close(struct event_stream *stream);
