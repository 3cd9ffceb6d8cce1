/*
 * Random statuses and random queries, answered by the service and by a plain model that filters and
 * sorts in memory. Twice: of some statuses that went through the service, in all states and with
 * times of their own; and of thousands, most of them succeeded and many at the same time, so that
 * walks take several slices and plans differ. Another seed: JOBBAD_ORACLE_SEED; more queries:
 * JOBBAD_ORACLE_QUERIES.
 */
#include "tests/service/service_test.h"

#include <time.h>

enum { SOME = 250, THOUSANDS = 3500, ELEMENTS_MAX = 4, TIMES = 6, ID_LENGTH = 16 };
enum { QUERIES_OF_SOME = 1500, QUERIES_OF_THOUSANDS = 400 };

static const char *const states[] = { "unqueued", "queued", "started", "succeeded",
                                      "failed",   "killed", "unknown" };
static const char *const times[] = { "recorded_at",  "queued_at", "started_at",
                                     "succeeded_at", "failed_at", "killed_at" };
static const char *const groups[] = { "completed", "incomplete", "terminal" };

static unsigned seed;
static json_t *model;                         /* all statuses, as GET shows them */
static uint64_t scores[THOUSANDS][TIMES + 1]; /* of each, in microseconds; 0: none; 0 as an id */
static unsigned variety;                      /* of the values in a query */
static unsigned least_limit;

static unsigned any(unsigned n)
{
    return (unsigned)rand_r(&seed) % n;
}

/* ---- the data ---- */

static json_t *random_body(unsigned number)
{
    json_t *body = json_object(), *args = json_object();

    json_object_set_new(body, "id", json_sprintf("o%u-%u", any(1000), number));
    if (any(4))
        json_object_set_new(body, "job_name", json_sprintf("name %u", any(5)));
    if (any(3))
        json_object_set_new(args, "a", json_sprintf("v%u", any(5)));
    if (any(3))
        json_object_set_new(args, "b", json_sprintf("v%u", any(5)));
    json_object_set_new(body, "job_args", args);
    if (any(2))
        json_object_set_new(body, "provider_job_id",
                            any(2) ? json_integer(any(9)) : json_sprintf("%u", any(9)));
    return body;
}

static void read_into_model(struct service *service, const char *id)
{
    size_t at = json_array_size(model);
    char path[64];
    json_t *status;

    snprintf(path, sizeof path, "/statuses/%s", id);
    status = expect(service, 200, "GET", path, NULL)->json;
    for (size_t i = 0; i < TIMES; i++) {
        const char *text = json_string_value(json_object_get(status, times[i]));
        scores[at][i] = text ? micros_of(text) : 0;
    }
    json_object_set_new(status, "at", json_integer((json_int_t)at));
    json_array_append(model, status);
}

static void create_one(struct service *service, unsigned number)
{
    json_t *body = random_body(number);
    char *text = json_dumps(body, 0), path[96];
    const char *id = json_string_value(json_object_get(body, "id"));

    expect(service, 201, "POST", "/statuses", text);
    for (unsigned n = any(5); n > 0; n--) {
        snprintf(path, sizeof path, "/statuses/%s/%s", id, states[any(7)]);
        expect(service, 200, "POST", path, NULL);
    }
    if (any(5) == 0) {
        snprintf(path, sizeof path, "/statuses/%s/request_kill", id);
        expect(service, 200, "POST", path, NULL);
    }
    read_into_model(service, id);
    free(text);
    json_decref(body);
}

static const char *name_key(unsigned name)
{
    static char key[40];

    snprintf(key, sizeof key, "jobba:job_name:name %u", name);
    return key;
}

