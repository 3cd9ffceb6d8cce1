/*
 * What test_exactly_once.c is made of: threads that work on statuses through a retrying client, and
 * a collection of what they find wrong. once_own.c: statuses with one writer, which always knows
 * what they have to look like; once_shared.c: statuses with many, and a history of what they did.
 */
#pragma once

#include "tests/lib/retry_client.h"
#include "tests/lib/service.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* ---- faults: what was found wrong, by any thread ---- */

enum { FAULTS_SHOWN = 8, FAULT_BYTES = 1200 };

struct faults {
    atomic_uint n;
    char text[FAULTS_SHOWN][FAULT_BYTES]; /* of the first ones */
};

void faults_add(struct faults *faults, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- threads ---- */

struct worker {
    unsigned number, seed;
    struct retry_client *client;
    struct faults *faults;
    unsigned n_marks;
};

/* A number below n. */
unsigned worker_draw(struct worker *worker, unsigned n);
/* A text that no other operation has: "w3.17". */
enum { MARK_BYTES = 24 };
void worker_make_mark(struct worker *worker, char ret_mark[static MARK_BYTES]);

/* ---- statuses with one writer ---- */

enum { OWN_MAX = 8, PAST_MAX = 40, JSON_BYTES = 4096 };

/* What it has to look like. */
struct own {
    char id[32];
    bool lost; /* found different: not looked at any more */
    bool exists, started, kill_requested;
    const char *state;
    unsigned attempt, rev;
    double progress;
    char data[MARK_BYTES + 8], job_args[MARK_BYTES + 16]; /* JSON */
    char errors[JSON_BYTES];
    char etag[96]; /* as of the last answer; "": not known */
    struct past {
        const char *state;
        double progress;
        char data[MARK_BYTES + 8];
        char errors[JSON_BYTES];
    } past[PAST_MAX];
};

struct own *own_create(const char *id);
void own_destroy(struct own *own);

/* One operation, or a few in one request; what is answered has to be what was expected. */
void own_step(struct own *own, struct worker *worker);
/* One operation on each of them, in one request. */
void own_step_batch(struct own *const *owns, unsigned n, struct worker *worker);
/* One change of some of them. */
void own_step_many(struct own *const *owns, unsigned n, struct worker *worker);
/* At the end: the status and all archived attempts, asked with `client`. */
void own_check(struct own *own, struct client *client, struct faults *faults);

/* ---- statuses with many writers ---- */

struct shared;

/* `n` statuses, made with `client`; room for so many operations. */
struct shared *shared_create(unsigned n, unsigned operations_max, struct retry_client *client);
void shared_destroy(struct shared *shared);

/* One operation on one of them. */
void shared_step(struct shared *shared, struct worker *worker);
/* At the end: each operation that was acknowledged is there once, in its place, and no other. */
void shared_check(struct shared *shared, struct client *client, struct faults *faults);
