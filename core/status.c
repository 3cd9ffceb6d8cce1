#include "core/status.h"

#include "core/keys.h"
#include "core/redis_command.h"
#include "core/redis_pool.h"
#include "core/redis_script.h"

#include <assert.h>

enum {
    SCRIPT_REPLY = 0,  /* of a change: the script's outcome, then the hash */
    HEAD_ARGS = 4,     /* that both scripts begin with: nonce, prefix, id, number of guards */
    CHANGE_PARTS = 11, /* of a change */
};

static struct status_op *op_of(struct redis_call *call)
{
    return container_of(call, struct status_op, call);
}

/* ---- read ---- */

static void status_read_format(struct redis_call *call, struct buf *out, bool with_source)
{
    const struct status_op *op = op_of(call);

    (void)with_source;
    if (op->fields == FIELDS_ALL)
        status_view_ask_all(out, op->store->prefix, op->id);
    else
        status_view_ask_fields(out, op->store->prefix, op->id, op->fields);
}

static bool status_read_reply(struct redis_call *call, unsigned index,
                              const struct redis_reply *reply)
{
    struct status_op *op = op_of(call);

    (void)index;
    if (op->fields == FIELDS_ALL)
        return status_view_of_all(reply, &op->view, &op->found);
    return status_view_of_fields(reply, op->fields, &op->view, &op->found);
}

static void status_read_done(struct redis_call *call, enum err err)
{
    struct status_op *op = op_of(call);

    if (err == ERR_NONE && !op->found)
        err = ERR_NOT_FOUND;
    if (err == ERR_NONE && op->fields == FIELDS_ALL && op->store->cache)
        near_cache_put(op->store->cache, &op->ticket, op->id, &op->view);
    op->done(op, err, err == ERR_NONE ? &op->view : NULL);
}

enum err status_read(struct status_op *op, uint32_t fields)
{
    static const struct redis_call_ops ops = {
        .format = status_read_format,
        .reply = status_read_reply,
        .done = status_read_done,
    };

    op->fields =
        fields | (fields == FIELDS_ALL ? 0 : FIELD_BIT(FIELD_ID)); /* tells that it exists */
    op->found = false;
    if (op->fields == FIELDS_ALL && op->store->cache)
        op->ticket = near_cache_ask(op->store->cache, op->id);
    op->call = (struct redis_call){
        .ops = &ops,
        .n_commands = 1,
        .read_only = true,
        .deadline_ms = op->deadline_ms,
    };
    return redis_pool_submit(op->store->pool, REDIS_LANE_FAST, &op->call);
}

/* ---- scripts: what both have in common ---- */

/* The nonce proves that the reply belongs to this very call. */
static bool is_reply_to(const struct status_op *op, const struct redis_reply *reply)
{
    char digits[20];
    struct buf nonce = { .data = digits, .cap = sizeof digits };

    buf_add_u64(&nonce, op->nonce);
    return reply->type == REDIS_ARRAY && reply->n_items >= 2 &&
           reply->items[1].type == REDIS_STRING &&
           text_equal(reply->items[0].text, buf_text(&nonce));
}

static const struct outcome {
    const char *name;
    enum err err;
    bool created;
} outcomes[] = {
    { "changed", ERR_NONE, false },
    { "created", ERR_NONE, true },
    { "same", ERR_NONE, false },
    { "found", ERR_NONE, false },
    { "deleted", ERR_NONE, false },
    { "missing", ERR_NOT_FOUND, false },
    { "exists", ERR_EXISTS, false },
    { "not-completed", ERR_NOT_COMPLETED, false },
    { "errors-full", ERR_ERRORS_FULL, false },
    { "wrong-attempt", ERR_WRONG_ATTEMPT, false },
    { "wrong-state", ERR_WRONG_STATE, false },
    { "wrong-etag", ERR_WRONG_ETAG, false },
    { "key-reused", ERR_KEY_REUSED, false },
};

static bool take_outcome(struct status_op *op, const struct redis_reply *name)
{
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
        if (name->type != REDIS_STRING || !text_is(name->text, outcomes[i].name))
            continue;
        op->outcome = outcomes[i].err;
        op->created = outcomes[i].created;
        return true;
    }
    return false;
}

/* The script shows the status itself: what the pipeline brings behind it is another, or later. */
static bool take_hash(struct status_op *op, const struct redis_reply *hash)
{
    op->shown = true;
    if (!status_view_of_all(hash, &op->view, &op->found))
        return false;
    buf_clear(&op->kept);
    status_view_keep(&op->view, &op->kept);
    return true;
}

/* {nonce, "replayed", outcome}, and {..., id, hash} when the request does not tell whose it was. */
static bool take_replay(struct status_op *op, const struct redis_reply *reply)
{
    op->replayed = true;
    if (reply->n_items == 5) {
        struct text id = reply->items[3].text;
        if (!id.at || id.len > sizeof op->earlier_id || !take_hash(op, &reply->items[4]))
            return false;
        memcpy(op->earlier_id, id.at, id.len);
        op->id = (struct text){ op->earlier_id, id.len };
    }
    return reply->n_items >= 3 && take_outcome(op, &reply->items[2]);
}

static bool take_script_reply(struct status_op *op, const struct redis_reply *reply)
{
    if (!is_reply_to(op, reply))
        return false;
    if (text_is(reply->items[1].text, "replayed"))
        return take_replay(op, reply);
    if (reply->n_items == 3 && !take_hash(op, &reply->items[2]))
        return false;
    return take_outcome(op, &reply->items[1]);
}

