/* The directory of the private Redis: made, checked, and locked so that two never share it. */
#pragma once

#include "core/buf.h"

#include <stdbool.h>

/*
 * Makes the directory (0700, and its parents) if it is not there, refuses one that is another
 * user's or that others may write to, and locks it. *ret_lock_fd is inherited by children, and the
 * lock is held until the last of them is gone too: an orphan that still writes keeps its data to
 * itself. While it is locked, waits up to wait_ms. The caller closes the descriptor. False:
 * *message says why, and names the directory.
 */
bool data_dir_open(const char *path, unsigned wait_ms, int *ret_lock_fd, struct buf *message);

/* Writes a file of mode 0600 in the directory, whole or not at all. */
bool data_dir_write(const char *path, const char *name, struct text content, struct buf *message);
