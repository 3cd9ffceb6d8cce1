/*
 * Changes of many statuses at once: all that match a query are deleted, or get a kill request.
 *
 *   LOOK (done under this key?) -> CHECK (is any not completed?) -> COUNT (more than may be?)
 *   -> WALK -> APPLY, APPLY... -> WALK ... -> FINISH
 *
 * The checks come first, and one that refuses has changed nothing. Then each slice of the walk is
 * applied by scripts that test each status against the query again, in the same step that changes
 * it: whatever others do meanwhile, a status is changed only while it matches, and is either
 * untouched or done. Between the scripts, Redis serves others.
 *
 * Under a key, each deletion is counted with it in the same step. So a repeat goes on where the
 * first was interrupted, without the checks that it has passed, and tells the sum; once all is done
 * it only tells. (LOOK and FINISH are for keys only.)
 */
#pragma once

#include "core/err.h"
#include "core/query.h"
#include "core/state.h"
#include "core/status_guards.h"

#include <stdbool.h>
#include <stdint.h>

enum bulk_change { BULK_DELETE, BULK_REQUEST_KILL };

/* What the script says. */
enum bulk_reply { BULK_CHANGED, BULK_KEY_REUSED, BULK_NEW, BULK_OPEN, BULK_DONE };

struct bulk;

/*
 * ERR_NONE. ERR_NOT_COMPLETED, ERR_TOO_MANY, ERR_KEY_REUSED: refused. ERR_TIME_OVER,
 * ERR_UNAVAILABLE, ERR_STORE_FULL, ERR_INTERNAL: at least `changed` have been changed.
 * ERR_OUTCOME_UNKNOWN: so have they, and maybe some more.
 */
typedef void bulk_done_fn(struct bulk *bulk, enum err err);

struct bulk {
    /* Set by the caller; what they point at lives until `done`. */
    const struct status_store *store;
    enum bulk_change change;
    const struct clause *clauses;
    size_t n_clauses;                   /* up to PLAN_CLAUSES_MAX - 2 */
    bool only_completed;                /* all must be completed, or none is changed */
    bool dry_run;                       /* the checks only, and `matched` */
    const struct status_guards *guards; /* its key; nothing else of it holds for many */
    uint64_t most;                      /* to change; UINT64_MAX: any number */
    uint64_t call_ms, deadline_ms;      /* as those of a query */
    bulk_done_fn *done;
    void *arg;

    /* For `done`. */
    uint64_t matched;       /* of a dry run */
    uint64_t not_completed; /* with ERR_NOT_COMPLETED */
    uint64_t changed;       /* deleted, or with a kill request now */
    bool replayed;          /* all had been done before, under the same key */

    /* Private. */
    struct query query;
    struct redis_call call;
    uint64_t nonce;
    enum bulk_reply reply;
    uint64_t reply_n;
    struct clause all[PLAN_CLAUSES_MAX]; /* the caller's, and one of states */
    size_t n_all;
    struct text states[STATE_COUNT];
    size_t at;      /* of the walk's slice */
    size_t applied; /* by the last script, from there on */
};

/* Fails with ERR_UNAVAILABLE and then never calls back. */
enum err bulk_start(struct bulk *bulk) MUST_CHECK;

/* Frees what it holds; safe on zeroed memory. */
void bulk_finish(struct bulk *bulk);
