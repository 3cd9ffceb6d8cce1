/*
 * A request for many statuses: filters, order, page. Comes from a query string (listing_take) or
 * from a JSON body (listing_parse); both have the same names and rules (api.md "Many statuses").
 */
#pragma once

#include "api/filter.h"
#include "api/json_text.h"
#include "core/query.h"

#include <stdbool.h>
#include <stdint.h>

enum { LISTING_LIMIT_MAX = 1000, LISTING_LIMIT = 100, LISTING_OFFSET_MAX = 1000000 };

struct listing {
    struct filter filter;
    enum status_field order;
    bool descending;
    uint64_t limit, offset;
    struct text cursor; /* `at` NULL: none */
    uint32_t keys;      /* of a status to show: a set of enum status_key; 0: all */
    bool want_count, explain;
    unsigned seen;         /* of the parameters besides the filters: bits */
    struct json_text json; /* what the texts above point into, when it came as JSON */

    struct query query, total; /* total: of the count beside a list */
    size_t shown;              /* statuses */
    uint64_t count;
    uint64_t started_ns;
};

/* `now`: microseconds since the epoch. Never NULL. */
struct listing *listing_create(uint64_t now);
void listing_destroy(struct listing *listing);

/* A parameter of the query string: borrowed until the end. NULL, or what is wrong with it. */
const char *listing_take(struct listing *listing, struct text name, struct text value);

/*
 * A body. False: *message (not JSON) or *errors (elements of a problem's `errors`) is not empty.
 */
bool listing_parse(struct listing *listing, struct text body, struct buf *message,
                   struct buf *errors);

/*
 * Fits what was taken together, once all of it has been: the cursor to its query, which is filled
 * in. NULL, or what is wrong, with the name of the parameter in *ret_field.
 */
const char *listing_prepare(struct listing *listing, const char **ret_field);

/* The token for the page behind `place`. */
void listing_write_cursor(const struct listing *listing, const struct query_place *place,
                          struct buf *out);

/* Keys of a status, of the parameter `fields`: NULL, or what is wrong. */
const char *listing_keys(struct text names, uint32_t *ret_keys);
