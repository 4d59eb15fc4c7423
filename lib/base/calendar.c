/* The calendar and time stamps.
 * SPDX-License-Identifier: MIT
 *
 * Days are counted in eras of 400 years that start on 1 March, so that a leap day ends its year:
 * the month lengths from March on then follow (153 * month + 2) / 5, and leap years need only
 * the counts of fourths, hundredths and four-hundredths of years that have passed. */
#include "base/text.h"

#define SECOND ((int64_t)1000000000)
#define DAY    (86400 * SECOND)

enum { ERA_YEARS = 400, ERA_DAYS = 146097, EPOCH_DAYS = 719468 /* 0000-03-01 to 1970-01-01 */ };

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int month_days(int64_t year, int month)
{
    static const signed char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

static int64_t floor_divide(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

/* Days from 1970-01-01 to a date. */
static int64_t days_to(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = floor_divide(year, ERA_YEARS), within = year - era * ERA_YEARS;
    int64_t since_march = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    return era * ERA_DAYS + within * 365 + within / 4 - within / 100 + since_march - EPOCH_DAYS;
}

static void days_from(int64_t days, struct pl_calendar *out)
{
    days += EPOCH_DAYS;
    int64_t era = floor_divide(days, ERA_DAYS), within = days - era * ERA_DAYS;
    /* Take the leap days out: one in 1461 days, back at 36524, one again at the era's end. */
    int64_t year = (within - within / 1460 + within / 36524 - within / (ERA_DAYS - 1)) / 365;
    int64_t since_march = within - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * since_march + 2) / 153;
    out->day = (int)(since_march - (153 * month + 2) / 5) + 1;
    out->month = (int)(month < 10 ? month + 3 : month - 9);
    out->year = era * ERA_YEARS + year + (out->month <= 2);
}

struct pl_calendar pl_calendar_from(int64_t nanoseconds)
{
    struct pl_calendar out = {0};
    int64_t days = floor_divide(nanoseconds, DAY);
    int64_t within = nanoseconds % DAY + (nanoseconds % DAY < 0 ? DAY : 0);
    int seconds = (int)(within / SECOND);
    out.nanosecond = (int)(within % SECOND);
    out.hour = seconds / 3600;
    out.minute = seconds / 60 % 60;
    out.second = seconds % 60;
    days_from(days, &out);
    out.weekday = (int)(days + 3 - floor_divide(days + 3, 7) * 7); /* the epoch was a Thursday */
    out.yearday = (int)(days - days_to(out.year, 1, 1));
    return out;
}

/* Nanoseconds of seconds since the epoch and a part of a second >= 0; false beyond the range. */
static bool join(int64_t seconds, int64_t nanosecond, int64_t *out)
{
    if (seconds < 0 && nanosecond > 0) { /* keeps the product of the first moments in range */
        seconds++;
        nanosecond -= SECOND;
    }
    return !__builtin_mul_overflow(seconds, SECOND, out) &&
           !__builtin_add_overflow(*out, nanosecond, out);
}

int64_t pl_calendar_to(const struct pl_calendar *calendar)
{
    int64_t out, days;
    if (calendar->year < -9999 || calendar->year > 9999) {
        return calendar->year < 0 ? INT64_MIN : INT64_MAX;
    }
    days = days_to(calendar->year, calendar->month, calendar->day);
    int64_t seconds =
        days * 86400 + calendar->hour * 3600 + calendar->minute * 60 + calendar->second;
    if (!join(seconds, calendar->nanosecond, &out)) {
        return seconds < 0 ? INT64_MIN : INT64_MAX;
    }
    return out;
}

int64_t pl_time_add_months(int64_t nanoseconds, int64_t months)
{
    struct pl_calendar calendar = pl_calendar_from(nanoseconds);
    int64_t total;
    if (__builtin_add_overflow(calendar.year * 12 + calendar.month - 1, months, &total)) {
        return months < 0 ? INT64_MIN : INT64_MAX;
    }
    calendar.year = floor_divide(total, 12);
    calendar.month = (int)(total - calendar.year * 12) + 1;
    int last = month_days(calendar.year, calendar.month);
    calendar.day = calendar.day < last ? calendar.day : last;
    return pl_calendar_to(&calendar);
}

/* ---- Time stamps ---- */

struct cursor {
    const char *at, *end;
};

static bool next_is(const struct cursor *cursor, char byte)
{
    return cursor->at < cursor->end && *cursor->at == byte;
}

/* Reads `least` to `most` digits, as many as there are. */
static bool take_digits(struct cursor *cursor, int least, int most, int *out)
{
    int count = 0;
    *out = 0;
    while (count < most && cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9') {
        *out = *out * 10 + (*cursor->at++ - '0');
        count++;
    }
    return count >= least;
}

static bool take_byte(struct cursor *cursor, char byte)
{
    bool found = next_is(cursor, byte);
    cursor->at += found;
    return found;
}

/* 2024-03-01, 2024-03, 2024/3/1, 20240301 */
static bool take_date(struct cursor *cursor, struct pl_calendar *out)
{
    int year;
    out->day = 1;
    if (!take_digits(cursor, 4, 4, &year)) {
        return false;
    }
    out->year = year;
    bool taken;
    if (take_byte(cursor, '-')) {
        taken = take_digits(cursor, 2, 2, &out->month) &&
                (cursor->at == cursor->end ||
                 (take_byte(cursor, '-') && take_digits(cursor, 2, 2, &out->day)));
    } else if (take_byte(cursor, '/')) {
        taken = take_digits(cursor, 1, 2, &out->month) && take_byte(cursor, '/') &&
                take_digits(cursor, 1, 2, &out->day);
    } else {
        taken = take_digits(cursor, 2, 2, &out->month) && take_digits(cursor, 2, 2, &out->day);
    }
    return taken && out->month >= 1 && out->month <= 12 && out->day >= 1 &&
           out->day <= month_days(out->year, out->month);
}

/* The fraction of a second behind its point; what is finer than a nanosecond is dropped. */
static bool take_fraction(struct cursor *cursor, int *nanosecond)
{
    int digit, scale = (int)SECOND / 10;
    if (!take_digits(cursor, 1, 1, &digit)) {
        return false;
    }
    do {
        *nanosecond += digit * scale;
        scale /= 10;
    } while (take_digits(cursor, 1, 1, &digit));
    return true;
}

/* 4:05, 12:30, 12:30:15, 12:30:15.25; 24:00 is the end of the day. */
static bool take_time(struct cursor *cursor, struct pl_calendar *out)
{
    if (!take_digits(cursor, 1, 2, &out->hour) || !take_byte(cursor, ':') ||
        !take_digits(cursor, 2, 2, &out->minute)) {
        return false;
    }
    if (take_byte(cursor, ':')) {
        if (!take_digits(cursor, 2, 2, &out->second)) {
            return false;
        }
        if ((take_byte(cursor, '.') || take_byte(cursor, ',')) &&
            !take_fraction(cursor, &out->nanosecond)) {
            return false;
        }
    }
    bool midnight = out->minute == 0 && out->second == 0 && out->nanosecond == 0;
    return out->hour <= (midnight ? 24 : 23) && out->minute <= 59 && out->second <= 59;
}

/* Z, +02, +0200, +02:00 */
static bool take_offset(struct cursor *cursor, int *seconds)
{
    int hours, minutes = 0;
    if (take_byte(cursor, 'Z') || take_byte(cursor, 'z')) {
        return true;
    }
    bool west = take_byte(cursor, '-');
    if ((!west && !take_byte(cursor, '+')) || !take_digits(cursor, 2, 2, &hours)) {
        return false;
    }
    if (cursor->at < cursor->end) {
        take_byte(cursor, ':');
        if (!take_digits(cursor, 2, 2, &minutes)) {
            return false;
        }
    }
    *seconds = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
    return hours <= 23 && minutes <= 59;
}

bool pl_time_parse(const char *text, size_t size, int64_t *nanoseconds, bool *zone)
{
    struct cursor cursor = {text, text + size};
    struct pl_calendar calendar = {0};
    int offset = 0;
    bool has_offset = false;
    if (!take_date(&cursor, &calendar)) {
        return false;
    }
    if (cursor.at < cursor.end) {
        if (!take_byte(&cursor, 'T') && !take_byte(&cursor, ' ') && !take_byte(&cursor, 't')) {
            return false;
        }
        if (!take_time(&cursor, &calendar)) {
            return false;
        }
        has_offset = cursor.at < cursor.end;
        if (has_offset && !take_offset(&cursor, &offset)) {
            return false;
        }
    }
    int64_t seconds = days_to(calendar.year, calendar.month, calendar.day) * 86400 +
                      calendar.hour * 3600 + calendar.minute * 60 + calendar.second - offset;
    int64_t joined;
    if (cursor.at != cursor.end || !join(seconds, calendar.nanosecond, &joined)) {
        return false;
    }
    *nanoseconds = joined;
    if (zone) {
        *zone = has_offset;
    }
    return true;
}

static char *put_digits(char *out, int value, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return out + width;
}

size_t pl_time_format(char out[PL_TIME_SIZE], int64_t nanoseconds, bool date_only)
{
    struct pl_calendar calendar = pl_calendar_from(nanoseconds);
    char *at = put_digits(out, (int)calendar.year, 4); /* 1677 to 2262 */
    *at++ = '-';
    at = put_digits(at, calendar.month, 2);
    *at++ = '-';
    at = put_digits(at, calendar.day, 2);
    if (!date_only) {
        *at++ = ' ';
        at = put_digits(at, calendar.hour, 2);
        *at++ = ':';
        at = put_digits(at, calendar.minute, 2);
        *at++ = ':';
        at = put_digits(at, calendar.second, 2);
        if (calendar.nanosecond) {
            *at++ = '.';
            at = put_digits(at, calendar.nanosecond, 9);
            while (at[-1] == '0') {
                at--;
            }
        }
    }
    *at = '\0';
    return (size_t)(at - out);
}
