/* A request for each route of the service, for what they have in common. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

static const struct every_route {
    const char *method, *path, *body; /* a body that would do; NULL: none */
    bool uses_redis;
    bool any_type;  /* whatever Accept says */
    bool any_query; /* only a malformed one is refused */
} every_route[] = {
    { "POST", "/statuses", NULL, true },
    { "GET", "/statuses/r", NULL, true },
    { "HEAD", "/statuses/r", NULL, true },
    { "PUT", "/statuses/r", NULL, true },
    { "PATCH", "/statuses/r", "{\"progress\":0.5}", true },
    { "DELETE", "/statuses/r", NULL, true },
    { "PUT", "/statuses/r/progress", "0.5", true },
    { "POST", "/statuses/r/errors", "\"boom\"", true },
    { "GET", "/statuses/r/data", NULL, true },
    { "PUT", "/statuses/r/data", "1", true },
    { "POST", "/statuses/r/request_kill", NULL, true },
    { "GET", "/statuses/r/attempts", NULL, true },
    { "POST", "/statuses/r/queued", NULL, true },
    { "GET", "/statuses", NULL, true },
    { "HEAD", "/statuses", NULL, true },
    { "POST", "/statuses:query", "{\"limit\":1}", true },
    { "GET", "/statuses:count", NULL, true },
    { "POST", "/statuses:count", "{\"where\":{\"state\":\"failed\"}}", true },
    { "DELETE", "/statuses?state=killed", NULL, true },
    { "POST", "/statuses:remove", "{\"where\":{\"state\":\"killed\"}}", true },
    { "POST", "/statuses:request_kill?state=killed", "{\"max\":1}", true },
    { "POST", "/statuses:cleanup", "{\"older_than\":\"360d\"}", true },
    { "POST", "/statuses:batch", "{\"operations\":[]}", false },
    { "GET", "/health/live", NULL, false },
    { "GET", "/health/ready", NULL, true },
    { "GET", "/version", NULL, false },
    { "GET", "/openapi.yaml", NULL, false, true },
    { "GET", "/", NULL, false, true, true },
    { "GET", "/dashboard/app.js", NULL, false, true, true },
    { "GET", "/progress.js", NULL, false, true, true },
};

enum { N_EVERY_ROUTE = sizeof every_route / sizeof *every_route };
