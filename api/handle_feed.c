/*
 * The events of all statuses that match a filter.
 *
 *   SYNC -> LIST (ids of the newest) -> BACKLOG: read and sent, at the reader's pace -> LIVE
 *    |  \-- Last-Event-ID: ids of what has changed since ---^ ^                          |
 *    ^                                                         +--- (what changes until then)
 *    +---------------- reset: Redis was not heard for a while ---------------------------+
 *
 * What changes before the backlog is empty joins it, so that a status is never told as it was after
 * it has been told as it is.
 */
#include "api/event_stream.h"
#include "api/filter_match.h"
#include "api/handlers.h"
#include "api/request.h"
#include "core/idset.h"
#include "core/mem.h"
#include "core/query.h"
#include "core/redis_pool.h"

#include <assert.h>
#include <stdlib.h>

enum {
    READS_MOST = 16, /* of the backlog at a time; fewer when they are big: */
    READS_FIRST = 4,
    READS_BYTES = 64 * 1024,
    BACKLOG_BYTES = 4 * 1024 * 1024, /* of ids: who lets more of them gather is cut */
    RETRY_MS = 300,                  /* when Redis could not be asked */
    BACKLOG_TAKEN = 64 * 1024,       /* that have been told and take room */
    KNOWN_MOST = 65536,              /* ids of which is known what the reader has been told */
};

enum feed_step { FEED_SYNC, FEED_LIST, FEED_BACKLOG, FEED_LIVE };

struct feed {
    struct event_stream stream;
    struct live_feed live;
    struct live_sync sync;
    struct alarm retry;
    enum feed_step step;
    bool is_closed;  /* the request is over; freed when nothing is under way */
    bool is_lost;    /* to begin anew, when nothing is under way */
    bool has_sent;   /* something since the last id */
    bool is_resumed; /* the reader may have more than this stream has sent */

    struct clause *clauses;
    size_t n_clauses;
    char *texts; /* what they point into */
    uint64_t limit;

    struct query *query; /* under way; NULL: none */
    struct buf found;    /* the ids that it has found, the newest first, a NUL behind each */

    struct buf backlog; /* ids still to be told, a NUL behind each */
    size_t backlog_at;
    struct redis_call call;
    const struct status_store *call_store;
    bool is_reading;
    struct text reading[READS_MOST]; /* in `reading_ids` */
    struct buf reading_ids;
    unsigned n_reading, reads_most;
    bool is_one_by_one; /* to find the key that is no status */
    size_t read_bytes;

    /* Those the reader has been sent, or, resumed, those it is known not to have. */
    struct idset known;
};

static struct feed *feed_of(struct event_stream *stream)
{
    return container_of(stream, struct feed, stream);
}

static const struct api *api_of(const struct feed *feed)
{
    return feed->stream.request->api;
}

static struct live *live_of(const struct feed *feed)
{
    return api_of(feed)->watchers->live;
}

static uint64_t position_of(struct event_stream *stream)
{
    struct feed *feed = feed_of(stream);

    return feed->step == FEED_LIVE ? live_position(live_of(feed)) : 0;
}

/* ---- telling ---- */

/* The reader may have it: it is told that it is gone, once. */
static bool forget(struct feed *feed, struct text id)
{
    if (!feed->is_resumed)
        return idset_remove(&feed->known, id);
    if (idset_has(&feed->known, id))
        return false;
    if (feed->known.n < KNOWN_MOST)
        idset_add(&feed->known, id);
    return true;
}

static void remember(struct feed *feed, struct text id)
{
    if (feed->is_resumed)
        idset_remove(&feed->known, id);
    else if (feed->known.n < KNOWN_MOST)
        idset_add(&feed->known, id);
}

static bool is_matching(const struct feed *feed, struct text id, const struct status_view *view)
{
    return view && filter_matches(feed->clauses, feed->n_clauses, id, view);
}

/* `news` NULL: of the backlog, for this reader alone. */
static void tell(struct feed *feed, struct text id, const struct status_view *view,
                 const struct live_news *news)
{
    struct event_stream *stream = &feed->stream;
    uint64_t position = position_of(stream);

    if (is_matching(feed, id, view)) {
        feed->has_sent = true;
        remember(feed, id);
        if (news)
            event_stream_push(stream, position, event_text_of_news(news));
        else
            event_stream_push_own(stream, position, event_text_of_status(view));
    } else if (forget(feed, id)) {
        feed->has_sent = true;
        event_stream_push_own(stream, position,
                              event_text_of_id(view ? "unmatched" : "deleted", id));
    }
}

/* ---- BACKLOG ---- */

static void begin_anew(struct feed *feed);
static void free_feed(struct feed *feed);

