/* What comes from Redis, and what it means to the call that is the oldest in flight. */
#include "core/redis_conn_parts.h"
#include "core/redis_error.h"
#include "core/redis_handshake.h"
#include "core/redis_reader.h"

/* ---- calls ---- */

/* Whether the call still wants replies. */
static bool is_wanted(const struct redis_flight *flight)
{
    return flight->call && flight->fate == REDIS_FATE_ANSWERED && !flight->with_source &&
           flight->call->err == ERR_NONE;
}

/* Only the first command of a call writes: an error of a later one comes after the fact. */
static void take_error(struct redis_conn *conn, struct redis_flight *flight,
                       const struct redis_error *error, struct text text)
{
    bool not_executed = flight->answered == 0 || flight->call->read_only;

    flight->call->err = not_executed ? error->err : ERR_OUTCOME_UNKNOWN;
    if (error->err == ERR_INTERNAL)
        conn->owner->strange(conn, text);
    if (!not_executed || error->action == REDIS_ACTION_FAIL)
        return;
    if (error->action == REDIS_ACTION_WITH_SOURCE && !flight->call->with_source)
        flight->with_source = true;
    else
        flight->fate = REDIS_FATE_REFUSED;
}

static void end_flight(struct redis_conn *conn)
{
    struct redis_flight flight = redis_conn_pop_flight(conn);

    if (!flight.call)
        return;
    if (flight.with_source) {
        flight.call->with_source = true;
        if (redis_conn_has_room(conn)) {
            redis_conn_submit(conn, flight.call);
            return;
        }
        flight.fate = REDIS_FATE_REFUSED; /* no room for it here: another connection, or later */
    }
    conn->owner->ended(conn, flight.call, flight.fate);
}

/* Redis won't do on this connection what we are here for: no new calls. */
static void retire(struct redis_conn *conn, enum redis_health health, const char *reason)
{
    if (conn->state != REDIS_CONN_READY)
        return;
    conn->state = REDIS_CONN_RETIRING;
    conn->health = health;
    conn->reason = reason;
}

static bool is_message(const struct redis_conn *conn, const struct redis_reply *reply)
{
    return conn->is_subscriber && reply->type == REDIS_ARRAY && reply->n_items == 3 &&
           text_is(reply->items[0].text, "message");
}

/* What a check has found out. */
static void take_check(struct redis_conn *conn, const struct redis_reply *reply)
{
    if (conn->is_subscriber ? !redis_handshake_is_pong(reply) : !redis_handshake_is_master(reply))
        retire(conn, REDIS_HEALTH_NOT_MASTER,
               conn->is_subscriber ? "no answer to PING" : "it is no longer a master");
}

static void take_call_reply(struct redis_conn *conn, const struct redis_reply *reply)
{
    struct redis_flight *flight = conn->n_flights ? redis_conn_flight(conn, 0) : NULL;
    const struct redis_error *error =
        reply->type == REDIS_ERROR ? redis_error_of(reply->text) : NULL;

    if (is_message(conn, reply)) {
        conn->owner->pushed(conn, reply);
        return;
    }
    if (!flight) {
        redis_conn_drop(conn, REDIS_HEALTH_PROTOCOL, "a reply that nobody asked for");
        return;
    }
    if (error && error->action == REDIS_ACTION_RECONNECT)
        retire(conn, error->health, error->prefix);
    if (flight->is_check && !error)
        take_check(conn, reply);
    if (is_wanted(flight)) { /* the first error of a call counts */
        if (error) {
            take_error(conn, flight, error, reply->text);
        } else if (!flight->call->ops->reply(flight->call, flight->answered, reply)) {
            redis_conn_drop(conn, REDIS_HEALTH_PROTOCOL, "a reply that does not fit its command");
            return;
        }
    }
    if (++flight->answered == flight->n_commands)
        end_flight(conn);
    if (conn->state == REDIS_CONN_RETIRING && !conn->n_flights)
        redis_conn_drop(conn, conn->health, conn->reason);
}

/* ---- the handshake ---- */

static void take_handshake_reply(struct redis_conn *conn, const struct redis_reply *reply)
{
    struct redis_handshake_fault fault;

    if (!redis_handshake_reply(conn->options, conn->step, reply, &fault)) {
        redis_conn_drop(conn, fault.health, fault.reason);
        return;
    }
    if (++conn->step < redis_handshake_steps(conn->options))
        return;
    conn->state = REDIS_CONN_READY;
    conn->health = REDIS_HEALTH_READY;
    conn->since_ms = conn->checked_ms = uv_now(conn->loop);
    conn->was_ready = true;
    conn->owner->ready(conn);
}

/* ---- both ---- */

void redis_conn_read(struct redis_conn *conn, const char *data, size_t len)
{
    const struct redis_reply *reply;

    redis_reader_feed(conn->reader, data, len);
    while (redis_conn_is_open(conn)) {
        enum redis_read result = redis_reader_next(conn->reader, &reply);
        if (result == REDIS_READ_MORE)
            return;
        if (result == REDIS_READ_BROKEN) {
            redis_conn_drop(conn, REDIS_HEALTH_PROTOCOL, "not RESP, or a reply over the limit");
            return;
        }
        if (conn->state == REDIS_CONN_HANDSHAKE)
            take_handshake_reply(conn, reply);
        else
            take_call_reply(conn, reply);
        if (!conn->n_flights || !redis_conn_flight(conn, 0)->answered)
            redis_reader_release(conn->reader); /* the replies of a call live until it has ended */
    }
}
