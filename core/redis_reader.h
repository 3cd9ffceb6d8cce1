/*
 * RESP2 to struct redis_reply: hiredis' reader with our own objects, which live in an arena. The
 * arena is given back by redis_reader_release(), all replies at once. Internal to the Redis client.
 */
#pragma once

#include "core/redis_reply.h"

#include <stddef.h>

struct redis_reader;

enum redis_read {
    REDIS_READ_MORE,   /* no whole reply yet */
    REDIS_READ_REPLY,  /* *ret_reply is the next one, until redis_reader_release() */
    REDIS_READ_BROKEN, /* not RESP, nested deeper than hiredis goes, or longer than max_bytes: of no
                          more use */
};

/* `max_bytes` bounds what is buffered and what replies not yet released take, each. */
struct redis_reader *redis_reader_create(size_t max_bytes);
void redis_reader_destroy(struct redis_reader *reader);

void redis_reader_feed(struct redis_reader *reader, const char *data, size_t len);
enum redis_read redis_reader_next(struct redis_reader *reader,
                                  const struct redis_reply **ret_reply);

/* All replies so far are gone. A huge one's memory goes back to the system. */
void redis_reader_release(struct redis_reader *reader);
