/* Watching statuses change, against a scripted peer. */
#include "core/live.h"
#include "core/log.h"
#include "tests/unit/pool_rig.h"

#include <signal.h>

#define TIME_AT(seconds) "*2\r\n$1\r\n" seconds "\r\n$1\r\n0\r\n"
#define HASH(state, progress)                                        \
    "*6\r\n$2\r\nid\r\n$3\r\n\"a\"\r\n$5\r\nstate\r\n$8\r\n\"" state \
    "\"\r\n$8\r\nprogress\r\n$3\r\n" progress "\r\n"
#define NONE "*0\r\n"

struct seen {
    struct live_watch watch;
    unsigned n;
    char last[64];
    uint64_t position;
};

struct live_rig {
    struct rig *rig;
    struct alarms alarms;
    struct live_shared shared;
    struct status_store store;
    struct live *live;
    bool alarms_closed;
    char since[256];
    uint64_t synced;
    struct live_sync sync;
};

static struct live_rig live_rig;

static void note(struct seen *seen, const struct live_news *news)
{
    struct text state = news->view ? news->view->field[FIELD_STATE] : TEXT("gone");
    struct text progress = news->view ? news->view->field[FIELD_PROGRESS] : TEXT("");

    seen->n++;
    seen->position = news->position;
    snprintf(seen->last, sizeof seen->last, "%.*s %.*s", (int)state.len, state.at,
             (int)progress.len, progress.at);
}

static void told(struct live_watch *watch, const struct live_news *news)
{
    note(container_of(watch, struct seen, watch), news);
}

static bool catch_up(void *arg)
{
    (void)arg;
    return true;
}

static void unmake(void *made)
{
    (void)made;
}

static int live_set_up(void **state)
{
    void *rig;
    int failed = set_up(&rig);

    live_rig = (struct live_rig){ .rig = rig };
    start(rig);
    alarms_init(&live_rig.alarms, &live_rig.rig->loop);
    live_rig.store = (struct status_store){ .pool = live_rig.rig->pool, .prefix = TEXT("jobba:") };
    live_rig.live = live_create(&live_rig.rig->loop, &(struct live_options){
                                                         .store = &live_rig.store,
                                                         .alarms = &live_rig.alarms,
                                                         .shared = &live_rig.shared,
                                                         .catch_up = catch_up,
                                                         .unmake = unmake,
                                                         .interval_ms = 60,
                                                         .call_ms = 300,
                                                         .log_most = 3,
                                                         .log_ms = 60000,
                                                     });
    live_ready(live_rig.live);
    *state = &live_rig;
    return failed;
}

static int live_tear_down(void **state)
{
    struct live_rig *of = *state;
    void *rig = of->rig;

    live_stop(of->live);
    close_pool(of->rig);
    live_destroy(of->live);
    alarms_close(&of->alarms, NULL);
    return tear_down(&rig);
}

static void live_turn(struct live_rig *of)
{
    live_flush(of->live);
    turn(of->rig);
}

