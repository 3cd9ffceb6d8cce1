#include "tests/lib/client.h"

#include "tests/lib/recorder.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

struct bytes {
    char *at;
    size_t len;
};

struct client {
    CURL *curl;
    char base[128];
    struct bytes headers, body;
    struct answer answer;
    unsigned connections;
    long timeout_ms;
    unsigned recordings; /* that may still be made */
    bool whole_head;     /* the empty line behind the headers has come */
};

enum { TIMEOUT_MS = 30000 };

static size_t gather(char *data, size_t size, size_t n, void *arg)
{
    struct bytes *bytes = arg;

    bytes->at = realloc(bytes->at, bytes->len + size * n + 1);
    memcpy(bytes->at + bytes->len, data, size * n);
    bytes->len += size * n;
    bytes->at[bytes->len] = '\0';
    return size * n;
}

static size_t gather_header(char *data, size_t size, size_t n, void *arg)
{
    struct client *client = arg;

    client->whole_head = size * n <= 2;
    if (strncmp(data, "HTTP/", 5) == 0) /* 100 Continue comes before the real one */
        client->headers.len = 0;
    else if (size * n > 2)
        gather(data, size, n, &client->headers);
    return size * n;
}

struct client *client_create(const char *base)
{
    struct client *client = calloc(1, sizeof *client);

    snprintf(client->base, sizeof client->base, "%s", base);
    client->curl = curl_easy_init();
    client->timeout_ms = TIMEOUT_MS;
    client->recordings = UINT_MAX;
    return client;
}

static void clear(struct client *client)
{
    json_decref(client->answer.json);
    free(client->headers.at);
    free(client->body.at);
    client->headers = client->body = (struct bytes){ 0 };
    client->answer = (struct answer){ 0 };
}

void client_destroy(struct client *client)
{
    if (!client)
        return;
    clear(client);
    curl_easy_cleanup(client->curl);
    free(client);
}

void client_set_timeout(struct client *client, long ms)
{
    client->timeout_ms = ms;
}

void client_record_only(struct client *client, unsigned n)
{
    client->recordings = n;
}

unsigned client_connections(const struct client *client)
{
    return client->connections;
}

/* ---- asking ---- */

static struct curl_slist *make_headers(const char *const *headers, bool has_body)
{
    struct curl_slist *list = NULL;
    bool typed = false;

    for (; headers && *headers; headers++) {
        typed |= strncasecmp(*headers, "Content-Type", 12) == 0;
        list = curl_slist_append(list, *headers);
    }
    if (has_body && !typed)
        list = curl_slist_append(list, "Content-Type: application/json");
    return curl_slist_append(list, "Expect:");
}

const struct answer *client_ask_bytes(struct client *client, const char *method, const char *path,
                                      const char *body, size_t len, const char *const *headers)
{
    struct curl_slist *list = make_headers(headers, body != NULL);
    char url[16384];
    long status = 0, opened = 0;

    clear(client);
    snprintf(url, sizeof url, "%s%s", client->base, path);
    curl_easy_reset(client->curl);
    curl_easy_setopt(client->curl, CURLOPT_URL, url);
    curl_easy_setopt(client->curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(client->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(client->curl, CURLOPT_TIMEOUT_MS, client->timeout_ms);
    curl_easy_setopt(client->curl, CURLOPT_PROXY, "");
    if (strcmp(method, "HEAD") == 0)
        curl_easy_setopt(client->curl, CURLOPT_NOBODY, 1L);
    else
        curl_easy_setopt(client->curl, CURLOPT_CUSTOMREQUEST, method);
    if (body) {
        curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE, (long)len);
        curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, body);
    }
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(client->curl, CURLOPT_HEADERFUNCTION, gather_header);
    curl_easy_setopt(client->curl, CURLOPT_HEADERDATA, client);
    curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, gather);
    curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, &client->body);
    gather((char[]){ 0 }, 0, 0, &client->body);
    client->whole_head = false;
    /* Headers that were cut off are no error to curl. */
    if (curl_easy_perform(client->curl) == CURLE_OK && client->whole_head)
        curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(client->curl, CURLINFO_NUM_CONNECTS, &opened);
    client->connections += (unsigned)opened;
    curl_slist_free_all(list);
    client->answer = (struct answer){
        .status = (int)status,
        .headers = client->headers.at,
        .body = client->body.at,
        .len = client->body.len,
        .json = json_loadb(client->body.at, client->body.len,
                           JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL),
    };
    if (!client->answer.json)
        client->answer.json = json_null();
    if (status && client->recordings && client->recordings--)
        record_exchange(method, path, body, len, headers, &client->answer);
    return &client->answer;
}

const struct answer *client_ask(struct client *client, const char *method, const char *path,
                                const char *body, const char *const *headers)
{
    return client_ask_bytes(client, method, path, body, body ? strlen(body) : 0, headers);
}

const char *answer_header(const struct answer *answer, const char *name)
{
    static _Thread_local char value[4096];
    size_t len = strlen(name);

    for (const char *line = answer->headers; line && *line; line = strchr(line, '\n') + 1) {
        if (strncasecmp(line, name, len) != 0 || line[len] != ':')
            continue;
        line += len + 1 + strspn(line + len + 1, " ");
        snprintf(value, sizeof value, "%.*s", (int)strcspn(line, "\r\n"), line);
        return value;
    }
    return NULL;
}

const char *answer_string(const struct answer *answer, const char *name)
{
    return json_string_value(json_object_get(answer->json, name));
}

const char *answer_member(const struct answer *answer, const char *name)
{
    static _Thread_local char text[8192];
    char *dumped = json_dumps(json_object_get(answer->json, name), JSON_COMPACT | JSON_ENCODE_ANY);

    snprintf(text, sizeof text, "%s", dumped ? dumped : "");
    free(dumped);
    return text;
}

const char *answer_culprit(const struct answer *answer)
{
    const json_t *first = json_array_get(json_object_get(answer->json, "errors"), 0);

    return json_string_value(json_object_get(first, "field"));
}
