#include "core/digest.h"

#include <nettle/sha1.h>
#include <stdint.h>

void digest_of(const struct text *parts, size_t n, char ret[DIGEST_LEN + 1])
{
    static const char hex[] = "0123456789abcdef";
    struct sha1_ctx context;
    uint8_t bytes[DIGEST_LEN / 2];

    sha1_init(&context);
    for (size_t i = 0; i < n; i++)
        sha1_update(&context, parts[i].len, (const uint8_t *)parts[i].at);
    sha1_digest(&context, sizeof bytes, bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        ret[2 * i] = hex[bytes[i] >> 4];
        ret[2 * i + 1] = hex[bytes[i] & 15];
    }
    ret[DIGEST_LEN] = '\0';
}
