/* Time stamps in the form that a file writes them: read and written by a pattern.
 * SPDX-License-Identifier: MIT */
#include "formats/time_element.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/text.h"

enum { YEAR_LEAST = 1678, YEAR_MOST = 2261 }; /* whole years within int64 */

#define NANOSECONDS 1000000000

bool pl_time_element_next(const char **pattern, struct pl_time_element *element)
{
    const char *at = *pattern;
    *element = (struct pl_time_element){.byte = *at};
    if (*at == '\0') {
        return false;
    }
    at++;
    if (element->byte == '%') {
        element->unpadded = *at == '-';
        element->colon = *at == ':';
        element->digits = *at >= '1' && *at <= '9' ? *at - '0' : 0;
        at += element->unpadded || element->colon || element->digits;
        element->field = *at++;
        bool known = element->unpadded ? element->field && strchr("mdHI", element->field)
                     : element->colon  ? element->field == 'z'
                     : element->digits ? element->field == 'S'
                                       : element->field && strchr("YmdHIMSpz", element->field);
        if (!known) {
            return false;
        }
    }
    *pattern = at;
    return true;
}

static int64_t epoch_scale(const char *pattern)
{
    static const struct {
        const char *pattern;
        int64_t nanoseconds;
    } units[] = {
        {"epoch s", NANOSECONDS}, {"epoch ms", 1000000}, {"epoch us", 1000}, {"epoch ns", 1}};
    if (*pattern == 'e') {
        for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
            if (strcmp(pattern, units[i].pattern) == 0) {
                return units[i].nanoseconds;
            }
        }
    }
    return 0;
}

static bool has_field(const char *pattern, const char *fields)
{
    struct pl_time_element element;
    while (pl_time_element_next(&pattern, &element)) {
        if (element.field && strchr(fields, element.field)) {
            return true;
        }
    }
    return false;
}

bool pl_time_pattern_has_date(const char *pattern)
{
    return epoch_scale(pattern) || has_field(pattern, "Y");
}

bool pl_time_pattern_has_clock(const char *pattern)
{
    return epoch_scale(pattern) || has_field(pattern, "HI");
}

bool pl_time_pattern_valid(const char *pattern)
{
    if (epoch_scale(pattern)) {
        return true;
    }
    if (strlen(pattern) >= PL_TIME_PATTERN_SIZE) {
        return false;
    }
    struct pl_time_element element;
    bool date = pl_time_pattern_has_date(pattern);
    while (pl_time_element_next(&pattern, &element)) {
    }
    return date && *pattern == '\0';
}

/* What a text's fields add up to. */
struct fields {
    struct pl_calendar calendar;
    bool dated, zoned, afternoon;
    int zone_minutes;
};

static bool read_digits(const char **at, const char *end, int least, int most, int *out)
{
    int count = 0;
    *out = 0;
    while (*at < end && count < most && **at >= '0' && **at <= '9') {
        *out = *out * 10 + (**at - '0');
        (*at)++;
        count++;
    }
    return count >= least;
}

static void read_fraction(const char **at, const char *end, int *nanosecond)
{
    const char *digit = *at;
    if (end - digit < 2 || (*digit != '.' && *digit != ',') || !isdigit((unsigned char)digit[1])) {
        return;
    }
    int scale = NANOSECONDS / 10;
    for (digit++; digit < end && *digit >= '0' && *digit <= '9'; digit++) {
        *nanosecond += (*digit - '0') * scale;
        scale /= 10;
    }
    *at = digit;
}

static bool read_zone(const char **at, const char *end, struct fields *fields)
{
    int hours, minutes = 0;
    fields->zoned = true;
    if (*at < end && **at == 'Z') {
        (*at)++;
        return true;
    }
    if (*at == end || (**at != '+' && **at != '-')) {
        return false;
    }
    bool west = *(*at)++ == '-';
    if (!read_digits(at, end, 2, 2, &hours)) {
        return false;
    }
    *at += *at < end && **at == ':';
    read_digits(at, end, 0, 2, &minutes);
    fields->zone_minutes = (hours * 60 + minutes) * (west ? -1 : 1);
    return hours < 24 && minutes < 60;
}

