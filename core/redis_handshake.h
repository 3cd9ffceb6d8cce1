/* What is said on a new connection before it serves: one write, and what each reply must be.
 * Internal. */
#pragma once

#include "core/redis_pool.h"
#include "core/redis_reply.h"

#include <stdbool.h>

/* Appends all its commands. */
void redis_handshake_format(const struct redis_options *options, struct buf *out);

/* Just ROLE, which may be asked at any time but by a subscriber; and whether the answer is a
 * master's. */
void redis_handshake_ask_role(struct buf *out);
bool redis_handshake_is_master(const struct redis_reply *reply);

/* PING as a subscriber asks it, and whether the answer is one. */
void redis_handshake_ping(struct buf *out);
bool redis_handshake_is_pong(const struct redis_reply *reply);

/* How many replies it has. */
unsigned redis_handshake_steps(const struct redis_options *options);

struct redis_handshake_fault {
    enum redis_health health;
    const char *reason; /* static */
};

/* Whether the reply of this step (from 0) is as it must be; if not, why. */
bool redis_handshake_reply(const struct redis_options *options, unsigned step,
                           const struct redis_reply *reply,
                           struct redis_handshake_fault *ret_fault);
