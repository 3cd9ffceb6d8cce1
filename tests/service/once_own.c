/*
 * A status with one writer. Each operation is drawn together with what has to come of it: the
 * answer shows the whole status, so an operation that took effect twice, or not at all, shows at
 * once.
 */
#include "tests/lib/expect.h"
#include "tests/service/once.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A request, and what is to be answered. */
struct op {
    const char *method;
    char path[160];
    char query[120];
    char body[160]; /* "": none */
    char header[120];
    int code;
    bool bare; /* no status in the answer */
};

struct own *own_create(const char *id)
{
    struct own *own = calloc(1, sizeof *own);

    snprintf(own->id, sizeof own->id, "%s", id);
    return own;
}

void own_destroy(struct own *own)
{
    free(own);
}

/* ---- what comes of it ---- */

static void add_error(struct own *own, const char *mark)
{
    size_t len = strlen(own->errors);

    snprintf(own->errors + len - 1, sizeof own->errors - len + 1, "%s\"%s\"]", len == 2 ? "" : ",",
             mark);
}

static void begin_attempt(struct own *own)
{
    snprintf(own->errors, sizeof own->errors, "[]");
    snprintf(own->data, sizeof own->data, "null");
    own->progress = 0;
    own->kill_requested = false;
}

static void archive(struct own *own)
{
    struct past *past = &own->past[own->attempt++];

    past->state = own->state;
    past->progress = own->progress;
    memcpy(past->data, own->data, sizeof past->data);
    memcpy(past->errors, own->errors, sizeof past->errors);
    begin_attempt(own);
}

static void start(struct own *own)
{
    if (own->started)
        archive(own);
    own->started = true;
    own->state = "started";
    own->rev++;
}

static void enter(struct own *own, const char *state)
{
    if (strcmp(own->state, state) == 0)
        return;
    own->state = state;
    own->rev++;
    if (strcmp(state, "succeeded") == 0)
        own->progress = 1;
}

/* ---- requests ---- */

__attribute__((format(printf, 5, 6))) static void request(const struct own *own, struct op *op,
                                                          const char *method, const char *sub,
                                                          const char *format, ...)
{
    va_list args;

    op->method = method;
    op->code = 200;
    snprintf(op->path, sizeof op->path, "/statuses/%s%s", own->id, sub);
    va_start(args, format);
    vsnprintf(op->body, sizeof op->body, format, args);
    va_end(args);
}

/* Guards that hold, or none. */
static void guard(const struct own *own, struct worker *worker, struct op *op)
{
    switch (worker_draw(worker, 6)) {
    case 0:
        snprintf(op->query, sizeof op->query, "?attempt=%u", own->attempt);
        break;
    case 1:
        snprintf(op->query, sizeof op->query, "?if_state=unknown,%s", own->state);
        break;
    case 2:
        if (*own->etag)
            snprintf(op->header, sizeof op->header, "If-Match: %s", own->etag);
        break;
    default:
        break;
    }
}

static void draw_create(struct own *own, struct worker *worker, struct op *op)
{
    char mark[MARK_BYTES];

    worker_make_mark(worker, mark);
    snprintf(own->job_args, sizeof own->job_args, "{\"by\":\"%s\"}", mark);
    if (worker_draw(worker, 2)) {
        request(own, op, "PUT", "", "{\"state\":\"queued\",\"job_args\":%s}", own->job_args);
    } else {
        request(own, op, "POST", "", "{\"id\":\"%s\",\"state\":\"queued\",\"job_args\":%s}",
                own->id, own->job_args);
        snprintf(op->path, sizeof op->path, "/statuses");
    }
    op->code = 201;
    begin_attempt(own);
    own->exists = true;
    own->started = false;
    own->state = "queued";
    own->attempt = 0;
    own->rev = 1;
}

static void draw_find(struct own *own, struct worker *worker, struct op *op)
{
    (void)worker;
    request(own, op, "PUT", "", "{\"data\":\"not taken\"}");
}

