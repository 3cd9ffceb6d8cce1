#include "api/problem.h"

#include "api/json_write.h"

#include <assert.h>

static const struct problem_info problems[] = {
    [PROBLEM_MALFORMED_REQUEST] = { "malformed-request", 400, "The request is not valid HTTP",
                                    "See the HTTP specification." },
    [PROBLEM_MALFORMED_QUERY] = { "malformed-query", 400, "The query string is not understood",
                                  "See openapi.yaml for the parameters." },
    [PROBLEM_MALFORMED_JSON] = { "malformed-json", 400, "The body is not valid JSON",
                                 "See RFC 8259." },
    [PROBLEM_MALFORMED_HEADER] = { "malformed-header", 400, "A header is not understood",
                                   "See errors." },
    [PROBLEM_FOREIGN_ORIGIN] = { "foreign-origin", 403,
                                 "Another site's page may not change anything",
                                 "The Origin is neither this service's own nor among the allowed "
                                 "ones (setting allowed_origins)." },
    [PROBLEM_STATUS_NOT_FOUND] = { "status-not-found", 404, "No such status",
                                   "No status has this id." },
    [PROBLEM_ROUTE_NOT_FOUND] = { "route-not-found", 404, "No such route",
                                  "GET /openapi.yaml lists the routes." },
    [PROBLEM_METHOD_NOT_ALLOWED] = { "method-not-allowed", 405,
                                     "This route does not have this method",
                                     "The Allow header lists the methods of this route." },
    [PROBLEM_NOT_ACCEPTABLE] = { "not-acceptable", 406, "No acceptable format",
                                 "This route answers application/json." },
    [PROBLEM_REQUEST_TIMEOUT] = { "request-timeout", 408, "The request took too long to arrive",
                                  "Headers and body have to arrive within their deadlines." },
    [PROBLEM_STATUS_EXISTS] = { "status-exists", 409, "A status with this id exists",
                                "Nothing was changed. PUT finds or creates." },
    [PROBLEM_NOT_COMPLETED] = { "not-completed", 409, "The status is not completed",
                                "Only a succeeded or failed status is deleted without "
                                "force=true." },
    [PROBLEM_WRONG_ATTEMPT] = { "wrong-attempt", 409, "The status is in another attempt",
                                "The parameter attempt names another one than the present one. "
                                "Nothing was changed." },
    [PROBLEM_WRONG_STATE] = { "wrong-state", 409, "The status is in another state",
                              "The present state is none of those of the parameter if_state. "
                              "Nothing was changed." },
    [PROBLEM_TOO_MANY] = { "too-many", 409, "More statuses match than may be changed",
                           "More match than the parameter max allows. Nothing was changed." },
    [PROBLEM_PRECONDITION_FAILED] = { "precondition-failed", 412, "The status has changed",
                                      "Its ETag is none of those in If-Match. Nothing was "
                                      "changed." },
    [PROBLEM_BODY_TOO_LARGE] = { "body-too-large", 413, "The body is too large",
                                 "The limit is the setting body_limit." },
    [PROBLEM_UNSUPPORTED_MEDIA_TYPE] = { "unsupported-media-type", 415,
                                         "The body's type is not supported",
                                         "Send application/json." },
    [PROBLEM_EXPECTATION_FAILED] = { "expectation-failed", 417, "The expectation can't be met",
                                     "Only 'Expect: 100-continue' is known." },
    [PROBLEM_MISDIRECTED_HOST] = { "misdirected-host", 421, "This Host is not served here",
                                   "On a loopback address only localhost, 127.0.0.1, [::1] and the "
                                   "setting allowed_hosts are served." },
    [PROBLEM_INVALID_VALUE] = { "invalid-value", 422, "A value is not valid", "See errors." },
    [PROBLEM_KEY_REUSED] = { "idempotency-key-reused", 422,
                             "The Idempotency-Key is another request's",
                             "Another request (method, target or body differ) was made under this "
                             "key. Nothing was changed." },
    [PROBLEM_NOT_IN_BATCH] = { "not-in-batch", 422, "This operation can't be in a batch",
                               "A batch takes changes of single statuses." },
    [PROBLEM_ERRORS_FULL] = { "errors-full", 422, "The list of errors is full",
                              "The errors of this status would take more than the setting "
                              "errors_limit. Nothing was changed." },
    [PROBLEM_ANSWER_TOO_LARGE] = { "answer-too-large", 422, "The answer would be too large",
                                   "The archived attempts take more than 8 MiB. Read them one by "
                                   "one, as /statuses/{id}:{n}." },
    [PROBLEM_INTERNAL] = { "internal", 500, "A bug, or foreign data in Redis",
                           "The log of the service tells more." },
    [PROBLEM_NOT_IMPLEMENTED] = { "not-implemented", 501, "Not implemented",
                                  "The method or the transfer coding is not known." },
    [PROBLEM_UNAVAILABLE] = { "unavailable", 503, "Not available now",
                              "Redis is away, loading or overloaded. Nothing was changed; repeat "
                              "the request later.",
                              1 },
    [PROBLEM_OUTCOME_UNKNOWN] = { "outcome-unknown", 503, "The outcome is not known",
                                  "The change was sent to Redis, but no answer came: it may or may "
                                  "not have been made. Repeat the request with the same "
                                  "Idempotency-Key, or read the status to see.",
                                  1 },
    [PROBLEM_UNFINISHED] = { "unfinished", 503, "There was not enough time",
                             "The time for one request, the setting query_timeout, was over before "
                             "all statuses had been looked at. Narrow the filter.",
                             1 },
    [PROBLEM_STORE_FULL] = { "store-full", 503, "Redis is out of memory",
                             "Nothing was changed. Reads and deletes still work.", 10 },
    [PROBLEM_VERSION_NOT_SUPPORTED] = { "version-not-supported", 505,
                                        "This HTTP version is not supported",
                                        "HTTP/1.1 and HTTP/1.0 are." },
};

