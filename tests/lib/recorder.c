#include "tests/lib/recorder.h"

#include "tests/lib/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void add_header(json_t *object, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    char name[128];

    if (!colon)
        return;
    snprintf(name, sizeof name, "%.*s", (int)(colon - line), line);
    for (char *c = name; *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
    size_t skip = (size_t)(colon - line) + 1;
    while (skip < len && line[skip] == ' ')
        skip++;
    json_object_set_new(object, name, json_stringn(line + skip, len - skip));
}

static json_t *headers_of_lines(const char *lines)
{
    json_t *object = json_object();

    while (lines && *lines) {
        size_t len = strcspn(lines, "\r\n");
        add_header(object, lines, len);
        lines += len + strspn(lines + len, "\r\n");
    }
    return object;
}

static json_t *headers_of_list(const char *const *headers)
{
    json_t *object = json_object();

    for (; headers && *headers; headers++)
        add_header(object, *headers, strlen(*headers));
    return object;
}

/* One write for a line: threads and programs do not mix theirs. */
static void append(const char *dir, const char *line, size_t len)
{
    char path[512];
    int fd;

    (void)mkdir(dir, 0755);
    snprintf(path, sizeof path, "%s/%s.ndjson", dir, program_invocation_short_name);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, line, len) != (ssize_t)len)
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
    if (fd >= 0)
        close(fd);
}

void record_exchange(const char *method, const char *target, const char *body, size_t len,
                     const char *const *headers, const struct answer *answer)
{
    const char *dir = getenv("JOBBAD_RECORD_DIR");
    size_t path_len = strcspn(target, "?");
    json_t *asked = json_stringn(body ? body : "", len);
    json_t *said = json_stringn(answer->body, answer->len);
    json_t *line = NULL;
    char *text = NULL;

    if (dir && asked && said)
        line =
            json_pack("{s:s,s:s#,s:s,s:o,s:O,s:i,s:o,s:O}", "method", method, "path", target,
                      (int)path_len, "query", target[path_len] ? target + path_len + 1 : "",
                      "request_headers", headers_of_list(headers), "request_body", asked, "status",
                      answer->status, "headers", headers_of_lines(answer->headers), "body", said);
    if (line)
        text = json_dumps(line, JSON_COMPACT);
    if (text) {
        size_t text_len = strlen(text);
        text[text_len] = '\n';
        append(dir, text, text_len + 1);
    }
    free(text);
    json_decref(line);
    json_decref(asked);
    json_decref(said);
}
