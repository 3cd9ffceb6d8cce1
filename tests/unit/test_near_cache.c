/* The near cache: what may be found in it, and when. */
#include "core/mem.h"
#include "core/near_cache.h"
#include "tests/unit/unit_test.h"

enum { ROOM = 64 * 1024 };

static struct write_marks marks = { .seed = 7 };

struct rig {
    struct near_cache *cache;
    bool is_current;
    struct text told_while_catching_up; /* a change that is found on the way */
    unsigned unmade;
};

static struct rig the_rig;

static bool catch_up(void *arg)
{
    struct rig *rig = arg;

    if (rig->told_while_catching_up.at) {
        near_cache_changed(rig->cache, rig->told_while_catching_up);
        rig->told_while_catching_up.at = NULL;
    }
    return rig->is_current;
}

static void unmake(void *made)
{
    (void)made;
    the_rig.unmade++;
}

static int set_up(void **state)
{
    the_rig = (struct rig){ .is_current = true };
    the_rig.cache = near_cache_create(ROOM, &marks, unmake, catch_up, &the_rig);
    near_cache_open(the_rig.cache);
    *state = &the_rig;
    return 0;
}

static int tear_down(void **state)
{
    near_cache_destroy(((struct rig *)*state)->cache);
    return 0;
}

static struct status_view view_of(const char *state, const char *data)
{
    return (struct status_view){ .field = { [FIELD_ID] = TEXT("\"x\""),
                                            [FIELD_STATE] = text_of(state),
                                            [FIELD_DATA] = text_of(data) } };
}

static struct near_cache_stats stats_of(const struct rig *rig)
{
    struct near_cache_stats stats;

    near_cache_get_stats(rig->cache, &stats);
    return stats;
}

static void put_data(struct rig *rig, const char *id, const char *data)
{
    struct near_ticket ticket = near_cache_ask(rig->cache, text_of(id));
    struct status_view view = view_of("\"started\"", data);

    near_cache_put(rig->cache, &ticket, text_of(id), &view);
}

static void put(struct rig *rig, const char *id)
{
    put_data(rig, id, "1");
}

static bool has(struct rig *rig, const char *id)
{
    return near_cache_find(rig->cache, text_of(id)) != NULL;
}

static void what_was_put_is_found_as_it_was(void **state)
{
    struct rig *rig = *state;
    struct near_entry *entry;

    put_data(rig, "a", "{\"n\":1}");
    put_data(rig, "b", NULL);
    entry = near_cache_find(rig->cache, TEXT("a"));
    assert_non_null(entry);
    assert_true(text_is(entry->id, "a"));
    assert_true(text_is(entry->view.field[FIELD_STATE], "\"started\""));
    assert_true(text_is(entry->view.field[FIELD_DATA], "{\"n\":1}"));
    assert_null(entry->view.field[FIELD_ERRORS].at);
    assert_null(near_cache_find(rig->cache, TEXT("b"))->view.field[FIELD_DATA].at);
    assert_false(has(rig, "c"));
    assert_int_equal(stats_of(rig).hits, 2);
    assert_int_equal(stats_of(rig).misses, 1);
}

static void a_change_drops_only_its_status(void **state)
{
    struct rig *rig = *state;

    put(rig, "a");
    put(rig, "b");
    near_cache_changed(rig->cache, TEXT("a"));
    near_cache_changed(rig->cache, TEXT("never seen"));
    assert_false(has(rig, "a"));
    assert_true(has(rig, "b"));
    near_cache_all_changed(rig->cache);
    assert_false(has(rig, "b"));
    assert_int_equal(stats_of(rig).bytes, 0);
}