static bool read_half(const char **at, const char *end, struct fields *fields)
{
    char letter = end - *at < 2 ? '\0' : (char)((*at)[0] | 0x20);
    if ((letter != 'a' && letter != 'p') || ((*at)[1] | 0x20) != 'm') {
        return false;
    }
    fields->afternoon = letter == 'p';
    *at += 2;
    return true;
}

static bool read_field(const struct pl_time_element *element, const char **at, const char *end,
                       struct fields *fields)
{
    struct pl_calendar *calendar = &fields->calendar;
    int value;
    switch (element->field) {
    case 'z':
        return read_zone(at, end, fields);
    case 'p':
        return read_half(at, end, fields);
    case 'Y':
        fields->dated = true;
        if (!read_digits(at, end, 4, 4, &value)) {
            return false;
        }
        calendar->year = value;
        return value >= YEAR_LEAST && value <= YEAR_MOST;
    default:
        break;
    }
    if (!read_digits(at, end, 1, 2, &value)) {
        return false;
    }
    switch (element->field) {
    case 'm':
        calendar->month = value;
        return value >= 1 && value <= 12;
    case 'd':
        calendar->day = value;
        return value >= 1;
    case 'H':
        calendar->hour = value;
        return value < 24;
    case 'I':
        calendar->hour = value % 12;
        return value >= 1 && value <= 12;
    case 'M':
        calendar->minute = value;
        return value < 60;
    default:
        calendar->second = value;
        read_fraction(at, end, &calendar->nanosecond);
        return value < 60;
    }
}

static bool day_exists(const struct pl_calendar *calendar)
{
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t year = calendar->year;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return calendar->day <= days[calendar->month - 1] &&
           (leap || calendar->month != 2 || calendar->day < 29);
}

/* A count with a fraction, exact to the nanosecond; false for anything else. */
static bool parse_count(const char *text, size_t size, int64_t scale, int64_t *nanoseconds)
{
    const char *point = memchr(text, '.', size);
    size_t whole = point ? (size_t)(point - text) : size;
    int64_t part = 0;
    if (!pl_parse_int64(text, whole, nanoseconds) ||
        __builtin_mul_overflow(*nanoseconds, scale, nanoseconds)) {
        return false;
    }
    for (size_t i = whole + 1; i < size; i++) {
        if (!isdigit((unsigned char)text[i])) {
            return false;
        }
        scale /= 10;
        part += (text[i] - '0') * scale;
    }
    return !__builtin_add_overflow(*nanoseconds, *text == '-' ? -part : part, nanoseconds);
}

static bool parse_epoch(const char *text, size_t size, int64_t scale, int64_t *nanoseconds)
{
    double value;
    if (parse_count(text, size, scale, nanoseconds)) {
        return true;
    }
    if (pl_scan_double(text, size, '.', &value) != size || fabs(value) * (double)scale > 9.2e18) {
        return false;
    }
    *nanoseconds = (int64_t)llround(value * (double)scale); /* 1.7e9: as exact as doubles are */
    return true;
}

void pl_time_reader_init(struct pl_time_reader *reader, const char *pattern)
{
    reader->scale = epoch_scale(pattern);
    reader->count = 0;
    while (reader->count < PL_TIME_PATTERN_SIZE &&
           pl_time_element_next(&pattern, &reader->elements[reader->count])) {
        reader->count++;
    }
}

bool pl_time_read(const struct pl_time_reader *reader, const char *text, size_t size,
                  int64_t *nanoseconds, int *zone_minutes)
{
    if (reader->scale) {
        return size > 0 && parse_epoch(text, size, reader->scale, nanoseconds);
    }
    struct fields fields = {.calendar = {.year = 1970, .month = 1, .day = 1}};
    const char *at = text, *end = text + size;
    for (int i = 0; i < reader->count; i++) {
        const struct pl_time_element *element = &reader->elements[i];
        if (element->field) {
            if (!read_field(element, &at, end, &fields)) {
                return false;
            }
        } else if (at < end && *at == element->byte) {
            at++;
        } else if (at == end && fields.dated && (element->byte == ' ' || element->byte == 'T')) {
            break; /* a date alone: midnight */
        } else {
            return false;
        }
    }
    if (at != end || !day_exists(&fields.calendar)) {
        return false;
    }
    fields.calendar.hour += fields.afternoon ? 12 : 0;
    *nanoseconds =
        pl_calendar_to(&fields.calendar) - (int64_t)fields.zone_minutes * 60 * NANOSECONDS;
    if (fields.zoned) {
        *zone_minutes = fields.zone_minutes;
    }
    return true;
}

