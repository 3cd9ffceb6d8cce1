/* Waiting for conditions, with a bound. */
#pragma once

#include <stdint.h>
#include <time.h>

static inline uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static inline void pause_ms(long ms)
{
    nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

enum { PATIENCE_MS = 20000 }; /* also for a sanitizer on a busy machine */

/* Evaluates `condition` until it is true, and fails the test when it does not become so. */
#define assert_until(condition)                                \
    do {                                                       \
        uint64_t until_end = now_ms() + PATIENCE_MS;           \
        while (!(condition)) {                                 \
            if (now_ms() > until_end)                          \
                fail_msg("did not come true: %s", #condition); \
            pause_ms(2);                                       \
        }                                                      \
    } while (0)
