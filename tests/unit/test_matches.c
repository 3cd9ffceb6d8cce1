/* Ids in the order of a query, and ids that have been seen. */
#include "core/idset.h"
#include "core/matches.h"
#include "tests/unit/unit_test.h"

static void add(struct matches *matches, uint64_t score, const char *id)
{
    matches_add(matches, score, text_of(id));
}

static const char *shown(const struct matches *matches)
{
    static char text[256];

    *text = '\0';
    for (size_t i = 0; i < matches->n; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%.*s ",
                 (int)matches_id(matches, i).len, matches_id(matches, i).at);
    return text;
}

static void ties_are_in_the_order_of_ids_in_the_same_direction(void **state)
{
    (void)state;
    for (int descending = 0; descending < 2; descending++) {
        struct matches matches = { .descending = descending };
        add(&matches, 2, "b");
        add(&matches, 1, "z");
        add(&matches, 2, "a");
        add(&matches, 2, "ab");
        add(&matches, 3, "0");
        matches_sort(&matches);
        assert_string_equal(shown(&matches), descending ? "0 b ab a z " : "z a ab b 0 ");
        matches_finish(&matches);
    }
}

static void only_the_first_are_kept(void **state)
{
    struct matches matches = { .most = 3 };
    char id[16];

    (void)state;
    for (unsigned i = 0; i < 10000; i++) {
        snprintf(id, sizeof id, "i%u", i);
        add(&matches, (i * 7919) % 10007, id);
    }
    assert_true(matches.cap <= 64 && matches.ids.len < 4096);
    matches_sort(&matches);
    assert_int_equal(matches.n, 3);
    assert_int_equal(matches.items[0].score, 0);
    assert_int_equal(matches.items[1].score, 1);
    assert_int_equal(matches.items[2].score, 2);
    matches_finish(&matches);
}

/* Against all of them, sorted at once. */
static void thousands_are_in_order(void **state)
{
    enum { COUNT = 20000, MOST = 3000 };

    (void)state;
    for (int descending = 0; descending < 2; descending++) {
        struct matches all = { .descending = descending },
                       first = { .descending = descending, .most = MOST };
        unsigned seed = 7;
        char id[16];
        for (unsigned i = 0; i < COUNT; i++) {
            uint64_t score = (uint64_t)rand_r(&seed) % 5000;
            snprintf(id, sizeof id, "%u", (i * 7919) % COUNT);
            add(&all, score, id);
            add(&first, score, id);
        }
        assert_true(first.cap <= 2 * (MOST + 1024) && first.ids.len < 3 * MOST * 5 + 8192);
        matches_sort(&all);
        matches_sort(&first);
        assert_int_equal(all.n, COUNT);
        assert_int_equal(first.n, MOST);
        for (size_t i = 1; i < COUNT; i++)
            assert_true(matches_before(&all, all.items[i - 1].score, matches_id(&all, i - 1),
                                       all.items[i].score, matches_id(&all, i)));
        for (size_t i = 0; i < MOST; i++) {
            assert_int_equal(first.items[i].score, all.items[i].score);
            assert_true(text_equal(matches_id(&first, i), matches_id(&all, i)));
        }
        matches_finish(&all);
        matches_finish(&first);
    }
}

static void an_id_is_new_once(void **state)
{
    struct idset set = { 0 };
    char id[16];

    (void)state;
    for (int round = 0; round < 2; round++)
        for (unsigned i = 0; i < 50000; i++) {
            snprintf(id, sizeof id, "i%u", i);
            assert_int_equal(idset_add(&set, text_of(id)), round == 0);
        }
    assert_int_equal(set.n, 50000);
    idset_finish(&set);
    assert_true(idset_add(&set, TEXT("i1")));
    idset_finish(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ties_are_in_the_order_of_ids_in_the_same_direction),
        cmocka_unit_test(only_the_first_are_kept),
        cmocka_unit_test(thousands_are_in_order),
        cmocka_unit_test(an_id_is_new_once),
    };
    return cmocka_run_group_tests_name("matches", tests, NULL, NULL);
}