bool pl_time_pattern_parse(const char *pattern, const char *text, size_t size, int64_t *nanoseconds,
                           int *zone_minutes)
{
    struct pl_time_reader reader;
    pl_time_reader_init(&reader, pattern);
    return pl_time_read(&reader, text, size, nanoseconds, zone_minutes);
}

static size_t write_epoch(int64_t nanoseconds, int64_t scale, char out[PL_TIME_WRITTEN_SIZE])
{
    uint64_t unit = (uint64_t)scale;
    uint64_t size = nanoseconds < 0 ? 0 - (uint64_t)nanoseconds : (uint64_t)nanoseconds;
    int length = snprintf(out, PL_TIME_WRITTEN_SIZE, "%s%llu", nanoseconds < 0 ? "-" : "",
                          (unsigned long long)(size / unit));
    uint64_t rest = size % unit;
    if (rest) {
        out[length++] = '.';
        for (unit /= 10; rest; unit /= 10) {
            out[length++] = (char)('0' + rest / unit);
            rest %= unit;
        }
        out[length] = '\0';
    }
    return (size_t)length;
}

/* Seconds with `digits` of fraction; 0: as many as are needed. */
static int write_seconds(char *out, size_t room, int second, int nanosecond, int digits)
{
    int length = snprintf(out, room, "%02d.%09d", second, nanosecond);
    if (digits == 0) {
        while (out[length - 1] == '0' && length > 3) {
            length--;
        }
        return nanosecond ? length : 2;
    }
    return 3 + digits;
}

static int write_field(const struct pl_time_element *element, const struct pl_calendar *calendar,
                       int zone_minutes, char *out, size_t room)
{
    int zone = abs(zone_minutes), value;
    switch (element->field) {
    case 'Y':
        return snprintf(out, room, "%04lld", (long long)calendar->year);
    case 'S':
        return write_seconds(out, room, calendar->second, calendar->nanosecond, element->digits);
    case 'p':
        return snprintf(out, room, "%s", calendar->hour < 12 ? "AM" : "PM");
    case 'z':
        return snprintf(out, room, "%c%02d%s%02d", zone_minutes < 0 ? '-' : '+', zone / 60,
                        element->colon ? ":" : "", zone % 60);
    case 'm':
        value = calendar->month;
        break;
    case 'd':
        value = calendar->day;
        break;
    case 'H':
        value = calendar->hour;
        break;
    case 'I':
        value = (calendar->hour + 11) % 12 + 1;
        break;
    default:
        value = calendar->minute;
    }
    return snprintf(out, room, element->unpadded ? "%d" : "%02d", value);
}

size_t pl_time_pattern_write(const char *pattern, int64_t nanoseconds, int zone_minutes,
                             char out[PL_TIME_WRITTEN_SIZE])
{
    int64_t scale = epoch_scale(pattern), local;
    if (scale) {
        return write_epoch(nanoseconds, scale, out);
    }
    if (__builtin_add_overflow(nanoseconds, (int64_t)zone_minutes * 60 * NANOSECONDS, &local)) {
        local = nanoseconds;
    }
    struct pl_calendar calendar = pl_calendar_from(local);
    size_t length = 0;
    struct pl_time_element element;
    enum { FIELD_MOST = 24 }; /* the longest field, with room to spare */
    while (pl_time_element_next(&pattern, &element) && length + FIELD_MOST < PL_TIME_WRITTEN_SIZE) {
        if (element.field) {
            length += (size_t)write_field(&element, &calendar, zone_minutes, out + length,
                                          PL_TIME_WRITTEN_SIZE - length);
        } else {
            out[length++] = element.byte;
        }
    }
    out[length] = '\0';
    return length;
}
