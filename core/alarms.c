#include "core/alarms.h"

#include "core/mem.h"

#include <assert.h>
#include <stdlib.h>

/* ---- the heap: places from 1, the earliest first ---- */

static void place_at(struct alarms *alarms, size_t place, struct alarm *alarm)
{
    alarms->heap[place - 1] = alarm;
    alarm->place = place;
}

static struct alarm *at(const struct alarms *alarms, size_t place)
{
    return alarms->heap[place - 1];
}

static void move_up(struct alarms *alarms, struct alarm *alarm)
{
    size_t place = alarm->place;

    for (; place > 1 && at(alarms, place / 2)->due_ms > alarm->due_ms; place /= 2)
        place_at(alarms, place, at(alarms, place / 2));
    place_at(alarms, place, alarm);
}

static void move_down(struct alarms *alarms, struct alarm *alarm)
{
    size_t place = alarm->place, child;

    while ((child = 2 * place) <= alarms->n) {
        if (child < alarms->n && at(alarms, child + 1)->due_ms < at(alarms, child)->due_ms)
            child++;
        if (at(alarms, child)->due_ms >= alarm->due_ms)
            break;
        place_at(alarms, place, at(alarms, child));
        place = child;
    }
    place_at(alarms, place, alarm);
}

static void take_out(struct alarms *alarms, struct alarm *alarm)
{
    struct alarm *last = at(alarms, alarms->n--);

    if (last != alarm) {
        place_at(alarms, alarm->place, last);
        move_up(alarms, last);
        move_down(alarms, last);
    }
    alarm->place = 0;
}

/* ---- the timer ---- */

static void ring(uv_timer_t *timer);

/* The timer is left as it is when it is set to an earlier time: it then rings once for nothing. */
static void set_timer(struct alarms *alarms)
{
    uint64_t now_ms = uv_now(alarms->timer.loop), due_ms;

    if (!alarms->n || at(alarms, 1)->due_ms >= alarms->timer_ms)
        return;
    due_ms = at(alarms, 1)->due_ms;
    alarms->timer_ms = due_ms;
    uv_timer_start(&alarms->timer, ring, due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

static void ring(uv_timer_t *timer)
{
    struct alarms *alarms = timer->data;
    uint64_t now_ms = uv_now(timer->loop);

    alarms->timer_ms = UINT64_MAX;
    while (alarms->n && at(alarms, 1)->due_ms <= now_ms) {
        struct alarm *alarm = at(alarms, 1);
        take_out(alarms, alarm);
        alarm->rang(alarm);
    }
    set_timer(alarms);
}

void alarms_set(struct alarms *alarms, struct alarm *alarm, uint64_t due_ms)
{
    if (alarm->place)
        take_out(alarms, alarm);
    if (alarms->n == alarms->cap) {
        alarms->cap = alarms->cap ? 2 * alarms->cap : 64;
        alarms->heap = mem_realloc(alarms->heap, alarms->cap * sizeof(struct alarm *));
    }
    alarm->due_ms = due_ms;
    alarms->n++;
    place_at(alarms, alarms->n, alarm);
    move_up(alarms, alarm);
    set_timer(alarms);
}

void alarms_clear(struct alarms *alarms, struct alarm *alarm)
{
    if (alarm->place)
        take_out(alarms, alarm);
}

/* ---- life ---- */

void alarms_init(struct alarms *alarms, uv_loop_t *loop)
{
    *alarms = (struct alarms){ .timer_ms = UINT64_MAX };
    uv_timer_init(loop, &alarms->timer);
    alarms->timer.data = alarms;
}

void alarms_close(struct alarms *alarms, uv_close_cb closed)
{
    assert(!alarms->n);
    free(alarms->heap);
    alarms->heap = NULL;
    uv_close((uv_handle_t *)&alarms->timer, closed);
}
