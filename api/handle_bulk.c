/* The changes of many statuses (api.md "Many statuses"). */
#include "api/handle_many.h"
#include "api/handlers.h"
#include "api/listing.h"

/* What a route does, and what it calls that. */
struct kind {
    enum bulk_change change;
    const char *member; /* of the answer */
    const char *done;   /* in a sentence */
};

static const struct kind deletes = { BULK_DELETE, "deleted", "deleted" };
static const struct kind kills = { BULK_REQUEST_KILL, "kill_requested", "asked to end" };

static const struct kind *kind_of(const struct bulk *bulk)
{
    return bulk->change == BULK_DELETE ? &deletes : &kills;
}

/* ---- answers ---- */

static void answer_count(struct api_request *request, const char *member, uint64_t n)
{
    buf_printf(&request->answer.body, "{\"%s\":%llu}\n", member, (unsigned long long)n);
    api_answer_json(request, 200);
}

static void answer_detail(struct api_request *request, enum problem problem, struct buf *detail)
{
    api_answer_problem(request, problem, buf_cstr(detail));
    buf_finish(detail);
}

static void answer_not_completed(struct api_request *request, const struct bulk *bulk)
{
    struct buf detail = { 0 };

    buf_printf(&detail,
               "%llu of the statuses that match are neither succeeded nor failed. Nothing was "
               "deleted. Filter by state=completed, or say force=true.",
               (unsigned long long)bulk->not_completed);
    answer_detail(request, PROBLEM_NOT_COMPLETED, &detail);
}

/* Some have been changed, and then something came in between. */
static void answer_interrupted(struct api_request *request, const struct bulk *bulk, enum err err)
{
    bool lasting = err == ERR_INTERNAL || err == ERR_STORE_FULL;
    struct buf detail = { 0 };

    buf_printf(&detail,
               "At least %llu statuses were %s; each of the others was done whole or not touched. "
               "Repeat the request, under the same Idempotency-Key if it had one, to go on.",
               (unsigned long long)bulk->changed, kind_of(bulk)->done);
    answer_detail(request, lasting ? problem_of_err(err) : PROBLEM_UNFINISHED, &detail);
}

static void bulk_done(struct bulk *bulk, enum err err)
{
    struct api_request *request = bulk->arg;

    request->answer.replayed = bulk->replayed;
    if (err == ERR_NONE && bulk->dry_run)
        answer_count(request, "matched", bulk->matched);
    else if (err == ERR_NONE)
        answer_count(request, kind_of(bulk)->member, bulk->changed);
    else if (err == ERR_NOT_COMPLETED)
        answer_not_completed(request, bulk);
    else if (bulk->changed)
        answer_interrupted(request, bulk, err);
    else
        many_answer_err(request, err);
}

/* ---- starting ---- */

static void start(struct api_request *request, enum bulk_change change, bool only_completed)
{
    struct bulk *bulk = &request->listing->bulk;
    const char *field, *wrong = listing_prepare_bulk(request->listing, &field);
    enum err err;

    if (wrong) {
        api_answer_culprit(request, PROBLEM_MALFORMED_QUERY, field, wrong);
        return;
    }
    api_sign(request, buf_text(&request->listing->json.raw));
    bulk->store = &request->api->store;
    bulk->guards = &request->guards;
    bulk->change = change;
    bulk->only_completed = only_completed;
    bulk->call_ms = request->call_ms;
    bulk->deadline_ms = many_deadline(request);
    bulk->done = bulk_done;
    bulk->arg = request;
    err = bulk_start(bulk);
    if (err != ERR_NONE)
        many_answer_err(request, err);
}

/* ---- handlers ---- */

void handle_delete_many(struct api_request *request)
{
    start(request, BULK_DELETE, !request->listing->force);
}

void handle_remove(struct api_request *request)
{
    if (many_take_body(request))
        start(request, BULK_DELETE, !request->listing->force);
}

void handle_request_kill_many(struct api_request *request)
{
    if (many_take_body(request))
        start(request, BULK_REQUEST_KILL, false);
}

/* The states that may be cleaned up are a filter: the others are left alone, not in the way. */
void handle_cleanup(struct api_request *request)
{
    if (many_take_body(request))
        start(request, BULK_DELETE, false);
}
