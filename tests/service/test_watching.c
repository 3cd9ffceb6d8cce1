/*
 * Streams and waits against what is true: filters mean what they mean in queries, and under load,
 * while connections are killed, nobody misses a final state, hears of what does not match, or sees
 * a status go back. JOBBAD_SOAK=SECONDS makes the last one go on for longer.
 */
#include "tests/lib/raw.h"
#include "tests/lib/sse.h"
#include "tests/service/service_test.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- filters ---- */

enum { STATUSES = 30, FILTERS = 60 };

static const char *const states[] = { "unqueued", "queued", "started", "succeeded",
                                      "failed",   "killed", "unknown" };

static unsigned seed;

static unsigned any(unsigned n)
{
    return (unsigned)rand_r(&seed) % n;
}

static void create_any(struct service *service, unsigned number)
{
    char body[512], path[64];
    size_t len;

    len = (size_t)snprintf(body, sizeof body,
                           "{\"id\":\"f%u\",\"job_args\":{\"a\":\"v%u\",\"b\":\"v%u\"}", number,
                           any(3), any(3));
    if (any(3))
        len += (size_t)snprintf(body + len, sizeof body - len, ",\"job_name\":\"caf\\u00e9 %u\"",
                                any(3));
    if (any(2))
        len += (size_t)snprintf(body + len, sizeof body - len,
                                any(2) ? ",\"provider_job_id\":%u" : ",\"provider_job_id\":\"%u\"",
                                any(3));
    snprintf(body + len, sizeof body - len, "}");
    expect(service, 201, "POST", "/statuses", body);
    for (unsigned n = any(4); n > 0; n--) {
        snprintf(path, sizeof path, "/statuses/f%u/%s", number, states[any(7)]);
        expect(service, 200, "POST", path, NULL);
    }
    snprintf(path, sizeof path, "/statuses/f%u/request_kill", number);
    if (any(4) == 0)
        expect(service, 200, "POST", path, NULL);
}

static void any_filter(char *query, size_t size)
{
    static const char *const times[] = { "recorded",  "queued", "started",
                                         "succeeded", "failed", "killed" };
    static const char *const groups[] = { "completed", "incomplete", "terminal" };
    size_t len = 0;

    query[0] = '\0';
    for (unsigned n = 1 + any(3); n > 0; n--) {
        char *at = query + len;
        size_t left = size - len;
        switch (any(9)) {
        case 0:
            len += (size_t)snprintf(at, left, "&state=%s", states[any(7)]);
            break;
        case 1:
            len += (size_t)snprintf(at, left, "&state=%s,%s", states[any(7)], groups[any(3)]);
            break;
        case 2:
            len += (size_t)snprintf(at, left, "&job_name=caf%%C3%%A9%%20%u", any(3));
            break;
        case 3:
            len += (size_t)snprintf(at, left, "&job_arg=v%u", any(4));
            break;
        case 4:
            len += (size_t)snprintf(at, left, "&job_arg.%s=v%u", any(2) ? "a" : "b", any(3));
            break;
        case 5:
            len += (size_t)snprintf(at, left, "&provider_job_id=%u", any(3));
            break;
        case 6:
            len += (size_t)snprintf(at, left, "&id=f%u,f%u", any(STATUSES), any(STATUSES));
            break;
        case 7:
            if (!strstr(query, "kill_requested"))
                len += (size_t)snprintf(at, left, "&kill_requested=%s", any(2) ? "true" : "false");
            break;
        default:
            len += (size_t)snprintf(at, left, "&%s_%s=-%us", times[any(6)],
                                    any(2) ? "after" : "before", any(2) ? 0 : 1000);
        }
    }
}

/* A bit for each status of the answer's list. */
static uint32_t listed(struct service *service, const char *query)
{
    char target[512];
    const json_t *list;
    uint32_t set = 0;
    json_t *status;
    size_t i;

    snprintf(target, sizeof target, "/statuses?limit=1000&fields=id%.400s", query);
    list = json_object_get(expect(service, 200, "GET", target, NULL)->json, "statuses");
    json_array_foreach(list, i, status) set |=
        1u << atoi(json_string_value(json_object_get(status, "id")) + 1);
    return set;
}

static uint32_t status_bit(const struct sse_event *event)
{
    const char *id = strstr(event->data, "\"id\":\"f");

    return id ? 1u << atoi(id + strlen("\"id\":\"f")) : 0;
}

/* What a stream has sent until nothing more comes. */
static uint32_t sent(struct sse *sse, const char *query)
{
    const struct sse_event *event;
    uint32_t set = 0;

    while ((event = sse_next_block(sse, PATIENCE_MS)) && !event->is_comment) {
        if (strcmp(event->name, "unmatched") == 0 || strcmp(event->name, "deleted") == 0)
            fail_msg("%s: %s %s", query, event->name, event->data);
        if (strcmp(event->name, "status") == 0)
            set |= status_bit(event);
    }
    assert_non_null(event);
    return set;
}

