#include "api/headers.h"

#include <strings.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct text trim(struct text text)
{
    while (text.len && is_blank(text.at[0])) {
        text.at++;
        text.len--;
    }
    while (text.len && is_blank(text.at[text.len - 1]))
        text.len--;
    return text;
}

/* The next part of a list, trimmed; *rest is what follows. False at the end. */
static bool next_part(struct text *rest, char separator, struct text *ret)
{
    if (!rest->at || !rest->len)
        return false;
    const char *found = memchr(rest->at, separator, rest->len);
    size_t len = found ? (size_t)(found - rest->at) : rest->len;
    size_t used = found ? len + 1 : len;

    *ret = trim((struct text){ .at = rest->at, .len = len });
    rest->at += used;
    rest->len -= used;
    return true;
}

/* Names in headers are not case-sensitive. */
static bool same(struct text text, const char *name)
{
    return text.len == strlen(name) && strncasecmp(text.at, name, text.len) == 0;
}

/* How much a range of Accept is liked, in thousandths (RFC 9110, 12.4.2). What is no number is
 * taken as 1. */
static unsigned quality(struct text parameters)
{
    struct text parameter;

    while (next_part(&parameters, ';', &parameter)) {
        unsigned value, unit = 100;
        if (parameter.len < 3 || strncasecmp(parameter.at, "q=", 2) != 0 ||
            (parameter.at[2] != '0' && parameter.at[2] != '1'))
            continue;
        value = parameter.at[2] == '1' ? 1000 : 0;
        for (size_t i = 4; i < parameter.len && parameter.at[i] >= '0' && parameter.at[i] <= '9';
             i++, unit /= 10)
            value += unit * (unsigned)(parameter.at[i] - '0');
        return value < 1000 ? value : 1000;
    }
    return 1000;
}

/* How precisely a range names a type: 3 the type itself, 2 its main type, 1 any, 0 not at all. */
static unsigned precision(struct text range, const char *type)
{
    size_t main_len = strcspn(type, "/") + 1;

    if (same(range, type))
        return 3;
    if (range.len == main_len + 1 && range.at[main_len] == '*' &&
        strncasecmp(range.at, type, main_len) == 0)
        return 2;
    return same(range, "*/*") ? 1 : 0;
}

static unsigned quality_of_type(struct text accept, const char *type)
{
    struct text part, range;
    unsigned best = 0, found = 0;

    while (next_part(&accept, ',', &part)) {
        if (!next_part(&part, ';', &range))
            continue;
        unsigned fits = precision(range, type);
        if (fits > best) {
            best = fits;
            found = quality(part);
        }
    }
    return found;
}

int accept_choose(struct text accept, const char *const *types, size_t n_types)
{
    unsigned best = 0;
    int choice = -1;

    if (!accept.at || !trim(accept).len)
        return 0;
    for (size_t i = 0; i < n_types; i++) {
        unsigned liked = quality_of_type(accept, types[i]);
        if (liked > best) {
            best = liked;
            choice = (int)i;
        }
    }
    return choice;
}

bool content_type_is_json(struct text content_type)
{
    struct text type;

    if (!next_part(&content_type, ';', &type))
        return true;
    return same(type, "application/json") || same(type, "application/x-www-form-urlencoded");
}

bool content_type_is_ndjson(struct text content_type)
{
    struct text type;

    return next_part(&content_type, ';', &type) && same(type, "application/x-ndjson");
}

bool prefer_is_minimal(struct text prefer)
{
    struct text preference, name;

    while (next_part(&prefer, ',', &preference)) {
        if (!next_part(&preference, ';', &name))
            continue;
        if (same(name, "return=minimal") || same(name, "return=\"minimal\""))
            return true;
    }
    return false;
}

bool cache_control_has_no_cache(struct text cache_control)
{
    struct text directive;

    while (next_part(&cache_control, ',', &directive))
        if (same(directive, "no-cache"))
            return true;
    return false;
}

/* Without the mark of a weak one. */
static struct text opaque_tag(struct text etag)
{
    if (text_starts(etag, "W/")) {
        etag.at += 2;
        etag.len -= 2;
    }
    return etag;
}

bool if_none_match_has(struct text if_none_match, const char *etag)
{
    struct text part, wanted = opaque_tag(text_of(etag));

    while (next_part(&if_none_match, ',', &part)) /* no tag of ours has a comma */
        if (text_is(part, "*") || text_equal(opaque_tag(part), wanted))
            return true;
    return false;
}

static bool is_quoted(struct text text)
{
    return text.len >= 2 && text.at[0] == '"' && text.at[text.len - 1] == '"' &&
           !memchr(text.at + 1, '"', text.len - 2);
}

const char *if_match_fault(struct text if_match)
{
    struct text part;
    bool any = false;

    for (; next_part(&if_match, ',', &part); any = true) {
        if (text_starts(part, "W/"))
            return "a weak ETag (W/\"...\") never matches; take that of the whole status";
        if (!is_quoted(part) && !text_is(part, "*"))
            return "must be ETags in double quotes with commas between, or *";
    }
    return any ? NULL : "must be ETags in double quotes with commas between, or *";
}

static bool is_visible(struct text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] <= 0x20 || text.at[i] >= 0x7f || text.at[i] == '"')
            return false;
    return true;
}

const char *idempotency_key_parse(struct text value, struct text *ret_key)
{
    struct text key = trim(value);

    if (is_quoted(key)) {
        key.at++;
        key.len -= 2;
    }
    if (!key.len || key.len > STATUS_KEY_MAX || !is_visible(key))
        return "must have 1 to 128 visible ASCII characters, bare or in double quotes";
    *ret_key = key;
    return NULL;
}

/* "name:port" or "[v6]:port" without the port. */
static struct text without_port(struct text host)
{
    const char *bracket = memchr(host.at, ']', host.len);
    size_t from = bracket ? (size_t)(bracket - host.at) : 0;
    const char *colon = memchr(host.at + from, ':', host.len - from);

    if (colon)
        host.len = (size_t)(colon - host.at);
    return host;
}

bool host_is_allowed(struct text host, const char *const *allowed)
{
    static const char *const loopback[] = { "localhost", "127.0.0.1", "[::1]" };
    struct text name;

    if (!host.at)
        return false;
    name = without_port(host);
    for (size_t i = 0; i < sizeof loopback / sizeof *loopback; i++)
        if (same(name, loopback[i]))
            return true;
    for (; *allowed; allowed++)
        if (same(name, *allowed) || same(host, *allowed))
            return true;
    return false;
}

bool origin_is_listed(struct text origin, const char *const *allowed)
{
    for (; *allowed; allowed++)
        if (same(origin, *allowed))
            return true;
    return false;
}

bool origin_is_allowed(struct text origin, struct text host, const char *const *allowed)
{
    static const char *const schemes[] = { "http://", "https://" };

    if (!origin.at)
        return true;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t len = strlen(schemes[i]);
        struct text authority = { .at = origin.at + len, .len = origin.len - len };
        if (host.at && text_starts(origin, schemes[i]) && authority.len == host.len &&
            strncasecmp(authority.at, host.at, host.len) == 0)
            return true;
    }
    return origin_is_listed(origin, allowed);
}