/* Redis could not be asked. Who has come back does so again, and says where it was; the others are
 * told anew, in a moment. */
static void fail(struct feed *feed)
{
    if (feed->is_resumed) {
        event_stream_cut(&feed->stream);
        return;
    }
    feed->step = FEED_SYNC;
    alarms_set(api_of(feed)->watchers->alarms, &feed->retry,
               redis_pool_now(api_of(feed)->store.pool) + RETRY_MS);
}

static bool has_backlog(const struct feed *feed)
{
    return feed->backlog_at < feed->backlog.len;
}

static void add_to_backlog(struct text id, void *arg)
{
    struct feed *feed = arg;

    if (feed->backlog.len - feed->backlog_at > BACKLOG_BYTES) {
        event_stream_cut(&feed->stream);
        return;
    }
    if (feed->backlog_at == feed->backlog.len || feed->backlog_at > BACKLOG_TAKEN) {
        buf_consume(&feed->backlog, feed->backlog_at);
        feed->backlog_at = 0;
    }
    buf_add_text(&feed->backlog, id);
    buf_add_char(&feed->backlog, '\0');
}

static struct text next_of_backlog(struct feed *feed)
{
    struct text id = text_of(feed->backlog.data + feed->backlog_at);

    feed->backlog_at += id.len + 1;
    return id;
}

/* Something was under way, and the stream is not as it was when it began. True: it goes no further.
 */
static bool is_interrupted(struct feed *feed)
{
    if (feed->is_closed)
        free_feed(feed);
    else if (feed->is_lost)
        begin_anew(feed);
    else
        return false;
    return true;
}

static void backlog_format(struct redis_call *call, struct buf *out, bool with_source)
{
    struct feed *feed = container_of(call, struct feed, call);

    (void)with_source;
    for (unsigned i = 0; i < feed->n_reading; i++)
        status_view_ask_all(out, feed->call_store->prefix, feed->reading[i]);
}

static bool backlog_replied(struct redis_call *call, unsigned index,
                            const struct redis_reply *reply)
{
    struct feed *feed = container_of(call, struct feed, call);
    struct status_view view;
    bool found;

    if (!status_view_of_all(reply, &view, &found))
        return false;
    for (size_t i = 0; i < FIELD_COUNT; i++)
        feed->read_bytes += view.field[i].len;
    if (!feed->is_closed && !feed->is_lost)
        tell(feed, feed->reading[index], found ? &view : NULL, NULL);
    return true;
}

static void adapt_reads(struct feed *feed)
{
    size_t fitting = READS_BYTES / (feed->read_bytes / feed->n_reading + 1);

    if (feed->is_one_by_one)
        fitting = 1;
    feed->reads_most = fitting < 1 ? 1 : fitting > READS_MOST ? READS_MOST : (unsigned)fitting;
}

/* Something under a status' key is none: the one that is read alone is no more than gone. */
static void find_odd_one(struct feed *feed)
{
    if (feed->n_reading == 1) {
        tell(feed, feed->reading[0], NULL, NULL);
        return;
    }
    feed->is_one_by_one = true;
    for (unsigned i = 0; i < feed->n_reading; i++)
        add_to_backlog(feed->reading[i], feed);
}

static void read_backlog(struct feed *feed);

static void backlog_done(struct redis_call *call, enum err err)
{
    struct feed *feed = container_of(call, struct feed, call);

    feed->is_reading = false;
    if (is_interrupted(feed))
        return;
    if (err == ERR_INTERNAL) {
        find_odd_one(feed);
        err = ERR_NONE;
    }
    adapt_reads(feed);
    if (err != ERR_NONE)
        fail(feed);
    else if (event_stream_is_empty(&feed->stream))
        read_backlog(feed); /* nothing of it matched */
}

static void go_live(struct feed *feed)
{
    feed->step = FEED_LIVE;
    feed->is_one_by_one = false;
    buf_finish(&feed->backlog);
    buf_finish(&feed->reading_ids);
    feed->backlog_at = 0;
    event_stream_push_own(&feed->stream, position_of(&feed->stream), event_text_of("ready"));
}

