/* THE table of routes: router, 405, openapi test and `jobbad --routes` all read it. */
#pragma once

#include "api/request.h"

#include <stdbool.h>
#include <stddef.h>

/* Query parameters that a route takes: bits. */
enum route_query {
    QUERY_FIELDS = 1 << 0,
    QUERY_FORCE = 1 << 1,
    QUERY_ATTEMPT = 1 << 2,
    QUERY_IF_STATE = 1 << 3,
    QUERY_IF_MATCH = 1 << 4, /* no parameter, but a header */
    QUERY_WAIT = 1 << 5,
    QUERY_REV = 1 << 6,
    QUERY_UNTIL = 1 << 7,
    QUERY_LAST_EVENT_ID = 1 << 8,
    QUERY_GUARDS = QUERY_ATTEMPT | QUERY_IF_STATE | QUERY_IF_MATCH,
};

enum route_body {
    BODY_NONE,     /* one that is not empty is refused */
    BODY_OPTIONAL, /* an empty one is as good as {} */
    BODY_REQUIRED,
};

struct route {
    enum http_method method; /* HEAD is where GET is, OPTIONS is everywhere: they have no rows */
    const char *path; /* segments; {id}: a status, {any_id}: a status or archived attempt, {state},
                         {file} */
    const char *id;   /* operationId in openapi.yaml */
    void (*handler)(struct api_request *request);
    unsigned ok; /* status code of success */
    enum route_body body;
    unsigned query;   /* set of enum route_query */
    unsigned listing; /* not 0: takes filters, and this set of enum listing_takes */
    unsigned formats; /* answers in the first so many of enum api_format; 0: in JSON */
    bool takes_lines; /* its body may be NDJSON too */
    bool in_batch;    /* may be an operation of a batch */
    void (*events)(struct api_request *request); /* the handler for text/event-stream; NULL: none */
    bool is_open;                                /* pages of allowed origins may read it */
    bool any_type;  /* answers with a type of its own: Accept is not looked at */
    bool any_query; /* a file: parameters, such as those that keep caches out, are not looked at */
    const char *doc;
};

extern const struct route routes[];
extern const size_t n_routes;
