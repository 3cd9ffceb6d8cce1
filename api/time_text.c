#include "api/time_text.h"

#include <assert.h>

enum { DAYS_IN_ERA = 146097, DAYS_FROM_0000_03_01 = 719468 }; /* an era: 400 years */

struct date {
    unsigned year, month, day;
};

/*
 * The proleptic Gregorian date of a day since 1970-01-01. Years begin in March here, so that the
 * leap day is their last. Not gmtime_r(), which takes a lock that all threads share.
 */
static struct date date_of_day(uint64_t day_since_epoch)
{
    unsigned days = (unsigned)day_since_epoch + DAYS_FROM_0000_03_01;
    unsigned era = days / DAYS_IN_ERA;
    unsigned day = days % DAYS_IN_ERA;
    unsigned year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    unsigned day_of_year = day - (365 * year + year / 4 - year / 100);
    unsigned march_month = (5 * day_of_year + 2) / 153;
    unsigned month = march_month < 10 ? march_month + 3 : march_month - 9;

    return (struct date){
        .year = era * 400 + year + (month <= 2),
        .month = month,
        .day = day_of_year - (153 * march_month + 2) / 5 + 1,
    };
}

static void write_digits(char *at, unsigned width, uint64_t value)
{
    for (unsigned i = width; i-- > 0; value /= 10)
        at[i] = (char)('0' + value % 10);
}

void time_text_write(struct buf *out, uint64_t microseconds)
{
    static const char shape[] = "0000-00-00T00:00:00.000000Z";
    assert(microseconds <= TIME_TEXT_MAX);

    uint64_t seconds = microseconds / 1000000;
    struct date date = date_of_day(seconds / 86400);
    char *at = buf_reserve(out, sizeof shape);

    memcpy(at, shape, sizeof shape - 1);
    write_digits(at, 4, date.year);
    write_digits(at + 5, 2, date.month);
    write_digits(at + 8, 2, date.day);
    write_digits(at + 11, 2, seconds % 86400 / 3600);
    write_digits(at + 14, 2, seconds % 3600 / 60);
    write_digits(at + 17, 2, seconds % 60);
    write_digits(at + 20, 6, microseconds % 1000000);
    out->len += sizeof shape - 1;
}

/* ---- reading ---- */

/* `n` digits at *at, which moves behind them. */
static bool take_digits(const char **at, const char *end, unsigned n, uint64_t *ret)
{
    if (end - *at < (long)n)
        return false;
    *ret = 0;
    for (; n > 0; n--, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        *ret = *ret * 10 + (uint64_t)(**at - '0');
    }
    return true;
}

static bool take_byte(const char **at, const char *end, const char *any_of)
{
    if (*at == end || !**at || !strchr(any_of, **at))
        return false;
    (*at)++;
    return true;
}

static bool is_leap(uint64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* The inverse of date_of_day(), for a date that exists. */
static bool day_of_date(uint64_t year, uint64_t month, uint64_t day, uint64_t *ret)
{
    static const unsigned lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    if (year < 1970 || month < 1 || month > 12 || day < 1 ||
        day > lengths[month - 1] + (month == 2 && is_leap(year)))
        return false;
    if (month <= 2)
        year--;
    uint64_t march_month = month > 2 ? month - 3 : month + 9, era = year / 400, of_era = year % 400;
    uint64_t of_year = (153 * march_month + 2) / 5 + day - 1;
    *ret = era * DAYS_IN_ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
           DAYS_FROM_0000_03_01;
    return true;
}

/* ".123456789": microseconds. */
static bool take_fraction(const char **at, const char *end, uint64_t *ret)
{
    unsigned n = 0;

    *ret = 0;
    if (!take_byte(at, end, "."))
        return true;
    for (; *at < end && **at >= '0' && **at <= '9'; (*at)++, n++)
        if (n < 6)
            *ret = *ret * 10 + (uint64_t)(**at - '0');
    for (unsigned i = n; i < 6; i++)
        *ret *= 10;
    return n >= 1 && n <= 9;
}

/* "Z", "+01:30": minutes east of Greenwich. */
static bool take_offset(const char **at, const char *end, int64_t *ret)
{
    uint64_t hours, minutes;
    bool west = *at < end && **at == '-';

    *ret = 0;
    if (take_byte(at, end, "Zz"))
        return true;
    if (!take_byte(at, end, "+- ") || !take_digits(at, end, 2, &hours) ||
        !take_byte(at, end, ":") || !take_digits(at, end, 2, &minutes) || hours > 23 ||
        minutes > 59)
        return false;
    *ret = (int64_t)(hours * 60 + minutes) * (west ? -1 : 1);
    return true;
}

static bool parse_rfc3339(const char *at, const char *end, uint64_t *ret)
{
    uint64_t year, month, day, hour, minute, second, fraction, days;
    int64_t offset, seconds;

    if (!take_digits(&at, end, 4, &year) || !take_byte(&at, end, "-") ||
        !take_digits(&at, end, 2, &month) || !take_byte(&at, end, "-") ||
        !take_digits(&at, end, 2, &day) || !take_byte(&at, end, "Tt ") ||
        !take_digits(&at, end, 2, &hour) || !take_byte(&at, end, ":") ||
        !take_digits(&at, end, 2, &minute) || !take_byte(&at, end, ":") ||
        !take_digits(&at, end, 2, &second) || !take_fraction(&at, end, &fraction) ||
        !take_offset(&at, end, &offset) || at != end)
        return false;
    if (hour > 23 || minute > 59 || second > 60 || !day_of_date(year, month, day, &days))
        return false;
    seconds = (int64_t)(days * 86400 + hour * 3600 + minute * 60 + second) - offset * 60;
    if (seconds < 0)
        return false;
    *ret = (uint64_t)seconds * 1000000 + fraction;
    return true;
}

/* Digits, and decimals that don't matter. */
static bool parse_microseconds(const char *at, const char *end, uint64_t *ret)
{
    const char *digits_end = at;
    uint64_t decimals;

    while (digits_end < end && *digits_end >= '0' && *digits_end <= '9')
        digits_end++;
    return digits_end > at && digits_end - at <= 16 &&
           take_digits(&at, end, (unsigned)(digits_end - at), ret) &&
           take_fraction(&at, end, &decimals) && at == end;
}

bool time_text_parse(struct text text, uint64_t *ret_microseconds)
{
    const char *at = text.at, *end = text.at + text.len;
    uint64_t time;
    bool ok = parse_microseconds(at, end, &time) || parse_rfc3339(at, end, &time);

    if (ok && time <= TIME_TEXT_MAX)
        *ret_microseconds = time;
    return ok && time <= TIME_TEXT_MAX;
}

bool time_text_parse_span(struct text text, uint64_t *ret_microseconds)
{
    static const struct {
        char unit;
        uint64_t seconds;
    } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
    const char *at = text.at, *end = text.at + text.len;
    uint64_t number;

    if (text.len < 2 || text.len > 7 || !take_digits(&at, end, (unsigned)text.len - 1, &number))
        return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (*at == units[i].unit) {
            *ret_microseconds = number * units[i].seconds * 1000000;
            return true;
        }
    }
    return false;
}
