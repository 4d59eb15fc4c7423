/* UTF-8, globs, and time stamps.
 * SPDX-License-Identifier: MIT */
#ifndef PL_BASE_TEXT_H
#define PL_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the leading part of text that is valid UTF-8 (= size when all is). */
size_t pl_utf8_valid(const char *text, size_t size);

/* The character at the start of text; returns its length, 0 when there is no valid one (size must
 * not be 0): *code is then 0x110000 + the byte. */
size_t pl_utf8_next(const char *text, size_t size, uint32_t *code);

/* Writes a code point below 0x110000 as 1 to 4 bytes and returns how many. */
size_t pl_utf8_put(char *out, uint32_t code);

/* Shell pattern: * ? [a-z] [!a-z] and backslash; * also matches '/' and '.'. */
bool pl_glob_match(const char *pattern, const char *name);

/* Nanoseconds since 1970-01-01 UTC and back.  Parses ISO 8601 dates and times ("2024-03",
 * "2024-03-01", "2024-03-01 12:30", "...T12:30:15.25Z", "...+02:00"), "2024/3/1 4:05",
 * "20240301"; returns whether the whole text was one between 1677-09-22 and 2262-04-11.  *zone (may
 * be NULL) tells whether an offset was given. */
bool pl_time_parse(const char *text, size_t size, int64_t *nanoseconds, bool *zone);

#define PL_TIME_SIZE 40

/* "2024-03-01 12:30:00", a fraction only where there is one; dates alone when date_only. */
size_t pl_time_format(char out[PL_TIME_SIZE], int64_t nanoseconds, bool date_only);

/* The proleptic Gregorian calendar: fields of a time, and back. */
struct pl_calendar {
    int64_t year;
    int month, day;           /* 1-12, 1-31 */
    int hour, minute, second; /* 0-23, 0-59, 0-59 */
    int nanosecond;
    int weekday; /* 0 = Monday */
    int yearday; /* 0 = 1 January */
};

/* Times out of range become the first or the last. */
struct pl_calendar pl_calendar_from(int64_t nanoseconds);
int64_t pl_calendar_to(const struct pl_calendar *calendar);

/* The time `steps` calendar months later, the day clamped to the month's last. */
int64_t pl_time_add_months(int64_t nanoseconds, int64_t months);

#endif
