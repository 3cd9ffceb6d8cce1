/* The request target (RFC 9112 3.2): path segments and query parameters, percent-decoded. */
#pragma once

#include "core/text.h"

#include <stdbool.h>
#include <stddef.h>

#define TARGET_SEGMENTS_MAX   4
#define TARGET_PARAMETERS_MAX 32

struct target {
    struct text segment[TARGET_SEGMENTS_MAX]; /* decoded */
    size_t n_segments; /* more than TARGET_SEGMENTS_MAX: no route is that long */
    struct {
        struct text name, value; /* decoded */
    } parameter[TARGET_PARAMETERS_MAX];
    size_t n_parameters;
};

enum target_fault {
    TARGET_OK,
    TARGET_BAD_PATH,        /* a byte that is not legal in a URI, a bad escape, %00 */
    TARGET_BAD_QUERY,       /* the same in the query */
    TARGET_MANY_PARAMETERS, /* more than TARGET_PARAMETERS_MAX */
};

/* `raw` is origin-form. Decoded texts go to `scratch`, which has room for strlen(raw) + 1 bytes. */
enum target_fault target_parse(const char *raw, char *scratch, struct target *ret);
