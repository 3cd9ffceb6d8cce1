/*
 * A jobbad of the test's own, with a real Redis of its own on a Unix socket, in a directory of its
 * own. All of it is gone at the end.
 */
#pragma once

#include "tests/lib/client.h"
#include "tests/lib/process.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>

struct service {
    char dir[64];
    char redis_path[96]; /* socket */
    char err_path[96];   /* jobbad's stderr */
    struct process redis, jobbad;
    char url[64];
    unsigned short port;
    struct client *client;
    redisContext *store; /* for looking at keys */
};

/* Both, with further flags for jobbad up to a NULL (or NULL). */
void service_start(struct service *service, const char *const *flags);
/* Both, but with a user who may not track what changes; one thread. */
void service_start_without_tracking(struct service *service);
void service_stop(struct service *service);

/* The parts. */
void service_make_dir(struct service *service);
void service_start_redis(struct service *service, const char *const *flags);
void service_connect_store(struct service *service);
void service_start_jobbad(struct service *service, const char *const *flags); /* `--redis` is set */
/* Any flags; false: it ended without a greeting. */
bool service_start_jobbad_alone(struct service *service, const char *const *flags);

/* cmocka's setup and teardown: *state is a struct service, started without further flags. */
int service_setup(void **state);
int service_teardown(void **state);
/* Between tests: no keys. */
void service_flush(struct service *service);

/* client_ask() of the service's own client, without headers. */
const struct answer *ask(struct service *service, const char *method, const char *path,
                         const char *body);

/* A command, formatted as hiredis does; the reply as text in a static buffer: "(nil)", "7", "text",
 * "a b c". */
const char *store(struct service *service, const char *format, ...);

/* All keys and their content as one text, for comparing; the caller frees it. */
char *store_dump(struct service *service);

/* jobbad's stderr so far; the caller frees it. */
char *service_log(struct service *service);
bool service_log_has(struct service *service, const char *text);