static void draw_enter(struct own *own, struct worker *worker, struct op *op)
{
    static const char *const states[] = { "unqueued", "queued", "succeeded", "failed", "killed" };
    const char *state = states[worker_draw(worker, 5)];
    char sub[32];

    snprintf(sub, sizeof sub, "/%s", state);
    request(own, op, "POST", sub, "%s", "");
    guard(own, worker, op);
    enter(own, state);
}

/* What the peers count twice: a start that was repeated would be another attempt. */
static void draw_start(struct own *own, struct worker *worker, struct op *op)
{
    request(own, op, "POST", "/started", "%s", "");
    if (worker_draw(worker, 2))
        snprintf(op->query, sizeof op->query, "?attempt=%u",
                 own->started ? own->attempt + 1 : own->attempt);
    start(own);
}

static void draw_progress(struct own *own, struct worker *worker, struct op *op)
{
    unsigned eighths = worker_draw(worker, 9);

    request(own, op, "PUT", "/progress", "{\"at\":%u,\"out_of\":8}", eighths);
    guard(own, worker, op);
    own->progress = eighths / 8.0;
    own->rev++;
}

static void draw_error(struct own *own, struct worker *worker, struct op *op)
{
    char mark[MARK_BYTES];

    worker_make_mark(worker, mark);
    request(own, op, "POST", "/errors", "\"%s\"", mark);
    guard(own, worker, op);
    add_error(own, mark);
    own->rev++;
}

static void draw_data(struct own *own, struct worker *worker, struct op *op)
{
    char mark[MARK_BYTES];

    worker_make_mark(worker, mark);
    snprintf(own->data, sizeof own->data, "\"%s\"", mark);
    request(own, op, "PUT", "/data", "%s", own->data);
    guard(own, worker, op);
    own->rev++;
}

static void draw_mix(struct own *own, struct worker *worker, struct op *op)
{
    char mark[MARK_BYTES];

    worker_make_mark(worker, mark);
    snprintf(own->data, sizeof own->data, "[\"%s\"]", mark);
    request(own, op, "PATCH", "", "{\"data\":%s,\"error\":\"%s\",\"progress\":0.5}", own->data,
            mark);
    guard(own, worker, op);
    add_error(own, mark);
    own->progress = 0.5;
    own->rev++;
}

static void draw_kill(struct own *own, struct worker *worker, struct op *op)
{
    request(own, op, "POST", "/request_kill", "%s", "");
    guard(own, worker, op);
    own->rev += !own->kill_requested;
    own->kill_requested = true;
}

/*
 * Guards that do not hold, and never will: a refusal is not remembered, so a first try that is
 * still under way when its repetition was refused might hold later.
 */
static void draw_refused(struct own *own, struct worker *worker, struct op *op)
{
    request(own, op, "POST", "/errors", "\"refused\"");
    op->code = 409;
    switch (worker_draw(worker, 3)) {
    case 0:
        snprintf(op->query, sizeof op->query, "?attempt=%u", 2 * PAST_MAX);
        break;
    case 1:
        snprintf(op->query, sizeof op->query, "?if_state=unknown");
        break;
    default:
        snprintf(op->header, sizeof op->header, "If-Match: \"never\"");
        op->code = 412;
    }
}

static void draw_delete(struct own *own, struct worker *worker, struct op *op)
{
    request(own, op, "DELETE", "", "%s", "");
    snprintf(op->query, sizeof op->query, "?force=true");
    if (*own->etag && worker_draw(worker, 2))
        snprintf(op->header, sizeof op->header, "If-Match: %s", own->etag);
    op->code = 204;
    op->bare = true;
    own->exists = false;
}

static const struct choice {
    unsigned weight;
    void (*draw)(struct own *own, struct worker *worker, struct op *op);
} choices[] = {
    { 2, draw_find },    { 7, draw_enter },  { 8, draw_start }, { 6, draw_progress },
    { 9, draw_error },   { 4, draw_data },   { 4, draw_mix },   { 2, draw_kill },
    { 2, draw_refused }, { 2, draw_delete },
};

