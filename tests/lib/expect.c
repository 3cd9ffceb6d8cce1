#include "tests/lib/expect.h"

#include <ctype.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { TEXT_MAX_BYTES = 65536, END_MS = 30000 };

const struct answer *expect_with(struct service *service, int status, const char *header,
                                 const char *method, const char *path, const char *body)
{
    const char *const headers[] = { header, NULL };
    const struct answer *answer = client_ask(service->client, method, path, body, headers);

    if (answer->status != status)
        fail_msg("%s %s %.200s: answered %d instead of %d: %.1000s", method, path, body ? body : "",
                 answer->status, status, answer->body);
    return answer;
}

const struct answer *expect(struct service *service, int status, const char *method,
                            const char *path, const char *body)
{
    return expect_with(service, status, NULL, method, path, body);
}

void expect_problem(const struct answer *answer, int status, const char *type, const char *culprit)
{
    const char *said = answer_string(answer, "type"), *blamed = answer_culprit(answer);
    char wanted[64];

    snprintf(wanted, sizeof wanted, "/problems/%s", type);
    if (answer->status != status || !said || strcmp(said, wanted) != 0)
        fail_msg("answered %d instead of %d %s: %.1000s", answer->status, status, wanted,
                 answer->body);
    if ((culprit != NULL) != (blamed != NULL) || (culprit && strcmp(culprit, blamed) != 0))
        fail_msg("blames %s instead of %s: %.1000s", blamed ? blamed : "nobody",
                 culprit ? culprit : "nobody", answer->body);
    expect_header(answer, "Content-Type", "application/problem+json");
}

void expect_member(const struct answer *answer, const char *name, const char *json)
{
    const char *found = answer_raw(answer, name);

    if (strcmp(found, json) != 0)
        fail_msg("%s is %.1000s instead of %.1000s in %.1000s", name, found, json, answer->body);
}

void expect_header(const struct answer *answer, const char *name, const char *value)
{
    const char *found = answer_header(answer, name);

    if ((value != NULL) != (found != NULL) || (value && strcmp(found, value) != 0))
        fail_msg("the header %s is '%s' instead of '%s'", name, found ? found : "(none)",
                 value ? value : "(none)");
}

/* ---- Redis ---- */

static int compare_elements(const void *a, const void *b)
{
    const redisReply *const *left = a, *const *right = b;
    return strcmp((*left)->str, (*right)->str);
}

static void show(FILE *out, const redisReply *reply, bool sorted)
{
    if (reply->type == REDIS_REPLY_ARRAY) {
        if (sorted && reply->elements)
            qsort(reply->element, reply->elements, sizeof *reply->element, compare_elements);
        for (size_t i = 0; i < reply->elements; i++) {
            fputs(i ? " " : "", out);
            show(out, reply->element[i], false);
        }
    } else if (reply->type == REDIS_REPLY_INTEGER) {
        fprintf(out, "%lld", reply->integer);
    } else if (reply->type == REDIS_REPLY_NIL) {
        fputs("(nil)", out);
    } else {
        fwrite(reply->str, 1, (size_t)reply->len, out);
    }
}

void expect_store(struct service *service, const char *expected, const char *format, ...)
{
    static const char *const sorted[] = { "SMEMBERS", "KEYS" };
    char text[TEXT_MAX_BYTES] = "", command[256];
    bool sort = false;
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    for (size_t i = 0; i < sizeof sorted / sizeof *sorted; i++)
        sort |= strncmp(format, sorted[i], strlen(sorted[i])) == 0;
    va_start(args, format);
    redisReply *reply = redisvCommand(service->store, format, args);
    va_end(args);
    if (!reply)
        fail_msg("%s: %s", command, service->store->errstr);
    FILE *out = fmemopen(text, sizeof text, "w");
    show(out, reply, sort);
    fclose(out);
    freeReplyObject(reply);
    if (strcmp(text, expected) != 0)
        fail_msg("%s: '%.1000s' instead of '%.1000s'", command, text, expected);
}

/* ---- JSON as text ---- */

static const char *behind_string(const char *at)
{
    for (at++; *at && *at != '"'; at++)
        if (*at == '\\' && at[1])
            at++;
    return *at ? at + 1 : at;
}

static const char *behind_value(const char *at)
{
    unsigned depth = 0;

    for (; *at && !(*at == ',' && !depth); at += *at != '\0') {
        if (*at == '[' || *at == '{')
            depth++;
        if (*at == ']' || *at == '}') {
            if (!depth)
                return at;
            depth--;
        }
        if (*at == '"')
            at = behind_string(at) - 1;
    }
    return at;
}

const char *json_member(const char *object, const char *name)
{
    static _Thread_local char value[TEXT_MAX_BYTES];
    size_t len = strlen(name);
    const char *at = object && *object == '{' ? object + 1 : "";

    while (*at == '"') {
        const char *name_end = behind_string(at), *end;
        bool same = (size_t)(name_end - at) == len + 2 && strncmp(at + 1, name, len) == 0;
        if (*name_end != ':')
            break;
        end = behind_value(name_end + 1);
        if (same) {
            snprintf(value, sizeof value, "%.*s", (int)(end - name_end - 1), name_end + 1);
            return value;
        }
        at = *end == ',' ? end + 1 : end;
    }
    return "";
}

const char *answer_raw(const struct answer *answer, const char *name)
{
    return json_member(answer->body, name);
}

/* ---- times ---- */

static bool is_time(const char *at)
{
    static const char shape[] = "\"0000-00-00T00:00:00.000000Z\"";

    for (const char *s = shape; *s; s++, at++)
        if (*s == '0' ? !isdigit((unsigned char)*at) : *s != *at)
            return false;
    return true;
}

const char *without_times(const char *body)
{
    static char text[TEXT_MAX_BYTES];
    size_t len = 0;

    while (*body && len < sizeof text - 4) {
        if (is_time(body)) {
            memcpy(text + len, "\"T\"", 3);
            len += 3;
            body += strlen("\"0000-00-00T00:00:00.000000Z\"");
        } else {
            text[len++] = *body++;
        }
    }
    text[len] = '\0';
    return text;
}

uint64_t micros_of(const char *time)
{
    struct tm tm = { 0 };
    const char *rest = strptime(time + (*time == '"'), "%Y-%m-%dT%H:%M:%S", &tm);

    if (!rest || *rest != '.')
        fail_msg("'%s' is no time", time);
    return (uint64_t)timegm(&tm) * 1000000 + strtoull(rest + 1, NULL, 10);
}

/* ---- programs ---- */

bool service_is_ready(struct service *service)
{
    return ask(service, "GET", "/health/ready", NULL)->status == 200;
}

int service_fresh(void **state)
{
    service_flush(*state);
    return 0;
}

void service_ends_cleanly(void **state)
{
    static const char *const complaints[] = { "runtime error:", "Sanitizer", "assert" };
    struct service *service = *state;
    char *log;
    int code;

    client_destroy(service->client);
    service->client = NULL;
    process_kill(&service->jobbad, SIGTERM);
    code = process_wait(&service->jobbad, END_MS);
    log = service_log(service);
    for (size_t i = 0; i < sizeof complaints / sizeof *complaints; i++)
        if (strstr(log, complaints[i]))
            fail_msg("the service complained: %.8000s", strstr(log, complaints[i]));
    if (code != 0)
        fail_msg("the service ended with %d: %.4000s", code, log);
    free(log);
}
