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
/* ERR_NONE, ERR_UNAVAILABLE or ERR_INTERNAL. */
typedef void query_done_fn(struct query *query, enum err err);

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
    uint32_t fields; /* to read of each status; FIELDS_ALL or FIELD_BIT()s */
    uint64_t deadline_ms;
    query_each_fn *each;
    query_done_fn *done;
    void *arg; /* for the callbacks */

    /* For `done`. */
    uint64_t count; /* of query_count() */
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
    uint64_t nonce;
    bool counting;
    struct clause all[PLAN_CLAUSES_MAX]; /* the caller's, or that of all states */
    size_t n_all;
    unsigned asked;    /* PLAN: of the commands, which is answered next */
    uint64_t min, max; /* of the walk in order */
    struct matches matches;
    struct idset seen;
    unsigned set;        /* of the driver's sets, which is walked */
    struct buf place_id; /* where the walk goes on */
    struct buf place;    /* its score, or a cursor */
    bool walking_done;
    size_t page, page_end, fetched; /* of `matches` */
};

/* Lists: each() for the page, then done(). Fails with ERR_UNAVAILABLE and then never calls back. */
enum err query_list(struct query *query) MUST_CHECK;

/* Counts all that match, whatever order, limit and place say. */
enum err query_count(struct query *query) MUST_CHECK;

/* Frees what it holds; safe on zeroed memory. */
void query_finish(struct query *query);
