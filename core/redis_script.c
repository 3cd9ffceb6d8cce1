#include "core/redis_script.h"

#include "core/redis_command.h"
#include "core/scripts.inc" /* made by the build: embed.py */

#include <assert.h>

#define SCRIPT(stem, STEM)                                                    \
    {                                                                         \
        .name = #stem, .source = { embedded_##stem, sizeof embedded_##stem }, \
        .sha1 = EMBEDDED_##STEM##_SHA1                                        \
    }

static const struct redis_script scripts[] = {
    [REDIS_SCRIPT_CHANGE] = SCRIPT(change, CHANGE),
    [REDIS_SCRIPT_DELETE] = SCRIPT(delete, DELETE),
    [REDIS_SCRIPT_SCAN] = SCRIPT(scan, SCAN),
    [REDIS_SCRIPT_BULK] = SCRIPT(bulk, BULK),
};

_Static_assert(sizeof scripts / sizeof *scripts == REDIS_SCRIPT_COUNT, "a row for each script");

const struct redis_script *redis_script_get(enum redis_script_id id)
{
    assert(id < REDIS_SCRIPT_COUNT);
    return &scripts[id];
}

void redis_script_command(struct buf *out, enum redis_script_id id, bool with_source, size_t n_args)
{
    const struct redis_script *script = redis_script_get(id);

    redis_command(out, n_args + 4); /* EVALSHA sha1 1 key args... */
    redis_arg_str(out, with_source ? "EVAL" : "EVALSHA");
    redis_arg(out, with_source ? script->source : text_of(script->sha1));
    redis_arg_str(out, "1");
}
