/* What the files of redis_conn share: redis_conn.c (life, writing), redis_conn_connect.c (finding
 * the peer), redis_conn_replies.c (reading). */
#pragma once

#include "core/redis_conn.h"

/* ---- redis_conn.c ---- */

/* The i-th call in flight, 0 is the oldest. */
struct redis_flight *redis_conn_flight(struct redis_conn *conn, unsigned i);
struct redis_flight redis_conn_pop_flight(struct redis_conn *conn);

/* Whether bytes flow both ways. */
bool redis_conn_is_open(const struct redis_conn *conn);

/* The stream is open: says the handshake and begins to read. */
void redis_conn_opened(struct redis_conn *conn);

/* A handle or a request of the connection is gone: once all are, so is the connection. */
void redis_conn_went_down(struct redis_conn *conn);

/* ---- redis_conn_connect.c ---- */

/* DOWN -> RESOLVING or CONNECTING; goes on with redis_conn_opened(), or redis_conn_drop(). */
void redis_conn_start(struct redis_conn *conn);

/* ---- redis_conn_replies.c ---- */

/* Feeds what came and acts on each reply; the connection may be dropped. */
void redis_conn_read(struct redis_conn *conn, const char *data, size_t len);