/* The next few of them; when there is none, what comes is told as it comes. */
static void read_backlog(struct feed *feed)
{
    static const struct redis_call_ops ops = {
        .format = backlog_format,
        .reply = backlog_replied,
        .done = backlog_done,
    };
    const struct status_store *store = &api_of(feed)->store;

    if (feed->step != FEED_BACKLOG || feed->is_reading)
        return;
    if (!has_backlog(feed)) {
        go_live(feed);
        return;
    }
    feed->n_reading = 0;
    feed->read_bytes = 0;
    buf_clear(&feed->reading_ids);
    buf_reserve(&feed->reading_ids, (size_t)READS_MOST * STATUS_ID_MAX);
    while (feed->n_reading < feed->reads_most && has_backlog(feed)) {
        struct text id = next_of_backlog(feed);
        feed->reading[feed->n_reading++] =
            (struct text){ .at = feed->reading_ids.data + feed->reading_ids.len, .len = id.len };
        buf_add_text(&feed->reading_ids, id);
    }
    feed->call_store = store;
    feed->call = (struct redis_call){
        .ops = &ops,
        .n_commands = feed->n_reading,
        .read_only = true,
        .deadline_ms = redis_pool_now(store->pool) + feed->stream.request->call_ms,
    };
    feed->is_reading = redis_pool_submit(store->pool, REDIS_LANE_SCAN, &feed->call) == ERR_NONE;
    if (!feed->is_reading)
        fail(feed);
}

static void drained(struct event_stream *stream)
{
    read_backlog(feed_of(stream));
}

static void start_backlog(struct feed *feed)
{
    feed->step = FEED_BACKLOG;
    if (event_stream_is_empty(&feed->stream))
        read_backlog(feed);
}

/* ---- LIST ---- */

static void list_found(struct query *query, const struct status_view *view)
{
    struct feed *feed = query->arg;
    struct text json = view->field[FIELD_ID];

    if (json.len < 2) /* an id needs no escapes */
        return;
    buf_add(&feed->found, json.at + 1, json.len - 2);
    buf_add_char(&feed->found, '\0');
}

/* The newest comes last: it is read from the end. */
static void take_found(struct feed *feed)
{
    struct buf changed = feed->backlog; /* since the list was begun: behind it */
    size_t end = feed->found.len;

    feed->backlog = (struct buf){ 0 };
    while (end > 0) {
        size_t start = end - 1;
        while (start > 0 && feed->found.data[start - 1] != '\0')
            start--;
        buf_add(&feed->backlog, feed->found.data + start, end - start);
        end = start;
    }
    buf_add(&feed->backlog, changed.data + feed->backlog_at, changed.len - feed->backlog_at);
    feed->backlog_at = 0;
    buf_finish(&changed);
    buf_finish(&feed->found);
}

static void drop_query(struct feed *feed)
{
    query_finish(feed->query);
    free(feed->query);
    feed->query = NULL;
}

static void list_done(struct query *query, enum err err)
{
    struct feed *feed = query->arg;

    drop_query(feed);
    if (is_interrupted(feed))
        return;
    if (err != ERR_NONE) {
        fail(feed);
        return;
    }
    take_found(feed);
    start_backlog(feed);
}

static void list(struct feed *feed)
{
    const struct api_request *request = feed->stream.request;
    struct query *query;

    feed->step = FEED_LIST;
    if (!feed->limit) {
        start_backlog(feed);
        return;
    }
    query = mem_zalloc(sizeof *query);
    query->store = &request->api->store;
    query->clauses = feed->clauses;
    query->n_clauses = feed->n_clauses;
    query->order = FIELD_RECORDED_AT;
    query->descending = true;
    query->limit = feed->limit;
    query->fields = FIELD_BIT(FIELD_ID);
    query->call_ms = request->call_ms;
    query->deadline_ms = redis_pool_now(request->api->store.pool) + request->query_ms;
    query->each = list_found;
    query->done = list_done;
    query->arg = feed;
    feed->query = query;
    if (query_list(query) == ERR_NONE)
        return;
    drop_query(feed);
    fail(feed);
}

/* ---- SYNC ---- */

static void synced(struct live_sync *sync, uint64_t position)
{
    struct feed *feed = container_of(sync, struct feed, sync);
    struct event_stream *stream = &feed->stream;
    struct watch_args *args = &stream->request->watching;
    bool comes_back = args->has_position && !stream->is_begun;
    bool reaches_back = comes_back && live_reaches_back(live_of(feed), args->position);

    (void)position;
    event_stream_begin(stream);
    if (reaches_back) {
        feed->is_resumed = true;
        live_each_since(live_of(feed), args->position, add_to_backlog, feed);
        start_backlog(feed);
        return;
    }
    if (comes_back || feed->is_lost)
        event_stream_push_own(stream, 0, event_text_of("reset"));
    feed->is_lost = false;
    list(feed);
}

static void begin_anew(struct feed *feed)
{
    feed->step = FEED_SYNC;
    feed->is_lost = true;
    feed->is_resumed = false;
    idset_finish(&feed->known);
    buf_clear(&feed->backlog);
    buf_clear(&feed->found);
    feed->backlog_at = 0;
    alarms_clear(api_of(feed)->watchers->alarms, &feed->retry);
    live_unsync(live_of(feed), &feed->sync);
    live_sync(live_of(feed), &feed->sync);
}

