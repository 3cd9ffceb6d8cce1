/* Times of the API. */
#pragma once

#include "core/buf.h"

#include <stdint.h>

/* RFC 3339 in UTC with six decimals, without quotes: 2026-11-24T03:39:56.123456Z. Up to the year
 * 9999. */
void time_text_write(struct buf *out, uint64_t microseconds);

/* The last microsecond that it can write. */
#define TIME_TEXT_MAX UINT64_C(253402300799999999)
