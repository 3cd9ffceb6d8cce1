/*
 * Everything at once: threads that change statuses with retries, through a proxy that cuts
 * connections, while jobbad and its Redis are killed again and again. Whatever happens, each
 * operation takes effect once. JOBBAD_SEED runs one again, as far as threads and processes let it.
 */
#include "tests/lib/invariants.h"
#include "tests/lib/proxy.h"
#include "tests/lib/sanitized.h"
#include "tests/service/once.h"
#include "tests/service/service_test.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

enum { THREADS_MAX = 8, OPERATIONS_MAX = 4000, OWN_EACH = 4, SHARED = 8 };

_Static_assert((int)OWN_EACH <= (int)OWN_MAX, "all of them in one request");

/* One run. */
struct plan {
    bool private_redis, keys;
    unsigned threads, operations; /* of each thread, at most */
    unsigned seconds;             /* at most */
    unsigned cut_percent;         /* of turns between clients and jobbad */
    unsigned redis_cut_percent;   /* of turns between jobbad and Redis */
    unsigned calm_ms;             /* between two kills, at most; 0: nobody is killed */
};

struct rig {
    const struct plan *plan;
    unsigned seed;
    struct service service;
    struct proxy *front, *back; /* before jobbad; before Redis */
    struct faults faults;
    struct shared *shared;
    struct run {
        struct rig *rig;
        struct worker worker;
        struct own *owns[OWN_EACH];
        pthread_t thread;
    } runs[THREADS_MAX];
    uint64_t end_ms; /* of the work */
    atomic_uint working;
    unsigned kills_of_jobbad, kills_of_redis;
};

/* ---- what the parts need ---- */

void faults_add(struct faults *faults, const char *format, ...)
{
    unsigned n = atomic_fetch_add(&faults->n, 1);
    va_list args;

    if (n >= FAULTS_SHOWN)
        return;
    va_start(args, format);
    vsnprintf(faults->text[n], sizeof faults->text[n], format, args);
    va_end(args);
}

unsigned worker_draw(struct worker *worker, unsigned n)
{
    return (unsigned)rand_r(&worker->seed) / 7 % n;
}

void worker_make_mark(struct worker *worker, char ret_mark[static MARK_BYTES])
{
    snprintf(ret_mark, MARK_BYTES, "w%u.%u", worker->number, worker->n_marks++);
}