_Static_assert(sizeof problems / sizeof *problems == PROBLEM_COUNT, "a row for each problem");

static const enum problem of_err[ERR_COUNT] = {
    [ERR_NONE] = PROBLEM_INTERNAL,
    [ERR_NOT_FOUND] = PROBLEM_STATUS_NOT_FOUND,
    [ERR_EXISTS] = PROBLEM_STATUS_EXISTS,
    [ERR_NOT_COMPLETED] = PROBLEM_NOT_COMPLETED,
    [ERR_WRONG_ATTEMPT] = PROBLEM_WRONG_ATTEMPT,
    [ERR_WRONG_STATE] = PROBLEM_WRONG_STATE,
    [ERR_WRONG_ETAG] = PROBLEM_PRECONDITION_FAILED,
    [ERR_KEY_REUSED] = PROBLEM_KEY_REUSED,
    [ERR_ERRORS_FULL] = PROBLEM_ERRORS_FULL,
    [ERR_UNAVAILABLE] = PROBLEM_UNAVAILABLE,
    [ERR_TIME_OVER] = PROBLEM_UNFINISHED,
    [ERR_TOO_MANY] = PROBLEM_TOO_MANY,
    [ERR_OUTCOME_UNKNOWN] = PROBLEM_OUTCOME_UNKNOWN,
    [ERR_STORE_FULL] = PROBLEM_STORE_FULL,
    [ERR_INTERNAL] = PROBLEM_INTERNAL,
};

const struct problem_info *problem_info(enum problem problem)
{
    assert(problem < PROBLEM_COUNT);
    return &problems[problem];
}

enum problem problem_of_err(enum err err)
{
    assert(err > ERR_NONE && err < ERR_COUNT);
    return of_err[err];
}

void problem_write(struct buf *out, enum problem problem, const char *detail, struct text errors,
                   struct text current)
{
    const struct problem_info *info = problem_info(problem);

    buf_printf(out,
               "{\"type\":\"/problems/%s\",\"title\":\"%s\",\"status\":%u,\"detail\":", info->type,
               info->title, info->status);
    json_write_string(out, text_of(detail ? detail : info->detail));
    if (errors.len) {
        buf_add_str(out, ",\"errors\":[");
        buf_add_text(out, errors);
        buf_add_char(out, ']');
    }
    if (current.len) {
        buf_add_str(out, ",\"current\":");
        buf_add_text(out, current);
    }
    buf_add_str(out, "}\n");
}
