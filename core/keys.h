/*
 * The names of Redis keys (layout.md; the namespace's prefix stands in front of each):
 *   id:ID                                a status; id:ID:N its archived attempt N
 *   STATE, TIMESTAMP                     a set, a sorted set of ids
 *   job_name:NAME job_arg:VALUE provider_job_id:VALUE   sets of ids
 * C names only the hashes; the indexes of a status depend on what is stored in it, so the scripts
 * name them, from the prefix, the names in the tables of state.c and status_field.c, and the
 * values.
 */
#pragma once

#include "core/buf.h"

#include <stdint.h>

/* Longest prefix that the functions below take. */
#define KEYS_PREFIX_MAX 65

/* As one argument of a command: the key of a status, or, with "ID:N", of an archived attempt. */
void keys_add_status(struct buf *out, struct text prefix, struct text id);

void keys_add_attempt(struct buf *out, struct text prefix, struct text id, uint64_t attempt);
