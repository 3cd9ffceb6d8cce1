/*
 * Statuses with many writers. Each change is made so that it can be found again: it leaves an error
 * with a text of its own, in the attempt that it was meant for, and it counts one in `rev`. So of a
 * history of all operations can be told, in one pass,
 * - that each acknowledged change is there once, in its attempt, and nothing else is, above all
 *   nothing that was refused;
 * - that `rev` is the number of changes that were acknowledged;
 * - that a change which began after another had been acknowledged comes behind it: in the list of
 *   errors, and in the `rev` of its answer (an answer shows the status after its change, maybe with
 *   later ones, so two that overlap may show the same `rev`);
 * - that a read shows at least what was acknowledged before it.
 */
#include "tests/lib/expect.h"
#include "tests/service/once.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ID_BYTES = 24, ANY_ATTEMPT = -1, COUNTER = 0 };

struct one {
    char id[ID_BYTES];
    unsigned rev_acked; /* the highest that an answer has shown */
    unsigned attempt;   /* the highest that an answer has shown */
    unsigned changes;   /* acknowledged */
    unsigned counted;   /* acknowledged increments of the COUNTER */
};

struct entry {
    char mark[MARK_BYTES];
    unsigned one;
    int attempt;         /* the one that it was meant for, or ANY_ATTEMPT */
    uint32_t begin, end; /* moments: of two that do not overlap, the later has the higher numbers */
    unsigned rev_floor;  /* acknowledged before it began */
    int code;
    unsigned found;
};

struct shared {
    pthread_mutex_t lock;
    uint32_t moment;
    unsigned n, n_entries, room;
    struct entry *entries;
    struct one ones[];
};

struct shared *shared_create(unsigned n, unsigned operations_max, struct retry_client *client)
{
    struct shared *shared = calloc(1, sizeof *shared + n * sizeof shared->ones[0]);
    char body[64];

    pthread_mutex_init(&shared->lock, NULL);
    shared->n = n;
    shared->room = operations_max;
    shared->entries = calloc(operations_max, sizeof *shared->entries);
    for (unsigned i = 0; i < n; i++) {
        struct one *one = &shared->ones[i];
        snprintf(one->id, sizeof one->id, "shared%u", i);
        snprintf(body, sizeof body, "{\"id\":\"%s\",\"state\":\"queued\",\"data\":0}", one->id);
        if (retry_ask(client, "POST", "/statuses", body, NULL).answer->status != 201)
            abort();
        one->rev_acked = 1;
    }
    return shared;
}

void shared_destroy(struct shared *shared)
{
    pthread_mutex_destroy(&shared->lock);
    free(shared->entries);
    free(shared);
}

/* ---- the history ---- */

static struct entry *begin(struct shared *shared, unsigned i, const char *mark)
{
    struct entry *entry;

    pthread_mutex_lock(&shared->lock);
    entry = &shared->entries[shared->n_entries++];
    *entry = (struct entry){ .one = i,
                             .attempt = ANY_ATTEMPT,
                             .begin = ++shared->moment,
                             .rev_floor = shared->ones[i].rev_acked };
    pthread_mutex_unlock(&shared->lock);
    snprintf(entry->mark, sizeof entry->mark, "%s", mark);
    return entry;
}

static void note_seen(struct shared *shared, struct one *one, unsigned rev, unsigned attempt)
{
    pthread_mutex_lock(&shared->lock);
    if (rev > one->rev_acked)
        one->rev_acked = rev;
    if (attempt > one->attempt)
        one->attempt = attempt;
    pthread_mutex_unlock(&shared->lock);
}

static unsigned last_attempt(struct shared *shared, unsigned i)
{
    pthread_mutex_lock(&shared->lock);
    unsigned attempt = shared->ones[i].attempt;
    pthread_mutex_unlock(&shared->lock);
    return attempt;
}

static void note_outcome(struct shared *shared, struct entry *entry, const struct retry_answer *got)
{
    struct one *one = &shared->ones[entry->one];

    pthread_mutex_lock(&shared->lock);
    entry->end = ++shared->moment;
    entry->code = got->answer->status;
    one->changes += entry->code < 400;
    pthread_mutex_unlock(&shared->lock);
}

/* Of a 2xx: it comes behind what was acknowledged before. */
static void end(struct shared *shared, struct worker *worker, struct entry *entry,
                const struct retry_answer *got)
{
    struct one *one = &shared->ones[entry->one];
    const struct answer *answer = got->answer;
    unsigned rev;

    note_outcome(shared, entry, got);
    if (entry->code != 200) {
        if (entry->code != 409 && entry->code != 412)
            faults_add(worker->faults, "%s of %s: answered %d: %.300s", entry->mark, one->id,
                       entry->code, answer->body);
        return;
    }
    rev = (unsigned)atoi(answer_raw(answer, "rev"));
    if (rev <= entry->rev_floor)
        faults_add(worker->faults, "%s of %s: rev %u, though %u was acknowledged before",
                   entry->mark, one->id, rev, entry->rev_floor);
    note_seen(shared, one, rev, (unsigned)atoi(answer_raw(answer, "attempt")));
}

