/*
 * COUNT -> FETCH, FETCH, ... -> done; any error -> done.
 * How many attempts there are comes from the status; then they are read a bounded number at a time,
 * so that a status restarted ten thousand times does not take the whole connection for itself.
 */
#include "core/status_attempts.h"

#include "core/keys.h"
#include "core/redis_command.h"
#include "core/redis_pool.h"

enum { ATTEMPTS_AT_A_TIME = 8 };

static const uint32_t COUNT_FIELDS = FIELD_BIT(FIELD_ID) | FIELD_BIT(FIELD_ATTEMPT);

static struct status_attempts *attempts_of(struct redis_call *call)
{
    return container_of(call, struct status_attempts, call);
}

static enum err submit(struct status_attempts *attempts, const struct redis_call_ops *ops,
                       unsigned n_commands)
{
    attempts->call = (struct redis_call){
        .ops = ops,
        .n_commands = n_commands,
        .read_only = true,
        .deadline_ms = attempts->deadline_ms,
    };
    return redis_pool_submit(attempts->store->pool, REDIS_LANE_SCAN, &attempts->call);
}

/* ---- FETCH ---- */

static void fetch_format(struct redis_call *call, struct buf *out, bool with_source)
{
    const struct status_attempts *attempts = attempts_of(call);

    (void)with_source;
    for (unsigned i = 0; i < call->n_commands; i++) {
        redis_command(out, 2);
        redis_arg_str(out, "HGETALL");
        keys_add_attempt(out, attempts->store->prefix, attempts->id, attempts->next + i);
    }
}

static bool fetch_replied(struct redis_call *call, unsigned index, const struct redis_reply *reply)
{
    struct status_attempts *attempts = attempts_of(call);
    struct status_view view;
    bool found;

    if (!status_view_of_all(reply, &view, &found))
        return false;
    if (attempts->next + index < attempts->told) /* the call was sent again */
        return true;
    attempts->told = attempts->next + index + 1;
    if (found)
        attempts->each(attempts, &view);
    return true;
}

static void fetch_done(struct redis_call *call, enum err err);

static enum err fetch(struct status_attempts *attempts)
{
    static const struct redis_call_ops ops = {
        .format = fetch_format,
        .reply = fetch_replied,
        .done = fetch_done,
    };
    uint64_t left = attempts->end - attempts->next;

    return submit(attempts, &ops, left < ATTEMPTS_AT_A_TIME ? (unsigned)left : ATTEMPTS_AT_A_TIME);
}

static void fetch_done(struct redis_call *call, enum err err)
{
    struct status_attempts *attempts = attempts_of(call);

    if (err == ERR_NONE) {
        attempts->next += call->n_commands;
        if (attempts->next < attempts->end && !attempts->enough) {
            err = fetch(attempts);
            if (err == ERR_NONE)
                return;
        }
    }
    attempts->done(attempts, err);
}

/* ---- COUNT ---- */

static void count_format(struct redis_call *call, struct buf *out, bool with_source)
{
    const struct status_attempts *attempts = attempts_of(call);

    (void)with_source;
    status_view_ask_fields(out, attempts->store->prefix, attempts->id, COUNT_FIELDS);
}

static bool count_replied(struct redis_call *call, unsigned index, const struct redis_reply *reply)
{
    struct status_attempts *attempts = attempts_of(call);
    struct status_view view;

    (void)index;
    if (!status_view_of_fields(reply, COUNT_FIELDS, &view, &attempts->found))
        return false;
    attempts->end = status_view_u64(&view, FIELD_ATTEMPT, 0);
    return true;
}

static void count_done(struct redis_call *call, enum err err)
{
    struct status_attempts *attempts = attempts_of(call);

    if (err == ERR_NONE && !attempts->found)
        err = ERR_NOT_FOUND;
    if (err == ERR_NONE && attempts->next < attempts->end) {
        err = fetch(attempts);
        if (err == ERR_NONE)
            return;
    }
    attempts->done(attempts, err);
}

enum err status_attempts_read(struct status_attempts *attempts)
{
    static const struct redis_call_ops ops = {
        .format = count_format,
        .reply = count_replied,
        .done = count_done,
    };

    attempts->next = attempts->end = attempts->told = 0;
    attempts->found = false;
    return submit(attempts, &ops, 1);
}
