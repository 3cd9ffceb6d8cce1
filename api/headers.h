/* What request headers mean (RFC 9110, RFC 7240). Values are as they were sent; `at` NULL: no such
 * header. */
#pragma once

#include "core/status_guards.h"
#include "core/text.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Which of the types a client likes best, by RFC 9110, 12.5.1: of the ranges that fit a type the
 * most precise one counts; of types it likes the same, the first. -1: none. No Accept, or an empty
 * one: the first.
 */
int accept_choose(struct text accept, const char *const *types, size_t n_types);

/* Whether a body of this type is read as JSON: application/json, curl's default form type, or none
 * given. */
bool content_type_is_json(struct text content_type);

/* Whether it is application/x-ndjson. */
bool content_type_is_ndjson(struct text content_type);

/* Whether Prefer has return=minimal. */
bool prefer_is_minimal(struct text prefer);

/* Whether Cache-Control has no-cache. */
bool cache_control_has_no_cache(struct text cache_control);

/*
 * Whether If-None-Match names this ETag, or any ("*"): the weak comparison, which does not look at
 * a W/ (RFC 9110, 13.1.2).
 */
bool if_none_match_has(struct text if_none_match, const char *etag);

/*
 * If-Match as a guard takes it: NULL, or what is wrong with it. Weak tags never match (RFC 9110,
 * 13.1.1), so to send one is a mistake.
 */
const char *if_match_fault(struct text if_match);

/* The key of Idempotency-Key, bare or in quotes: NULL and *ret_key, or what is wrong with it. */
const char *idempotency_key_parse(struct text value, struct text *ret_key);

/* Whether Host names this machine's loopback, or is in the list; a port is allowed behind it. */
bool host_is_allowed(struct text host, const char *const *allowed);

/* Whether the Origin is one of the list. */
bool origin_is_listed(struct text origin, const char *const *allowed);

/*
 * Whether a page of this Origin may change things: no Origin (not a browser), the service's own
 * (http or https and the same Host), or one in the list.
 */
bool origin_is_allowed(struct text origin, struct text host, const char *const *allowed);
