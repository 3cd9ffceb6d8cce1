/*
 * Any number of times to be reminded at, with one timer of the loop: a heap of them, so that
 * thousands that wait cost nothing until one is due. Single-threaded.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/* Zeroed memory is an alarm that is not set. It must be cleared before it is freed. */
struct alarm {
    void (*rang)(struct alarm *alarm); /* set by the owner; it may set the alarm again */

    /* Private. */
    uint64_t due_ms;
    size_t place; /* in the heap, from 1; 0: not set */
};

struct alarms {
    uv_timer_t timer;
    struct alarm **heap;
    size_t n, cap;
    uint64_t timer_ms; /* what the timer is set to; UINT64_MAX: nothing */
};

void alarms_init(struct alarms *alarms, uv_loop_t *loop);
/* Closes the timer; no alarm may be set. The loop runs once more for it. */
void alarms_close(struct alarms *alarms, uv_close_cb closed);

/* `due_ms` is on the clock of uv_now(). One that is set is set anew. */
void alarms_set(struct alarms *alarms, struct alarm *alarm, uint64_t due_ms);
void alarms_clear(struct alarms *alarms, struct alarm *alarm);

static inline bool alarm_is_set(const struct alarm *alarm)
{
    return alarm->place != 0;
}
