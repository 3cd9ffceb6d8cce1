#include "api/watch_args.h"

#include "api/filter.h"

enum { WAIT_MAX_MS = 86400000 };

static bool read_number(struct text *text, uint64_t *ret)
{
    size_t digits = 0;

    *ret = 0;
    while (digits < text->len && text->at[digits] >= '0' && text->at[digits] <= '9')
        *ret = *ret * 10 + (uint64_t)(text->at[digits++] - '0');
    text->at += digits;
    text->len -= digits;
    return digits > 0 && digits <= 18;
}

const char *watch_args_wait(struct watch_args *args, struct text value)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = { { "", 1000 }, { "s", 1000 }, { "ms", 1 }, { "m", 60000 } };
    uint64_t number;

    if (!read_number(&value, &number))
        return "must be a time such as 30s, 500ms or 30";
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (value.len != strlen(units[i].unit) || memcmp(value.at, units[i].unit, value.len) != 0)
            continue;
        args->has_wait = true;
        args->wait_ms = number < WAIT_MAX_MS / units[i].ms ? number * units[i].ms : WAIT_MAX_MS;
        return NULL;
    }
    return "must be a time such as 30s, 500ms or 30";
}

const char *watch_args_rev(struct watch_args *args, struct text value)
{
    args->has_rev = true;
    return read_number(&value, &args->rev) && !value.len ? NULL : "must be a number from 0 on";
}

const char *watch_args_until(struct watch_args *args, struct text value)
{
    for (enum state state = 0; state < STATE_COUNT; state++)
        if (filter_state_is_in(value, state))
            args->until |= 1u << state;
    return args->until ? NULL : "must be completed, terminal, incomplete or a state";
}

const char *watch_args_position(struct watch_args *args, struct text value)
{
    args->has_position = true;
    return read_number(&value, &args->position) && !value.len
               ? NULL
               : "must be the id of an event of such a stream";
}

bool watch_args_is_reached(const struct watch_args *args, const struct status_view *view)
{
    enum state state = status_view_state(view);

    return state != STATE_NONE && (args->until & 1u << state);
}
