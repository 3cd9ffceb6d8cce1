#include "api/status_table.h"

#include "core/state.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <utf8proc.h>

/*
 * STATE     PROGRESS         AGE NAME         ID
 * started   [####----]  50%    3m PublishBook  5d9c...
 */
enum {
    STATE_COLUMNS = 9,
    BAR_COLUMNS = 8,
    AGE_COLUMNS = 4,
    NAME_COLUMNS = 12,
    ID_COLUMNS = 36, /* a UUID */
};

static const char ellipsis[] = "\xe2\x80\xa6"; /* one column */

/* ---- text of strangers ---- */

/* What would move the cursor, change colours or turn the direction of writing. */
static bool is_harmless(utf8proc_int32_t point)
{
    switch (utf8proc_category(point)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return false;
    default:
        return true;
    }
}

struct glyph {
    struct text text;
    unsigned columns;
};

/* The next code point of UTF-8 as it is shown. False at the end. */
static bool next_glyph(struct text *rest, struct glyph *ret)
{
    utf8proc_int32_t point;
    utf8proc_ssize_t len;

    if (!rest->len)
        return false;
    len = utf8proc_iterate((const utf8proc_uint8_t *)rest->at, (utf8proc_ssize_t)rest->len, &point);
    if (len > 0 && is_harmless(point))
        *ret = (struct glyph){ { rest->at, (size_t)len }, (unsigned)utf8proc_charwidth(point) };
    else
        *ret = (struct glyph){ TEXT("?"), 1 };
    rest->at += len > 0 ? len : 1;
    rest->len -= len > 0 ? (size_t)len : 1;
    return true;
}

static unsigned columns_of(struct text text)
{
    struct glyph glyph;
    unsigned columns = 0;

    while (next_glyph(&text, &glyph))
        columns += glyph.columns;
    return columns;
}

/* As much as fits, with an ellipsis if that is not all; returns the columns it takes. */
static unsigned add_fitting(struct buf *out, struct text text, unsigned most)
{
    bool fits = columns_of(text) <= most;
    unsigned columns = 0, room = fits ? most : most - 1;
    struct glyph glyph;

    while (next_glyph(&text, &glyph) && columns + glyph.columns <= room) {
        buf_add_text(out, glyph.text);
        columns += glyph.columns;
    }
    if (fits)
        return columns;
    buf_add_str(out, ellipsis);
    return columns + 1;
}

static void add_padded(struct buf *out, struct text text, unsigned columns)
{
    for (unsigned used = add_fitting(out, text, columns); used < columns; used++)
        buf_add_char(out, ' ');
}

/* The content of a stored JSON string; "-" if it is none. `*ret_value` is what holds it. */
static struct text stored_text(struct text json, json_t **ret_value)
{
    *ret_value = json.at ? json_loadb(json.at, json.len, JSON_DECODE_ANY, NULL) : NULL;
    if (!json_is_string(*ret_value))
        return TEXT("-");
    return (struct text){ json_string_value(*ret_value), json_string_length(*ret_value) };
}

static void add_state(struct buf *out, struct text json)
{
    json_t *value;
    enum state state = state_of_name(stored_text(json, &value));

    add_padded(out, text_of(state_info(state == STATE_NONE ? STATE_UNKNOWN : state)->name),
               STATE_COLUMNS);
    json_decref(value);
}

static void add_name(struct buf *out, struct text json)
{
    json_t *value;

    add_padded(out, stored_text(json, &value), NAME_COLUMNS);
    json_decref(value);
}

static void add_id(struct buf *out, struct text json)
{
    json_t *value;

    add_fitting(out, stored_text(json, &value), ID_COLUMNS);
    json_decref(value);
}

/* ---- numbers ---- */

static void add_progress(struct buf *out, struct text json)
{
    char digits[32];
    double progress = 0;
    unsigned filled;

    if (json.at && json.len < sizeof digits) {
        memcpy(digits, json.at, json.len);
        digits[json.len] = '\0';
        progress = strtod(digits, NULL);
    }
    if (!(progress > 0))
        progress = 0;
    if (progress > 1)
        progress = 1;
    filled = (unsigned)(progress * BAR_COLUMNS);
    buf_add_char(out, '[');
    for (unsigned i = 0; i < BAR_COLUMNS; i++)
        buf_add_char(out, i < filled ? '#' : '-');
    buf_printf(out, "] %3u%%", (unsigned)(progress * 100));
}

static uint64_t number_of(struct text json)
{
    uint64_t number = 0;

    for (size_t i = 0; i < json.len && i < 17 && json.at[i] >= '0' && json.at[i] <= '9'; i++)
        number = number * 10 + (uint64_t)(json.at[i] - '0');
    return number;
}

/* In the largest unit of which there is more than one. */
static void add_age(struct buf *out, struct text recorded_at, uint64_t now)
{
    static const struct {
        char unit;
        uint64_t seconds;
    } units[] = { { 'y', 31557600 }, { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };
    uint64_t then = number_of(recorded_at), age = now > then ? (now - then) / 1000000 : 0;
    size_t i = 0;
    char text[24];

    if (!then) {
        buf_printf(out, "%*s", AGE_COLUMNS, "-");
        return;
    }
    while (i < 4 && age < 2 * units[i].seconds)
        i++;
    age /= units[i].seconds;
    snprintf(text, sizeof text, "%llu%c", (unsigned long long)(age < 999 ? age : 999),
             units[i].unit);
    buf_printf(out, "%*s", AGE_COLUMNS, text);
}

/* ---- lines ---- */

void status_table_head(struct buf *out)
{
    buf_printf(out, "%-*s %-*s %*s %-*s %s\n", STATE_COLUMNS, "STATE", BAR_COLUMNS + 7, "PROGRESS",
               AGE_COLUMNS, "AGE", NAME_COLUMNS, "NAME", "ID");
}

void status_table_row(struct buf *out, const struct status_view *view, uint64_t now)
{
    add_state(out, view->field[FIELD_STATE]);
    buf_add_char(out, ' ');
    add_progress(out, view->field[FIELD_PROGRESS]);
    buf_add_char(out, ' ');
    add_age(out, view->field[FIELD_RECORDED_AT], now);
    buf_add_char(out, ' ');
    add_name(out, view->field[FIELD_JOB_NAME]);
    buf_add_char(out, ' ');
    add_id(out, view->field[FIELD_ID]);
    buf_add_char(out, '\n');
}
