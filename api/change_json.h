/* Bodies of requests: JSON to struct status_change, with every rule of api.md on the way. */
#pragma once

#include "api/json_text.h"
#include "core/status.h"

#include <stdbool.h>

/* Members that a body may have: bits. */
enum change_member {
    CHANGE_ID = 1 << 0,
    CHANGE_STATE = 1 << 1,
    CHANGE_JOB_NAME = 1 << 2,
    CHANGE_JOB_ARGS = 1 << 3,
    CHANGE_PROVIDER_JOB_ID = 1 << 4,
    CHANGE_DATA = 1 << 5,
    CHANGE_PROGRESS = 1 << 6,
    CHANGE_ERROR = 1 << 7,
};

/* What the texts of a status_change point into, and what was wrong. Zeroed memory is empty. */
struct change_json {
    struct json_text json;
    char progress[32];
    struct text *args;  /* contents of the values of job_args */
    struct text id;     /* member `id`; `at` NULL when there was none */
    struct buf errors;  /* elements of a problem's `errors`; empty: all is well */
    struct buf message; /* why the body is not JSON; empty: it is */
};

/*
 * Parses an object with the members in the set `allowed`. True: *change has what it says, pointing
 * into `parsed` (which the caller finishes after the change is done). False: parsed->message
 * (malformed) or parsed->errors (invalid) is not empty. *change is to be initialised by the caller.
 */
bool change_json_parse(struct change_json *parsed, struct text body, unsigned allowed,
                       struct status_change *change);

/* The same for a body that is the value itself. */
bool change_json_parse_progress(struct change_json *parsed, struct text body,
                                struct status_change *change);
bool change_json_parse_error(struct change_json *parsed, struct text body,
                             struct status_change *change);
bool change_json_parse_data(struct change_json *parsed, struct text body,
                            struct status_change *change);

void change_json_finish(struct change_json *parsed);

/* Appends {"field":...,"detail":...} to the elements of a problem's `errors`. */
void change_json_blame(struct buf *errors, const char *field, struct text sub_field,
                       const char *detail);
