#include "tests/unit/pool_rig.h"

#include "core/redis_command.h"

#include <unistd.h>

/* ---- calls: GET n, once or twice ---- */

static void call_format(struct redis_call *call, struct buf *out, bool with_source)
{
    struct test_call *test = container_of(call, struct test_call, call);

    for (unsigned i = 0; i < call->n_commands; i++) {
        redis_command(out, 2);
        redis_arg_str(out, with_source ? "EVAL" : "GET");
        redis_arg_u64(out, test->n);
    }
}

static bool call_reply(struct redis_call *call, unsigned index, const struct redis_reply *reply)
{
    struct test_call *test = container_of(call, struct test_call, call);

    test->replies = index + 1;
    snprintf(test->text, sizeof test->text, "%.*s", (int)reply->text.len,
             reply->text.at ? reply->text.at : "");
    return !test->refuse_reply;
}

static void call_done(struct redis_call *call, enum err err)
{
    struct test_call *test = container_of(call, struct test_call, call);

    test->done++;
    test->err = err;
    if (test->then)
        test->then(test);
}

static const struct redis_call_ops call_ops = { .format = call_format,
                                                .reply = call_reply,
                                                .done = call_done };

enum err submit_for(struct rig *rig, unsigned n, unsigned n_commands, bool read_only,
                    uint64_t deadline_ms)
{
    struct test_call *test = &rig->calls[n];

    *test = (struct test_call){
        .n = n, .rig = rig, .refuse_reply = test->refuse_reply, .then = test->then
    };
    test->call = (struct redis_call){ .ops = &call_ops,
                                      .n_commands = n_commands,
                                      .read_only = read_only,
                                      .deadline_ms = uv_now(&rig->loop) + deadline_ms };
    enum err err = redis_pool_submit(rig->pool, REDIS_LANE_FAST, &test->call);
    assert_int_equal(test->done, 0); /* never before submit returns */
    return err;
}

void submit(struct rig *rig, unsigned n)
{
    assert_int_equal(submit_for(rig, n, 1, false, 5000), ERR_NONE);
}

/* ---- turns of the loop ---- */

void turn(struct rig *rig)
{
    if (!rig->closed)
        redis_pool_flush(rig->pool);
    uv_run(&rig->loop, UV_RUN_ONCE);
}

bool is_ready(struct rig *rig)
{
    struct redis_pool_stats stats;

    redis_pool_get_stats(rig->pool, &stats);
    return stats.ready[REDIS_LANE_FAST] == rig->options.lane_size[REDIS_LANE_FAST] &&
           stats.ready[REDIS_LANE_SCAN];
}

struct redis_pool_stats stats_of(struct rig *rig)
{
    struct redis_pool_stats stats;

    redis_pool_get_stats(rig->pool, &stats);
    return stats;
}

/* ---- setup ---- */

int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);

    uv_loop_init(&rig->loop);
    snprintf(rig->dir, sizeof rig->dir, "/tmp/jobbad-pool-XXXXXX");
    if (!mkdtemp(rig->dir))
        return -1;
    snprintf(rig->path, sizeof rig->path, "%s/r", rig->dir);
    rig->fake = fake_redis_start(&rig->loop, rig->path);
    rig->options = (struct redis_options){
        .address = { .path = rig->path },
        .lane_size = { [REDIS_LANE_FAST] = 1, [REDIS_LANE_SCAN] = 1 },
        .window = 512,
        .window_bytes = 1 << 20,
        .max_waiting = 8,
        .max_reply_bytes = 1 << 20,
        .connect_timeout_ms = 300,
        .command_timeout_ms = 400,
        .check_ms = 60000,
    };
    *state = rig;
    return 0;
}

void start(struct rig *rig)
{
    rig->pool = redis_pool_create(&rig->loop, &rig->options);
    run_until(rig, is_ready(rig));
}

static void pool_closed(void *arg)
{
    struct rig *rig = arg;
    rig->closed = true;
}

void close_pool(struct rig *rig)
{
    redis_pool_close(rig->pool, pool_closed, rig);
    run_until(rig, rig->closed);
    redis_pool_destroy(rig->pool);
}

int tear_down(void **state)
{
    struct rig *rig = *state;

    if (rig->pool && !rig->closed)
        close_pool(rig);
    fake_redis_stop(rig->fake);
    uv_run(&rig->loop, UV_RUN_DEFAULT);
    int left = uv_loop_close(&rig->loop); /* a handle that was left open fails the test */
    unlink(rig->path);
    rmdir(rig->dir);
    free(rig);
    return left;
}
