#include "core/health.h"

#include "core/redis_command.h"
#include "core/redis_pool.h"

static struct health_check *check_of(struct redis_call *call)
{
    return container_of(call, struct health_check, call);
}

static void ping_format(struct redis_call *call, struct buf *out, bool with_source)
{
    (void)call;
    (void)with_source;
    redis_command(out, 1);
    redis_arg_str(out, "PING");
}

static bool ping_replied(struct redis_call *call, unsigned index, const struct redis_reply *reply)
{
    (void)call;
    (void)index;
    return text_is(reply->text, "PONG");
}

static const char *reason_of(const struct redis_pool *pool)
{
    enum redis_health health = redis_pool_health(pool);
    return health == REDIS_HEALTH_READY ? "overloaded or refusing" : redis_health_name(health);
}

static void ping_done(struct redis_call *call, enum err err)
{
    struct health_check *check = check_of(call);
    check->done(check, err == ERR_NONE ? NULL : reason_of(check->pool));
}

void health_check_start(struct health_check *check)
{
    static const struct redis_call_ops ops = {
        .format = ping_format,
        .reply = ping_replied,
        .done = ping_done,
    };

    check->call = (struct redis_call){
        .ops = &ops,
        .n_commands = 1,
        .read_only = true,
        .deadline_ms = check->deadline_ms,
    };
    if (redis_pool_submit(check->pool, REDIS_LANE_FAST, &check->call) != ERR_NONE)
        check->done(check, reason_of(check->pool));
}
