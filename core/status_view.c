#include "core/status_view.h"

#include "core/keys.h"
#include "core/redis_command.h"

enum state status_view_state(const struct status_view *view)
{
    struct text json = view->field[FIELD_STATE];

    if (json.len < 2)
        return STATE_NONE;
    return state_of_name((struct text){ .at = json.at + 1, .len = json.len - 2 });
}

uint64_t status_view_u64(const struct status_view *view, enum status_field field,
                         uint64_t otherwise)
{
    struct text json = view->field[field];
    uint64_t value = 0;

    if (!json.at || json.len < 1 || json.len > 18) /* 18 digits can't overflow */
        return otherwise;
    for (size_t i = 0; i < json.len; i++) {
        if (json.at[i] < '0' || json.at[i] > '9')
            return otherwise;
        value = value * 10 + (uint64_t)(json.at[i] - '0');
    }
    return value;
}

void status_view_keep(struct status_view *view, struct buf *bytes)
{
    size_t len = 0, at = 0;

    for (size_t i = 0; i < FIELD_COUNT; i++)
        len += view->field[i].len;
    buf_reserve(bytes, len); /* so that it does not move */
    for (size_t i = 0; i < FIELD_COUNT; i++, at = bytes->len) {
        buf_add_text(bytes, view->field[i]);
        if (view->field[i].at)
            view->field[i].at = bytes->data + at;
    }
}

void status_view_ask_all(struct buf *out, struct text prefix, struct text id)
{
    redis_command(out, 2);
    redis_arg_str(out, "HGETALL");
    keys_add_status(out, prefix, id);
}

void status_view_ask_fields(struct buf *out, struct text prefix, struct text id, uint32_t fields)
{
    redis_command(out, 2 + (size_t)__builtin_popcount(fields));
    redis_arg_str(out, "HMGET");
    keys_add_status(out, prefix, id);
    for (enum status_field field = 0; field < FIELD_COUNT; field++)
        if (fields & FIELD_BIT(field))
            redis_arg_str(out, status_field_name(field));
}

static void set_field(struct status_view *view, enum status_field field,
                      const struct redis_reply *value)
{
    if (value->type == REDIS_STRING && !text_is(value->text, "null")) /* the gem stores nulls */
        view->field[field] = value->text;
}

static bool is_found(const struct status_view *view)
{
    return view->field[FIELD_ID].at || view->field[FIELD_STATE].at;
}

/* Name, value, name, value... in any order, with fields among them that are not ours. */
bool status_view_of_all(const struct redis_reply *reply, struct status_view *ret, bool *ret_found)
{
    *ret = (struct status_view){ 0 };
    if (reply->type != REDIS_ARRAY || reply->n_items % 2)
        return false;
    for (size_t i = 0; i < reply->n_items; i += 2) {
        enum status_field field = status_field_of_name(reply->items[i].text);
        if (field != FIELD_NONE)
            set_field(ret, field, &reply->items[i + 1]);
    }
    *ret_found = is_found(ret);
    return true;
}

bool status_view_of_fields(const struct redis_reply *reply, uint32_t fields,
                           struct status_view *ret, bool *ret_found)
{
    size_t i = 0;

    *ret = (struct status_view){ 0 };
    if (reply->type != REDIS_ARRAY || reply->n_items != (size_t)__builtin_popcount(fields))
        return false;
    for (enum status_field field = 0; field < FIELD_COUNT; field++)
        if (fields & FIELD_BIT(field))
            set_field(ret, field, &reply->items[i++]);
    *ret_found = is_found(ret);
    return true;
}
