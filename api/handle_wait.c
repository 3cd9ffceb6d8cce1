/*
 * GET of a status that is answered when there is something new to say.
 *
 *   watched -- told: differs from what the client knows --> answered
 *           -- told: gone -----------------------------------> 404
 *           -- the time is over, or the worker drains -------> read once more, answered as it is
 */
#include "api/handle_wait.h"

#include "api/headers.h"
#include "api/request.h"
#include "api/status_json.h"
#include "api/watchers.h"
#include "core/redis_pool.h"

static struct api_request *request_of(struct wait *wait)
{
    return container_of(wait, struct api_request, op.wait);
}

static void leave(struct wait *wait)
{
    struct watchers *watchers = request_of(wait)->api->watchers;

    live_unwatch(watchers->live, &wait->watch);
    alarms_clear(watchers->alarms, &wait->alarm);
    watchers_leave(watchers, &wait->watcher);
}

/* Whether it is at least a change since the wait began. */
static bool is_change(struct wait *wait, const struct status_view *view)
{
    struct live_digest now;

    live_digest_of(view, &now);
    if (!wait->has_first)
        wait->first = now;
    wait->has_first = true;
    return !live_digest_same(&wait->first, &now);
}

/* Whether all that the client has asked for has come true. The answer's body and ETag are set. */
static bool is_worth_telling(struct wait *wait, const struct status_view *view)
{
    struct api_request *request = request_of(wait);
    const struct watch_args *args = &request->watching;
    struct text known = request->header[HTTP_HEADER_IF_NONE_MATCH];

    if (!args->until && !args->has_rev && !known.at)
        return is_change(wait, view);
    if (args->until && !watch_args_is_reached(args, view))
        return false;
    if (args->has_rev && status_view_u64(view, FIELD_REV, 0) == args->rev)
        return false;
    return !known.at || !if_none_match_has(known, request->answer.etag);
}

static void wait_told(struct live_watch *watch, const struct live_news *news)
{
    struct wait *wait = container_of(watch, struct wait, watch);
    struct api_request *request = request_of(wait);

    if (!news->view) {
        leave(wait);
        *request->answer.etag = '\0';
        api_answer_problem(request, PROBLEM_STATUS_NOT_FOUND, NULL);
        return;
    }
    status_prepare_answer(request, news->view);
    if (is_worth_telling(wait, news->view)) {
        leave(wait);
        api_answer_json(request, 200);
    }
}

static void end(struct wait *wait)
{
    struct api_request *request = request_of(wait);

    leave(wait);
    buf_clear(&request->answer.body);
    request->deadline_ms = redis_pool_now(request->api->store.pool) + request->call_ms;
    request->is_whole = true; /* the client has waited: it is told how it is, changed or not */
    status_get(request);
}

static void wait_over(struct alarm *alarm)
{
    end(container_of(alarm, struct wait, alarm));
}

static void wait_ended(struct watcher *watcher)
{
    end(container_of(watcher, struct wait, watcher));
}

void wait_for_news(struct api_request *request)
{
    struct watchers *watchers = request->api->watchers;
    struct wait *wait = &request->op.wait;
    uint64_t wait_ms = request->watching.wait_ms;
    const char *detail;

    *wait = (struct wait){ .watch = { .id = request->id, .told = wait_told },
                           .alarm = { .rang = wait_over },
                           .watcher = { .end = wait_ended } };
    if (!watchers_admit(watchers, &wait->watcher, &detail)) {
        api_answer_problem(request, PROBLEM_UNAVAILABLE, detail);
        return;
    }
    if (wait_ms > watchers->max_wait_ms)
        wait_ms = watchers->max_wait_ms;
    live_watch(watchers->live, &wait->watch);
    alarms_set(watchers->alarms, &wait->alarm, redis_pool_now(request->api->store.pool) + wait_ms);
}
