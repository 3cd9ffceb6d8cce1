/* What request headers mean (RFC 9110, RFC 7240). Values are as they were sent; `at` NULL: no such
 * header. */
#pragma once

#include "core/text.h"

#include <stdbool.h>

/* Whether Accept allows application/json. */
bool accept_allows_json(struct text accept);

/* Whether a body of this type is read as JSON: application/json, curl's default form type, or none
 * given. */
bool content_type_is_json(struct text content_type);

/* Whether Prefer has return=minimal. */
bool prefer_is_minimal(struct text prefer);

/* Whether Host names this machine's loopback, or is in the list; a port is allowed behind it. */
bool host_is_allowed(struct text host, const char *const *allowed);

/*
 * Whether a page of this Origin may change things: no Origin (not a browser), the service's own
 * (http or https and the same Host), or one in the list.
 */
bool origin_is_allowed(struct text origin, struct text host, const char *const *allowed);