#define live_until(of, condition)                              \
    do {                                                       \
        unsigned turns = 0;                                    \
        while (!(condition)) {                                 \
            live_turn(of);                                     \
            if (++turns > TURNS_MAX)                           \
                fail_msg("did not come true: %s", #condition); \
        }                                                      \
    } while (0)

static void watch(struct live_rig *of, struct seen *seen, bool coalesced)
{
    *seen = (struct seen){ .watch = { .id = TEXT("a"), .coalesced = coalesced, .told = told } };
    live_watch(of->live, &seen->watch);
    assert_int_equal(seen->n, 0);
}

static struct live_stats live_stats_of(struct live_rig *of)
{
    struct live_stats stats;

    live_get_stats(of->live, &stats);
    return stats;
}

static void all_who_watch_are_told_by_one_read(void **state)
{
    struct live_rig *of = *state;
    struct seen seen[3];

    SCRIPT(of->rig, { TIME_AT("1") }, { HASH("queued", "0.1") }, { TIME_AT("2") },
           { HASH("failed", "0.1") }, { TIME_AT("3") }, { NONE });
    for (unsigned i = 0; i < 3; i++)
        watch(of, &seen[i], i > 0);
    live_until(of, seen[0].n && seen[1].n && seen[2].n);
    assert_string_equal(seen[2].last, "\"queued\" 0.1");
    assert_int_equal(seen[2].position, 1000000);
    live_changed(of->live, TEXT("b")); /* nobody's */
    live_changed(of->live, TEXT("a"));
    live_until(of, seen[0].n == 2 && seen[1].n == 2 && seen[2].n == 2);
    assert_string_equal(seen[1].last, "\"failed\" 0.1");
    live_unwatch(of->live, &seen[1].watch);
    live_changed(of->live, TEXT("a"));
    live_until(of, seen[0].n == 3 && seen[2].n == 3);
    assert_string_equal(seen[0].last, "gone ");
    assert_int_equal(seen[1].n, 2);
    assert_int_equal(live_stats_of(of).reads, 3);
    live_unwatch(of->live, &seen[0].watch);
    live_unwatch(of->live, &seen[2].watch);
    assert_int_equal(live_stats_of(of).statuses, 0);
}

static void what_changes_while_it_is_read_is_read_again(void **state)
{
    struct live_rig *of = *state;
    struct seen seen;

    SCRIPT(of->rig, { TIME_AT("1") }, { HASH("queued", "0.1") }, { TIME_AT("2") },
           { HASH("failed", "0.1") });
    watch(of, &seen, true);
    live_flush(of->live);
    live_changed(of->live, TEXT("a"));
    live_until(of, seen.n == 2);
    assert_string_equal(seen.last, "\"failed\" 0.1");
    live_unwatch(of->live, &seen.watch);
}

static void progress_is_held_from_streams_but_not_from_waits(void **state)
{
    struct live_rig *of = *state;
    struct seen stream, wait;

    SCRIPT(of->rig, { TIME_AT("1") }, { HASH("queued", "0.1") }, { TIME_AT("2") },
           { HASH("queued", "0.2") }, { TIME_AT("3") }, { HASH("queued", "0.3") }, { TIME_AT("4") },
           { HASH("queued", "0.3") }, { TIME_AT("5") }, { HASH("queued", "0.4") }, { TIME_AT("6") },
           { HASH("failed", "0.4") });
    watch(of, &stream, true);
    watch(of, &wait, false);
    live_until(of, stream.n && wait.n);
    live_changed(of->live, TEXT("a"));
    live_until(of, wait.n == 2);
    assert_int_equal(stream.n, 2); /* the first comes at once */
    live_changed(of->live, TEXT("a"));
    live_until(of, wait.n == 3);
    assert_int_equal(stream.n, 2);
    assert_true(live_position(of->live) < 3000000); /* not all before that has been told */
    uint64_t begun = uv_now(&of->rig->loop);
    live_until(of, stream.n == 3); /* the last one comes, read once more as nothing is in memory */
    assert_true(uv_now(&of->rig->loop) - begun >= 30);
    assert_string_equal(stream.last, "\"queued\" 0.3");
    assert_int_equal(live_position(of->live), 4000000);
    live_changed(of->live, TEXT("a"));
    live_until(of, wait.n == 4);
    assert_int_equal(stream.n, 3);
    live_changed(of->live, TEXT("a")); /* a state is not held, whatever is */
    live_until(of, wait.n == 5);
    assert_int_equal(stream.n, 4);
    assert_string_equal(stream.last, "\"failed\" 0.4");
    live_unwatch(of->live, &stream.watch);
    live_unwatch(of->live, &wait.watch);
}

static void synced(struct live_sync *sync, uint64_t position)
{
    (void)sync;
    live_rig.synced = position;
}

static void add_since(struct text id, void *arg)
{
    struct live_rig *of = arg;
    size_t len = strlen(of->since);

    snprintf(of->since + len, sizeof of->since - len, "%.*s ", (int)id.len, id.at);
}

static const char *since(struct live_rig *of, uint64_t position)
{
    *of->since = '\0';
    live_each_since(of->live, position, add_since, of);
    return of->since;
}

static void the_log_has_what_changed_since_a_position(void **state)
{
    struct live_rig *of = *state;

    assert_false(live_reaches_back(of->live, 1));
    SCRIPT(of->rig, { TIME_AT("1") }, { TIME_AT("2") }, { TIME_AT("3") }, { TIME_AT("4") },
           { TIME_AT("5") });
    live_changed(of->live, TEXT("before")); /* nobody streams: it is not logged */
    live_turn(of);
    live_stream_opened(of->live);
    of->sync.done = synced;
    live_sync(of->live, &of->sync);
    live_until(of, of->synced);
    assert_int_equal(of->synced, 1000000);
    assert_true(live_reaches_back(of->live, 1000000));
    assert_false(live_reaches_back(of->live, 999999));  /* before the log began */
    assert_false(live_reaches_back(of->live, 1000001)); /* what is that? */
    live_changed(of->live, TEXT("a"));
    live_changed(of->live, TEXT("b"));
    live_until(of, live_position(of->live) == 2000000);
    live_changed(of->live, TEXT("c"));
    live_changed(of->live, TEXT("a"));
    live_until(of, live_position(of->live) == 3000000);
    assert_string_equal(since(of, 1000000), "a c b ");
    assert_string_equal(since(of, 2000000), "a c ");
    assert_string_equal(since(of, 3000000), "");
    assert_true(live_has_changed_since(of->live, TEXT("a"), 2000000));
    assert_false(live_has_changed_since(of->live, TEXT("b"), 2000000));
    assert_int_equal(live_stats_of(of).reads, 0); /* nobody watches them */

    live_changed(of->live, TEXT("d")); /* one too many: b is forgotten */
    live_until(of, live_position(of->live) == 4000000);
    assert_false(live_reaches_back(of->live, 1999999));
    assert_true(live_reaches_back(of->live, 2000000));
    assert_string_equal(since(of, 2000000), "d a c ");

    live_lost(of->live);
    assert_false(live_reaches_back(of->live, 4000000));
    live_ready(of->live);
    of->synced = 0;
    live_sync(of->live, &of->sync);
    live_until(of, of->synced);
    assert_false(live_reaches_back(of->live, 4000000));
    assert_true(live_reaches_back(of->live, 5000000));
    live_stream_closed(of->live);
}

static void a_clock_that_is_set_back_ends_the_log(void **state)
{
    struct live_rig *of = *state;

    SCRIPT(of->rig, { TIME_AT("7") }, { TIME_AT("8") }, { TIME_AT("3") });
    live_stream_opened(of->live);
    live_changed(of->live, TEXT("a"));
    live_until(of, live_position(of->live) == 7000000);
    live_changed(of->live, TEXT("b"));
    live_until(of, live_position(of->live) == 8000000);
    live_changed(of->live, TEXT("c"));
    live_until(of, live_position(of->live) == 3000000);
    assert_false(live_reaches_back(of->live, 7000000));
    live_stream_closed(of->live);
}

static void what_fails_is_asked_again_and_the_odd_one_is_found(void **state)
{
    struct live_rig *of = *state;
    struct seen seen[3];
    static const char *const ids[] = { "x", "y", "z" };

    SCRIPT(of->rig, { TIME_AT("1") }, { NONE }, { "-WRONGTYPE no hash\r\n" }, { NONE },
           { TIME_AT("2") }, { HASH("queued", "0.1") }, { TIME_AT("3") },
           { "-WRONGTYPE no hash\r\n" }, { TIME_AT("4") }, { HASH("failed", "0.1") },
           { TIME_AT("5") });
    for (unsigned i = 0; i < 3; i++) {
        seen[i] = (struct seen){ .watch = { .id = text_of(ids[i]), .told = told } };
        live_watch(of->live, &seen[i].watch);
    }
    live_until(of, seen[0].n && seen[1].n && seen[2].n && strncmp(seen[2].last, "gone", 4) != 0);
    assert_string_equal(seen[0].last, "\"queued\" 0.1");
    assert_string_equal(seen[1].last, "gone ");
    assert_string_equal(seen[2].last, "\"failed\" 0.1");
    for (unsigned i = 0; i < 3; i++)
        live_unwatch(of->live, &seen[i].watch);
}

/* What is read alone and is no status holds nobody up who waits for the position of that batch. */
static void who_syncs_with_the_odd_one_is_told(void **state)
{
    struct live_rig *of = *state;
    struct seen seen;

    SCRIPT(of->rig, { TIME_AT("1") }, { "-WRONGTYPE no hash\r\n" });
    watch(of, &seen, false);
    of->sync.done = synced;
    live_sync(of->live, &of->sync);
    live_until(of, seen.n && of->synced);
    assert_string_equal(seen.last, "gone ");
    assert_int_equal(of->synced, 1000000);
    live_unwatch(of->live, &seen.watch);
}

/* What was held for one who has left keeps no position back. */
static void what_is_held_for_nobody_is_let_go(void **state)
{
    struct live_rig *of = *state;
    struct seen seen;

    SCRIPT(of->rig, { TIME_AT("1") }, { HASH("queued", "0.1") }, { TIME_AT("2") },
           { HASH("queued", "0.2") }, { TIME_AT("3") }, { HASH("queued", "0.3") },
           { TIME_AT("4") });
    live_stream_opened(of->live);
    watch(of, &seen, true);
    live_until(of, seen.n);
    live_changed(of->live, TEXT("a"));
    live_until(of, seen.n == 2);
    live_changed(of->live, TEXT("a"));
    live_until(of, live_stats_of(of).held);
    assert_int_equal(live_position(of->live), 2999999);
    live_unwatch(of->live, &seen.watch);
    live_until(of, live_position(of->live) == 4000000);
    live_stream_closed(of->live);
}

static void a_lost_connection_loses_no_change(void **state)
{
    struct live_rig *of = *state;
    struct seen seen;

    SCRIPT(of->rig, { TIME_AT("1") }, { HASH("queued", "0.1") });
    watch(of, &seen, true);
    live_until(of, seen.n);
    SCRIPT(of->rig, { .reply = TIME_AT("2"), .close = true }, { TIME_AT("3") },
           { HASH("failed", "0.1") });
    live_changed(of->live, TEXT("a"));
    live_until(of, seen.n == 2);
    assert_string_equal(seen.last, "\"failed\" 0.1");
    live_unwatch(of->live, &seen.watch);
}

#define LIVE(test) cmocka_unit_test_setup_teardown(test, live_set_up, live_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIVE(all_who_watch_are_told_by_one_read),
        LIVE(what_changes_while_it_is_read_is_read_again),
        LIVE(progress_is_held_from_streams_but_not_from_waits),
        LIVE(the_log_has_what_changed_since_a_position),
        LIVE(a_clock_that_is_set_back_ends_the_log),
        LIVE(what_fails_is_asked_again_and_the_odd_one_is_found),
        LIVE(who_syncs_with_the_odd_one_is_told),
        LIVE(what_is_held_for_nobody_is_let_go),
        LIVE(a_lost_connection_loses_no_change),
    };
    signal(SIGPIPE, SIG_IGN);
    log_init(LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests_name("live", tests, NULL, NULL);
}
