#include "core/keys.h"

#include "core/redis_command.h"
#include "core/status_id.h"

#include <assert.h>

enum { KEY_MAX = KEYS_PREFIX_MAX + sizeof "id:" + STATUS_ID_MAX + sizeof ":18446744073709551615" };

/* A key under construction, on the stack. */
struct key {
    char bytes[KEY_MAX];
    struct buf buf;
};

static void key_begin(struct key *key, struct text prefix, struct text id)
{
    assert(prefix.len <= KEYS_PREFIX_MAX && id.len <= STATUS_ID_MAX + 10);
    key->buf = (struct buf){ .data = key->bytes, .cap = sizeof key->bytes };
    buf_add_text(&key->buf, prefix);
    buf_add(&key->buf, "id:", 3);
    buf_add_text(&key->buf, id);
}

void keys_add_status(struct buf *out, struct text prefix, struct text id)
{
    struct key key;

    key_begin(&key, prefix, id);
    redis_arg(out, buf_text(&key.buf));
}

void keys_add_attempt(struct buf *out, struct text prefix, struct text id, uint64_t attempt)
{
    struct key key;

    key_begin(&key, prefix, id);
    buf_add_char(&key.buf, ':');
    buf_add_u64(&key.buf, attempt);
    redis_arg(out, buf_text(&key.buf));
}
