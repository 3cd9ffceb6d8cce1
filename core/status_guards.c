#include "core/status_guards.h"

#include "core/redis_command.h"
#include "core/status_field.h"

enum { GUARD_ARGS = 8 };

size_t status_guards_count(const struct status_guards *guards)
{
    bool any = guards->key.at || guards->attempt.at || guards->states.at || guards->etags.at;
    return any ? GUARD_ARGS : 0;
}

/* Names of all fields, with commas between. */
static void add_fields(struct buf *out)
{
    struct text names[2 * FIELD_COUNT];

    for (size_t i = 0; i < FIELD_COUNT; i++) {
        names[2 * i] = text_of(status_field_name((enum status_field)i));
        names[2 * i + 1] = TEXT(",");
    }
    redis_arg_parts(out, names, 2 * FIELD_COUNT - 1);
}

void status_guards_add(struct buf *out, const struct status_store *store,
                       const struct status_guards *guards)
{
    if (!status_guards_count(guards))
        return;
    redis_arg(out, guards->key);
    redis_arg_str(out, guards->fingerprint);
    redis_arg_u64(out, store->key_lifetime_ms);
    redis_arg_u64(out, store->refusal_lifetime_ms);
    redis_arg(out, guards->attempt);
    redis_arg(out, guards->states);
    redis_arg(out, guards->etags);
    if (guards->etags.at)
        add_fields(out);
    else
        redis_arg_str(out, "");
}