static void what_happens_between_question_and_answer_refuses_the_answer(void **state)
{
    struct rig *rig = *state;
    struct status_view view = view_of("\"started\"", "1");
    struct near_ticket ticket;

    for (int event = 0; event < 5; event++) {
        ticket = near_cache_ask(rig->cache, TEXT("a"));
        if (event == 0)
            near_cache_changed(rig->cache, TEXT("a"));
        if (event == 1)
            near_cache_all_changed(rig->cache);
        if (event == 2)
            near_cache_wrote(rig->cache, TEXT("a"));
        if (event == 3) {
            near_cache_close(rig->cache);
            near_cache_open(rig->cache);
        }
        if (event == 4)
            near_cache_close(rig->cache);
        near_cache_put(rig->cache, &ticket, TEXT("a"), &view);
        assert_false(has(rig, "a"));
    }
    ticket = near_cache_ask(rig->cache, TEXT("a")); /* while closed */
    near_cache_open(rig->cache);
    near_cache_put(rig->cache, &ticket, TEXT("a"), &view);
    assert_false(has(rig, "a"));
    ticket = near_cache_ask(rig->cache, TEXT("a"));
    near_cache_changed(rig->cache, TEXT("b"));
    near_cache_put(rig->cache, &ticket, TEXT("a"), &view);
    assert_true(has(rig, "a"));
}

static void a_write_of_any_worker_hides_the_status_and_its_attempts(void **state)
{
    struct rig *rig = *state;
    struct near_cache *other = near_cache_create(ROOM, &marks, unmake, catch_up, rig);

    put(rig, "a");
    put(rig, "a:0");
    put(rig, "b");
    near_cache_wrote(other, TEXT("a"));
    assert_false(has(rig, "a"));
    assert_false(has(rig, "a:0"));
    assert_true(has(rig, "b"));
    put(rig, "a");
    assert_true(has(rig, "a"));
    near_cache_destroy(other);
}

static void nothing_is_found_while_changes_may_be_on_their_way(void **state)
{
    struct rig *rig = *state;

    put(rig, "a");
    rig->is_current = false;
    assert_false(has(rig, "a"));
    rig->is_current = true;
    assert_true(has(rig, "a"));
    rig->told_while_catching_up = TEXT("a");
    assert_false(has(rig, "a"));
}

static void the_least_recently_used_go_first(void **state)
{
    struct rig *rig = *state;
    char id[16], data[1024];

    memset(data, '1', sizeof data);
    data[sizeof data - 1] = '\0';
    put(rig, "hot");
    for (int i = 0; i < 500; i++) {
        snprintf(id, sizeof id, "x%d", i);
        put_data(rig, id, data);
        assert_true(stats_of(rig).bytes <= ROOM);
        assert_true(has(rig, id));
        assert_true(has(rig, "hot"));
    }
    assert_false(has(rig, "x0"));
    assert_true(has(rig, "x490"));
}

static void what_is_too_large_a_share_is_not_kept(void **state)
{
    struct rig *rig = *state;
    char *data = mem_zalloc(ROOM);

    memset(data, '1', ROOM / 8);
    put_data(rig, "big", data);
    assert_false(has(rig, "big"));
    assert_int_equal(stats_of(rig).refused, 1);
    free(data);
}

static void what_was_made_goes_with_its_entry(void **state)
{
    struct rig *rig = *state;

    put(rig, "a");
    put(rig, "b");
    near_cache_keep(rig->cache, near_cache_find(rig->cache, TEXT("a")), rig, 100);
    assert_ptr_equal(near_cache_find(rig->cache, TEXT("a"))->made, rig);
    near_cache_changed(rig->cache, TEXT("b"));
    assert_int_equal(rig->unmade, 0);
    put(rig, "a"); /* read again: another entry */
    assert_int_equal(rig->unmade, 1);
    assert_null(near_cache_find(rig->cache, TEXT("a"))->made);
    near_cache_keep(rig->cache, near_cache_find(rig->cache, TEXT("a")), rig, 2 * ROOM);
    assert_true(has(rig, "a")); /* the last one stays: it is in use */
    put(rig, "c");
    assert_int_equal(rig->unmade, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_put_is_found_as_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_change_drops_only_its_status, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_happens_between_question_and_answer_refuses_the_answer,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_write_of_any_worker_hides_the_status_and_its_attempts,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_found_while_changes_may_be_on_their_way, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_least_recently_used_go_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_too_large_a_share_is_not_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_made_goes_with_its_entry, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("near_cache", tests, NULL, NULL);
}
