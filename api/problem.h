/* The errors of the API (RFC 9457): one table of type, HTTP status and title; the only place that
 * knows both. */
#pragma once

#include "core/buf.h"
#include "core/err.h"

enum problem {
    PROBLEM_MALFORMED_REQUEST,
    PROBLEM_MALFORMED_QUERY,
    PROBLEM_MALFORMED_JSON,
    PROBLEM_MALFORMED_HEADER,
    PROBLEM_FOREIGN_ORIGIN,
    PROBLEM_STATUS_NOT_FOUND,
    PROBLEM_ROUTE_NOT_FOUND,
    PROBLEM_METHOD_NOT_ALLOWED,
    PROBLEM_NOT_ACCEPTABLE,
    PROBLEM_REQUEST_TIMEOUT,
    PROBLEM_STATUS_EXISTS,
    PROBLEM_NOT_COMPLETED,
    PROBLEM_WRONG_ATTEMPT,
    PROBLEM_WRONG_STATE,
    PROBLEM_TOO_MANY,
    PROBLEM_PRECONDITION_FAILED,
    PROBLEM_BODY_TOO_LARGE,
    PROBLEM_UNSUPPORTED_MEDIA_TYPE,
    PROBLEM_EXPECTATION_FAILED,
    PROBLEM_MISDIRECTED_HOST,
    PROBLEM_INVALID_VALUE,
    PROBLEM_KEY_REUSED,
    PROBLEM_NOT_IN_BATCH,
    PROBLEM_ERRORS_FULL,
    PROBLEM_ANSWER_TOO_LARGE,
    PROBLEM_INTERNAL,
    PROBLEM_NOT_IMPLEMENTED,
    PROBLEM_UNAVAILABLE,
    PROBLEM_OUTCOME_UNKNOWN,
    PROBLEM_UNFINISHED,
    PROBLEM_STORE_FULL,
    PROBLEM_VERSION_NOT_SUPPORTED,
    PROBLEM_COUNT
};

struct problem_info {
    const char *type; /* behind "/problems/" */
    unsigned status;
    const char *title;
    const char *detail; /* where nothing more precise is known */
    unsigned retry_after_s;
};

const struct problem_info *problem_info(enum problem problem);

/* `err` is not ERR_NONE. */
enum problem problem_of_err(enum err err);

/*
 * The body. `detail` NULL: the table's. `errors`: members of the array of that name, such as
 * {"field":"id","detail":"..."}, empty for none. `current`: a JSON object, or empty.
 */
void problem_write(struct buf *out, enum problem problem, const char *detail, struct text errors,
                   struct text current);
