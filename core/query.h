/*
 * Many statuses: which match, in which order, and how many there are.
 *
 *   PLAN (cardinalities) -> SLICE, SLICE, ... -> FETCH, FETCH, ... -> done; any error -> done
 *
 * Each step is one round trip in the scan lane, and each slice a script of bounded work, so that no
 * query holds Redis for longer than a few milliseconds, however much there is. A query is
 * consistent for each status, not a snapshot of all: statuses that come, go or change meanwhile may
 * be seen as they were or as they are.
 */
#pragma once

#include "core/clause.h"
#include "core/err.h"
#include "core/gate.h"
#include "core/idset.h"
#include "core/matches.h"
#include "core/plan.h"
#include "core/redis_call.h"
#include "core/status_store.h"
#include "core/status_view.h"

#include <stdbool.h>
#include <stdint.h>

struct query;

/* For each status of the page, in order; one that has gone meanwhile is left out. */
typedef void query_each_fn(struct query *query, const struct status_view *view);
/* ERR_NONE, ERR_UNAVAILABLE, ERR_TIME_OVER or ERR_INTERNAL. */
typedef void query_done_fn(struct query *query, enum err err);
/* A pause: nothing more happens until query_go_on(), which may be called inside. */
typedef void query_step_fn(struct query *query);

enum query_mode { QUERY_LIST, QUERY_COUNT, QUERY_WALK };

/* A place between two entries of an order: behind this one. */
struct query_place {
    uint64_t score;
    struct text id; /* `at` NULL: the start */
};

struct query {
    /* Set by the caller; what they point at lives until `done`. */
    const struct status_store *store;
    const struct clause *clauses;
    size_t n_clauses; /* up to PLAN_CLAUSES_MAX - 1 */
    enum status_field
        order; /* FIELD_ID, or a time that is indexed: lists only statuses that have it */
    bool descending;
    uint64_t limit, offset;
    struct query_place from;
    uint32_t fields;      /* to read of each status; FIELDS_ALL or FIELD_BIT()s */
    uint64_t enough;      /* of counts: to stop when there are so many; 0: never */
    uint64_t call_ms;     /* what each round trip may take */
    uint64_t deadline_ms; /* for all of them, on the clock of uv_now(); 0: none */
    query_each_fn *each;
    query_step_fn *step; /* of lists, between two rounds of each(); NULL: no pause. Of walks */
    query_done_fn *done;
    void *arg; /* for the callbacks */

    /* For `done`. */
    uint64_t count; /* of query_count(): exact, or at least `enough` */
    bool has_more;  /* behind the page, from `next` on */
    struct query_place next;

    /* For explaining. */
    struct plan plan;
    uint64_t cardinalities[PLAN_CLAUSES_MAX];
    uint64_t order_cardinality;
    uint64_t looked_at;
    unsigned slices;
    bool fell_back;

    /* Private. */
    struct redis_call call;
    struct gate_pass pass;
    uint64_t nonce;
    enum query_mode mode;
    struct clause all[PLAN_CLAUSES_MAX]; /* the caller's, or that of all states */
    size_t n_all;
    unsigned asked;    /* PLAN: of the commands, which is answered next */
    uint64_t min, max; /* of the walk in order */
    struct matches matches;
    struct idset seen;
    enum status_field state_time; /* that PLAN_BY_STATE may walk; FIELD_NONE: none */
    unsigned state_clause;        /* whose state's time it is */
    uint64_t state_cardinality;
    unsigned set;        /* of the driver's sets, which is walked */
    struct buf place_id; /* where the walk goes on */
    struct buf place;    /* its score, or a cursor */
    bool walking_done;
    size_t page, page_end, fetched; /* of `matches` */
    size_t fetch_size, fetched_bytes;
};

/* Lists: each() for the page, then done(). Fails with ERR_UNAVAILABLE and then never calls back. */
enum err query_list(struct query *query) MUST_CHECK;

/* Counts all that match, whatever order, limit and place say. */
enum err query_count(struct query *query) MUST_CHECK;

/*
 * Visits all that match, in no order: step() with some of their ids in `matches`, then again, then
 * done(). Ids that match all along are told once, whatever is done to others meanwhile.
 */
enum err query_walk(struct query *query) MUST_CHECK;

/* Behind a step(). */
void query_go_on(struct query *query);

/* Frees what it holds, also in the middle of a walk at a step(); safe on zeroed memory. A query may
 * be started again without. */
void query_finish(struct query *query);