/* Straight into Redis, in the fields' order and with the nulls of the gem. */
static void write_one(struct service *service, unsigned number)
{
    static const uint64_t epoch = UINT64_C(1700000000000000);
    const char *status_state = states[any(20) ? 3 : any(7)];
    unsigned name = any(any(12) + 1), arg = any(any(12) + 1);
    char id[ID_LENGTH];

    snprintf(id, sizeof id, "t%u-%u", any(1000), number);
    store(service,
          "HSET jobba:id:%s id \"%s\" progress 0 errors [] attempt 0 state \"%s\" "
          "kill_requested_at %s provider_job_id null job_args {\"a\":\"v%u\"} job_name "
          "\"name\\u0020%u\"",
          id, id, status_state, any(10) ? "null" : "1700000000000000", arg, name);
    store(service, "SADD jobba:%s %s", status_state, id);
    store(service, "SADD jobba:job_arg:v%u %s", arg, id);
    store(service, "SADD %s %s", name_key(name), id);
    if (any(3) == 0) {
        unsigned provider = any(12);
        store(service,
              any(2) ? "HSET jobba:id:%s provider_job_id %u"
                     : "HSET jobba:id:%s provider_job_id \"%u\"",
              id, provider);
        store(service, "SADD jobba:provider_job_id:%u %s", provider, id);
    }
    for (size_t i = 0; i < TIMES; i++) {
        uint64_t at = epoch + 1000000 * (uint64_t)any(100) + any(3);
        bool entered = strncmp(times[i], status_state, strlen(status_state)) == 0;
        if (i > 0 && !entered && any(4) == 0)
            continue;
        store(service, "HSET jobba:id:%s %s %llu", id, times[i], (unsigned long long)at);
        store(service, "ZADD jobba:%s %llu %s", times[i], (unsigned long long)at, id);
    }
    read_into_model(service, id);
}

static void start(void **state)
{
    const char *wanted = getenv("JOBBAD_ORACLE_SEED");

    service_setup(state);
    seed = wanted ? (unsigned)atoi(wanted) : (unsigned)time(NULL);
    print_message("# seed %u\n", seed);
    model = json_array();
}

static int fill_some(void **state)
{
    start(state);
    variety = 6;
    least_limit = 1;
    for (unsigned i = 0; i < SOME; i++)
        create_one(*state, i);
    return 0;
}

static int fill_thousands(void **state)
{
    start(state);
    variety = 14;
    least_limit = 100;
    for (unsigned i = 0; i < THOUSANDS; i++)
        write_one(*state, i);
    return 0;
}

static int drop(void **state)
{
    json_decref(model);
    return service_teardown(state);
}

/* ---- the model ---- */

static const char *text_of_scalar(json_t *value)
{
    static char digits[32];

    if (json_is_string(value))
        return json_string_value(value);
    snprintf(digits, sizeof digits, "%.0f", json_number_value(value));
    return json_is_number(value) ? digits : NULL;
}

static bool same_scalar(json_t *a, json_t *b)
{
    char copy[64];
    const char *text = text_of_scalar(a);

    if (!text || !b)
        return false;
    snprintf(copy, sizeof copy, "%s", text);
    text = text_of_scalar(b);
    return text && strcmp(copy, text) == 0;
}

static bool is_in_state(const char *state, const char *wanted)
{
    bool completed = strcmp(state, "succeeded") == 0 || strcmp(state, "failed") == 0;

    if (strcmp(wanted, "completed") == 0)
        return completed;
    if (strcmp(wanted, "incomplete") == 0)
        return !completed && strcmp(state, "unknown") != 0;
    if (strcmp(wanted, "terminal") == 0)
        return completed || strcmp(state, "killed") == 0;
    return strcmp(state, wanted) == 0;
}

static bool matches_value(json_t *status, const char *name, json_t *wanted)
{
    json_t *arg;
    const char *arg_name;

    if (strcmp(name, "state") == 0)
        return is_in_state(json_string_value(json_object_get(status, "state")),
                           json_string_value(wanted));
    if (strcmp(name, "kill_requested") == 0)
        return json_equal(json_object_get(status, name), wanted);
    if (strncmp(name, "job_arg.", 8) == 0)
        return same_scalar(json_object_get(json_object_get(status, "job_args"), name + 8), wanted);
    if (strcmp(name, "job_arg") != 0)
        return same_scalar(json_object_get(status, name), wanted);
    json_object_foreach(json_object_get(status, "job_args"), arg_name,
                        arg) if (same_scalar(arg, wanted)) return true;
    return false;
}

/* 0: it has no such time; and of ids, which are ordered by themselves. */
static uint64_t score_of(json_t *status, const char *field)
{
    size_t i = 0;

    while (i < TIMES && strcmp(times[i], field) != 0)
        i++;
    return scores[json_integer_value(json_object_get(status, "at"))][i];
}

static bool matches_range(json_t *status, const char *name, json_t *range)
{
    json_t *after = json_object_get(range, "after"), *before = json_object_get(range, "before");
    uint64_t time = score_of(status, name);

    if (!time)
        return false;
    return (!after || time >= (uint64_t)json_integer_value(after)) &&
           (!before || time <= (uint64_t)json_integer_value(before));
}

