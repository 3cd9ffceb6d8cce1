/*
 * A fingerprint of bytes: the first 96 bits of their SHA-1 in hex. It tells versions of a status
 * apart, and requests under one key; a script can make the same with redis.sha1hex().
 */
#pragma once

#include "core/text.h"

#include <stddef.h>

#define DIGEST_LEN 24

/* Of the parts as if they were one; with a NUL behind it. */
void digest_of(const struct text *parts, size_t n, char ret[DIGEST_LEN + 1]);
