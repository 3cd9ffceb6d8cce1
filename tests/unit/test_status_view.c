/* What is stored, as the API shows it: views, JSON and times. */
#include "api/status_json.h"
#include "api/time_text.h"
#include "core/status_id.h"
#include "core/status_view.h"
#include "tests/unit/unit_test.h"

enum { FIELDS_MAX = 16 };

/* A reply of HGETALL made of name, value, name, value... up to a NULL. */
static struct redis_reply hash_of(struct redis_reply items[2 * FIELDS_MAX],
                                  const char *const *texts)
{
    size_t n = 0;

    for (; texts[n]; n++)
        items[n] = (struct redis_reply){ .type = REDIS_STRING, .text = text_of(texts[n]) };
    return (struct redis_reply){ .type = REDIS_ARRAY, .n_items = n, .items = items };
}

static void a_hash_becomes_a_view(void **state)
{
    static const char *const texts[] = { "state",   "\"failed\"", "id",        "\"a\"",
                                         "colour",  "red",        "queued_at", "null",
                                         "attempt", "12",         NULL };
    struct redis_reply items[2 * FIELDS_MAX], reply = hash_of(items, texts);
    struct status_view view;
    bool found;
    (void)state;
    assert_true(status_view_of_all(&reply, &view, &found));
    assert_true(found);
    assert_int_equal(status_view_state(&view), STATE_FAILED);
    assert_null(view.field[FIELD_QUEUED_AT].at); /* null is absent */
    assert_int_equal(status_view_u64(&view, FIELD_ATTEMPT, 7), 12);
    assert_int_equal(status_view_u64(&view, FIELD_REV, 7), 7);
}

static void other_replies_are_refused(void **state)
{
    struct redis_reply integer = { .type = REDIS_INTEGER }, items[3] = { { 0 } };
    struct redis_reply odd = { .type = REDIS_ARRAY, .n_items = 3, .items = items };
    struct redis_reply empty = { .type = REDIS_ARRAY };
    struct status_view view;
    bool found;
    (void)state;
    assert_false(status_view_of_all(&integer, &view, &found));
    assert_false(status_view_of_all(&odd, &view, &found));
    assert_true(status_view_of_all(&empty, &view, &found));
    assert_false(found);
    assert_false(status_view_of_fields(&empty, FIELD_BIT(FIELD_ID), &view, &found));
    assert_false(status_view_of_fields(&integer, FIELD_BIT(FIELD_ID), &view, &found));
}

static void every_key_is_shown_in_order(void **state)
{
    struct status_view view = {
        .field = { [FIELD_ID] = TEXT("\"a\""), [FIELD_STATE] = TEXT("\"succeeded\"") }
    };
    struct buf out = { 0 };
    (void)state;
    status_json_write(&out, &view, STATUS_KEYS_ALL);
    assert_string_equal(
        buf_cstr(&out),
        "{\"id\":\"a\",\"state\":\"succeeded\",\"progress\":0,\"errors\":[],\"data\":null,"
        "\"job_name\":null,\"job_args\":{},\"provider_job_id\":null,\"attempt\":0,\"recorded_at\":"
        "null,"
        "\"queued_at\":null,\"started_at\":null,\"succeeded_at\":null,\"failed_at\":null,"
        "\"killed_at\":null,\"kill_requested_at\":null,\"updated_at\":null,\"rev\":0,"
        "\"completed\":true,\"kill_requested\":false}");
    buf_clear(&out);
    status_json_write(&out, &view, 0);
    assert_string_equal(buf_cstr(&out), "{}");
    buf_finish(&out);
}

static void keys_need_their_fields(void **state)
{
    (void)state;
    assert_int_equal(status_keys_fields(STATUS_KEY_BIT(STATUS_KEY_COMPLETED)),
                     FIELD_BIT(FIELD_STATE));
    assert_int_equal(status_keys_fields(STATUS_KEYS_ALL), FIELDS_ALL);
    assert_int_equal(status_key_of_name(TEXT("kill_requested")), STATUS_KEY_KILL_REQUESTED);
    assert_int_equal(status_key_of_name(TEXT("Kill_requested")), STATUS_KEY_COUNT);
    for (enum status_field field = 0; field < FIELD_COUNT; field++)
        assert_int_equal(status_field_of_name(text_of(status_field_name(field))), field);
}

static void times_are_written_for_8000_years(void **state)
{
    static const struct {
        uint64_t at;
        const char *text;
    } cases[] = {
        { 0, "1970-01-01T00:00:00.000000Z" },
        { 1, "1970-01-01T00:00:00.000001Z" },
        { 951782400000000, "2000-02-29T00:00:00.000000Z" },
        { 951868799999999, "2000-02-29T23:59:59.999999Z" },
        { 951868800000000, "2000-03-01T00:00:00.000000Z" },
        { 1709164800000000, "2024-02-29T00:00:00.000000Z" },
        { 1735689599000000, "2024-12-31T23:59:59.000000Z" },
        { 4107542400000000, "2100-03-01T00:00:00.000000Z" },
        { 1795509301134557, "2026-11-24T08:35:01.134557Z" },
        { TIME_TEXT_MAX, "9999-12-31T23:59:59.999999Z" },
    };
    struct buf out = { 0 };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        buf_clear(&out);
        time_text_write(&out, cases[i].at);
        assert_string_equal(buf_cstr(&out), cases[i].text);
    }
    buf_finish(&out);
}

static void ids_are_checked(void **state)
{
    static const struct {
        const char *id;
        bool valid, or_attempt;
    } cases[] = {
        { "a", true, true },
        { "", false, false },
        { "A.b_c~d-9", true, true },
        { "a b", false, false },
        { "a:0", false, true },
        { "a:123456789", false, true },
        { "a:1234567890", false, false },
        { "a:01", false, false },
        { "a:", false, false },
        { ":0", false, false },
        { "a:0:1", false, false },
        { "a:-1", false, false },
        { "a/b", false, false },
        { "\xc3\xa9", false, false },
        { "a\n", false, false },
    };
    char long_id[129], made[STATUS_ID_UUID_LEN + 1], other[STATUS_ID_UUID_LEN + 1];
    bool archived;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(status_id_valid(text_of(cases[i].id)), cases[i].valid);
        assert_int_equal(status_id_or_attempt_valid(text_of(cases[i].id), &archived),
                         cases[i].or_attempt);
        if (cases[i].or_attempt)
            assert_int_equal(archived, !cases[i].valid);
    }
    memset(long_id, 'x', sizeof long_id);
    assert_true(status_id_valid((struct text){ long_id, 128 }));
    assert_false(status_id_valid((struct text){ long_id, 129 }));
    status_id_make(made);
    status_id_make(other);
    assert_int_equal(strlen(made), STATUS_ID_UUID_LEN);
    assert_true(status_id_valid(text_of(made)));
    assert_int_equal(made[14], '4'); /* random, not made of time and MAC */
    assert_string_not_equal(made, other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hash_becomes_a_view),
        cmocka_unit_test(other_replies_are_refused),
        cmocka_unit_test(every_key_is_shown_in_order),
        cmocka_unit_test(keys_need_their_fields),
        cmocka_unit_test(times_are_written_for_8000_years),
        cmocka_unit_test(ids_are_checked),
    };
    return cmocka_run_group_tests_name("status_view", tests, NULL, NULL);
}
