/*
 * What libmicrohttpd 0.9.75 lets through and must not reach anybody: checked on the header lines of
 * each request before anything else looks at them. Each rule is in the table of docs/reliability.md
 * "HTTP". Knows nothing of libmicrohttpd.
 */
#pragma once

#include "api/request.h"
#include "core/text.h"

#include <stdbool.h>
#include <stdint.h>

struct http_guard {
    /* What was found. Zeroed to begin with. */
    struct text header[HTTP_HEADER_COUNT];
    struct text content_length;
    struct text transfer_encoding;
    struct text expect;
    struct text request_id; /* X-Request-Id */
    const char *fault;      /* the first thing that was wrong; NULL: nothing */
};

/* Feed it each header line. The texts are kept: they must outlive the guard. */
void http_guard_header(struct http_guard *guard, struct text name, struct text value);

struct http_verdict {
    bool ok;
    enum problem problem; /* when not ok */
    const char *detail;   /* NULL: the problem's own */
};

/* After the last line. `version` and `target` as in the request line. */
struct http_verdict http_guard_verdict(const struct http_guard *guard, const char *version,
                                       const char *target);

/* Whether a body follows; *ret_length is UINT64_MAX when only its end will tell. */
bool http_guard_has_body(const struct http_guard *guard, uint64_t *ret_length);

/* The X-Request-Id to echo; `at` NULL when there is none, or one that no answer should carry. */
struct text http_guard_request_id(const struct http_guard *guard);

/*
 * Of a target in absolute-form ("http://host/path") returns the path and sets *host to the
 * authority, which overrides the Host header (RFC 9112 3.2.2). Any other target is returned as it
 * is.
 */
const char *http_guard_origin_form(const char *target, struct text *host);
