/* The one listening socket, which all workers share: a full worker must not strand clients in a
 * queue of its own. */
#pragma once

#include "core/buf.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Listens on a numeric address (IPv4, or IPv6 without brackets); port 0 takes a free one. Returns
 * the non-blocking descriptor, which the caller closes, and the port; or -1 and a message.
 */
int listener_open(const char *host, uint16_t port, uint16_t *ret_port, struct buf *message);

/* Whether the address is reachable from this machine only. */
bool listener_is_loopback(const char *host);
