/* Alarms: each rings once, in the order of their times, with one timer of the loop. */
#include "core/alarms.h"
#include "core/list.h"
#include "tests/unit/unit_test.h"

enum { MANY = 2000 };

struct bell {
    struct alarm alarm;
    unsigned rang;
    struct bell *clears; /* another one, when this rings */
    unsigned again;      /* so often it sets itself anew */
};

static struct alarms alarms;
static uv_loop_t loop;
static uint64_t last_due_ms;
static unsigned out_of_order;
static struct bell bells[MANY];

static void rang(struct alarm *alarm)
{
    struct bell *bell = container_of(alarm, struct bell, alarm);

    bell->rang++;
    out_of_order += alarm->due_ms < last_due_ms;
    last_due_ms = alarm->due_ms;
    assert_true(uv_now(&loop) >= alarm->due_ms);
    if (bell->clears)
        alarms_clear(&alarms, &bell->clears->alarm);
    if (bell->again && bell->again--)
        alarms_set(&alarms, alarm, uv_now(&loop) + 1);
}

static int set_up(void **state)
{
    (void)state;
    uv_loop_init(&loop);
    alarms_init(&alarms, &loop);
    last_due_ms = 0;
    out_of_order = 0;
    for (size_t i = 0; i < MANY; i++)
        bells[i] = (struct bell){ .alarm = { .rang = rang } };
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    alarms_close(&alarms, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

static void run_all(void)
{
    while (alarms.n)
        uv_run(&loop, UV_RUN_ONCE);
}

static void they_ring_in_the_order_of_their_times(void **state)
{
    (void)state;
    srand(5);
    for (size_t i = 0; i < MANY; i++)
        alarms_set(&alarms, &bells[i].alarm, uv_now(&loop) + (uint64_t)(rand() % 40));
    for (size_t i = 0; i < MANY; i += 3) /* set anew, or cleared */
        alarms_set(&alarms, &bells[i].alarm, uv_now(&loop) + (uint64_t)(rand() % 40));
    for (size_t i = 1; i < MANY; i += 3)
        alarms_clear(&alarms, &bells[i].alarm);
    run_all();
    assert_int_equal(out_of_order, 0);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(bells[i].rang, i % 3 == 1 ? 0 : 1);
        assert_false(alarm_is_set(&bells[i].alarm));
    }
}

static void one_may_clear_another_and_set_itself(void **state)
{
    (void)state;
    bells[0].clears = &bells[1];
    bells[2].again = 3;
    for (size_t i = 0; i < 3; i++)
        alarms_set(&alarms, &bells[i].alarm, uv_now(&loop) + 1 + i);
    run_all();
    assert_int_equal(bells[0].rang, 1);
    assert_int_equal(bells[1].rang, 0);
    assert_int_equal(bells[2].rang, 4);
}

static void an_earlier_one_comes_first_although_set_later(void **state)
{
    (void)state;
    alarms_set(&alarms, &bells[0].alarm, uv_now(&loop) + 60000);
    alarms_set(&alarms, &bells[1].alarm, uv_now(&loop) + 2);
    while (!bells[1].rang)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(bells[0].rang, 0);
    alarms_clear(&alarms, &bells[0].alarm);
    alarms_clear(&alarms, &bells[0].alarm); /* harmless */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(they_ring_in_the_order_of_their_times, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_may_clear_another_and_set_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_earlier_one_comes_first_although_set_later, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("alarms", tests, NULL, NULL);
}