static void filters_mean_what_they_mean_in_queries(void **state)
{
    struct service service;
    static char queries[FILTERS][400];
    static uint32_t wanted[FILTERS];
    struct sse *first[FILTERS], *later[FILTERS];
    char target[512];

    (void)state;
    seed = (unsigned)time(NULL);
    print_message("# seed %u\n", seed);
    service_start(&service, (const char *const[]){ "--heartbeat", "300ms", NULL });
    for (unsigned i = 0; i < STATUSES; i++)
        create_any(&service, i);
    for (unsigned i = 0; i < FILTERS; i++) {
        any_filter(queries[i], sizeof queries[i]);
        wanted[i] = listed(&service, queries[i]);
        snprintf(target, sizeof target, "/events?limit=1000%.400s", queries[i]);
        first[i] = sse_open(service.port, target, "");
        snprintf(target, sizeof target, "/events?limit=0%.400s", queries[i]);
        later[i] = sse_open(service.port, target, "");
        assert_int_equal(sse_status(first[i]), 200);
        assert_int_equal(sse_status(later[i]), 200);
    }
    for (unsigned i = 0; i < FILTERS; i++) {
        uint32_t set = sent(first[i], queries[i]);
        if (set != wanted[i])
            fail_msg("%s: %x at first, not %x", queries[i], set, wanted[i]);
        assert_int_equal(sent(later[i], queries[i]), 0);
    }
    for (unsigned i = 0; i < STATUSES; i++) /* as a change that no filter is about */
        store(&service, "HSET jobba:id:f%u data 1", i);
    for (unsigned i = 0; i < FILTERS; i++) {
        uint32_t set = 0;
        uint64_t end = now_ms() + PATIENCE_MS;
        while (set != wanted[i] && now_ms() < end) /* heartbeats that were under way */
            set |= sent(later[i], queries[i]);
        set |= sent(later[i], queries[i]);
        if (set != wanted[i])
            fail_msg("%s: %x sent, not %x", queries[i], set, wanted[i]);
        sse_close(first[i]);
        sse_close(later[i]);
    }
    service_stop(&service);
}

/* ---- under load ---- */

enum { JOBS = 12, WRITERS = 3, ONE_EACH = 2, FEEDS = 4, LOAD_MS = 4000 };

struct reader {
    struct service *service;
    unsigned job;      /* of one status */
    const char *state; /* of a feed: the filter; NULL: one status */
    unsigned finals;   /* jobs whose last change has come */
    unsigned events, resets, reconnects;
    long rev[JOBS];
    pthread_t thread;
};

static atomic_bool stop;

static void *run_jobs(void *arg)
{
    struct reader *writer = arg;
    struct raw *raw = raw_open(writer->service->port);
    unsigned state = writer->job;
    char request[256], body[64];

    for (unsigned n = writer->job; !atomic_load(&stop); n++) {
        unsigned job = n % JOBS;
        if (job % WRITERS != writer->job)
            continue;
        state = state * 1103515245u + 12345u;
        if (state >> 16 & 3) {
            snprintf(body, sizeof body, "{\"at\":%u,\"out_of\":1000}", n % 1000);
            snprintf(request, sizeof request,
                     "PUT /statuses/j%u/progress HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                     "application/json\r\nContent-Length: %zu\r\n\r\n%s",
                     job, strlen(body), body);
        } else {
            snprintf(
                request, sizeof request,
                "POST /statuses/j%u/%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
                job, state >> 20 & 1 ? "queued" : "failed");
        }
        raw_send(raw, request);
        if (raw_take(raw, PATIENCE_MS) <= 0) {
            raw_close(raw);
            raw = raw_open(writer->service->port);
        }
    }
    raw_close(raw);
    return NULL;
}

static void take_status(struct reader *reader, const struct sse_event *event)
{
    const char *id = strstr(event->data, "\"id\":\"j"), *rev = strstr(event->data, "\"rev\":");
    unsigned job = (unsigned)atoi(id + strlen("\"id\":\"j"));
    long number = atol(rev + strlen("\"rev\":"));
    char state[32];

    reader->events++;
    if (reader->state) {
        snprintf(state, sizeof state, "\"state\":\"%s\"", reader->state);
        if (!strstr(event->data, state))
            fail_msg("a stream for %s got %s", reader->state, event->data);
    }
    if (number < reader->rev[job])
        fail_msg("j%u went back from rev %ld to %ld", job, reader->rev[job], number);
    reader->rev[job] = number;
    if (strstr(event->data, "\"data\":\"final\""))
        reader->finals |= 1u << job;
}

