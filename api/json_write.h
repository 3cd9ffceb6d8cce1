/* Writing JSON text. */
#pragma once

#include "core/buf.h"

/* A JSON string; `text` is UTF-8, what is not comes out as U+FFFD. */
void json_write_string(struct buf *out, struct text text);
