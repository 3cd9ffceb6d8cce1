/*
 * One status: create, find, change, delete, list its archived attempts (layout.md). Each operation
 * is a struct embedded in the request that needs it; nothing is allocated per operation.
 *
 * Every change is one script call, atomic whatever mix of fields it carries. The status as it then
 * is comes from an HGETALL behind it in the same pipeline; what stands in the way of a refused one,
 * from the script.
 *
 * Contract of all starters: one that fails (ERR_UNAVAILABLE) never calls back; one that succeeds
 * calls `done` exactly once, after it has returned and before the deadline plus 50 ms. What the
 * operation points at (id, change) must live until then. Outcomes are told in err.h.
 */
#pragma once

#include "core/err.h"
#include "core/near_cache.h"
#include "core/redis_call.h"
#include "core/state.h"
#include "core/status_guards.h"
#include "core/status_id.h"
#include "core/status_store.h"
#include "core/status_view.h"

#include <stdbool.h>
#include <stdint.h>

/* What to change. Texts with `at` NULL and STATE_NONE leave things as they are. All are borrowed.
 */
struct status_change {
    enum state state;
    bool request_kill;
    struct text progress;         /* JSON number, 0 to 1 */
    struct text data;             /* JSON */
    struct text error;            /* JSON, appended */
    struct text job_name;         /* JSON string */
    struct text job_name_index;   /* its content */
    struct text job_args;         /* JSON object of strings */
    const struct text *arg_index; /* contents of its values */
    size_t n_arg_index;
    struct text provider_job_id; /* JSON number or string */
    struct text provider_index;  /* the number as written, or the string's content */
};

enum status_mode {
    STATUS_CREATE, /* ERR_EXISTS when the id is taken */
    STATUS_FIND,   /* as it is, or created with the change */
    STATUS_CHANGE, /* ERR_NOT_FOUND when there is no such status */
};

struct status_op;

/*
 * `view` is the status as it now is: for ERR_NONE (unless no view was asked for, or it was
 * deleted), and for what it stands in the way of: ERR_EXISTS, ERR_NOT_COMPLETED and the wrong ones
 * of guards. Otherwise NULL.
 */
typedef void status_done_fn(struct status_op *op, enum err err, const struct status_view *view);

struct status_op {
    /* Set by the caller. */
    const struct status_store *store;
    struct text id;       /* valid (status_id.h); for reads it may name an archived attempt */
    uint64_t deadline_ms; /* on the clock of uv_now() */
    bool want_view;       /* of changes: read the status behind the change */
    const struct status_guards *guards; /* of changes */
    status_done_fn *done;

    /* For `done`. */
    bool created;  /* the change created the status */
    bool replayed; /* and was made before, under the same key */

    /* Private. */
    struct redis_call call;
    uint64_t nonce;
    enum err outcome;
    enum status_mode mode;
    const struct status_change *change;
    bool force;
    uint32_t fields;
    char earlier_id[STATUS_ID_MAX]; /* whose change is replayed, if another id was made for it */
    struct status_view view;
    struct near_ticket ticket;
    bool found, shown; /* shown: the view is the script's */
    struct buf kept;   /* what it then points into */
};

/* Creates, finds or changes. */
enum err status_write(struct status_op *op, enum status_mode mode,
                      const struct status_change *change) MUST_CHECK;

/* Deletes the status, its index entries and its archived attempts; without `force` only a completed
 * one. */
enum err status_delete(struct status_op *op, bool force) MUST_CHECK;

/* Reads the fields in the set `fields` (FIELDS_ALL, or FIELD_BIT()s). */
enum err status_read(struct status_op *op, uint32_t fields) MUST_CHECK;
