/* Time stamps in the form that a file writes them.
 * SPDX-License-Identifier: MIT
 *
 * Guessing reads the text once, group of digits by group of digits, writes down the pattern it
 * sees, and then lets the parser confirm it: only what parses is a time. */
#include "formats/time_pattern.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/text.h"

enum { SECOND_DIGITS = 9, YEAR_LEAST = 1678, YEAR_MOST = 2261 }; /* whole years within int64 */

#define NANOSECONDS 1000000000

/* One element of a pattern: a field, or a byte that stands for itself. */
struct element {
    char field; /* the letter behind the %, 0 for a byte */
    char byte;
    bool unpadded;
    bool colon;
    int digits; /* of the fraction in %3S; 0: any */
};

/* Takes one element off the pattern; false at its end and at a field that is not known. */
static bool next_element(const char **pattern, struct element *element)
{
    const char *at = *pattern;
    *element = (struct element){.byte = *at};
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
    struct element element;
    while (next_element(&pattern, &element)) {
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
    struct element element;
    bool date = pl_time_pattern_has_date(pattern);
    while (next_element(&pattern, &element)) {
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

static bool read_field(const struct element *element, const char **at, const char *end,
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

static bool parse_epoch(const char *text, size_t size, int64_t scale, int64_t *nanoseconds)
{
    const char *point = memchr(text, '.', size);
    size_t whole = point ? (size_t)(point - text) : size, digits = size - whole;
    if (!pl_parse_int64(text, whole, nanoseconds) ||
        __builtin_mul_overflow(*nanoseconds, scale, nanoseconds)) {
        double value; /* 1.4673312e9, .5: rounded as doubles are */
        bool number = pl_scan_double(text, size, '.', &value) == size;
        value *= (double)scale;
        *nanoseconds = number && fabs(value) < 9e18 ? (int64_t)llround(value) : 0;
        return number && fabs(value) < 9e18;
    }
    int64_t part = 0;
    for (size_t i = 1; i < digits; i++) {
        if (!isdigit((unsigned char)point[i])) {
            return false;
        }
        scale /= 10;
        part += (point[i] - '0') * scale;
    }
    return !__builtin_add_overflow(*nanoseconds, *text == '-' ? -part : part, nanoseconds);
}

bool pl_time_pattern_parse(const char *pattern, const char *text, size_t size, int64_t *nanoseconds,
                           int *zone_minutes)
{
    int64_t scale = epoch_scale(pattern);
    if (scale) {
        return size > 0 && parse_epoch(text, size, scale, nanoseconds);
    }
    struct fields fields = {.calendar = {.year = 1970, .month = 1, .day = 1}};
    const char *at = text, *end = text + size;
    struct element element;
    while (next_element(&pattern, &element)) {
        if (element.field) {
            if (!read_field(&element, &at, end, &fields)) {
                return false;
            }
        } else if (at < end && *at == element.byte) {
            at++;
        } else if (at == end && fields.dated && (element.byte == ' ' || element.byte == 'T')) {
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

/* A pattern under construction beside the text it is read from. */
struct guess {
    const char *at, *end;
    char *out;
    size_t length;
};

static void emit(struct guess *guess, const char *text)
{
    size_t size = strlen(text);
    if (guess->length + size < PL_TIME_PATTERN_SIZE) {
        memcpy(guess->out + guess->length, text, size + 1);
        guess->length += size;
    }
}

static int digits_ahead(const struct guess *guess)
{
    const char *at = guess->at;
    while (at < guess->end && isdigit((unsigned char)*at)) {
        at++;
    }
    return (int)(at - guess->at);
}

/* Takes a group of 1 or 2 digits as the field of that letter. */
static bool take_field(struct guess *guess, char letter)
{
    int digits = digits_ahead(guess);
    if (digits < 1 || digits > 2) {
        return false;
    }
    bool unpadded = digits == 1 && letter != 'M' && letter != 'S';
    emit(guess, (char[]){'%', unpadded ? '-' : letter, unpadded ? letter : '\0', '\0'});
    guess->at += digits;
    return true;
}

static bool take_byte(struct guess *guess, const char *bytes)
{
    if (guess->at == guess->end || !strchr(bytes, *guess->at) || *guess->at == '\0') {
        return false;
    }
    emit(guess, (char[]){*guess->at++, '\0'});
    return true;
}

static void take_zone(struct guess *guess)
{
    if (guess->at < guess->end && (*guess->at == '+' || *guess->at == '-')) {
        bool colon = memchr(guess->at, ':', (size_t)(guess->end - guess->at)) != NULL;
        emit(guess, colon ? "%:z" : "%z");
        guess->at = guess->end;
    } else {
        take_byte(guess, "Z");
    }
}

/* Hours, then minutes, seconds, a fraction, AM or PM, an offset: each if it is there. */
static bool take_clock(struct guess *guess)
{
    const char *last = guess->end - 1;
    bool half = guess->end - guess->at > 2 && (*last | 0x20) == 'm';
    if (!take_field(guess, half ? 'I' : 'H')) {
        return false;
    }
    char separator[2] = {guess->at < guess->end ? *guess->at : '\0', '\0'};
    if (strchr(":.", separator[0]) && take_byte(guess, separator)) {
        if (!take_field(guess, 'M')) {
            return false;
        }
        if (take_byte(guess, separator)) {
            size_t before = guess->length;
            if (!take_field(guess, 'S')) {
                return false;
            }
            if (guess->at < guess->end && (*guess->at == '.' || *guess->at == ',')) {
                guess->at++;
                int digits = digits_ahead(guess);
                guess->at += digits;
                guess->length = before;
                emit(guess, digits >= 1 && digits <= SECOND_DIGITS
                                ? (char[]){'%', (char)('0' + digits), 'S', '\0'}
                                : "%S");
            }
        }
    }
    if (half) {
        take_byte(guess, " ");
        emit(guess, "%p");
        guess->at = guess->end;
    }
    take_zone(guess);
    return true;
}

/* Digits without separators behind a date without separators: 1230 or 123015. */
static bool take_compact_clock(struct guess *guess)
{
    int digits = digits_ahead(guess);
    if (digits != 4 && digits != 6) {
        return false;
    }
    emit(guess, digits == 4 ? "%H%M" : "%H%M%S");
    guess->at += digits;
    take_zone(guess);
    return true;
}

/* Year first, day first or month first; *alone when it was a time of day instead. */
static bool take_date(struct guess *guess, bool day_first, bool *alone)
{
    int digits = digits_ahead(guess);
    const char *next = guess->at + digits;
    char separator[2] = {next < guess->end ? *next : '\0', '\0'};
    if (!separator[0] || !strchr("-/.:", separator[0])) {
        return false;
    }
    if (digits == 4) {
        emit(guess, "%Y");
        guess->at += digits;
        bool month = take_byte(guess, separator) && take_field(guess, 'm');
        return month &&
               (take_byte(guess, separator) ? take_field(guess, 'd')
                                            : separator[0] != '.' && guess->at == guess->end);
    }
    struct guess start = *guess;
    bool first = day_first || separator[0] == '.';
    if (take_field(guess, first ? 'd' : 'm') && take_byte(guess, separator) &&
        take_field(guess, first ? 'm' : 'd') && take_byte(guess, separator) &&
        digits_ahead(guess) == 4) {
        emit(guess, "%Y");
        guess->at += 4;
        return true;
    }
    *guess = start;
    *alone = true;
    return strchr(":.", separator[0]) && take_clock(guess);
}

bool pl_time_pattern_guess(const char *text, size_t size, bool day_first,
                           char pattern[PL_TIME_PATTERN_SIZE])
{
    struct guess guess = {.at = text, .end = text + size, .out = pattern};
    bool fits, alone = false;
    pattern[0] = '\0';
    if (digits_ahead(&guess) == 8) {
        emit(&guess, "%Y%m%d");
        guess.at += 8;
        fits = guess.at == guess.end ||
               (take_byte(&guess, " T") && (take_compact_clock(&guess) || take_clock(&guess)));
    } else {
        fits = take_date(&guess, day_first, &alone);
        if (fits && !alone && guess.at < guess.end) {
            fits = take_byte(&guess, " T") && take_clock(&guess);
        }
    }
    int64_t nanoseconds;
    int zone;
    double number;
    return fits && guess.at == guess.end &&
           (size == 8 || pl_scan_double(text, size, '.', &number) != size) &&
           pl_time_pattern_parse(pattern, text, size, &nanoseconds, &zone);
}

static void emit_element(struct guess *guess, const struct element *element)
{
    if (!element->field) {
        emit(guess, (char[]){element->byte, '\0'});
        return;
    }
    emit(guess, "%");
    if (element->unpadded || element->colon) {
        emit(guess, element->unpadded ? "-" : ":");
    } else if (element->digits) {
        emit(guess, (char[]){(char)('0' + element->digits), '\0'});
    }
    emit(guess, (char[]){element->field, '\0'});
}

bool pl_time_pattern_join(char pattern[PL_TIME_PATTERN_SIZE], const char *other)
{
    char joined[PL_TIME_PATTERN_SIZE] = "";
    struct guess out = {.out = joined};
    const char *left = pattern, *right = other;
    struct element a, b;
    while (*left && *right) {
        if (!next_element(&left, &a) || !next_element(&right, &b) || a.field != b.field ||
            a.byte != b.byte || a.colon != b.colon) {
            return false;
        }
        a.unpadded = a.unpadded || b.unpadded;
        a.digits = a.digits == b.digits ? a.digits : 0;
        emit_element(&out, &a);
    }
    const char *rest = *left ? left : right;
    if (*rest && ((*rest != ' ' && *rest != 'T') || !pl_time_pattern_has_date(joined))) {
        return false;
    }
    emit(&out, rest);
    memcpy(pattern, joined, sizeof joined);
    return true;
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

static int write_field(const struct element *element, const struct pl_calendar *calendar,
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
    struct element element;
    enum { FIELD_MOST = 24 }; /* the longest field, with room to spare */
    while (next_element(&pattern, &element) && length + FIELD_MOST < PL_TIME_WRITTEN_SIZE) {
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
