#include "server/http_guard.h"

#include <stddef.h>
#include <strings.h>

enum { REQUEST_ID_MAX = 128 };

/* RFC 9110 5.6.2 */
static bool is_token(struct text text)
{
    static const char other[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        bool alphanumeric =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alphanumeric && (c == '\0' || !strchr(other, c)))
            return false;
    }
    return text.len > 0;
}

/* RFC 9110 5.5: visible bytes, space, tab, and bytes above ASCII */
static bool is_field_value(struct text text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static bool is_request_id(struct text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] <= 0x20 || text.at[i] >= 0x7f)
            return false;
    return text.len > 0 && text.len <= REQUEST_ID_MAX;
}

static void note(struct http_guard *guard, const char *fault)
{
    if (!guard->fault)
        guard->fault = fault;
}

#define GUARD_TEXT(member) offsetof(struct http_guard, member)
#define GUARD_HEADER(h)    (offsetof(struct http_guard, header) + (h) * sizeof(struct text))

/* The headers that somebody looks at, and what to say when one comes twice (NULL: the first
 * counts). */
static const struct known {
    const char *name;
    size_t offset;
    const char *repeated;
} known[] = {
    { "host", GUARD_HEADER(HTTP_HEADER_HOST), "More than one Host header." },
    { "accept", GUARD_HEADER(HTTP_HEADER_ACCEPT), NULL },
    { "content-type", GUARD_HEADER(HTTP_HEADER_CONTENT_TYPE),
      "More than one Content-Type header." },
    { "content-length", GUARD_TEXT(content_length), "More than one Content-Length header." },
    { "transfer-encoding", GUARD_TEXT(transfer_encoding),
      "More than one Transfer-Encoding header." },
    { "expect", GUARD_TEXT(expect), "More than one Expect header." },
    { "prefer", GUARD_HEADER(HTTP_HEADER_PREFER), NULL },
    { "idempotency-key", GUARD_HEADER(HTTP_HEADER_IDEMPOTENCY_KEY),
      "More than one Idempotency-Key header." },
    { "if-match", GUARD_HEADER(HTTP_HEADER_IF_MATCH), "More than one If-Match header." },
    { "if-none-match", GUARD_HEADER(HTTP_HEADER_IF_NONE_MATCH), NULL },
    { "cache-control", GUARD_HEADER(HTTP_HEADER_CACHE_CONTROL), NULL },
    { "last-event-id", GUARD_HEADER(HTTP_HEADER_LAST_EVENT_ID), NULL },
    { "access-control-request-method", GUARD_HEADER(HTTP_HEADER_REQUEST_METHOD), NULL },
    { "origin", GUARD_HEADER(HTTP_HEADER_ORIGIN), "More than one Origin header." },
    { "sec-fetch-site", GUARD_HEADER(HTTP_HEADER_SEC_FETCH_SITE),
      "More than one Sec-Fetch-Site header." },
    { "x-request-id", GUARD_TEXT(request_id), NULL },
};

static bool name_is(struct text name, const char *lower)
{
    return (name.at[0] | 0x20) == lower[0] && name.len == strlen(lower) &&
           strncasecmp(name.at, lower, name.len) == 0;
}

void http_guard_header(struct http_guard *guard, struct text name, struct text value)
{
    if (!is_token(name))
        note(guard, "A header's name is not a token.");
    if (!is_field_value(value))
        note(guard, "A header's value has a control character.");
    if (guard->fault)
        return;

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!name_is(name, known[i].name))
            continue;
        struct text *slot = (struct text *)(void *)((char *)guard + known[i].offset);
        if (!slot->at)
            *slot = value;
        else if (known[i].repeated)
            note(guard, known[i].repeated);
        return;
    }
}

static struct http_verdict refuse(enum problem problem, const char *detail)
{
    return (struct http_verdict){ .problem = problem, .detail = detail };
}

/* Two ways to tell where a body ends are a way to smuggle a request past a proxy. */
static struct http_verdict judge_framing(const struct http_guard *guard, const char *version)
{
    struct text coding = guard->transfer_encoding;

    if (!coding.at)
        return (struct http_verdict){ .ok = true };
    if (guard->content_length.at)
        return refuse(PROBLEM_MALFORMED_REQUEST, "Both Content-Length and Transfer-Encoding.");
    if (strcmp(version, "HTTP/1.0") == 0)
        return refuse(PROBLEM_MALFORMED_REQUEST, "Transfer-Encoding in an HTTP/1.0 request.");
    if (coding.len != strlen("chunked") || strncasecmp(coding.at, "chunked", coding.len) != 0)
        return refuse(PROBLEM_NOT_IMPLEMENTED, "The only Transfer-Encoding is chunked.");
    return (struct http_verdict){ .ok = true };
}

struct http_verdict http_guard_verdict(const struct http_guard *guard, const char *version,
                                       const char *target)
{
    struct text expect = guard->expect;

    if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0)
        return refuse(PROBLEM_VERSION_NOT_SUPPORTED, NULL);
    if (guard->fault)
        return refuse(PROBLEM_MALFORMED_REQUEST, guard->fault);
    if (!guard->header[HTTP_HEADER_HOST].at && strcmp(version, "HTTP/1.1") == 0)
        return refuse(PROBLEM_MALFORMED_REQUEST, "The Host header is missing.");
    if (strchr(target, ' '))
        return refuse(PROBLEM_MALFORMED_REQUEST, "A space in the request target.");
    if (expect.at && (expect.len != strlen("100-continue") ||
                      strncasecmp(expect.at, "100-continue", expect.len) != 0))
        return refuse(PROBLEM_EXPECTATION_FAILED, NULL);
    return judge_framing(guard, version);
}

struct text http_guard_request_id(const struct http_guard *guard)
{
    return is_request_id(guard->request_id) ? guard->request_id : (struct text){ 0 };
}

bool http_guard_has_body(const struct http_guard *guard, uint64_t *ret_length)
{
    uint64_t length = 0;

    if (guard->transfer_encoding.at) {
        *ret_length = UINT64_MAX;
        return true;
    }
    for (size_t i = 0; i < guard->content_length.len; i++) {
        char c = guard->content_length.at[i];
        if (c < '0' || c > '9' ||
            length > UINT64_MAX / 100) /* the library has refused both already */
            break;
        length = length * 10 + (uint64_t)(c - '0');
    }
    *ret_length = length;
    return length > 0;
}

const char *http_guard_origin_form(const char *target, struct text *host)
{
    static const char *const schemes[] = { "http://", "https://" };

    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t len = strlen(schemes[i]);
        if (strncasecmp(target, schemes[i], len) != 0)
            continue;
        size_t authority = strcspn(target + len, "/?");
        *host = (struct text){ .at = target + len, .len = authority };
        target += len + authority;
        return *target == '/' ? target : "/";
    }
    return target;
}