static void draw(struct own *own, struct worker *worker, struct op *op)
{
    unsigned total = 0, drawn;

    memset(op, 0, sizeof *op);
    if (!own->exists) {
        draw_create(own, worker, op);
        return;
    }
    if (own->attempt + 2 >= PAST_MAX || strlen(own->errors) + 2 * MARK_BYTES > JSON_BYTES) {
        draw_delete(own, worker, op);
        return;
    }
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
        total += choices[i].weight;
    drawn = worker_draw(worker, total);
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        if (drawn < choices[i].weight) {
            choices[i].draw(own, worker, op);
            return;
        }
        drawn -= choices[i].weight;
    }
}

/* ---- looking ---- */

/* NULL, or the name of the first member that is not as it should be; the text has to be a status.
 */
static const char *difference(const struct own *own, const char *status)
{
    char attempt[16], rev[16], state[24];

    snprintf(attempt, sizeof attempt, "%u", own->attempt);
    snprintf(rev, sizeof rev, "%u", own->rev);
    snprintf(state, sizeof state, "\"%s\"", own->state);
    const struct {
        const char *name, *wanted;
    } members[] = {
        { "rev", rev },
        { "attempt", attempt },
        { "state", state },
        { "errors", own->errors },
        { "data", own->data },
        { "job_args", own->job_args },
        { "kill_requested", own->kill_requested ? "true" : "false" },
    };
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (strcmp(json_member(status, members[i].name), members[i].wanted) != 0)
            return members[i].name;
    return strtod(json_member(status, "progress"), NULL) != own->progress ? "progress" : NULL;
}

__attribute__((format(printf, 4, 5))) static void lose(struct own *own, struct faults *faults,
                                                       const char *body, const char *format, ...)
{
    char what[FAULT_BYTES / 2];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    own->lost = true;
    faults_add(faults, "status %s: %s; expected rev %u attempt %u %s; got %.*s", own->id, what,
               own->rev, own->attempt, own->state ? own->state : "-", (int)strcspn(body, "\n"),
               body);
}

static void note_etag(struct own *own, const struct answer *answer)
{
    const char *etag = answer_header(answer, "ETag");

    snprintf(own->etag, sizeof own->etag, "%s", etag ? etag : "");
}

struct got {
    int status;
    const char *body;
    unsigned tries;
    bool replayed;
};

static void check_answer(struct own *own, struct worker *worker, const struct op *op,
                         const struct got *got)
{
    const char *differs = NULL, *status = got->body;
    char current[2 * JSON_BYTES];

    if (got->status >= 400) { /* the refusal of a guard shows it, too */
        snprintf(current, sizeof current, "%s", json_member(got->body, "current"));
        status = current;
    }
    if (got->status == op->code && !op->bare)
        differs = difference(own, status);
    if (got->status != op->code || differs)
        lose(own, worker->faults, got->body,
             "%s %s%s %s [%s], sent %u times, %s: answered %d, not %d%s%s", op->method, op->path,
             op->query, op->body, op->header, got->tries,
             got->replayed ? "replayed" : "not replayed", got->status, op->code,
             differs ? ", with another " : "", differs ? differs : "");
}

static void perform(struct own *own, struct worker *worker, const struct op *op)
{
    char target[sizeof op->path + sizeof op->query];

    snprintf(target, sizeof target, "%s%s", op->path, op->query);
    struct retry_answer asked =
        retry_ask(worker->client, op->method, target, *op->body ? op->body : NULL,
                  *op->header ? op->header : NULL);
    const struct got got = { asked.answer->status, asked.answer->body, asked.tries,
                             asked.replayed };
    check_answer(own, worker, op, &got);
    note_etag(own, asked.answer);
}

void own_step(struct own *own, struct worker *worker)
{
    struct op op;

    if (own->lost)
        return;
    draw(own, worker, &op);
    perform(own, worker, &op);
}

/* ---- batches ---- */

