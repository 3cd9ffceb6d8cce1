/*
 * The private redis-server: a child of this process with a Unix socket and an append-only file in
 * the data directory. It is on disk before it is acknowledged (appendfsync always). Runs on the
 * main thread's loop, which must be the thread that lives longest: the kernel ends the child when
 * the thread that started it ends.
 */
#pragma once

#include "core/buf.h"
#include "core/redis_pool.h"
#include "server/config.h"

#include <stdbool.h>
#include <uv.h>

struct embedded_redis;

/*
 * Locks the data directory and starts the child; it comes back with backoff whenever it ends.
 * `config` is borrowed until the end. NULL: *message says why.
 */
struct embedded_redis *embedded_redis_start(uv_loop_t *loop, const struct config *config,
                                            struct buf *message);

/* Where it listens; the strings are the embedded_redis'. */
const struct redis_address *embedded_redis_address(const struct embedded_redis *redis);

/*
 * Ends the child: SIGTERM, and SIGKILL after timeout_ms. Then unlocks the directory, frees
 * everything and calls `stopped`.
 */
void embedded_redis_stop(struct embedded_redis *redis, unsigned timeout_ms,
                         void (*stopped)(void *arg), void *arg);
