/* Which index drives, as a table: cardinalities in, decision out. */
#include "core/plan.h"

#include "tests/unit/unit_test.h"

#define SETS                \
    {                       \
        .kind = CLAUSE_SETS \
    }
#define RANGE                \
    {                        \
        .kind = CLAUSE_RANGE \
    }
#define KILL                \
    {                       \
        .kind = CLAUSE_KILL \
    }

enum { BY_ORDER = PLAN_BY_ORDER, NOTHING = 99 };

static void the_cheaper_walk_drives(void **state)
{
    static const struct {
        const char *what;
        struct clause clauses[4];
        uint64_t cardinalities[4];
        size_t n_clauses;
        uint64_t order, want;
        unsigned driver;
        uint64_t cost;
        const char *checks;
    } cases[] = {
        { "all, newest ten", { SETS }, { 0 }, 0, 1000000, 11, BY_ORDER, 11, "" },
        { "all, none there", { SETS }, { 0 }, 0, 0, 11, NOTHING, 0, "" },
        { "newest ten failed of a million",
          { SETS },
          { 30000 },
          1,
          1000000,
          11,
          BY_ORDER,
          366,
          "0" },
        { "newest of a rare name", { SETS }, { 50 }, 1, 1000000, 11, 0, 50, "" },
        { "where both cost the same, the order",
          { SETS },
          { 1000 },
          1,
          1000000,
          1,
          BY_ORDER,
          1000,
          "0" },
        { "two clauses: the smaller one",
          { SETS, SETS },
          { 30000, 20 },
          2,
          1000000,
          11,
          1,
          20,
          "0" },
        { "two big clauses: their product",
          { SETS, SETS },
          { 500000, 500000 },
          2,
          1000000,
          11,
          BY_ORDER,
          44,
          "0,1" },
        { "checks: what lets least through first",
          { SETS, RANGE, SETS },
          { 900, 5, 40 },
          3,
          1000,
          0,
          1,
          5,
          "2,0" },
        { "an empty clause", { SETS, SETS }, { 5, 0 }, 2, 1000, 11, NOTHING, 0, "" },
        { "a kill request is only checked", { KILL, SETS }, { 0, 10 }, 2, 1000, 0, 1, 10, "0" },
        { "a kill request alone", { KILL }, { 0 }, 1, 1000, 11, BY_ORDER, 11, "0" },
        { "all are wanted", { SETS }, { 600 }, 1, 1000, 0, 0, 600, "" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct plan_input input = {
            .clauses = cases[i].clauses,
            .cardinalities = cases[i].cardinalities,
            .n_clauses = cases[i].n_clauses,
            .order_cardinality = cases[i].order,
            .has_order = true,
            .want = cases[i].want,
        };
        struct plan plan;
        char checks[64] = "";
        bool made = plan_make(&input, &plan);

        if (made != (cases[i].driver != NOTHING))
            fail_msg("%s: %s", cases[i].what, made ? "a plan" : "no plan");
        if (!made)
            continue;
        for (size_t k = 0; k < plan.n_checks; k++)
            snprintf(checks + strlen(checks), sizeof checks - strlen(checks), "%s%u", k ? "," : "",
                     plan.checks[k]);
        if (plan.driver != cases[i].driver || plan.cost != cases[i].cost ||
            strcmp(checks, cases[i].checks) != 0)
            fail_msg("%s: driver %u, cost %llu, checks %s", cases[i].what, plan.driver,
                     (unsigned long long)plan.cost, checks);
    }
}

/* Of a million, 30,000 failed, of 5 % of all names. */
static void the_newest_in_a_state_are_found_by_its_time(void **state)
{
    static const struct {
        const char *what;
        uint64_t failed, named, times, want;
        unsigned driver;
        uint64_t cost;
    } cases[] = {
        { "ten of a common name", 30000, 50000, 30000, 10, PLAN_BY_STATE, 400 },
        { "ten of a rare name", 30000, 50, 30000, 10, 1, 50 },
        { "all of a name", 30000, 50000, 30000, 0, 0, 30000 },
        { "half of those that failed are in it no more", 30000, 50000, 60000, 10, PLAN_BY_STATE,
          800 },
        { "next to none is in it any more", 300, 50000, 1000000, 10, 0, 300 },
        { "nearly all failed", 900000, 50000, 900000, 10, BY_ORDER, 222 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct clause clauses[] = { SETS, SETS };
        const uint64_t cardinalities[] = { cases[i].failed, cases[i].named };
        const struct plan_input input = {
            .clauses = clauses,
            .cardinalities = cardinalities,
            .n_clauses = 2,
            .order_cardinality = 1000000,
            .has_order = true,
            .has_state = true,
            .state_clause = 0,
            .state_cardinality = cases[i].times,
            .want = cases[i].want,
        };
        struct plan plan;

        assert_true(plan_make(&input, &plan));
        if (plan.driver != cases[i].driver || plan.cost != cases[i].cost)
            fail_msg("%s: driver %u, cost %llu", cases[i].what, plan.driver,
                     (unsigned long long)plan.cost);
        if (plan.driver == PLAN_BY_STATE)
            assert_int_equal(plan.n_checks, 2); /* it may have left the state */
    }
}

/* For one filter that is independent of the order: sqrt(N * limit) at most, whatever its size. */
static void a_walk_costs_no_more_than_the_root_of_all_times_the_limit(void **state)
{
    const struct clause clause = SETS;

    (void)state;
    for (uint64_t size = 1; size <= 1000000; size = size * 3 / 2 + 1) {
        const struct plan_input input = { .clauses = &clause,
                                          .cardinalities = &size,
                                          .n_clauses = 1,
                                          .order_cardinality = 1000000,
                                          .has_order = true,
                                          .want = 10 };
        struct plan plan;
        assert_true(plan_make(&input, &plan));
        assert_in_range(plan.cost, 1, 3163);
    }
}

static void an_order_that_disappoints_is_given_up_for_the_smallest_clause(void **state)
{
    const struct clause clauses[] = { SETS, SETS };
    const uint64_t cardinalities[] = { 5000, 4000 };
    const struct plan_input input = { .clauses = clauses,
                                      .cardinalities = cardinalities,
                                      .n_clauses = 2,
                                      .order_cardinality = 10000,
                                      .has_order = true,
                                      .want = 2 };
    struct plan plan;

    (void)state;
    assert_true(plan_make(&input, &plan));
    assert_int_equal(plan.driver, BY_ORDER);
    assert_int_equal(plan.give_up_at, 8000);
    plan_fall_back(&input, &plan);
    assert_int_equal(plan.driver, 1);
    assert_int_equal(plan.give_up_at, 0);
    assert_int_equal(plan.n_checks, 1);
    assert_int_equal(plan.checks[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cheaper_walk_drives),
        cmocka_unit_test(the_newest_in_a_state_are_found_by_its_time),
        cmocka_unit_test(a_walk_costs_no_more_than_the_root_of_all_times_the_limit),
        cmocka_unit_test(an_order_that_disappoints_is_given_up_for_the_smallest_clause),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
