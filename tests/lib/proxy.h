/*
 * A proxy that cuts connections: between a client and jobbad, or between jobbad and Redis. It knows
 * no protocol, only turns: a turn begins when the client speaks after the server has. For each turn
 * it draws, with the odds it was given, what becomes of it. What happens to the n-th turn of the
 * m-th connection depends on the seed, m and n alone.
 *
 * It has a thread and a loop of its own; all functions may be called from any thread.
 */
#pragma once

#include <stdbool.h>

enum cut {
    CUT_REFUSED,        /* at once, nothing is forwarded: a connection that is not accepted */
    CUT_BEFORE_REQUEST, /* the client has spoken, nothing is forwarded */
    CUT_IN_REQUEST,     /* after some bytes of it */
    CUT_BEHIND_REQUEST, /* all is forwarded, the answer is not waited for */
    CUT_BEFORE_ANSWER,  /* the answer has come, nothing of it is forwarded */
    CUT_IN_ANSWER,      /* after some bytes of it */
    CUT_KINDS,
    CUT_NONE = CUT_KINDS,
};

struct proxy;

struct proxy_counts {
    unsigned connections, turns, unreachable; /* unreachable: the target was not there */
    unsigned cuts[CUT_KINDS];
};

/*
 * Addresses are "127.0.0.1:PORT" (to listen at: port 0 finds one) or "unix:PATH". `cut_percent` of
 * the turns are cut, each kind as often as the others. Aborts if it can't listen.
 */
struct proxy *proxy_start(const char *listen, const char *target, unsigned seed,
                          unsigned cut_percent);
void proxy_stop(struct proxy *proxy);

/* The port it listens at; 0: a Unix socket. */
unsigned short proxy_port(const struct proxy *proxy);

/* New connections go there. */
void proxy_aim(struct proxy *proxy, const char *target);
/* From the next turn on no connection is cut. */
void proxy_let_pass(struct proxy *proxy);
/*
 * From the next turn on every n-th is cut, each kind but refusal in its turn, instead of some by
 * chance. For one client after the other.
 */
void proxy_cut_every(struct proxy *proxy, unsigned n);

struct proxy_counts proxy_counts(struct proxy *proxy);