static unsigned pick_seed(void)
{
    const char *given = getenv("JOBBAD_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);

    print_message("# seed %u (set JOBBAD_SEED to run it again)\n", seed);
    return seed;
}

/* ---- processes ---- */

static void start_redis(struct rig *rig)
{
    static const char *const flags[] = { "--appendonly", "yes", "--appendfsync", "always", NULL };

    service_start_redis(&rig->service, flags);
}

static void start_jobbad(struct rig *rig)
{
    char data_dir[96], redis[128], target[64];
    const char *const private[] = { "--data-dir", data_dir, "--threads", "2", NULL };
    const char *const external[] = { "--redis", redis, "--threads", "2", NULL };

    snprintf(data_dir, sizeof data_dir, "%s/data", rig->service.dir);
    snprintf(redis, sizeof redis, "unix://%s/proxy", rig->service.dir);
    if (!service_start_jobbad_alone(&rig->service, rig->plan->private_redis ? private : external))
        fail_msg("jobbad does not start: %s", service_log(&rig->service));
    snprintf(target, sizeof target, "127.0.0.1:%u", rig->service.port);
    if (rig->front)
        proxy_aim(rig->front, target);
    else
        rig->front = proxy_start("127.0.0.1:0", target, rig->seed, rig->plan->cut_percent);
}

static void start_all(struct rig *rig)
{
    char listen[128], target[128];

    rig->service = (struct service){ .redis.out = -1, .jobbad.out = -1 };
    service_make_dir(&rig->service);
    if (!rig->plan->private_redis) {
        start_redis(rig);
        service_connect_store(&rig->service);
        snprintf(listen, sizeof listen, "unix:%s/proxy", rig->service.dir);
        snprintf(target, sizeof target, "unix:%s", rig->service.redis_path);
        rig->back = proxy_start(listen, target, rig->seed + 1, rig->plan->redis_cut_percent);
    }
    start_jobbad(rig);
    assert_until(service_is_ready(&rig->service));
}

/* ---- killing ---- */

static void kill_redis(struct rig *rig)
{
    process_kill(&rig->service.redis, SIGKILL);
    rig->kills_of_redis++;
}

/* A private Redis dies with it. */
static void kill_jobbad(struct rig *rig)
{
    process_kill(&rig->service.jobbad, SIGKILL);
    rig->kills_of_jobbad++;
    rig->kills_of_redis += rig->plan->private_redis;
}

static void kill_some(struct rig *rig, unsigned drawn)
{
    bool both = drawn == 0, only_jobbad = drawn == 1 || rig->plan->private_redis;

    if (both || only_jobbad)
        kill_jobbad(rig);
    if (!rig->plan->private_redis && !only_jobbad) {
        kill_redis(rig);
        start_redis(rig);
    }
    if (both || only_jobbad)
        start_jobbad(rig);
}

/* Until all threads have done their work. */
static void kill_again_and_again(struct rig *rig)
{
    struct worker dice = { .seed = rig->seed };
    unsigned kind = worker_draw(&dice, 3); /* then the others in turn: each is to come */

    while (atomic_load(&rig->working)) {
        unsigned calm = rig->plan->calm_ms / 4 + worker_draw(&dice, rig->plan->calm_ms);
        for (uint64_t end = now_ms() + calm; atomic_load(&rig->working) && now_ms() < end;)
            pause_ms(2);
        if (atomic_load(&rig->working))
            kill_some(rig, kind++ % 3);
    }
}

/* ---- working ---- */

static void *work(void *arg)
{
    struct run *run = arg;
    struct rig *rig = run->rig;

    for (unsigned i = 0; i < rig->plan->operations && now_ms() < rig->end_ms; i++) {
        unsigned drawn = worker_draw(&run->worker, 100);
        if (drawn < 55)
            own_step(run->owns[worker_draw(&run->worker, OWN_EACH)], &run->worker);
        else if (drawn < 58)
            own_step_many(run->owns, 1 + worker_draw(&run->worker, OWN_EACH), &run->worker);
        else if (drawn < 65)
            own_step_batch(run->owns, 1 + worker_draw(&run->worker, OWN_EACH), &run->worker);
        else
            shared_step(rig->shared, &run->worker);
    }
    atomic_fetch_sub(&rig->working, 1);
    return NULL;
}

static void begin_run(struct rig *rig, unsigned number)
{
    struct run *run = &rig->runs[number];
    char url[64], id[32];

    snprintf(url, sizeof url, "http://127.0.0.1:%u", proxy_port(rig->front));
    run->rig = rig;
    run->worker = (struct worker){
        .number = number,
        .seed = rig->seed * 31 + number,
        .client = retry_client_create(url, rig->seed * 37 + number),
        .faults = &rig->faults,
    };
    retry_client_use_keys(run->worker.client, rig->plan->keys);
    for (unsigned i = 0; i < OWN_EACH; i++) {
        snprintf(id, sizeof id, "own%u-%u", number, i);
        run->owns[i] = own_create(id);
    }
    assert_int_equal(pthread_create(&run->thread, NULL, work, run), 0);
}

static void work_in_all_threads(struct rig *rig)
{
    unsigned n = rig->plan->threads;

    struct retry_client *client = retry_client_create(rig->service.url, rig->seed);
    rig->shared = shared_create(SHARED, n * rig->plan->operations, client);
    retry_client_destroy(client);
    rig->end_ms = now_ms() + 1000 * rig->plan->seconds / (is_sanitized() ? 2 : 1);
    atomic_store(&rig->working, n);
    for (unsigned i = 0; i < n; i++)
        begin_run(rig, i);
    if (rig->plan->calm_ms)
        kill_again_and_again(rig);
    for (unsigned i = 0; i < n; i++)
        pthread_join(rig->runs[i].thread, NULL);
}

/* ---- looking back ---- */

static void check_statuses(struct rig *rig)
{
    for (unsigned i = 0; i < rig->plan->threads; i++)
        for (unsigned o = 0; o < OWN_EACH; o++)
            own_check(rig->runs[i].owns[o], rig->service.client, &rig->faults);
    shared_check(rig->shared, rig->service.client, &rig->faults);
}

/* The private Redis is ended with jobbad, and what it has left behind is read by one of our own. */
static void end_jobbad(struct rig *rig)
{
    char dir[128];
    const char *const flags[] = { "--appendonly", "yes", "--dir", dir, NULL };
    void *service = &rig->service;

    service_ends_cleanly(&service);
    if (!rig->plan->private_redis)
        return;
    snprintf(dir, sizeof dir, "%s/data", rig->service.dir);
    service_start_redis(&rig->service, flags);
}

static void say_what_happened(const struct rig *rig, unsigned seconds)
{
    struct proxy_counts front = proxy_counts(rig->front), back = { 0 };
    struct retry_counts sum = { 0 };
    unsigned cuts[2] = { 0 };

    for (unsigned i = 0; i < rig->plan->threads; i++) {
        struct retry_counts one = retry_counts(rig->runs[i].worker.client);
        sum.operations += one.operations;
        sum.tries += one.tries;
        sum.unanswered += one.unanswered;
        sum.unavailable += one.unavailable;
        sum.unknown += one.unknown;
        sum.replayed += one.replayed;
    }
    if (rig->back)
        back = proxy_counts(rig->back);
    for (unsigned i = 0; i < CUT_KINDS; i++) {
        cuts[0] += front.cuts[i];
        cuts[1] += back.cuts[i];
    }
    print_message("# %u operations in %u tries and %u s: %u unanswered, %u unavailable, %u outcome "
                  "unknown, %u replayed; cut %u + %u (Redis) times; killed: jobbad %u, Redis %u\n",
                  sum.operations, sum.tries, seconds, sum.unanswered, sum.unavailable, sum.unknown,
                  sum.replayed, cuts[0], cuts[1], rig->kills_of_jobbad, rig->kills_of_redis);
    for (unsigned i = CUT_BEFORE_REQUEST; i < CUT_KINDS; i++)
        assert_true(front.cuts[i] > 0);
    assert_true(!rig->plan->keys || sum.replayed > 0);
    assert_true(!rig->plan->calm_ms || (rig->kills_of_jobbad > 1 && rig->kills_of_redis > 1));
}

static void stop_all(struct rig *rig)
{
    for (unsigned i = 0; i < rig->plan->threads; i++) {
        retry_client_destroy(rig->runs[i].worker.client);
        for (unsigned o = 0; o < OWN_EACH; o++)
            own_destroy(rig->runs[i].owns[o]);
    }
    shared_destroy(rig->shared);
    proxy_stop(rig->front);
    proxy_stop(rig->back);
    service_stop(&rig->service);
}

/* Returns how many faults were found. */
static unsigned run(const struct plan *plan, bool show)
{
    static struct rig rig;
    uint64_t begin = now_ms();

    memset(&rig, 0, sizeof rig);
    rig.plan = plan;
    rig.seed = pick_seed();
    start_all(&rig);
    work_in_all_threads(&rig);
    if (rig.back)
        proxy_let_pass(rig.back); /* the service itself does not repeat every read */
    assert_until(service_is_ready(&rig.service));
    say_what_happened(&rig, (unsigned)(now_ms() - begin) / 1000);
    check_statuses(&rig);
    end_jobbad(&rig);
    service_connect_store(&rig.service);
    invariants_check(rig.service.store, "jobba:");
    unsigned n = atomic_load(&rig.faults.n);
    print_message("# %u faults\n", n);
    for (unsigned i = 0; show && i < n && i < FAULTS_SHOWN; i++)
        print_message("# %s\n", rig.faults.text[i]);
    stop_all(&rig);
    return n;
}

/* ---- tests ---- */

static void with_an_external_redis_each_operation_counts_once(void **state)
{
    static const struct plan plan = { .keys = true,
                                      .threads = 6,
                                      .operations = OPERATIONS_MAX,
                                      .seconds = 12,
                                      .cut_percent = 12,
                                      .redis_cut_percent = 2,
                                      .calm_ms = 800 };

    (void)state;
    assert_int_equal(run(&plan, true), 0);
}

static void with_a_private_redis_each_operation_counts_once(void **state)
{
    static const struct plan plan = { .private_redis = true,
                                      .keys = true,
                                      .threads = 6,
                                      .operations = OPERATIONS_MAX,
                                      .seconds = 8,
                                      .cut_percent = 12,
                                      .calm_ms = 1000 };

    (void)state;
    assert_int_equal(run(&plan, true), 0);
}

/* The two tests above can fail: this is what they find when the client sends no keys. */
static void without_keys_operations_count_twice(void **state)
{
    static const struct plan plan = {
        .threads = 4, .operations = 250, .seconds = 20, .cut_percent = 20
    };

    (void)state;
    assert_in_range(run(&plan, false), 5, 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_keys_operations_count_twice),
        cmocka_unit_test(with_an_external_redis_each_operation_counts_once),
        cmocka_unit_test(with_a_private_redis_each_operation_counts_once),
    };

    return cmocka_run_group_tests_name("exactly_once", tests, NULL, NULL);
}
