/* Progress: a fraction, or how much of how much (layout.md "Progress", after the seed's
 * set_progress). */
#pragma once

#include "core/text.h"

#include <jansson.h>
#include <stdbool.h>

#define PROGRESS_TEXT_SIZE 32

struct progress_fault {
    const char *member; /* "at", "out_of", or NULL for the value itself */
    const char *detail;
};

/*
 * Of a number in [0, 1], or {"at":A} with the same, or {"at":A,"out_of":B} with 0 <= A <= B and B >
 * 0, writes the fraction as the shortest JSON number that reads back as the same double, with a
 * NUL. `value` is the parsed JSON (only types are looked at) and `raw` its text without white
 * space.
 */
bool progress_parse(json_t *value, struct text raw, char ret_fraction[PROGRESS_TEXT_SIZE],
                    struct progress_fault *ret_fault);