static void retry_rang(struct alarm *alarm)
{
    begin_anew(container_of(alarm, struct feed, retry));
}

/* ---- what live tells ---- */

static void told(struct live_feed *live, const struct live_news *news)
{
    struct feed *feed = container_of(live, struct feed, live);

    if (feed->step == FEED_LIVE)
        tell(feed, news->id, news->view, news);
    else if (feed->step != FEED_SYNC || feed->stream.is_begun)
        add_to_backlog(news->id, feed);
}

static void settled(struct live_feed *live, uint64_t position)
{
    struct feed *feed = container_of(live, struct feed, live);

    if (feed->step != FEED_LIVE || !feed->has_sent)
        return;
    feed->has_sent = false;
    event_stream_push_position(&feed->stream, position);
}

static void lost(struct live_feed *live)
{
    struct feed *feed = container_of(live, struct feed, live);

    feed->is_lost = feed->stream.is_begun; /* else nobody has been told anything */
    if (feed->is_lost && !feed->query && !feed->is_reading)
        begin_anew(feed);
}

/* ---- life ---- */

static void free_feed(struct feed *feed)
{
    for (size_t i = 0; i < feed->n_clauses; i++)
        free(feed->clauses[i].values);
    free(feed->clauses);
    free(feed->texts);
    idset_finish(&feed->known);
    buf_finish(&feed->found);
    buf_finish(&feed->backlog);
    buf_finish(&feed->reading_ids);
    free(feed);
}

static void closed(struct event_stream *stream)
{
    struct feed *feed = feed_of(stream);

    live_remove_feed(live_of(feed), &feed->live);
    live_unsync(live_of(feed), &feed->sync);
    alarms_clear(api_of(feed)->watchers->alarms, &feed->retry);
    feed->is_closed = true;
    if (!feed->query && !feed->is_reading)
        free_feed(feed);
}

static struct text moved(struct text text, const struct api_request *request, const char *texts)
{
    size_t len = strlen(request->target) + 1;

    if (text.at >= request->scratch && text.at < request->scratch + len)
        text.at = texts + (text.at - request->scratch);
    return text;
}

/* The filter outlives the request if a query is under way: its texts move with it. */
static void take_filter(struct feed *feed, struct filter *filter)
{
    const struct api_request *request = feed->stream.request;
    size_t len = strlen(request->target) + 1;

    feed->texts = mem_alloc(len);
    memcpy(feed->texts, request->scratch, len);
    feed->n_clauses = filter->n_clauses;
    feed->clauses = mem_alloc((filter->n_clauses + 1) * sizeof *feed->clauses);
    memcpy(feed->clauses, filter->clauses, filter->n_clauses * sizeof *feed->clauses);
    filter->n_clauses = 0; /* their values are ours */
    for (size_t i = 0; i < feed->n_clauses; i++) {
        struct clause *clause = &feed->clauses[i];
        clause->name = moved(clause->name, request, feed->texts);
        for (size_t k = 0; k < clause->n_values; k++)
            clause->values[k] = moved(clause->values[k], request, feed->texts);
    }
}

/* What has no place among events; NULL: nothing was asked for that has none. */
static const char *misfit(const struct listing *listing)
{
    return listing->explain                                              ? "explain"
           : listing->has_fields                                         ? "fields"
           : listing->want_count                                         ? "count"
           : listing->cursor.at                                          ? "cursor"
           : listing->offset                                             ? "offset"
           : listing->order != FIELD_RECORDED_AT || !listing->descending ? "sort"
                                                                         : NULL;
}

void handle_list_events(struct api_request *request)
{
    const char *field = misfit(request->listing);

    if (field)
        api_answer_culprit(request, PROBLEM_MALFORMED_QUERY, field, "is not for text/event-stream");
    else
        handle_events(request);
}

void handle_events(struct api_request *request)
{
    struct listing *listing = request->listing;
    struct feed *feed;

    if (request->method == HTTP_HEAD) {
        event_headers(request);
        return;
    }
    feed = mem_zalloc(sizeof *feed);
    feed->stream.request = request;
    feed->stream.closed = closed;
    feed->stream.drained = drained;
    feed->stream.position = position_of;
    feed->live = (struct live_feed){ .told = told, .settled = settled, .lost = lost };
    feed->sync.done = synced;
    feed->retry.rang = retry_rang;
    feed->limit = listing->limit;
    feed->reads_most = READS_FIRST;
    if (!event_stream_open(&feed->stream)) {
        free(feed);
        return;
    }
    take_filter(feed, &listing->filter);
    listing_destroy(listing);
    request->listing = NULL;
    live_add_feed(live_of(feed), &feed->live);
    live_sync(live_of(feed), &feed->sync);
}
