#include "core/mem.h"
#include "core/percent.h"
#include "core/redis_pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

enum { DEFAULT_PORT = 6379, DB_MAX = 1000000 };

/* A percent-decoded copy; NULL on a bad escape. */
static char *decoded(const char *at, size_t len)
{
    char *copy = mem_alloc(len + 1), *out = copy;

    for (const char *end = at + len; at < end; at++, out++) {
        *out = *at;
        if (*at != '%')
            continue;
        if (!percent_decode(at, end, out)) {
            free(copy);
            return NULL;
        }
        at += 2;
    }
    *out = '\0';
    return copy;
}

/* A decimal number of up to `most`, the whole of [at, at + len). */
static bool parse_number(const char *at, size_t len, unsigned long most, unsigned long *ret)
{
    *ret = 0;
    for (size_t i = 0; i < len; i++) {
        if (at[i] < '0' || at[i] > '9')
            return false;
        *ret = *ret * 10 + (unsigned long)(at[i] - '0');
        if (*ret > most)
            return false;
    }
    return len > 0;
}

/* "user:password", "user", ":password"; each step returns NULL, or what is wrong. */
static const char *parse_login(const char *at, size_t len, struct redis_address *address)
{
    const char *colon = memchr(at, ':', len);
    size_t user_len = colon ? (size_t)(colon - at) : len;

    if (user_len && !(address->user = decoded(at, user_len)))
        return "bad %-escape in the user";
    if (colon && !(address->password = decoded(colon + 1, len - user_len - 1)))
        return "bad %-escape in the password";
    if (address->user && !address->password)
        return "a user without a password";
    return NULL;
}

static const char *parse_host(const char *at, size_t len, struct redis_address *address)
{
    const char *end = at + len, *host_end;
    unsigned long port = DEFAULT_PORT;

    if (len && *at == '[') {
        host_end = memchr(at, ']', len);
        if (!host_end)
            return "'[' without ']'";
        address->host = mem_strndup(at + 1, (size_t)(host_end - at) - 1);
        host_end++;
    } else {
        host_end = memchr(at, ':', len);
        host_end = host_end ? host_end : end;
        address->host = mem_strndup(at, (size_t)(host_end - at));
    }
    if (!*address->host)
        return "the host is missing";
    if (host_end < end &&
        (*host_end != ':' ||
         !parse_number(host_end + 1, (size_t)(end - host_end) - 1, 65535, &port) || !port))
        return "the port must be a number from 1 to 65535";
    address->port = (uint16_t)port;
    return NULL;
}

static const char *parse_db(const char *at, struct redis_address *address)
{
    unsigned long db;

    if (!parse_number(at, strlen(at), DB_MAX, &db))
        return "the database must be a number";
    address->db = (unsigned)db;
    return NULL;
}

static const char *parse_tcp(const char *at, struct redis_address *address)
{
    size_t authority = strcspn(at, "/?#");
    const char *rest = at + authority;
    const char *login_end = memrchr(at, '@', authority);
    const char *message = NULL;

    if (*rest == '?' || *rest == '#' || strpbrk(rest, "?#"))
        return "'?' and '#' have no meaning here";
    if (login_end) {
        message = parse_login(at, (size_t)(login_end - at), address);
        authority -= (size_t)(login_end - at) + 1;
        at = login_end + 1;
    }
    if (!message)
        message = parse_host(at, authority, address);
    if (!message && rest[0] == '/' && rest[1])
        message = parse_db(rest + 1, address);
    return message;
}

static const char *parse_unix(const char *at, struct redis_address *address)
{
    const char *slash = strchr(at, '/');
    const char *login_end = slash ? memchr(at, '@', (size_t)(slash - at)) : NULL;
    const char *message = NULL;

    if (login_end) {
        message = parse_login(at, (size_t)(login_end - at), address);
        at = login_end + 1;
    }
    if (message)
        return message;
    if (*at != '/')
        return "the path of the socket must be absolute: unix:///path";

    size_t len = strcspn(at, "?");
    if (len >= sizeof((struct sockaddr_un *)NULL)->sun_path)
        return "the path of the socket is longer than 107 bytes";
    address->path = mem_strndup(at, len);
    if (!at[len])
        return NULL;
    if (strncmp(at + len, "?db=", 4) != 0)
        return "the only parameter is db";
    return parse_db(at + len + 4, address);
}

bool redis_address_parse(const char *url, struct redis_address *ret, const char **ret_message)
{
    static const struct {
        const char *scheme;
        const char *(*parse)(const char *at, struct redis_address *address);
    } schemes[] = { { "redis://", parse_tcp }, { "unix://", parse_unix } };
    struct redis_address address = { 0 };
    const char *message = "must begin with redis:// or unix://";

    if (strncmp(url, "rediss://", 9) == 0)
        message = "rediss:// is not supported: jobbad speaks no TLS to Redis; put a TLS proxy on "
                  "this machine";
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strncmp(url, schemes[i].scheme, strlen(schemes[i].scheme)) == 0)
            message = schemes[i].parse(url + strlen(schemes[i].scheme), &address);
    if (message) {
        redis_address_finish(&address);
        *ret_message = message;
        return false;
    }
    *ret = address;
    return true;
}

void redis_address_finish(struct redis_address *address)
{
    free(address->path);
    free(address->host);
    free(address->user);
    if (address->password)
        explicit_bzero(address->password, strlen(address->password));
    free(address->password);
    *address = (struct redis_address){ 0 };
}