static bool matches_clause(json_t *status, const char *name, json_t *wanted)
{
    json_t *value;
    size_t i;

    if (json_is_object(wanted))
        return matches_range(status, name, wanted);
    if (!json_is_array(wanted))
        return matches_value(status, name, wanted);
    json_array_foreach(wanted, i, value) if (matches_value(status, name, value)) return true;
    return false;
}

static bool matches_all(json_t *status, json_t *where)
{
    json_t *element, *wanted;
    const char *name;
    size_t i;

    json_array_foreach(where, i, element) json_object_foreach(
        element, name, wanted) if (!matches_clause(status, name, wanted)) return false;
    return true;
}

static struct {
    const char *field;
    int direction;
} order;

static int compare(const void *a, const void *b)
{
    json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    uint64_t at_x = score_of(x, order.field), at_y = score_of(y, order.field);

    if (at_x != at_y)
        return (at_x < at_y ? -1 : 1) * order.direction;
    return strcmp(json_string_value(json_object_get(x, "id")),
                  json_string_value(json_object_get(y, "id"))) *
           order.direction;
}

/* The ids that match, in order, joined by blanks; *ret_listed tells how many, and *ret_count counts
 * also those that have no such time. */
static char *answer_of_model(json_t *where, const char *sort, size_t *ret_listed, size_t *ret_count)
{
    static json_t *found[THOUSANDS];
    char *ids = calloc(1, THOUSANDS * ID_LENGTH), *end = ids;
    json_t *status;
    size_t i, n = 0;

    *ret_count = 0;
    order.direction = *sort == '-' ? -1 : 1;
    order.field = sort + (*sort == '-');
    json_array_foreach(model, i, status)
    {
        if (!matches_all(status, where))
            continue;
        ++*ret_count;
        if (json_is_string(json_object_get(status, order.field)))
            found[n++] = status;
    }
    qsort(found, n, sizeof *found, compare);
    for (i = 0; i < n; i++)
        end += sprintf(end, "%s ", json_string_value(json_object_get(found[i], "id")));
    *ret_listed = n;
    return ids;
}

/* ---- random queries ---- */

/* Lists are short, or longer than what is looked up in the sets. */
static json_t *one_or_list(json_t *(*make)(void))
{
    json_t *list;

    if (any(2))
        return make();
    list = json_array();
    for (unsigned n = any(4) ? any(4) : any(20); n > 0; n--)
        json_array_append_new(list, make());
    return list;
}

static json_t *any_state(void)
{
    return json_string(any(3) ? states[any(7)] : groups[any(3)]);
}

static json_t *any_name(void)
{
    return json_sprintf("name %u", any(variety));
}

static json_t *any_arg(void)
{
    return json_sprintf("v%u", any(variety));
}

static json_t *any_provider(void)
{
    return any(2) ? json_integer(any(12)) : json_sprintf("%u", any(12));
}

static json_t *any_id(void)
{
    json_t *status = json_array_get(model, any((unsigned)json_array_size(model)));

    return any(6) ? json_incref(json_object_get(status, "id")) : json_string("nobody");
}

/* A time of some status, or just beside it. */
static json_t *any_time(void)
{
    json_t *status = json_array_get(model, any((unsigned)json_array_size(model)));
    const char *text = json_string_value(json_object_get(status, times[any(TIMES)]));

    if (!text)
        text = json_string_value(json_object_get(status, "recorded_at"));
    return json_integer((json_int_t)(micros_of(text) + any(3)) - 1);
}

static json_t *any_range(void)
{
    json_t *range = json_object();
    unsigned ends = 1 + any(3);

    if (ends & 1)
        json_object_set_new(range, "after", any_time());
    if (ends & 2)
        json_object_set_new(range, "before", any_time());
    return range;
}

static void add_clause(json_t *element)
{
    switch (any(8)) {
    case 0:
        json_object_set_new(element, "id", one_or_list(any_id));
        break;
    case 1:
        json_object_set_new(element, "state", one_or_list(any_state));
        break;
    case 2:
        json_object_set_new(element, "job_name", one_or_list(any_name));
        break;
    case 3:
        json_object_set_new(element, "job_arg", one_or_list(any_arg));
        break;
    case 4:
        json_object_set_new(element, any(2) ? "job_arg.a" : "job_arg.b", one_or_list(any_arg));
        break;
    case 5:
        json_object_set_new(element, "provider_job_id", one_or_list(any_provider));
        break;
    case 6:
        json_object_set_new(element, "kill_requested", json_boolean(any(2)));
        break;
    default:
        json_object_set_new(element, times[any(TIMES)], any_range());
    }
}

