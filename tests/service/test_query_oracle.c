/*
 * Random statuses and random queries, answered by the service and by a plain model that filters and
 * sorts in memory. Another seed: JOBBAD_ORACLE_SEED; more queries: JOBBAD_ORACLE_QUERIES.
 */
#include "tests/service/service_test.h"

#include <time.h>

enum { STATUSES = 250, QUERIES = 1500, PAGES_MAX = STATUSES + 1, ELEMENTS_MAX = 4, TIMES = 6 };

static const char *const states[] = { "unqueued", "queued", "started", "succeeded",
                                      "failed",   "killed", "unknown" };
static const char *const times[] = { "recorded_at",  "queued_at", "started_at",
                                     "succeeded_at", "failed_at", "killed_at" };
static const char *const groups[] = { "completed", "incomplete", "terminal" };

static unsigned seed;
static json_t *model; /* all statuses, as GET shows them */

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
    snprintf(path, sizeof path, "/statuses/%s", id);
    json_array_append(model, expect(service, 200, "GET", path, NULL)->json);
    free(text);
    json_decref(body);
}

static int fill(void **state)
{
    const char *wanted = getenv("JOBBAD_ORACLE_SEED");

    service_setup(state);
    seed = wanted ? (unsigned)atoi(wanted) : (unsigned)time(NULL);
    print_message("# seed %u\n", seed);
    model = json_array();
    for (unsigned i = 0; i < STATUSES; i++)
        create_one(*state, i);
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

static bool matches_range(json_t *status, const char *name, json_t *range)
{
    const char *text = json_string_value(json_object_get(status, name));
    json_t *after = json_object_get(range, "after"), *before = json_object_get(range, "before");
    uint64_t time;

    if (!text)
        return false;
    time = micros_of(text);
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

static uint64_t score_of(json_t *status)
{
    return strcmp(order.field, "id") == 0
               ? 0
               : micros_of(json_string_value(json_object_get(status, order.field)));
}

static int compare(const void *a, const void *b)
{
    json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    uint64_t at_x = score_of(x), at_y = score_of(y);

    if (at_x != at_y)
        return (at_x < at_y ? -1 : 1) * order.direction;
    return strcmp(json_string_value(json_object_get(x, "id")),
                  json_string_value(json_object_get(y, "id"))) *
           order.direction;
}

/* The ids that match, in order, joined by blanks; *ret_count counts also those that have no such
 * time. */
static char *answer_of_model(json_t *where, const char *sort, size_t *ret_count)
{
    static json_t *found[STATUSES];
    char *ids = calloc(1, STATUSES * 16);
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
        sprintf(ids + strlen(ids), "%s ", json_string_value(json_object_get(found[i], "id")));
    return ids;
}

/* ---- random queries ---- */

static json_t *one_or_list(json_t *(*make)(void))
{
    json_t *list;

    if (any(2))
        return make();
    list = json_array();
    for (unsigned n = any(4); n > 0; n--)
        json_array_append_new(list, make());
    return list;
}

static json_t *any_state(void)
{
    return json_string(any(3) ? states[any(7)] : groups[any(3)]);
}

static json_t *any_name(void)
{
    return json_sprintf("name %u", any(6));
}

static json_t *any_arg(void)
{
    return json_sprintf("v%u", any(6));
}

static json_t *any_provider(void)
{
    return any(2) ? json_integer(any(10)) : json_sprintf("%u", any(10));
}

static json_t *any_id(void)
{
    json_t *status = json_array_get(model, any(STATUSES));

    return any(6) ? json_incref(json_object_get(status, "id")) : json_string("nobody");
}

/* A time of some status, or just beside it. */
static json_t *any_time(void)
{
    json_t *status = json_array_get(model, any(STATUSES));
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

/* All pages, by cursor or by offset. */
static void take_pages(struct service *service, json_t *query, bool by_cursor, char *ids)
{
    size_t limit = (size_t)json_integer_value(json_object_get(query, "limit")), seen = 0;

    *ids = '\0';
    for (int page = 0; page < PAGES_MAX; page++) {
        json_t *answer = ask_json(service, "/statuses:query", query), *status;
        json_t *list = json_object_get(answer, "statuses");
        size_t i;

        json_array_foreach(list, i, status)
            sprintf(ids + strlen(ids), "%s ", json_string_value(json_object_get(status, "id")));
        seen += json_array_size(list);
        assert_true(json_array_size(list) <= limit);
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
    static char got[STATUSES * 16];
    char sort[32], got_count[32], wanted_count[32], *wanted;
    json_t *where = any_where(), *query = json_object();
    unsigned field = any(TIMES + 1);
    size_t count;

    snprintf(sort, sizeof sort, "%s%s", any(2) ? "-" : "", field < TIMES ? times[field] : "id");
    json_object_set(query, "where", where);
    json_object_set_new(query, "sort", json_string(sort));
    json_object_set_new(query, "limit", json_integer(1 + any(any(2) ? 8 : 300)));
    json_object_set_new(query, "fields", json_pack("[s]", "id"));
    wanted = answer_of_model(where, sort, &count);

    take_pages(service, query, any(2), got);
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

static void the_service_answers_as_the_model_does(void **state)
{
    const char *wanted = getenv("JOBBAD_ORACLE_QUERIES");
    int queries = wanted ? atoi(wanted) : QUERIES;

    for (int i = 0; i < queries; i++)
        ask_once(*state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_service_answers_as_the_model_does),
        ENDS_CLEANLY,
    };
    return cmocka_run_group_tests_name("query_oracle", tests, fill, drop);
}
