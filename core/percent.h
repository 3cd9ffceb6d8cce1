/* Percent-encoding (RFC 3986, section 2.1). */
#pragma once

#include <stdbool.h>

/* Decodes the escape that begins at `at`, which is a '%'. False: it is cut off by `end`, has no two
 * hex digits, or stands for NUL, which no text of ours may have. */
bool percent_decode(const char *at, const char *end, char *ret);
