/*
 * A request on its way through the API: what the server read, what the router made of it, and the
 * answer. The server allocates one per HTTP request and embeds it; api/ knows no socket.
 *
 *   server: fills the first part, headers only     -> api_begin()
 *   server: reads the body if there is one         -> api_handle()
 *   handler: now or later, once                    -> api_answer...() -> request->answered()
 *   server: sends request->answer                  -> api_finish()
 */
#pragma once

#include "api/change_json.h"
#include "api/listing.h"
#include "api/problem.h"
#include "api/watch_args.h"
#include "api/watchers.h"
#include "core/buf.h"
#include "core/gate.h"
#include "core/health.h"
#include "core/live_digest.h"
#include "core/status.h"
#include "core/status_attempts.h"
#include "core/status_etag.h"
#include "core/status_id.h"

#include <stdbool.h>
#include <stdint.h>

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_METHOD_COUNT,
    HTTP_METHOD_OTHER = HTTP_METHOD_COUNT
};

const char *http_method_name(enum http_method method);
enum http_method http_method_of_name(const char *name); /* HTTP_METHOD_OTHER: not one of ours */

/* The request headers that the API looks at. */
enum http_header {
    HTTP_HEADER_HOST,
    HTTP_HEADER_ORIGIN,
    HTTP_HEADER_SEC_FETCH_SITE,
    HTTP_HEADER_ACCEPT,
    HTTP_HEADER_CONTENT_TYPE,
    HTTP_HEADER_PREFER,
    HTTP_HEADER_IDEMPOTENCY_KEY,
    HTTP_HEADER_IF_MATCH,
    HTTP_HEADER_IF_NONE_MATCH,
    HTTP_HEADER_CACHE_CONTROL,
    HTTP_HEADER_LAST_EVENT_ID,
    HTTP_HEADER_REQUEST_METHOD,
    HTTP_HEADER_COUNT
};

const char *http_header_name(enum http_header header); /* lower case */

/* What all requests of a worker share. Immutable. */
struct api {
    struct status_store store;
    struct watchers *watchers;
    struct gate *batches;               /* those that are at work */
    unsigned batch_slots;               /* operations of one at a time */
    bool loopback;                      /* listening on a loopback address: check Host */
    const char *const *allowed_hosts;   /* NULL-terminated */
    const char *const *allowed_origins; /* NULL-terminated */
};

/* A GET that waits (handle_wait.c). */
struct wait {
    struct live_watch watch;
    struct alarm alarm;
    struct watcher watcher;
    bool has_first;
    struct live_digest first; /* how it was when the wait began */
};

/* What a list can be answered in. */
enum api_format {
    API_FORMAT_JSON,
    API_FORMAT_NDJSON,
    API_FORMAT_TEXT,
    API_FORMAT_EVENTS,
    API_FORMAT_COUNT
};

const char *api_format_type(enum api_format format); /* media type */

struct api_request;
struct asset;

struct api_header {
    const char *name, *value;
};

struct api_answer {
    unsigned status;
    const char *content_type; /* NULL: no body */
    struct buf body;          /* the server takes the memory */
    struct text static_body;  /* instead of `body` */
    struct near_entry *kept;  /* instead of `body`, until answered() returns */
    unsigned retry_after_s;   /* 0: none */
    bool preference_applied;  /* return=minimal */
    bool replayed;            /* the change had been made before */
    char location[sizeof "/statuses/" + STATUS_ID_MAX]; /* "": none */
    char allow[64];                                     /* "": none */
    struct text allow_origin; /* whose pages may read it; `at` NULL: none. The header's own */
    bool is_preflight;        /* and what they may ask */
    struct buf link;          /* empty: none */
    char etag[sizeof "W/" + STATUS_ETAG_LEN]; /* "": none */
    const char *cache_control;                /* NULL: no-store */
    const struct api_header *headers;         /* further ones, up to a NULL; or NULL */
    /*
     * Of a body that comes in parts: called when all of `body` has been sent, to fill it again and
     * then, now or later, call api_answer_part() or api_answer_cut(). NULL: `body` is the rest.
     */
    void (*more)(struct api_request *request);
    bool is_events; /* parts are small, and come one by one for as long as anybody listens */
    bool is_cut;    /* no more will come, although the body is not complete */
};

struct batch;
struct route;