/* ---- operations ---- */

static int change(struct shared *shared, struct worker *worker, unsigned i, int attempt,
                  const char *method, const char *target, const char *body, const char *mark,
                  const char *header)
{
    struct entry *entry = begin(shared, i, mark);
    char path[128];

    entry->attempt = attempt;
    snprintf(path, sizeof path, "/statuses/%s%s", shared->ones[i].id, target);
    struct retry_answer got = retry_ask(worker->client, method, path, body, header);
    end(shared, worker, entry, &got);
    return got.answer->status;
}

static void add_error(struct shared *shared, struct worker *worker, unsigned i)
{
    char mark[MARK_BYTES], body[64];

    worker_make_mark(worker, mark);
    snprintf(body, sizeof body, "\"%s\"", mark);
    change(shared, worker, i, ANY_ATTEMPT, "POST", "/errors", body, mark, NULL);
}

/* A late report must not get into a later attempt. */
static void add_error_to_attempt(struct shared *shared, struct worker *worker, unsigned i)
{
    unsigned attempt = last_attempt(shared, i);
    char mark[MARK_BYTES], body[64], target[64];

    worker_make_mark(worker, mark);
    snprintf(body, sizeof body, "{\"error\":\"%s\",\"progress\":0.5}", mark);
    snprintf(target, sizeof target, "?attempt=%u", attempt);
    change(shared, worker, i, (int)attempt, "PATCH", target, body, mark, NULL);
}

static void restart(struct shared *shared, struct worker *worker, unsigned i)
{
    unsigned attempt = last_attempt(shared, i) + 1;
    char mark[MARK_BYTES], body[64], target[64];

    worker_make_mark(worker, mark);
    snprintf(body, sizeof body, "{\"error\":\"%s\"}", mark);
    snprintf(target, sizeof target, "/started?attempt=%u", attempt);
    change(shared, worker, i, (int)attempt, "POST", target, body, mark, NULL);
}

/* Of all that want it, one wins; which then gives it back. */
static void claim(struct shared *shared, struct worker *worker, unsigned i)
{
    char mark[MARK_BYTES], body[64];
    bool queued = worker_draw(worker, 2);

    worker_make_mark(worker, mark);
    snprintf(body, sizeof body, "{\"error\":\"%s\"}", mark);
    change(shared, worker, i, ANY_ATTEMPT, "POST",
           queued ? "/started?if_state=queued" : "/queued?if_state=started", body, mark, NULL);
}

static void look(struct shared *shared, struct worker *worker, unsigned i, char ret_etag[96],
                 char ret_data[32])
{
    struct one *one = &shared->ones[i];
    char path[64];
    unsigned floor, rev;

    pthread_mutex_lock(&shared->lock);
    floor = one->rev_acked;
    pthread_mutex_unlock(&shared->lock);
    snprintf(path, sizeof path, "/statuses/%s", one->id);
    struct retry_answer got = retry_ask_with_key(worker->client, NULL, "GET", path, NULL, NULL);
    const char *etag = answer_header(got.answer, "ETag");
    rev = (unsigned)atoi(answer_raw(got.answer, "rev"));
    if (got.answer->status != 200 || rev < floor)
        faults_add(worker->faults, "GET %s: %d, rev %u, though %u was acknowledged before", one->id,
                   got.answer->status, rev, floor);
    note_seen(shared, one, rev, (unsigned)atoi(answer_raw(got.answer, "attempt")));
    snprintf(ret_etag, 96, "%s", etag ? etag : "");
    snprintf(ret_data, 32, "%s", answer_raw(got.answer, "data"));
}

static void read_only(struct shared *shared, struct worker *worker, unsigned i)
{
    char etag[96], data[32];

    look(shared, worker, i, etag, data);
}

/* Read, add one, write if nobody has written meanwhile. */
static void count_up(struct shared *shared, struct worker *worker, unsigned i)
{
    char mark[MARK_BYTES], etag[96], data[32], header[128], body[64];

    worker_make_mark(worker, mark);
    look(shared, worker, i, etag, data);
    snprintf(header, sizeof header, "If-Match: %s", etag);
    snprintf(body, sizeof body, "{\"error\":\"%s\",\"data\":%d}", mark, atoi(data) + 1);
    if (change(shared, worker, i, 0, "PATCH", "", body, mark, header) != 200)
        return;
    pthread_mutex_lock(&shared->lock);
    shared->ones[i].counted++;
    pthread_mutex_unlock(&shared->lock);
}

static const struct choice {
    unsigned weight;
    void (*perform)(struct shared *shared, struct worker *worker, unsigned i);
} choices[] = {
    { 5, add_error }, { 5, add_error_to_attempt }, { 2, restart }, { 5, claim }, { 2, read_only },
};

