/*
 * The operations of a batch (api.md "Batch"): one after another from a JSON body
 * {"operations":[...]}, or from NDJSON, an operation in each line.
 */
#pragma once

#include "api/json_text.h"
#include "api/request.h"

#include <stdbool.h>
#include <stddef.h>

enum { OPERATIONS_MAX = 1000 };

struct operations {
    struct json_text json; /* of a JSON body */
    struct text rest;      /* raw: elements of its array, or lines */
    size_t at;             /* in the array */
    size_t n;              /* how many there are */
    size_t next;           /* the number of the next one */
    bool lines;
};

/*
 * Looks at the body, which must live until operations_finish(). False: *message (not JSON) or
 * *errors (elements of a problem's `errors`: not what it must be, or too many) is not empty.
 */
bool operations_open(struct operations *operations, struct text body, bool lines,
                     struct buf *message, struct buf *errors);

/* Safe on zeroed memory. */
void operations_finish(struct operations *operations);

/* One operation; zeroed memory is empty. Texts with `at` NULL were not given. */
struct operation {
    enum http_method method;
    const char *path;
    struct text body, key, if_match;
    struct text id;     /* of the status that it creates, if the body names it */
    struct buf message; /* why it is not JSON; empty: it is */
    struct buf errors;  /* elements of a problem's `errors`; empty: all is well */
    struct json_text json;
};

/* False at the end. *ret is to be finished, and lives no longer than `operations`. */
bool operations_next(struct operations *operations, struct operation *ret);

void operation_finish(struct operation *operation);
