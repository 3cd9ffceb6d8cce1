/* The files of dashboard/, embedded by the build: what the service has for browsers. */
#pragma once

#include "core/text.h"

struct asset {
    const char *name; /* of the file */
    const char *type; /* media type */
    const char *sha1; /* of the content, in hex */
    struct text content;
};

/* NULL: there is no such file. */
const struct asset *asset_find(struct text name);
