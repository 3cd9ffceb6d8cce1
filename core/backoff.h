/* The pause before another try: twice as long each time up to a bound, and of that a random part,
 * at least half, so that not all come back at once. */
#pragma once

#include <stdint.h>

/* `random` is the state of the generator, not 0; the first pause is up to `first_ms`. */
static inline uint64_t backoff_ms(uint64_t *random, unsigned failures, uint64_t first_ms,
                                  uint64_t most_ms)
{
    uint64_t pause_ms = first_ms << (failures < 16 ? failures : 16);

    if (pause_ms > most_ms)
        pause_ms = most_ms;
    *random ^= *random << 13; /* xorshift: jitter needs no more */
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return pause_ms / 2 + *random % (pause_ms / 2 + 1);
}
