/*
 * A client that does what a worker should (docs/workers.md): each operation has an Idempotency-Key,
 * made once; when no answer comes, or one that says "later", the same request is sent again with
 * the same key, after a pause that grows and is never the same, until there is an answer.
 *
 * For one thread.
 */
#pragma once

#include "tests/lib/client.h"

#include <stdbool.h>

struct retry_client;

enum { RETRY_KEY_BYTES = 40 };

struct retry_answer {
    const struct answer *answer; /* of the last try; the client's, until the next operation */
    bool replayed;               /* the server says that an earlier try had made the change */
    unsigned tries;
    unsigned unanswered; /* tries that may have made the change, for all that the client knows */
};

struct retry_counts {
    unsigned operations, tries, unanswered, unavailable, unknown, replayed;
};

/* `seed`: of keys and pauses. */
struct retry_client *retry_client_create(const char *base, unsigned seed);
void retry_client_destroy(struct retry_client *client);

/* Whether keys are sent. (They are, unless a test wants to see what happens without.) */
void retry_client_use_keys(struct retry_client *client, bool use);

/* How long an operation is tried before its answer is given up: 30 seconds, unless told. */
void retry_client_set_patience(struct retry_client *client, unsigned ms);

/* A new key, as many times as one is asked for. */
void retry_client_make_key(struct retry_client *client, char ret_key[static RETRY_KEY_BYTES]);

/*
 * One operation. `header`: one more, "Name: value", or NULL. An answer with status 0 means that
 * there was none until patience was over.
 */
struct retry_answer retry_ask(struct retry_client *client, const char *method, const char *path,
                              const char *body, const char *header);
/* The same with a key of the caller's; NULL: none, for reads. */
struct retry_answer retry_ask_with_key(struct retry_client *client, const char *key,
                                       const char *method, const char *path, const char *body,
                                       const char *header);

/* One operation of a batch. */
struct retry_item {
    const char *method, *path, *body; /* body: JSON, NULL: none */
    const char *if_match;             /* NULL: none */

    /* Made by retry_batch(). */
    char key[RETRY_KEY_BYTES];
    int status; /* 0: no answer until patience was over */
    bool replayed;
    unsigned tries;
    char *text; /* its body; to be freed */
};

/* Operations in one request, of which those without an answer are sent again, each with its key. */
void retry_batch(struct retry_client *client, struct retry_item *items, unsigned n);

/* Whether an answer with this status says "later": send the same again. */
bool retry_is_due(int status);
/* Sleeps as long as a client should after its n-th try (1...). */
void retry_pause(struct retry_client *client, unsigned n);

struct retry_counts retry_counts(const struct retry_client *client);
