#include "tests/lib/retry_client.h"

#include "tests/lib/expect.h"
#include "tests/lib/until.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PATIENCE_DEFAULT_MS = 30000,
    TRY_MS = 5000,
    PAUSE_FIRST_MS = 10,
    PAUSE_MOST_MS = 500,
    RECORDINGS = 100
};

struct retry_client {
    struct client *client;
    bool keys;
    unsigned seed, patience_ms;
    struct retry_counts counts;
};

struct retry_client *retry_client_create(const char *base, unsigned seed)
{
    struct retry_client *client = calloc(1, sizeof *client);

    *client = (struct retry_client){ .client = client_create(base),
                                     .keys = true,
                                     .seed = seed,
                                     .patience_ms = PATIENCE_DEFAULT_MS };
    client_set_timeout(client->client, TRY_MS);
    client_record_only(client->client, RECORDINGS);
    return client;
}

void retry_client_destroy(struct retry_client *client)
{
    if (!client)
        return;
    client_destroy(client->client);
    free(client);
}

void retry_client_use_keys(struct retry_client *client, bool use)
{
    client->keys = use;
}

void retry_client_set_patience(struct retry_client *client, unsigned ms)
{
    client->patience_ms = ms;
}

struct retry_counts retry_counts(const struct retry_client *client)
{
    return client->counts;
}

/* ---- keys and pauses ---- */

void retry_client_make_key(struct retry_client *client, char ret_key[static RETRY_KEY_BYTES])
{
    snprintf(ret_key, RETRY_KEY_BYTES, "%08x-%08x-%u", (unsigned)rand_r(&client->seed),
             (unsigned)rand_r(&client->seed), client->counts.operations);
}

bool retry_is_due(int status)
{
    return status == 0 || status == 502 || status == 503 || status == 504;
}

/* Twice as long each time, up to a bound; of that, between a half and all. */
void retry_pause(struct retry_client *client, unsigned n)
{
    unsigned pause = (unsigned)PAUSE_FIRST_MS << (n < 7 ? n - 1 : 6);

    if (pause > PAUSE_MOST_MS)
        pause = PAUSE_MOST_MS;
    pause_ms((long)(pause / 2 + (unsigned)rand_r(&client->seed) % (pause / 2 + 1)));
}

/* ---- asking ---- */

static bool is_problem(const struct answer *answer, const char *type)
{
    const char *said = answer_string(answer, "type");

    return said && strcmp(said, type) == 0;
}

/* Only a server that says so has certainly not made the change. */
static void note_failed_try(struct retry_client *client, struct retry_answer *so_far)
{
    bool unavailable = is_problem(so_far->answer, "/problems/unavailable");

    client->counts.unavailable += unavailable;
    client->counts.unknown += is_problem(so_far->answer, "/problems/outcome-unknown");
    client->counts.unanswered += so_far->answer->status == 0;
    so_far->unanswered += !unavailable;
}

struct retry_answer retry_ask_with_key(struct retry_client *client, const char *key,
                                       const char *method, const char *path, const char *body,
                                       const char *header)
{
    char key_header[RETRY_KEY_BYTES + 32];
    const char *headers[3] = { NULL };
    struct retry_answer so_far = { 0 };
    uint64_t end = now_ms() + client->patience_ms;
    unsigned n = 0;

    if (key && client->keys) {
        snprintf(key_header, sizeof key_header, "Idempotency-Key: %s", key);
        headers[n++] = key_header;
    }
    headers[n] = header;
    client->counts.operations++;
    for (;;) {
        so_far.tries++;
        so_far.answer = client_ask(client->client, method, path, body, headers);
        if (!retry_is_due(so_far.answer->status) || now_ms() > end)
            break;
        note_failed_try(client, &so_far);
        retry_pause(client, so_far.tries);
    }
    client->counts.tries += so_far.tries;
    const char *replayed = answer_header(so_far.answer, "Idempotency-Replayed");
    so_far.replayed = replayed && strcmp(replayed, "true") == 0;
    client->counts.replayed += so_far.replayed;
    return so_far;
}

struct retry_answer retry_ask(struct retry_client *client, const char *method, const char *path,
                              const char *body, const char *header)
{
    char key[RETRY_KEY_BYTES];

    retry_client_make_key(client, key);
    return retry_ask_with_key(client, key, method, path, body, header);
}

/* ---- batches: NDJSON, an operation in a line and a result in a line ---- */

static void write_item(FILE *out, const struct retry_item *item, bool with_key)
{
    fprintf(out, "{\"method\":\"%s\",\"path\":\"%s\"", item->method, item->path);
    if (item->body)
        fprintf(out, ",\"body\":%s", item->body);
    if (item->if_match) { /* an ETag has quotes, and nothing that needs another escape */
        fputs(",\"if_match\":\"", out);
        for (const char *c = item->if_match; *c; c++)
            fprintf(out, "%s%c", *c == '"' ? "\\" : "", *c);
        fputs("\"", out);
    }
    if (with_key)
        fprintf(out, ",\"idempotency_key\":\"%s\"", item->key);
    fputs("}\n", out);
}

static char *write_batch(const struct retry_client *client, struct retry_item *items, unsigned n)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    for (unsigned i = 0; i < n; i++) {
        if (!retry_is_due(items[i].status))
            continue;
        write_item(out, &items[i], client->keys);
        items[i].tries++;
    }
    fclose(out);
    return text;
}

static void take_result(struct retry_client *client, struct retry_item *item, const char *line)
{
    item->status = atoi(json_member(line, "status"));
    item->replayed = strcmp(json_member(line, "replayed"), "true") == 0;
    free(item->text);
    item->text = strdup(json_member(line, "body"));
    client->counts.replayed += item->replayed;
}

/* Returns how many have no answer yet. */
static unsigned take_results(struct retry_client *client, struct retry_item *items, unsigned n,
                             const char *lines)
{
    unsigned due = 0;

    for (unsigned i = 0; i < n; i++) {
        if (!retry_is_due(items[i].status))
            continue;
        if (lines && *lines) {
            size_t len = strcspn(lines, "\n");
            char *line = strndup(lines, len);
            take_result(client, &items[i], line);
            free(line);
            lines += len + (lines[len] == '\n');
        }
        due += retry_is_due(items[i].status);
    }
    return due;
}

void retry_batch(struct retry_client *client, struct retry_item *items, unsigned n)
{
    static const char *const headers[] = { "Content-Type: application/x-ndjson", NULL };
    uint64_t end = now_ms() + client->patience_ms;

    for (unsigned i = 0; i < n; i++)
        retry_client_make_key(client, items[i].key);
    client->counts.operations += n;
    for (unsigned tries = 1;; tries++) {
        char *body = write_batch(client, items, n);
        const struct answer *answer =
            client_ask(client->client, "POST", "/statuses:batch", body, headers);
        free(body);
        client->counts.tries++;
        client->counts.unanswered += answer->status == 0;
        if (!take_results(client, items, n, answer->status == 200 ? answer->body : NULL) ||
            now_ms() > end)
            return;
        retry_pause(client, tries);
    }
}
