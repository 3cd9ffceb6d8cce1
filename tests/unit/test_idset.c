/* Sets of ids. */
#include "core/idset.h"
#include "tests/unit/unit_test.h"

enum { IDS = 5000, STEPS = 200000 };

static void it_has_what_was_added_and_not_removed(void **state)
{
    struct idset set = { 0 };
    static bool is_in[IDS];
    size_t n = 0;
    char id[16];

    (void)state;
    assert_false(idset_has(&set, TEXT("x")));
    assert_false(idset_remove(&set, TEXT("x")));
    srand(3);
    for (unsigned i = 0; i < STEPS; i++) {
        unsigned k = (unsigned)rand() % IDS;
        snprintf(id, sizeof id, "id%u", k);
        struct text text = text_of(id);
        assert_int_equal(idset_has(&set, text), is_in[k]);
        if (rand() % 2) {
            assert_int_equal(idset_add(&set, text), !is_in[k]);
            n += !is_in[k];
            is_in[k] = true;
        } else {
            assert_int_equal(idset_remove(&set, text), is_in[k]);
            n -= is_in[k];
            is_in[k] = false;
        }
        assert_int_equal(set.n, n);
    }
    for (unsigned k = 0; k < IDS; k++) {
        snprintf(id, sizeof id, "id%u", k);
        assert_int_equal(idset_has(&set, text_of(id)), is_in[k]);
    }
    idset_finish(&set);
    assert_false(idset_has(&set, TEXT("id1")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_has_what_was_added_and_not_removed),
    };
    return cmocka_run_group_tests_name("idset", tests, NULL, NULL);
}
