/*
 * JSON from clients (RFC 8259, api.md): validated, and kept as its bytes, so that numbers come back
 * to the last digit. jansson does the validation of all but numbers, which it would refuse beyond
 * 64 bits.
 */
#pragma once

#include "core/buf.h"

#include <jansson.h>
#include <stdbool.h>

#define JSON_TEXT_DEPTH_MAX 32

struct json_text {
    json_t *root;   /* the parsed value; each number in it is 0 */
    struct buf raw; /* the same value as it was sent, without white space between tokens */
};

/*
 * Parses one value. On success the caller owns *ret: json_text_finish(). On failure returns false
 * and *ret_message says what is wrong and where (owned by the caller, buf_finish()).
 */
bool json_text_parse(struct text body, struct json_text *ret, struct buf *ret_message);

/* Safe on zeroed memory. */
void json_text_finish(struct json_text *json);

/*
 * Walks the members of an object that is part of a json_text's `raw`. Start with *at = 0. Returns
 * false at the end. *ret_name is the name as it stands there, between its quotes; *ret_value the
 * value.
 */
bool json_text_next_member(struct text object, size_t *at, struct text *ret_name,
                           struct text *ret_value);

/* The same for the elements of an array. */
bool json_text_next_element(struct text array, size_t *at, struct text *ret_value);

/* Whether a member's name as it stands in the text means `name`. */
bool json_text_name_is(struct text raw_name, const char *name);
