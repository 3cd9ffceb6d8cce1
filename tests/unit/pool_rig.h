/*
 * The Redis client on a loop of its own, with a scripted peer, and calls that keep what became of
 * them: what the unit tests of the client share.
 */
#pragma once

#include "core/redis_pool.h"
#include "tests/lib/fake_redis.h"
#include "tests/unit/unit_test.h"

enum { CALLS_MAX = 600, TURNS_MAX = 100000 };

struct test_call {
    struct redis_call call;
    unsigned n, replies, done;
    bool refuse_reply;
    enum err err;
    char text[64]; /* of the last reply */
    void (*then)(struct test_call *call);
    struct rig *rig;
};

struct rig {
    uv_loop_t loop;
    char dir[32], path[64];
    struct fake_redis *fake;
    struct redis_options options;
    struct redis_pool *pool;
    struct test_call calls[CALLS_MAX];
    bool closed;
};

/* Submits call `n`: n_commands times GET n. */
enum err submit_for(struct rig *rig, unsigned n, unsigned n_commands, bool read_only,
                    uint64_t deadline_ms);
/* The same, with one command and a deadline that is far away. */
void submit(struct rig *rig, unsigned n);

/* A turn of the loop, and turns until something has come true. */
void turn(struct rig *rig);
#define run_until(rig, condition)                              \
    do {                                                       \
        unsigned turns = 0;                                    \
        while (!(condition)) {                                 \
            turn(rig);                                         \
            if (++turns > TURNS_MAX)                           \
                fail_msg("did not come true: %s", #condition); \
        }                                                      \
    } while (0)

bool is_ready(struct rig *rig);
struct redis_pool_stats stats_of(struct rig *rig);

/* cmocka's setup and teardown: *state is a struct rig whose options may still be changed. */
int set_up(void **state);
int tear_down(void **state);
void start(struct rig *rig);
void close_pool(struct rig *rig);

#define SCRIPT(rig, ...)                                                      \
    fake_redis_script((rig)->fake, (const struct fake_line[]){ __VA_ARGS__ }, \
                      sizeof((const struct fake_line[]){ __VA_ARGS__ }) /     \
                          sizeof(struct fake_line))

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
