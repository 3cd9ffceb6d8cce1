/*
 * A scripted Redis, to provoke what the real one won't do on command. It runs on the loop of the
 * code under test, so that a test is a sequence and not a race. It answers the handshake by itself;
 * each further command takes the next line of its script.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/* What to do with a command. */
struct fake_line {
    const char *reply; /* RESP; NULL: stay silent */
    size_t only;       /* send only so many bytes of it; 0: all */
    bool close;        /* and close the connection */
    bool repeat;       /* this line stays for all further commands */
};

struct fake_redis;

/* Listens on a Unix socket. The handshake is answered as by a good master. */
struct fake_redis *fake_redis_start(uv_loop_t *loop, const char *path);
/* The same on a TCP address (port 0: *ret_port tells). */
struct fake_redis *fake_redis_start_tcp(uv_loop_t *loop, const char *host, uint16_t *ret_port);
/* Closes everything; the loop has to run for it. */
void fake_redis_stop(struct fake_redis *fake);

/* Lines for commands from now on; borrowed. */
void fake_redis_script(struct fake_redis *fake, const struct fake_line *lines, size_t n);
/* Instead of the answer to the handshake's command of this name, such as "ROLE". NULL reply:
 * silence. */
void fake_redis_handshake(struct fake_redis *fake, const char *command, const char *reply);
/* Closes all connections. */
void fake_redis_hang_up(struct fake_redis *fake);
/* Whether connections are accepted; a refused one is closed at once. */
void fake_redis_accept(struct fake_redis *fake, bool accept);

/* Counted so far: connections, commands behind the handshake, reads that brought any of those. */
unsigned fake_redis_connections(const struct fake_redis *fake);
unsigned fake_redis_commands(const struct fake_redis *fake);
unsigned fake_redis_reads(const struct fake_redis *fake);
/* The arguments of the last command, joined by blanks; of the last AUTH and SELECT. */
const char *fake_redis_last(const struct fake_redis *fake);
const char *fake_redis_auth(const struct fake_redis *fake);
const char *fake_redis_select(const struct fake_redis *fake);
