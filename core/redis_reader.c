#include "core/redis_reader.h"

#include "core/mem.h"

#include <hiredis/hiredis.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdlib.h>

enum { CHUNK_BYTES = 16 * 1024 };

struct chunk {
    struct chunk *next;
    size_t size, used;
    alignas(max_align_t) char bytes[];
};

struct redis_reader {
    redisReader *hiredis;
    size_t max_bytes;
    struct chunk *chunks; /* the one in use first; the last is kept for ever */
    size_t arena_bytes;
    struct redis_reply root;
};

/* ---- arena ---- */

static struct chunk *chunk_create(size_t size, struct chunk *next)
{
    struct chunk *chunk = mem_alloc(sizeof *chunk + size);

    *chunk = (struct chunk){ .next = next, .size = size };
    return chunk;
}

/* NULL when the reply is longer than it may be. */
static void *arena_alloc(struct redis_reader *reader, size_t size)
{
    size_t rounded = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);

    if (rounded > reader->max_bytes - reader->arena_bytes)
        return NULL;
    if (reader->chunks->size - reader->chunks->used < rounded)
        reader->chunks =
            chunk_create(rounded > CHUNK_BYTES ? rounded : CHUNK_BYTES, reader->chunks);

    void *at = reader->chunks->bytes + reader->chunks->used;
    reader->chunks->used += rounded;
    reader->arena_bytes += rounded;
    return at;
}

void redis_reader_release(struct redis_reader *reader)
{
    while (reader->chunks->next) {
        struct chunk *next = reader->chunks->next;
        free(reader->chunks);
        reader->chunks = next;
    }
#ifdef __SANITIZE_ADDRESS__ /* so that tests find out who still reads it */
    memset(reader->chunks->bytes, 0xdd, reader->chunks->size);
#endif
    reader->chunks->used = 0;
    reader->arena_bytes = 0;
}

/* ---- objects: hiredis calls these as it parses ---- */

/* Where the object of this task goes: a slot of the array around it, or the root. */
static struct redis_reply *slot_of(const redisReadTask *task)
{
    struct redis_reader *reader = task->privdata;
    const struct redis_reply *array = task->parent ? task->parent->obj : NULL;

    if (!array)
        return &reader->root;
    return (struct redis_reply *)(uintptr_t)&array->items[task->idx];
}

static void *create_string(const redisReadTask *task, char *text, size_t len)
{
    struct redis_reply *reply = slot_of(task);
    char *copy = arena_alloc(task->privdata, len + 1);

    if (!copy)
        return NULL;
    memcpy(copy, text, len); /* the reader's own buffer moves */
    copy[len] = '\0';
    *reply = (struct redis_reply){
        .type = task->type == REDIS_REPLY_ERROR    ? REDIS_ERROR
                : task->type == REDIS_REPLY_STATUS ? REDIS_STATUS
                                                   : REDIS_STRING,
        .text = { .at = copy, .len = len },
    };
    return reply;
}

static void *create_array(const redisReadTask *task, int n)
{
    struct redis_reply *reply = slot_of(task);
    struct redis_reply *items;

    if (n < 0)
        return NULL;
    items = arena_alloc(task->privdata, (size_t)n * sizeof *items);
    if (!items)
        return NULL;
    memset(items, 0, (size_t)n * sizeof *items);
    *reply = (struct redis_reply){ .type = REDIS_ARRAY, .n_items = (size_t)n, .items = items };
    return reply;
}

static void *create_integer(const redisReadTask *task, long long value)
{
    struct redis_reply *reply = slot_of(task);

    *reply = (struct redis_reply){ .type = REDIS_INTEGER, .integer = value };
    return reply;
}

static void *create_nil(const redisReadTask *task)
{
    struct redis_reply *reply = slot_of(task);

    *reply = (struct redis_reply){ .type = REDIS_NIL };
    return reply;
}

static void free_object(void *object)
{
    (void)object; /* the arena's */
}

static redisReplyObjectFunctions functions = {
    .createString = create_string,
    .createArray = create_array,
    .createInteger = create_integer,
    .createNil = create_nil,
    .freeObject = free_object,
};

/* ---- reading ---- */

struct redis_reader *redis_reader_create(size_t max_bytes)
{
    struct redis_reader *reader = mem_zalloc(sizeof *reader);

    reader->max_bytes = max_bytes;
    reader->chunks = chunk_create(CHUNK_BYTES, NULL);
    reader->hiredis = redisReaderCreateWithFunctions(&functions);
    if (!reader->hiredis)
        abort();
    reader->hiredis->privdata = reader;
    return reader;
}

void redis_reader_destroy(struct redis_reader *reader)
{
    if (!reader)
        return;
    redis_reader_release(reader);
    free(reader->chunks);
    redisReaderFree(reader->hiredis);
    free(reader);
}

void redis_reader_feed(struct redis_reader *reader, const char *data, size_t len)
{
    (void)redisReaderFeed(reader->hiredis, data,
                          len); /* its error stays and shows in the next read */
}

enum redis_read redis_reader_next(struct redis_reader *reader, const struct redis_reply **ret_reply)
{
    void *reply = NULL;

    if (redisReaderGetReply(reader->hiredis, &reply) != REDIS_OK)
        return REDIS_READ_BROKEN;
    if (reply) {
        *ret_reply = reply;
        return REDIS_READ_REPLY;
    }
    if (reader->hiredis->len - reader->hiredis->pos > reader->max_bytes)
        return REDIS_READ_BROKEN; /* hiredis would go on gathering a bulk of any length */
    return REDIS_READ_MORE;
}
