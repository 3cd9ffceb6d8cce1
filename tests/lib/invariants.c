/*
 * Two lists of lines "KEY ID" or "KEY ID SCORE": what the hashes call for, and what the indexes
 * have. Sorted, they have to be equal.
 */
#include "tests/lib/invariants.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct lines {
    char **at;
    size_t n, room;
};

struct check {
    redisContext *redis;
    const char *prefix;
    struct lines wanted, found;
    size_t n_statuses, n_archived, n_attempts; /* archived: found; attempts: that hashes count */
};

static const char *const stamps[] = { "recorded_at",  "queued_at", "started_at",
                                      "succeeded_at", "failed_at", "killed_at" };

__attribute__((format(printf, 2, 3))) static void add(struct lines *lines, const char *format, ...)
{
    va_list args;

    if (lines->n == lines->room) {
        lines->room = lines->room ? 2 * lines->room : 256;
        lines->at = realloc(lines->at, lines->room * sizeof *lines->at);
    }
    va_start(args, format);
    if (vasprintf(&lines->at[lines->n++], format, args) < 0)
        abort();
    va_end(args);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted, each line once: two arguments may have the same value. */
static void sort(struct lines *lines)
{
    size_t kept = 0;

    if (!lines->n)
        return;
    qsort(lines->at, lines->n, sizeof *lines->at, compare);
    for (size_t i = 1; i < lines->n; i++) {
        if (strcmp(lines->at[i], lines->at[kept]) == 0)
            free(lines->at[i]);
        else
            lines->at[++kept] = lines->at[i];
    }
    lines->n = kept + 1;
}

static void finish(struct lines *lines)
{
    for (size_t i = 0; i < lines->n; i++)
        free(lines->at[i]);
    free(lines->at);
}

/* "HGETALL", "key", NULL */
static redisReply *run(const struct check *check, const char *const *words)
{
    const char *argv[8];
    redisReply *reply;
    int n = 0;

    while (words[n] && n < 8) {
        argv[n] = words[n];
        n++;
    }
    reply = redisCommandArgv(check->redis, n, argv, NULL);
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        fail_msg("%s %s: %s", words[0], words[1], reply ? reply->str : check->redis->errstr);
    return reply;
}

/* ---- hashes ---- */

/* The JSON text of a field; NULL when it is not set. */
static const char *field(const redisReply *hash, const char *name)
{
    for (size_t i = 0; i + 1 < hash->elements; i += 2)
        if (strcmp(hash->element[i]->str, name) == 0)
            return strcmp(hash->element[i + 1]->str, "null") == 0 ? NULL
                                                                  : hash->element[i + 1]->str;
    return NULL;
}

/* A number is its own text in an index. */
static void want_text(struct check *check, const char *index, const char *id, const char *json)
{
    json_t *value = json ? json_loads(json, JSON_DECODE_ANY, NULL) : NULL;

    if (json)
        add(&check->wanted, "%s%s%s %s", check->prefix, index,
            json_is_string(value) ? json_string_value(value) : json, id);
    json_decref(value);
}

static void want_args(struct check *check, const char *id, const char *json)
{
    json_t *args = json ? json_loads(json, 0, NULL) : NULL, *value;
    const char *name;

    json_object_foreach(args, name, value)
    {
        add(&check->wanted, "%sjob_arg:%s %s", check->prefix, json_string_value(value), id);
    }
    json_decref(args);
}

static void check_status(struct check *check, const char *id, const redisReply *hash)
{
    const char *attempt = field(hash, "attempt");

    check->n_statuses++;
    check->n_attempts += attempt ? strtoul(attempt, NULL, 10) : 0;
    want_text(check, "", id, field(hash, "state"));
    want_text(check, "job_name:", id, field(hash, "job_name"));
    want_text(check, "provider_job_id:", id, field(hash, "provider_job_id"));
    want_args(check, id, field(hash, "job_args"));
    for (size_t i = 0; i < sizeof stamps / sizeof *stamps; i++)
        if (field(hash, stamps[i]))
            add(&check->wanted, "%s%s %s %s", check->prefix, stamps[i], id, field(hash, stamps[i]));
}

static void check_hash(struct check *check, const char *key)
{
    const char *id = key + strlen(check->prefix) + strlen("id:");
    redisReply *hash = run(check, (const char *[]){ "HGETALL", key, NULL });
    char quoted[256];

    snprintf(quoted, sizeof quoted, "\"%s\"", id);
    if (!field(hash, "id") || strcmp(field(hash, "id"), quoted) != 0)
        fail_msg("the id of %s is %s", key, field(hash, "id") ? field(hash, "id") : "missing");
    if (strchr(id, ':'))
        check->n_archived++;
    else
        check_status(check, id, hash);
    freeReplyObject(hash);
}

/* ---- indexes ---- */

static void look_at_set(struct check *check, const char *key)
{
    redisReply *set = run(check, (const char *[]){ "SMEMBERS", key, NULL });

    for (size_t i = 0; i < set->elements; i++)
        add(&check->found, "%s %s", key, set->element[i]->str);
    freeReplyObject(set);
}

static void look_at_sorted_set(struct check *check, const char *key)
{
    redisReply *set = run(check, (const char *[]){ "ZRANGE", key, "0", "-1", "WITHSCORES", NULL });

    for (size_t i = 0; i + 1 < set->elements; i += 2)
        add(&check->found, "%s %s %s", key, set->element[i]->str, set->element[i + 1]->str);
    freeReplyObject(set);
}

static void look_at(struct check *check, const char *key)
{
    redisReply *type = run(check, (const char *[]){ "TYPE", key, NULL });

    if (strcmp(type->str, "hash") == 0)
        check_hash(check, key);
    else if (strcmp(type->str, "set") == 0)
        look_at_set(check, key);
    else if (strcmp(type->str, "zset") == 0)
        look_at_sorted_set(check, key);
    else
        fail_msg("%s is a %s", key, type->str);
    freeReplyObject(type);
}

static void compare_lists(const struct check *check)
{
    const struct lines *wanted = &check->wanted, *found = &check->found;

    for (size_t i = 0; i < wanted->n || i < found->n; i++) {
        int order = i == wanted->n ? 1 : i == found->n ? -1 : strcmp(wanted->at[i], found->at[i]);
        if (order < 0)
            fail_msg("missing in the indexes: %s", wanted->at[i]);
        if (order > 0)
            fail_msg("in the indexes and in no hash: %s", found->at[i]);
    }
}

size_t invariants_check(redisContext *redis, const char *prefix)
{
    struct check check = { .redis = redis, .prefix = prefix };
    char pattern[80];
    redisReply *keys;

    snprintf(pattern, sizeof pattern, "%s*", prefix);
    keys = run(&check, (const char *[]){ "KEYS", pattern, NULL });
    for (size_t i = 0; i < keys->elements; i++)
        look_at(&check, keys->element[i]->str);
    freeReplyObject(keys);
    sort(&check.wanted);
    sort(&check.found);
    compare_lists(&check);
    if (check.n_archived != check.n_attempts)
        fail_msg("%zu archived attempts where the statuses count %zu", check.n_archived,
                 check.n_attempts);
    finish(&check.wanted);
    finish(&check.found);
    return check.n_statuses;
}
