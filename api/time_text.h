/* Times of the API. */
#pragma once

#include "core/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* RFC 3339 in UTC with six decimals, without quotes: 2026-11-24T03:39:56.123456Z. Up to the year
 * 9999. */
void time_text_write(struct buf *out, uint64_t microseconds);

/* The last microsecond that it can write. */
#define TIME_TEXT_MAX UINT64_C(253402300799999999)

/*
 * Reads a time: RFC 3339 with any offset and up to nine decimals, or microseconds since the epoch
 * in digits, with or without decimals. What is beyond microseconds is dropped, as the seed does.
 * False: neither, or not from 1970 to 9999.
 */
bool time_text_parse(struct text text, uint64_t *ret_microseconds);

/* Reads a span: digits and s, m, h or d ("90m"), in microseconds. */
bool time_text_parse_span(struct text text, uint64_t *ret_microseconds);
