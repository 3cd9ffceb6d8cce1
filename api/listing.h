/*
 * A request for many statuses: filters, order, page. Comes from a query string (listing_take) or
 * from a JSON body (listing_parse); both have the same names and rules (api.md "Many statuses").
 */
#pragma once

#include "api/filter.h"
#include "api/json_text.h"
#include "core/bulk.h"
#include "core/query.h"

#include <stdbool.h>
#include <stdint.h>

/* Parameters that a route takes besides the filters: bits. */
enum listing_takes {
    LISTING_PAGE = 1 << 0,       /* order, place, fields */
    LISTING_BULK = 1 << 1,       /* bounds of a bulk change */
    LISTING_FORCE = 1 << 2,      /* states that are not completed too */
    LISTING_EVENTS = 1 << 4,     /* how many to begin with, none too */
    LISTING_OLDER_THAN = 1 << 3, /* needed: the age from which on to clean up */
};

enum { LISTING_LIMIT_MAX = 1000, LISTING_LIMIT = 100, LISTING_OFFSET_MAX = 1000000 };

struct listing {
    struct filter filter;
    enum status_field order;
    bool descending;
    uint64_t limit, offset;
    struct text cursor; /* `at` NULL: none */
    uint32_t keys;      /* of a status to show: a set of enum status_key; 0: all */
    bool has_limit, has_fields, want_count, explain;
    bool dry_run, all, force;
    bool has_max;
    uint64_t max;          /* statuses to change */
    uint64_t older_than;   /* microseconds */
    char cutoff[24];       /* the same as a time */
    unsigned takes;        /* set of enum listing_takes */
    unsigned seen;         /* of the parameters besides the filters: bits */
    struct json_text json; /* what the texts above point into, when it came as JSON */

    /* Of an export: where the next page begins, and whether it is its turn. */
    struct buf place_id;
    bool page_is_due;

    struct query query, total; /* total: of the count beside a list */
    struct clause total_clauses[FILTER_CLAUSES_MAX + 1];
    struct bulk bulk;
    size_t shown; /* statuses */
    uint64_t count;
    uint64_t started_ns;
};

/* `takes`: set of enum listing_takes. `now`: microseconds since the epoch. Never NULL. */
struct listing *listing_create(unsigned takes, uint64_t now);
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

/* The count beside the list of `query`, which has been prepared: of all that its pages have. */
void listing_prepare_total(struct listing *listing);

/* The same for a bulk change: its clauses, and what bounds it. */
const char *listing_prepare_bulk(struct listing *listing, const char **ret_field);

/* The token for the page behind `place`. */
void listing_write_cursor(const struct listing *listing, const struct query_place *place,
                          struct buf *out);

/* Keys of a status, of the parameter `fields`: NULL, or what is wrong. */
const char *listing_keys(struct text names, uint32_t *ret_keys);
