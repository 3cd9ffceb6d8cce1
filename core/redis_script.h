/* The Lua scripts of core/scripts/, embedded by the build, and how a call runs one. */
#pragma once

#include "core/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum redis_script_id {
    REDIS_SCRIPT_CHANGE,
    REDIS_SCRIPT_DELETE,
    REDIS_SCRIPT_SCAN,
    REDIS_SCRIPT_BULK,
    REDIS_SCRIPT_COUNT
};

struct redis_script {
    const char *name;   /* file name without .lua */
    struct text source; /* static */
    char sha1[41];      /* of the source, lower case hex */
};

const struct redis_script *redis_script_get(enum redis_script_id id);

/*
 * Starts EVALSHA (or EVAL with the source) with one key and n_args further arguments; the caller
 * appends the key and then exactly n_args arguments with redis_arg*().
 */
void redis_script_command(struct buf *out, enum redis_script_id id, bool with_source,
                          size_t n_args);