static bool script_op_reply(struct redis_call *call, unsigned index,
                            const struct redis_reply *reply)
{
    struct status_op *op = op_of(call);

    if (index == SCRIPT_REPLY)
        return take_script_reply(op, reply);
    return op->shown || status_view_of_all(reply, &op->view, &op->found);
}

static void script_op_done(struct redis_call *call, enum err err)
{
    struct status_op *op = op_of(call);
    struct buf kept = op->kept; /* done() may end the operation */
    bool has_view;

    op->kept = (struct buf){ 0 };
    if (op->store->cache) /* whatever has become of it: it may have been applied */
        near_cache_wrote(op->store->cache, op->id);
    if (err == ERR_NONE ||
        op->shown) /* the script has said all, whatever became of the read behind it */
        err = op->outcome;
    has_view = op->found && (err == ERR_NONE || op->shown);
    op->done(op, err, has_view ? &op->view : NULL);
    buf_finish(&kept);
}

/* The key and the arguments that every script begins with. */
static void add_script_head(struct buf *out, const struct status_op *op)
{
    keys_add_status(out, op->store->prefix, op->id);
    redis_arg_u64(out, op->nonce);
    redis_arg(out, op->store->prefix);
    redis_arg(out, op->id);
    redis_arg_u64(out, status_guards_count(op->guards));
}

static enum err script_op_submit(struct status_op *op, const struct redis_call_ops *ops)
{
    op->outcome = ERR_INTERNAL;
    op->created = false;
    op->replayed = false;
    op->found = op->shown = false;
    /* Unlike those of any other call in flight: two of them never share an address. */
    op->nonce = (uint64_t)(uintptr_t)op ^ op->deadline_ms << 48;
    op->call = (struct redis_call){
        .ops = ops,
        .n_commands = op->want_view ? 2 : 1,
        .deadline_ms = op->deadline_ms,
    };
    return redis_pool_submit(op->store->pool, REDIS_LANE_FAST, &op->call);
}

/* ---- create, find, change ---- */

static const char *const mode_names[] = {
    [STATUS_CREATE] = "create",
    [STATUS_FIND] = "find",
    [STATUS_CHANGE] = "change",
};

/* What a change may have, in the order of change.lua; returns how many, up to the last that is
 * there. */
static size_t list_parts(const struct status_change *change, struct text ret_parts[CHANGE_PARTS])
{
    const struct state_info *state = change->state == STATE_NONE ? NULL : state_info(change->state);
    const struct text parts[] = {
        text_of(state ? state->name : NULL),
        text_of(state ? status_field_name(state->timestamp) : NULL),
        change->progress,
        change->data,
        change->error,
        text_of(change->request_kill ? "kill" : NULL),
        change->job_name,
        change->job_name_index,
        change->provider_job_id,
        change->provider_index,
        change->job_args,
    };
    size_t n = CHANGE_PARTS;
    _Static_assert(sizeof parts / sizeof *parts == CHANGE_PARTS, "all that change.lua unpacks");

    while (n && !parts[n - 1].at)
        n--;
    memcpy(ret_parts, parts, n * sizeof *parts);
    return n;
}

static void status_write_format(struct redis_call *call, struct buf *out, bool with_source)
{
    const struct status_op *op = op_of(call);
    struct text parts[CHANGE_PARTS];
    size_t n = list_parts(op->change, parts);

    redis_script_command(out, REDIS_SCRIPT_CHANGE, with_source,
                         HEAD_ARGS + 2 + n + op->change->n_arg_index +
                             status_guards_count(op->guards));
    add_script_head(out, op);
    redis_arg_str(out, mode_names[op->mode]);
    redis_arg_u64(out, op->store->errors_max);
    for (size_t i = 0; i < n; i++)
        redis_arg(out, parts[i]);
    for (size_t i = 0; i < op->change->n_arg_index; i++)
        redis_arg(out, op->change->arg_index[i]);
    status_guards_add(out, op->store, op->guards);
    if (call->n_commands > 1)
        status_view_ask_all(out, op->store->prefix, op->id);
}

enum err status_write(struct status_op *op, enum status_mode mode,
                      const struct status_change *change)
{
    static const struct redis_call_ops ops = {
        .format = status_write_format,
        .reply = script_op_reply,
        .done = script_op_done,
    };

    op->mode = mode;
    op->change = change;
    return script_op_submit(op, &ops);
}

/* ---- delete ---- */

static size_t count_indexed_times(void)
{
    size_t n = 0;
    for (enum status_field field = 0; field < FIELD_COUNT; field++)
        n += status_field_is_indexed_time(field);
    return n;
}

static void status_delete_format(struct redis_call *call, struct buf *out, bool with_source)
{
    const struct status_op *op = op_of(call);

    redis_script_command(out, REDIS_SCRIPT_DELETE, with_source,
                         HEAD_ARGS + 2 + 2 * STATE_COUNT + count_indexed_times() +
                             status_guards_count(op->guards));
    add_script_head(out, op);
    redis_arg_u64(out, op->force);
    redis_arg_u64(out, STATE_COUNT);
    for (enum state state = 0; state < STATE_COUNT; state++) {
        redis_arg_str(out, state_info(state)->name);
        redis_arg_u64(out, state_info(state)->completed);
    }
    for (enum status_field field = 0; field < FIELD_COUNT; field++)
        if (status_field_is_indexed_time(field))
            redis_arg_str(out, status_field_name(field));
    status_guards_add(out, op->store, op->guards);
}

enum err status_delete(struct status_op *op, bool force)
{
    static const struct redis_call_ops ops = {
        .format = status_delete_format,
        .reply = script_op_reply,
        .done = script_op_done,
    };

    op->force = force;
    op->want_view = false; /* only a refused one has something to show */
    return script_op_submit(op, &ops);
}