/* Until every final state has come; comes back with the last id when the stream ends. */
static void *read_events(void *arg)
{
    struct reader *reader = arg;
    unsigned wanted = reader->state ? (1u << JOBS) - 1 : 1u << reader->job;
    uint64_t stopped_ms = 0;
    char target[64], header[64] = "";

    if (reader->state)
        snprintf(target, sizeof target, "/events?state=%s", reader->state);
    else
        snprintf(target, sizeof target, "/statuses/j%u/events", reader->job);
    struct sse *sse = sse_open(reader->service->port, target, "");
    while (reader->finals != wanted) {
        const struct sse_event *event = sse_next(sse, 200);
        if (atomic_load(&stop) && !stopped_ms)
            stopped_ms = now_ms();
        if (stopped_ms && now_ms() > stopped_ms + PATIENCE_MS)
            break;
        if (event && strcmp(event->name, "status") == 0) {
            take_status(reader, event);
        } else if (event) {
            reader->resets += strcmp(event->name, "reset") == 0;
        }
        if (event ? reader->events % 60 == 59 : sse_ends(sse, 0)) { /* just so, or it must */
            if (*sse_last_id(sse))
                snprintf(header, sizeof header, "Last-Event-ID: %s\r\n", sse_last_id(sse));
            sse_close(sse);
            sse = sse_open(reader->service->port, target, header);
            reader->reconnects++;
            reader->events++;
        }
    }
    sse_close(sse);
    return NULL;
}

static void nobody_misses_a_final_state(void **state)
{
    struct service *service = *state;
    const char *soak = getenv("JOBBAD_SOAK");
    static struct reader writers[WRITERS], ones[JOBS * ONE_EACH], feeds[FEEDS];
    char path[64];
    unsigned resets = 0, events = 0, reconnects = 0;

    for (unsigned i = 0; i < JOBS; i++) {
        snprintf(path, sizeof path, "/statuses/j%u", i);
        expect(service, 201, "PUT", path, NULL);
    }
    atomic_store(&stop, false);
    for (unsigned i = 0; i < JOBS * ONE_EACH; i++) {
        ones[i] = (struct reader){ .service = service, .job = i % JOBS };
        pthread_create(&ones[i].thread, NULL, read_events, &ones[i]);
    }
    for (unsigned i = 0; i < FEEDS; i++) {
        feeds[i] = (struct reader){ .service = service, .state = "succeeded" };
        pthread_create(&feeds[i].thread, NULL, read_events, &feeds[i]);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] = (struct reader){ .service = service, .job = i };
        pthread_create(&writers[i].thread, NULL, run_jobs, &writers[i]);
    }
    uint64_t end = now_ms() + (soak ? (uint64_t)atol(soak) * 1000 : LOAD_MS);
    for (unsigned i = 0; now_ms() < end; i++) {
        pause_ms(250);
        if (i % 3 == 0)
            store(service, "CLIENT KILL TYPE pubsub SKIPME yes");
        if (i % 5 == 4)
            store(service, "CLIENT KILL TYPE normal SKIPME yes");
    }
    atomic_store(&stop, true);
    for (unsigned i = 0; i < WRITERS; i++)
        pthread_join(writers[i].thread, NULL);
    for (unsigned i = 0; i < JOBS; i++) {
        snprintf(path, sizeof path, "/statuses/j%u", i);
        assert_until(
            ask(service, "PATCH", path, "{\"state\":\"succeeded\",\"data\":\"final\"}")->status ==
            200);
        if (i % 4 == 0)
            store(service, "CLIENT KILL TYPE pubsub SKIPME yes");
    }
    for (unsigned i = 0; i < JOBS * ONE_EACH; i++) {
        pthread_join(ones[i].thread, NULL);
        if (ones[i].finals != 1u << ones[i].job)
            fail_msg("a stream of j%u missed the final state", ones[i].job);
        resets += ones[i].resets;
        events += ones[i].events;
        reconnects += ones[i].reconnects;
    }
    for (unsigned i = 0; i < FEEDS; i++) {
        pthread_join(feeds[i].thread, NULL);
        if (feeds[i].finals != (1u << JOBS) - 1)
            fail_msg("a stream of all missed final states: %x", feeds[i].finals);
        resets += feeds[i].resets;
        events += feeds[i].events;
        reconnects += feeds[i].reconnects;
    }
    print_message("# %u events, %u resets, came back %u times\n", events, resets, reconnects);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_mean_what_they_mean_in_queries),
        FRESH(nobody_misses_a_final_state),
        ENDS_CLEANLY,
    };
    return cmocka_run_group_tests_name("watching", tests, service_setup, service_teardown);
}