struct api_request {
    /* Set by the server; lives until api_finish(). */
    const struct api *api;
    enum http_method method;
    const char *target; /* as it was sent, origin-form or "*" */
    char *scratch;      /* room for strlen(target) + 1 bytes: decoded parts */
    struct text header[HTTP_HEADER_COUNT];
    struct text body;     /* complete when api_handle() is called */
    uint64_t deadline_ms; /* on the clock of uv_now(); set before api_handle() */
    uint64_t query_ms;    /* what a request for many statuses may take, and */
    uint64_t call_ms;     /* each of its round trips to Redis */
    void (*answered)(struct api_request *request);
    void (*cut)(
        struct api_request *request); /* of an answer in parts that is being sent: ends it */

    /* Set by the router. */
    const struct route *route;
    struct text id;              /* path parameter: valid id, or "id:n" where the route takes it */
    enum state state;            /* path parameter */
    const struct asset *asset;   /* path parameter */
    uint32_t keys;               /* query parameter `fields` */
    bool force;                  /* query parameter */
    enum api_format format;      /* by Accept */
    bool minimal;                /* Prefer: return=minimal */
    struct status_guards guards; /* all but the fingerprint */
    struct listing *listing;     /* of routes that take one */
    struct watch_args watching;  /* query parameters */
    struct batch *batch;         /* of the route that runs one */

    /* Set by the handler. */
    struct api_answer answer;
    struct change_json parsed;
    struct status_change change;
    char made_id[STATUS_ID_UUID_LEN + 1];
    union {
        struct status_op status;
        struct status_attempts attempts;
        struct health_check health;
        struct wait wait;
    } op;
    bool is_whole;               /* the answer is sent although If-None-Match names it */
    struct event_stream *stream; /* NULL: the answer is none */
};

/* Once, before any thread starts. */
void api_init(void);

/*
 * Finds the route and checks all that can be checked before the body. False: answered, with a
 * problem (request->answered was NOT called); the server still reads or refuses the body as it
 * likes.
 */
bool api_begin(struct api_request *request);

/* Runs the route's handler. request->answered() is called once, maybe before this returns. */
void api_handle(struct api_request *request);

/* Frees what the request holds; the answer's body too, unless the server took it. */
void api_finish(struct api_request *request);

/* ---- for handlers ---- */

/*
 * Binds the request's Idempotency-Key, if it has one, to what is asked: the same request, and no
 * other, may be repeated under it. `body`: without white space between tokens.
 */
void api_sign(struct api_request *request, struct text body);

/* ---- for handlers: each answers once ---- */

void api_answer_empty(struct api_request *request, unsigned status);
/* 200 or another success with the JSON in request->answer.body. */
void api_answer_json(struct api_request *request, unsigned status);
/* The ETag of what is in request->answer.body: a weak one, as it names no status that a change
 * could ask for with If-Match. */
void api_set_etag_of_body(struct api_request *request);
/* 200 with what is in request->answer.body; or 304, if the client has what the answer's ETag names.
 * The body is to be there all the same: a 304 may tell no other Content-Length than that of the
 * 200, and the server sends no body with it. */
void api_answer_read(struct api_request *request, const char *content_type);
/* The same with a status of the near cache, all its keys. The server sends it, or writes it
 * out, before anything else can happen to the cache. */
void api_answer_kept(struct api_request *request, struct near_entry *entry);
/* 200, with a body of any length in parts: the first is in request->answer.body. */
void api_answer_parts(struct api_request *request, const char *content_type,
                      void (*more)(struct api_request *request));
/* A further part is in request->answer.body; the last one may be empty. */
void api_answer_part(struct api_request *request, bool is_last);
/* Something came in between: the client must not take what it got for the whole. */
void api_answer_cut(struct api_request *request);
/* 200 with what is in request->answer.body. */
void api_answer_text(struct api_request *request, const char *content_type);
/* The same with a body that stays where it is. */
void api_answer_static(struct api_request *request, const char *content_type, struct text body);
void api_answer_problem(struct api_request *request, enum problem problem, const char *detail);
/* With an element of `errors` that names the culprit. */
void api_answer_culprit(struct api_request *request, enum problem problem, const char *field,
                        const char *detail);

/* ---- for the server ---- */

/* Writes what answer.kept stands for into answer.body. */
void api_write_kept(struct api_request *request);

/* ---- for the server's own guard, before or instead of api_begin() ---- */

/* Fills request->answer, without calling request->answered(). */
void api_set_problem(struct api_request *request, enum problem problem, const char *detail,
                     struct text errors, struct text current);
