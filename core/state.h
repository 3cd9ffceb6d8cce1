/* The states of a status: one table with each state's name, timestamp and group (layout.md, after
 * the seed). */
#pragma once

#include "core/status_field.h"
#include "core/text.h"

#include <stdbool.h>

enum state {
    STATE_UNQUEUED,
    STATE_QUEUED,
    STATE_STARTED,
    STATE_SUCCEEDED,
    STATE_FAILED,
    STATE_KILLED,
    STATE_UNKNOWN,
    STATE_COUNT,
    STATE_NONE = STATE_COUNT
};

struct state_info {
    const char *name;            /* also the key of the set of ids in this state */
    enum status_field timestamp; /* set when the state is entered for the first time */
    bool completed;              /* may be deleted without force */
};

const struct state_info *state_info(enum state state);

/* STATE_NONE when there is no such state. */
enum state state_of_name(struct text name);
