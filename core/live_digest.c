#include "core/live_digest.h"

static const uint32_t of_progress =
    FIELD_BIT(FIELD_PROGRESS) | FIELD_BIT(FIELD_UPDATED_AT) | FIELD_BIT(FIELD_REV);

static uint64_t add_field(uint64_t hash, enum status_field field, struct text value)
{
    hash = (hash ^ (field + 1)) * UINT64_C(1099511628211);
    for (size_t i = 0; i < value.len; i++)
        hash = (hash ^ (unsigned char)value.at[i]) * UINT64_C(1099511628211);
    return hash ^ hash >> 32;
}

void live_digest_of(const struct status_view *view, struct live_digest *ret)
{
    const uint64_t start = UINT64_C(14695981039346656037);

    *ret = (struct live_digest){ .whole = start, .essence = start };
    if (!view) {
        *ret = (struct live_digest){ .whole = 1, .essence = 1 };
        return;
    }
    for (enum status_field field = 0; field < FIELD_COUNT; field++) {
        if (!view->field[field].at)
            continue;
        if (!(FIELD_BIT(field) & of_progress))
            ret->essence = add_field(ret->essence, field, view->field[field]);
        ret->whole = add_field(ret->whole, field, view->field[field]);
    }
}
