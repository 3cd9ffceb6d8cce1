#include "core/redis_handshake.h"

#include "core/redis_command.h"
#include "core/redis_error.h"
#include "core/redis_script.h"

#include <assert.h>

/* ---- the steps ---- */

static bool has_password(const struct redis_options *options)
{
    return options->address.password != NULL;
}

static bool has_db(const struct redis_options *options)
{
    return options->address.db != 0;
}

static bool always(const struct redis_options *options)
{
    (void)options;
    return true;
}

static void format_auth(const struct redis_options *options, struct buf *out)
{
    const struct redis_address *address = &options->address;

    redis_command(out, address->user ? 3 : 2);
    redis_arg_str(out, "AUTH");
    if (address->user)
        redis_arg_str(out, address->user);
    redis_arg_str(out, address->password);
}

static void format_select(const struct redis_options *options, struct buf *out)
{
    redis_command(out, 2);
    redis_arg_str(out, "SELECT");
    redis_arg_u64(out, options->address.db);
}

static void format_name(const struct redis_options *options, struct buf *out)
{
    (void)options;
    redis_command(out, 3);
    redis_arg_str(out, "CLIENT");
    redis_arg_str(out, "SETNAME");
    redis_arg_str(out, "jobbad");
}

void redis_handshake_ask_role(struct buf *out)
{
    redis_command(out, 1);
    redis_arg_str(out, "ROLE");
}

static void format_role(const struct redis_options *options, struct buf *out)
{
    (void)options;
    redis_handshake_ask_role(out);
}

static bool is_ok(const struct redis_reply *reply)
{
    return reply->type == REDIS_STATUS && text_is(reply->text, "OK");
}

static bool is_role(const struct redis_reply *reply)
{
    return reply->type == REDIS_ARRAY && reply->n_items > 0 && reply->items[0].type == REDIS_STRING;
}

bool redis_handshake_is_master(const struct redis_reply *reply)
{
    return is_role(reply) && text_is(reply->items[0].text, "master");
}

void redis_handshake_ping(struct buf *out)
{
    redis_command(out, 1);
    redis_arg_str(out, "PING");
}

/* Before it has subscribed to anything the answer is a plain one. */
bool redis_handshake_is_pong(const struct redis_reply *reply)
{
    if (reply->type == REDIS_ARRAY)
        return reply->n_items == 2 && text_is(reply->items[0].text, "pong");
    return reply->type == REDIS_STATUS && text_is(reply->text, "PONG");
}

static const struct step {
    bool (*wanted)(const struct redis_options *options);
    void (*format)(const struct redis_options *options, struct buf *out);
    bool (*check)(const struct redis_reply *reply);
    const char *refused; /* what to say when Redis answers with an error */
} steps[] = {
    { has_password, format_auth, is_ok, "AUTH was refused" },
    { has_db, format_select, is_ok, "SELECT was refused" },
    { always, format_name, is_ok, "CLIENT SETNAME was refused" },
    { always, format_role, is_role, "ROLE was refused" },
};

enum { N_STEPS = sizeof steps / sizeof *steps };

/* The n-th step that is wanted; NULL: it is the loading of a script, *ret_script. */
static const struct step *step_at(const struct redis_options *options, unsigned n,
                                  unsigned *ret_script)
{
    for (size_t i = 0; i < N_STEPS; i++)
        if (steps[i].wanted(options) && n-- == 0)
            return &steps[i];
    *ret_script = n;
    return NULL;
}

/* ---- all of them ---- */

static unsigned script_count(const struct redis_options *options)
{
    return options->without_scripts ? 0 : REDIS_SCRIPT_COUNT;
}

void redis_handshake_format(const struct redis_options *options, struct buf *out)
{
    for (size_t i = 0; i < N_STEPS; i++)
        if (steps[i].wanted(options))
            steps[i].format(options, out);
    for (unsigned id = 0; id < script_count(options); id++) {
        redis_command(out, 3);
        redis_arg_str(out, "SCRIPT");
        redis_arg_str(out, "LOAD");
        redis_arg(out, redis_script_get(id)->source);
    }
}

unsigned redis_handshake_steps(const struct redis_options *options)
{
    unsigned n = script_count(options);

    for (size_t i = 0; i < N_STEPS; i++)
        n += steps[i].wanted(options);
    return n;
}

static bool fault(enum redis_health health, const char *reason, struct redis_handshake_fault *ret)
{
    *ret = (struct redis_handshake_fault){ .health = health, .reason = reason };
    return false;
}

static bool script_reply(unsigned script, const struct redis_reply *reply,
                         struct redis_handshake_fault *ret_fault)
{
    assert(script < REDIS_SCRIPT_COUNT);
    if (reply->type == REDIS_STRING && text_is(reply->text, redis_script_get(script)->sha1))
        return true;
    return fault(REDIS_HEALTH_PROTOCOL, "SCRIPT LOAD answered another SHA-1", ret_fault);
}

bool redis_handshake_reply(const struct redis_options *options, unsigned n,
                           const struct redis_reply *reply, struct redis_handshake_fault *ret_fault)
{
    unsigned script = 0;
    const struct step *step = step_at(options, n, &script);

    if (reply->type == REDIS_ERROR) {
        enum redis_health health = redis_error_of(reply->text)->health;
        if (step && step->format == format_auth && health == REDIS_HEALTH_PROTOCOL)
            health =
                REDIS_HEALTH_UNAUTHORIZED; /* "ERR AUTH called without any password configured" */
        return fault(health, step ? step->refused : "SCRIPT LOAD was refused", ret_fault);
    }
    if (!step)
        return script_reply(script, reply, ret_fault);
    if (!step->check(reply))
        return fault(REDIS_HEALTH_PROTOCOL, "an answer that is not Redis'", ret_fault);
    if (step->check == is_role && !redis_handshake_is_master(reply))
        return fault(REDIS_HEALTH_NOT_MASTER, "it is not a master", ret_fault);
    return true;
}
