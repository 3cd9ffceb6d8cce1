/* Few at a time; the others wait in their order. */
#include "core/gate.h"
#include "tests/unit/unit_test.h"

enum { ALL = 10000, FIRST = 4 };

static struct gate gate;
static struct gate_pass passes[ALL];
static size_t n_let_in;
static bool leaves_at_once;

/* In their order, whoever it is that leaves. */
static void let_in(struct gate_pass *pass)
{
    assert_ptr_equal(pass, &passes[FIRST + n_let_in]);
    assert_true(pass->is_in);
    n_let_in++;
    if (leaves_at_once)
        gate_leave(pass);
}

static int all_enter(void **state)
{
    (void)state;
    n_let_in = 0;
    leaves_at_once = false;
    gate_init(&gate, FIRST);
    for (size_t i = 0; i < ALL; i++)
        assert_int_equal(gate_enter(&gate, &passes[i], let_in), i < FIRST);
    return 0;
}

static void each_that_leaves_lets_the_next_in(void **state)
{
    (void)state;
    for (size_t i = 0; i < ALL; i++) {
        gate_leave(&passes[i]);
        gate_leave(&passes[i]); /* which makes no difference */
        assert_int_equal(n_let_in, i + 1 < ALL - FIRST ? i + 1 : ALL - FIRST);
    }
    assert_int_equal(gate.n_in, 0);
}

/* Not one inside of the other: the stack would not do. */
static void thousands_that_leave_at_once_are_let_in(void **state)
{
    (void)state;
    leaves_at_once = true;
    gate_leave(&passes[2]);
    assert_int_equal(n_let_in, ALL - FIRST);
    assert_int_equal(gate.n_in, FIRST - 1);
}

static void one_that_waits_may_leave(void **state)
{
    static struct gate_pass none;

    (void)state;
    for (size_t i = ALL - 1; i >= FIRST + 1; i--)
        gate_leave(&passes[i]);
    assert_int_equal(n_let_in, 0);
    gate_leave(&passes[0]);
    gate_leave(&passes[1]);
    assert_int_equal(n_let_in, 1);
    assert_int_equal(gate.n_in, FIRST - 1);
    gate_leave(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_that_leaves_lets_the_next_in, all_enter),
        cmocka_unit_test_setup(thousands_that_leave_at_once_are_let_in, all_enter),
        cmocka_unit_test_setup(one_that_waits_may_leave, all_enter),
    };
    return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
