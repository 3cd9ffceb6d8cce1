/* RESP formatting: commands as arrays of length-prefixed strings, so no byte of input is ever
 * special. */
#pragma once

#include "core/buf.h"

#include <stddef.h>
#include <stdint.h>

/* Starts a command of n_args arguments, its name included; then exactly n_args redis_arg*() follow.
 */
void redis_command(struct buf *out, size_t n_args);
void redis_arg(struct buf *out, struct text arg);
void redis_arg_str(struct buf *out, const char *arg);
void redis_arg_u64(struct buf *out, uint64_t arg);
/* One argument made of parts, such as a prefix and a name. */
void redis_arg_parts(struct buf *out, const struct text *parts, size_t n);
void redis_arg_join(struct buf *out, struct text a, struct text b);
