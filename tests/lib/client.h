/*
 * An HTTP client on libcurl. Each exchange is recorded for tests/contract/answers.mjs, as a line of
 * JSON in the directory of the variable JOBBAD_RECORD_DIR.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct client;

struct answer {
    int status;    /* 0: no answer */
    char *headers; /* "name: value\r\n"..., names as they were sent */
    char *body;    /* with a NUL behind it */
    size_t len;
    json_t *json; /* the body, or NULL */
};

/* `base` is "http://host:port". */
struct client *client_create(const char *base);
void client_destroy(struct client *client);

/*
 * One request; `body` NULL: none; `headers` are "Name: value" strings up to a NULL, or NULL. The
 * answer is the client's, until the next request.
 */
const struct answer *client_ask(struct client *client, const char *method, const char *path,
                                const char *body, const char *const *headers);
/* The same with a body that may have any byte. */
const struct answer *client_ask_bytes(struct client *client, const char *method, const char *path,
                                      const char *body, size_t len, const char *const *headers);

/* How long a request may take from now on: 30 seconds, unless told. */
void client_set_timeout(struct client *client, long ms);

/* Only the next `n` exchanges are recorded. For those who make many of a kind. */
void client_record_only(struct client *client, unsigned n);

/* How many connections it has opened so far. */
unsigned client_connections(const struct client *client);

/* The value of a header of the answer, in a static buffer; NULL: none. */
const char *answer_header(const struct answer *answer, const char *name);
/* Of the answer's JSON: the string member; NULL: none. */
const char *answer_string(const struct answer *answer, const char *name);
/* Of the answer's JSON: the member as compact JSON text, in a static buffer; "" when there is none.
 */
const char *answer_member(const struct answer *answer, const char *name);
/* Of a problem: the field of the first of its errors; NULL: none. */
const char *answer_culprit(const struct answer *answer);
