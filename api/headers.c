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

/* q=0, q=0.0, ... : "not this one" */
static bool is_refused(struct text parameters)
{
    struct text parameter;

    while (next_part(&parameters, ';', &parameter)) {
        if (parameter.len < 3 || strncasecmp(parameter.at, "q=0", 3) != 0)
            continue;
        size_t zeros = strspn(parameter.at + 2, "0.");
        return zeros >= parameter.len - 2;
    }
    return false;
}

bool accept_allows_json(struct text accept)
{
    static const char *const ranges[] = { "application/json", "application/*", "*/*" };
    struct text range, type;

    if (!accept.at || !trim(accept).len)
        return true;
    while (next_part(&accept, ',', &range)) {
        if (!next_part(&range, ';', &type))
            continue;
        for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
            if (same(type, ranges[i]) && !is_refused(range))
                return true;
    }
    return false;
}

bool content_type_is_json(struct text content_type)
{
    struct text type;

    if (!next_part(&content_type, ';', &type))
        return true;
    return same(type, "application/json") || same(type, "application/x-www-form-urlencoded");
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
    for (; *allowed; allowed++)
        if (same(origin, *allowed))
            return true;
    return false;
}
