#include "core/state.h"

#include <assert.h>

static const struct state_info states[] = {
    [STATE_UNQUEUED] = { .name = "unqueued", .timestamp = FIELD_RECORDED_AT },
    [STATE_QUEUED] = { .name = "queued", .timestamp = FIELD_QUEUED_AT },
    [STATE_STARTED] = { .name = "started", .timestamp = FIELD_STARTED_AT },
    [STATE_SUCCEEDED] = { .name = "succeeded", .timestamp = FIELD_SUCCEEDED_AT, .completed = true },
    [STATE_FAILED] = { .name = "failed", .timestamp = FIELD_FAILED_AT, .completed = true },
    [STATE_KILLED] = { .name = "killed", .timestamp = FIELD_KILLED_AT },
    [STATE_UNKNOWN] = { .name = "unknown", .timestamp = FIELD_RECORDED_AT },
};

_Static_assert(sizeof states / sizeof *states == STATE_COUNT, "a row for each state");

const struct state_info *state_info(enum state state)
{
    assert(state < STATE_COUNT);
    return &states[state];
}

enum state state_of_name(struct text name)
{
    for (enum state state = 0; state < STATE_COUNT; state++)
        if (text_is(name, states[state].name))
            return state;
    return STATE_NONE;
}
