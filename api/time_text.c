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
