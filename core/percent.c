#include "core/percent.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool percent_decode(const char *at, const char *end, char *ret)
{
    int high = end - at > 2 ? hex_value(at[1]) : -1;
    int low = end - at > 2 ? hex_value(at[2]) : -1;

    if (high < 0 || low < 0 || high + low == 0)
        return false;
    *ret = (char)(high << 4 | low);
    return true;
}
