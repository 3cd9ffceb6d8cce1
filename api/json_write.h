/* Writing JSON text. */
#pragma once

#include "core/buf.h"

/* A JSON string; `text` is UTF-8, what is not comes out as U+FFFD. */
void json_write_string(struct buf *out, struct text text);

/* Makes one line of the JSON from there on: what others wrote may have line breaks between its
 * tokens; inside of strings there are none. */
void json_write_join_lines(struct buf *out, size_t from);
