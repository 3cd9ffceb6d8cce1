#include "api/status_json.h"

#include "api/time_text.h"

static const char *const derived_names[] = { "completed", "kill_requested" };

/* What a key shows when its field is not set. */
static const char *const absent[STATUS_KEY_COUNT] = {
    [FIELD_PROGRESS] = "0", [FIELD_ERRORS] = "[]", [FIELD_JOB_ARGS] = "{}",
    [FIELD_ATTEMPT] = "0",  [FIELD_REV] = "0",
};

static const char *key_name(unsigned key)
{
    return key < FIELD_COUNT ? status_field_name(key) : derived_names[key - FIELD_COUNT];
}

unsigned status_key_of_name(struct text name)
{
    for (unsigned key = 0; key < STATUS_KEY_COUNT; key++)
        if (text_is(name, key_name(key)))
            return key;
    return STATUS_KEY_COUNT;
}

uint32_t status_keys_fields(uint32_t keys)
{
    uint32_t fields = keys & FIELDS_ALL;

    if (keys & STATUS_KEY_BIT(STATUS_KEY_COMPLETED))
        fields |= FIELD_BIT(FIELD_STATE);
    if (keys & STATUS_KEY_BIT(STATUS_KEY_KILL_REQUESTED))
        fields |= FIELD_BIT(FIELD_KILL_REQUESTED_AT);
    return fields;
}

static bool is_time(unsigned key)
{
    return key >= FIELD_RECORDED_AT && key <= FIELD_UPDATED_AT;
}

static void write_time(struct buf *out, const struct status_view *view, enum status_field field)
{
    uint64_t at = status_view_u64(view, field, UINT64_MAX);

    if (at > TIME_TEXT_MAX) {
        buf_add(out, "null", 4);
        return;
    }
    buf_add_char(out, '"');
    time_text_write(out, at);
    buf_add_char(out, '"');
}

/* What is no state of ours, or is missing, is `unknown`: a client knows seven states. */
static void write_state(struct buf *out, const struct status_view *view)
{
    enum state state = status_view_state(view);

    buf_add_char(out, '"');
    buf_add_str(out, state_info(state == STATE_NONE ? STATE_UNKNOWN : state)->name);
    buf_add_char(out, '"');
}

static void write_bool(struct buf *out, bool value)
{
    buf_add_str(out, value ? "true" : "false");
}

static bool is_completed(const struct status_view *view)
{
    enum state state = status_view_state(view);
    return state != STATE_NONE && state_info(state)->completed;
}

static void write_value(struct buf *out, const struct status_view *view, unsigned key)
{
    if (key == STATUS_KEY_COMPLETED)
        write_bool(out, is_completed(view));
    else if (key == STATUS_KEY_KILL_REQUESTED)
        write_bool(out, view->field[FIELD_KILL_REQUESTED_AT].at != NULL);
    else if (key == FIELD_STATE)
        write_state(out, view);
    else if (is_time(key))
        write_time(out, view, key);
    else if (view->field[key].at)
        buf_add_text(out, view->field[key]);
    else
        buf_add_str(out, absent[key] ? absent[key] : "null");
}

void status_json_write(struct buf *out, const struct status_view *view, uint32_t keys)
{
    char before = '{';

    buf_reserve(out, 1024);
    for (unsigned key = 0; key < STATUS_KEY_COUNT; key++) {
        if (!(keys & STATUS_KEY_BIT(key)))
            continue;
        buf_add_char(out, before);
        buf_add_char(out, '"');
        buf_add_str(out, key_name(key));
        buf_add(out, "\":", 2);
        write_value(out, view, key);
        before = ',';
    }
    if (before == '{')
        buf_add_char(out, '{');
    buf_add_char(out, '}');
}
