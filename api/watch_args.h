/* What one who watches a status may ask for: query parameters, and the header Last-Event-ID. */
#pragma once

#include "core/state.h"
#include "core/status_view.h"
#include "core/text.h"

#include <stdbool.h>
#include <stdint.h>

struct watch_args {
    bool has_wait, has_rev, has_position;
    uint64_t wait_ms;
    uint64_t rev;      /* what the client has */
    unsigned until;    /* a set of states, as bits; 0: none */
    uint64_t position; /* Last-Event-ID */
};

/* Each takes a value: NULL, or what is wrong with it. */
const char *watch_args_wait(struct watch_args *args, struct text value);
const char *watch_args_rev(struct watch_args *args, struct text value);
const char *watch_args_until(struct watch_args *args, struct text value);
const char *watch_args_position(struct watch_args *args, struct text value);

/* Whether the status is in one of the states of `until`; without any: false. */
bool watch_args_is_reached(const struct watch_args *args, const struct status_view *view);