void own_step_batch(struct own *const *owns, unsigned n, struct worker *worker)
{
    struct op ops[OWN_MAX];
    struct retry_item items[OWN_MAX] = { 0 };
    char targets[OWN_MAX][sizeof ops->path + sizeof ops->query];

    for (unsigned i = 0; i < n; i++) {
        if (owns[i]->lost)
            return;
    }
    for (unsigned i = 0; i < n; i++) {
        draw(owns[i], worker, &ops[i]);
        snprintf(targets[i], sizeof targets[i], "%s%s", ops[i].path, ops[i].query);
        items[i] = (struct retry_item){
            .method = ops[i].method,
            .path = targets[i],
            .body = *ops[i].body ? ops[i].body : NULL,
            .if_match = *ops[i].header ? ops[i].header + strlen("If-Match: ") : NULL,
        };
    }
    retry_batch(worker->client, items, n);
    for (unsigned i = 0; i < n; i++) {
        const struct got got = { items[i].status, items[i].text ? items[i].text : "",
                                 items[i].tries, items[i].replayed };
        check_answer(owns[i], worker, &ops[i], &got);
        *owns[i]->etag = '\0';
        free(items[i].text);
    }
}

/* ---- changes of many ---- */

static unsigned delete_all(struct own *const *owns, unsigned n)
{
    unsigned deleted = 0;

    for (unsigned i = 0; i < n; i++) {
        deleted += owns[i]->exists;
        owns[i]->exists = false;
    }
    return deleted;
}

static unsigned request_kill_of_all(struct own *const *owns, unsigned n)
{
    unsigned requested = 0;

    for (unsigned i = 0; i < n; i++) {
        struct own *own = owns[i];
        requested += own->exists;
        own->rev += own->exists && !own->kill_requested;
        own->kill_requested |= own->exists;
        *own->etag = '\0';
    }
    return requested;
}

void own_step_many(struct own *const *owns, unsigned n, struct worker *worker)
{
    bool kill = worker_draw(worker, 3);
    char path[256];
    int len =
        snprintf(path, sizeof path, "/statuses%s", kill ? ":request_kill?id=" : "?force=true&id=");

    for (unsigned i = 0; i < n; i++) {
        if (owns[i]->lost)
            return;
        len += snprintf(path + len, sizeof path - (size_t)len, "%s%s", i ? "," : "", owns[i]->id);
    }
    unsigned wanted = kill ? request_kill_of_all(owns, n) : delete_all(owns, n);
    struct retry_answer got = retry_ask(worker->client, kill ? "POST" : "DELETE", path, NULL, NULL);
    const char *counted = answer_raw(got.answer, kill ? "kill_requested" : "deleted");
    if (got.answer->status != 200 || (unsigned)atoi(counted) != wanted)
        lose(owns[0], worker->faults, got.answer->body, "%s, sent %u times: answered %d, %s not %u",
             path, got.tries, got.answer->status, counted, wanted);
}

/* ---- the end ---- */

static const char *past_difference(const struct past *past, const char *status)
{
    char state[24];

    snprintf(state, sizeof state, "\"%s\"", past->state);
    if (strcmp(json_member(status, "state"), state) != 0)
        return "state";
    if (strcmp(json_member(status, "errors"), past->errors) != 0)
        return "errors";
    if (strcmp(json_member(status, "data"), past->data) != 0)
        return "data";
    return strtod(json_member(status, "progress"), NULL) != past->progress ? "progress" : NULL;
}

void own_check(struct own *own, struct client *client, struct faults *faults)
{
    char path[64];
    const struct answer *answer;
    const char *differs;

    if (own->lost)
        return;
    snprintf(path, sizeof path, "/statuses/%s", own->id);
    answer = client_ask(client, "GET", path, NULL, NULL);
    differs = own->exists && answer->status == 200 ? difference(own, answer->body) : NULL;
    if (answer->status != (own->exists ? 200 : 404) || differs)
        lose(own, faults, answer->body, "at the end: %d, another %s", answer->status,
             differs ? differs : "existence");
    for (unsigned i = 0; own->exists && i < own->attempt; i++) {
        snprintf(path, sizeof path, "/statuses/%s:%u", own->id, i);
        answer = client_ask(client, "GET", path, NULL, NULL);
        differs = past_difference(&own->past[i], answer->body);
        if (differs)
            lose(own, faults, answer->body, "archived attempt %u has another %s", i, differs);
    }
}