void shared_step(struct shared *shared, struct worker *worker)
{
    unsigned total = 0, drawn, i = worker_draw(worker, shared->n);

    if (i == COUNTER) {
        count_up(shared, worker, i);
        return;
    }
    for (size_t c = 0; c < sizeof choices / sizeof *choices; c++)
        total += choices[c].weight;
    drawn = worker_draw(worker, total);
    for (size_t c = 0; c < sizeof choices / sizeof *choices; c++) {
        if (drawn < choices[c].weight) {
            choices[c].perform(shared, worker, i);
            return;
        }
        drawn -= choices[c].weight;
    }
}

/* ---- the end ---- */

static int compare_entries(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;

    return strcmp(left->mark, right->mark);
}

/* Once the entries are sorted. */
static struct entry *entry_of(struct shared *shared, const char *mark)
{
    struct entry wanted;

    snprintf(wanted.mark, sizeof wanted.mark, "%s", mark ? mark : "");
    return bsearch(&wanted, shared->entries, shared->n_entries, sizeof wanted, compare_entries);
}

/* One error that was found. *latest: the highest beginning of those before it. */
static void check_error(struct shared *shared, unsigned i, unsigned attempt, const char *mark,
                        uint32_t *latest, struct faults *faults)
{
    struct entry *entry = entry_of(shared, mark);
    const char *id = shared->ones[i].id;

    if (!entry) {
        faults_add(faults, "%s:%u has an error that nobody sent: %s", id, attempt, mark);
        return;
    }
    entry->found++;
    if (entry->one != i)
        faults_add(faults, "%s is in %s, not in %s", mark, id, shared->ones[entry->one].id);
    if (entry->attempt != ANY_ATTEMPT && entry->attempt != (int)attempt)
        faults_add(faults, "%s is in attempt %u of %s, not in %d", mark, attempt, id,
                   entry->attempt);
    if (entry->end < *latest)
        faults_add(faults, "%s of %s was acknowledged before one in front of it began", mark, id);
    if (entry->begin > *latest)
        *latest = entry->begin;
}

static void check_attempt(struct shared *shared, unsigned i, unsigned attempt, const json_t *status,
                          uint32_t *latest, struct faults *faults)
{
    json_t *error;
    size_t n;

    json_array_foreach(json_object_get(status, "errors"), n, error)
        check_error(shared, i, attempt, json_string_value(error), latest, faults);
}

static void check_one(struct shared *shared, unsigned i, struct client *client,
                      struct faults *faults)
{
    struct one *one = &shared->ones[i];
    const struct answer *answer;
    uint32_t latest = 0;
    unsigned attempt, rev, wanted;
    json_t *status;
    char path[64];
    size_t n;

    snprintf(path, sizeof path, "/statuses/%s/attempts", one->id);
    answer = client_ask(client, "GET", path, NULL, NULL);
    json_array_foreach(json_object_get(answer->json, "attempts"), n, status)
        check_attempt(shared, i, (unsigned)n, status, &latest, faults);
    attempt = (unsigned)json_array_size(json_object_get(answer->json, "attempts"));
    snprintf(path, sizeof path, "/statuses/%s", one->id);
    answer = client_ask(client, "GET", path, NULL, NULL);
    if ((unsigned)atoi(answer_raw(answer, "attempt")) != attempt)
        faults_add(faults, "%s: %u archived attempts of %s", one->id, attempt,
                   answer_raw(answer, "attempt"));
    check_attempt(shared, i, attempt, answer->json, &latest, faults);
    rev = (unsigned)atoi(answer_raw(answer, "rev"));
    wanted = 1 + one->changes;
    if (rev != wanted)
        faults_add(faults, "%s: rev %u after %u changes", one->id, rev, wanted);
}

static void check_entry(const struct shared *shared, const struct entry *entry,
                        struct faults *faults)
{
    if (entry->found != (entry->code == 200))
        faults_add(faults, "%s of %s was answered %d, and is there %u times", entry->mark,
                   shared->ones[entry->one].id, entry->code, entry->found);
}

static void check_counter(const struct shared *shared, struct client *client, struct faults *faults)
{
    const struct one *one = &shared->ones[COUNTER];
    char path[64];

    snprintf(path, sizeof path, "/statuses/%s/data", one->id);
    const struct answer *answer = client_ask(client, "GET", path, NULL, NULL);
    if ((unsigned)atoi(answer->body) != one->counted)
        faults_add(faults, "%s counts %.20s after %u increments", one->id, answer->body,
                   one->counted);
}

void shared_check(struct shared *shared, struct client *client, struct faults *faults)
{
    qsort(shared->entries, shared->n_entries, sizeof *shared->entries, compare_entries);
    for (unsigned i = 0; i < shared->n; i++)
        check_one(shared, i, client, faults);
    check_counter(shared, client, faults);
    for (unsigned e = 0; e < shared->n_entries; e++)
        check_entry(shared, &shared->entries[e], faults);
}
