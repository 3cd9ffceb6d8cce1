#include "core/status_etag.h"

/* The values in the order of the fields, each with a comma behind it: as elements of a JSON array,
 * none can be mistaken for another. */
void status_etag(const struct status_view *view, char ret[STATUS_ETAG_LEN + 1])
{
    struct text parts[2 * FIELD_COUNT];

    for (size_t i = 0; i < FIELD_COUNT; i++) {
        parts[2 * i] = view->field[i];
        parts[2 * i + 1] = TEXT(",");
    }
    ret[0] = '"';
    digest_of(parts, 2 * FIELD_COUNT, ret + 1);
    ret[STATUS_ETAG_LEN - 1] = '"';
    ret[STATUS_ETAG_LEN] = '\0';
}
