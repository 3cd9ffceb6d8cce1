#include "api/target.h"

#include "core/percent.h"

/* Where decoded text goes. */
struct decoder {
    char *out;
};

static bool is_legal(char c)
{
    return (unsigned char)c > 0x20 && (unsigned char)c < 0x7f;
}

static bool decode(struct decoder *decoder, const char *at, const char *end, bool plus_is_space,
                   struct text *ret)
{
    char *start = decoder->out;

    for (; at < end; at++) {
        char c = *at;
        if (!is_legal(c))
            return false;
        if (c == '%') {
            if (!percent_decode(at, end, &c))
                return false;
            at += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        *decoder->out++ = c;
    }
    *ret = (struct text){ .at = start, .len = (size_t)(decoder->out - start) };
    return true;
}

static bool parse_path(struct decoder *decoder, const char *at, const char *end,
                       struct target *target)
{
    while (at < end) {
        const char *start = at + 1; /* behind '/' */
        const char *slash = memchr(start, '/', (size_t)(end - start));
        struct text segment;

        at = slash ? slash : end;
        if (!decode(decoder, start, at, false, &segment))
            return false;
        if (target->n_segments < TARGET_SEGMENTS_MAX)
            target->segment[target->n_segments] = segment;
        target->n_segments++;
    }
    return true;
}

static enum target_fault parse_query(struct decoder *decoder, const char *at, const char *end,
                                     struct target *target)
{
    for (const char *next; at < end; at = next + 1) {
        const char *ampersand = memchr(at, '&', (size_t)(end - at));
        next = ampersand ? ampersand : end;
        const char *equals = memchr(at, '=', (size_t)(next - at));

        if (at == next) /* "a=1&&b=2" */
            continue;
        if (target->n_parameters == TARGET_PARAMETERS_MAX)
            return TARGET_MANY_PARAMETERS;
        size_t n = target->n_parameters++;
        if (!decode(decoder, at, equals ? equals : next, true, &target->parameter[n].name) ||
            !decode(decoder, equals ? equals + 1 : next, next, true, &target->parameter[n].value))
            return TARGET_BAD_QUERY;
    }
    return TARGET_OK;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): it is written through the decoder */
enum target_fault target_parse(const char *raw, char *scratch, struct target *ret)
{
    struct decoder decoder = { .out = scratch };
    const char *end = raw + strlen(raw);
    const char *question = strchr(raw, '?');

    ret->n_segments = ret->n_parameters = 0;
    if (raw[0] != '/' || !parse_path(&decoder, raw, question ? question : end, ret))
        return TARGET_BAD_PATH;
    return question ? parse_query(&decoder, question + 1, end, ret) : TARGET_OK;
}