static json_t *any_where(void)
{
    json_t *where = json_array();

    for (unsigned n = any(ELEMENTS_MAX + 1); n > 0; n--) {
        json_t *element = json_object();
        for (unsigned k = 1 + any(2); k > 0; k--)
            add_clause(element);
        json_array_append_new(where, element);
    }
    return where;
}

/* ---- asking the service ---- */

static json_t *ask_json(struct service *service, const char *path, json_t *query)
{
    char *body = json_dumps(query, 0);
    json_t *json = expect(service, 200, "POST", path, body)->json;

    free(body);
    return json;
}

/* All pages, by cursor or by offset; the total beside them, if it is asked for. */
static void take_pages(struct service *service, json_t *query, bool by_cursor, size_t listed,
                       char *ids)
{
    size_t limit = (size_t)json_integer_value(json_object_get(query, "limit")), seen = 0;

    *ids = '\0';
    for (size_t page = 0; page <= json_array_size(model); page++) {
        json_t *answer = ask_json(service, "/statuses:query", query), *status;
        json_t *list = json_object_get(answer, "statuses");
        size_t i;

        json_array_foreach(list, i, status) ids +=
            sprintf(ids, "%s ", json_string_value(json_object_get(status, "id")));
        seen += json_array_size(list);
        assert_true(json_array_size(list) <= limit);
        if (json_is_true(json_object_get(query, "count")))
            assert_int_equal((size_t)json_number_value(json_object_get(answer, "count")), listed);
        if (json_is_null(json_object_get(answer, "next_cursor")))
            return;
        assert_int_equal(json_array_size(list), limit);
        if (by_cursor)
            json_object_set(query, "cursor", json_object_get(answer, "next_cursor"));
        else
            json_object_set_new(query, "offset", json_integer((json_int_t)seen));
    }
    fail_msg("more pages than there can be");
}

static void fail_with(json_t *query, const char *what, const char *got, const char *wanted)
{
    fail_msg("seed: see above; %s of %s\n  got    %s\n  wanted %s", what,
             json_dumps(query, JSON_SORT_KEYS), got, wanted);
}

static void ask_once(struct service *service)
{
    static char got[2 * THOUSANDS * ID_LENGTH];
    char sort[32], got_count[32], wanted_count[32], *wanted;
    json_t *where = any_where(), *query = json_object();
    unsigned field = any(TIMES + 1);
    size_t listed, count;

    snprintf(sort, sizeof sort, "%s%s", any(2) ? "-" : "", field < TIMES ? times[field] : "id");
    json_object_set(query, "where", where);
    json_object_set_new(query, "sort", json_string(sort));
    json_object_set_new(query, "limit", json_integer(least_limit + any(any(2) ? 8 : 300)));
    json_object_set_new(query, "fields", json_pack("[s]", "id"));
    json_object_set_new(query, "count", json_boolean(any(4) == 0));
    wanted = answer_of_model(where, sort, &listed, &count);

    take_pages(service, query, any(2), listed, got);
    if (strcmp(got, wanted) != 0)
        fail_with(query, "list", got, wanted);
    json_object_clear(query);
    json_object_set(query, "where", where);
    snprintf(wanted_count, sizeof wanted_count, "%zu", count);
    snprintf(
        got_count, sizeof got_count, "%.0f",
        json_number_value(json_object_get(ask_json(service, "/statuses:count", query), "count")));
    if (strcmp(got_count, wanted_count) != 0)
        fail_with(query, "count", got_count, wanted_count);
    free(wanted);
    json_decref(where);
    json_decref(query);
}

static void ask_many(struct service *service, int queries)
{
    const char *wanted = getenv("JOBBAD_ORACLE_QUERIES");

    for (int i = wanted ? atoi(wanted) : queries; i > 0; i--)
        ask_once(service);
}

static void some_statuses_are_found_as_the_model_finds_them(void **state)
{
    ask_many(*state, QUERIES_OF_SOME);
    service_ends_cleanly(state);
}

static void thousands_of_statuses_are_found_as_the_model_finds_them(void **state)
{
    ask_many(*state, QUERIES_OF_THOUSANDS);
    service_ends_cleanly(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(some_statuses_are_found_as_the_model_finds_them, fill_some,
                                        drop),
        cmocka_unit_test_setup_teardown(thousands_of_statuses_are_found_as_the_model_finds_them,
                                        fill_thousands, drop),
    };
    return cmocka_run_group_tests_name("query_oracle", tests, NULL, NULL);
}
