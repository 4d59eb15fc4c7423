/* Time stamps in the form that a file writes them.
 * SPDX-License-Identifier: MIT
 *
 * A pattern is a text as strftime(3) takes it, in a small alphabet, each field with an unpadded
 * twin: %Y %m %-m %d %-d %H %-H %I %-I %M %S %p, %3S (seconds with 3 digits of fraction, 1 to 9;
 * plain %S takes any fraction and writes as much as there is), %z (+0200) and %:z (+02:00).  Other
 * patterns: "epoch s", "epoch ms", "epoch us", "epoch ns": a count since 1970.  Everything else
 * stands for itself. */
#ifndef PL_FORMATS_TIME_PATTERN_H
#define PL_FORMATS_TIME_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PL_TIME_PATTERN_SIZE 48
#define PL_TIME_WRITTEN_SIZE 96

/* The pattern that text is written in: dates, with or without a time of day behind; or a time of
 * day alone.  Of 03/04/2024 nobody can tell which is the day: day_first says.  Numbers are not
 * taken for times, but for eight digits YYYYMMDD.  False: none known. */
bool pl_time_pattern_guess(const char *text, size_t size, bool day_first,
                           char pattern[PL_TIME_PATTERN_SIZE]);

/* Widens pattern so that it also fits what `other` fits; false when they are of different kinds.
 * A field that one of them leaves unpadded is unpadded; a date alone fits a date with a time. */
bool pl_time_pattern_join(char pattern[PL_TIME_PATTERN_SIZE], const char *other);

/* Checks a pattern that a user gave. */
bool pl_time_pattern_valid(const char *pattern);

/* True when it has a day, or a time of day. */
bool pl_time_pattern_has_date(const char *pattern);
bool pl_time_pattern_has_clock(const char *pattern);

/* Nanoseconds since 1970 UTC of text[0..size), which must fit the pattern wholly; padding is not
 * insisted on, and a time of day may be missing (midnight).  *zone_minutes is set when the text
 * has an offset from UTC. */
bool pl_time_pattern_parse(const char *pattern, const char *text, size_t size, int64_t *nanoseconds,
                           int *zone_minutes);

/* The text of a time, with the given offset from UTC; returns its length. */
size_t pl_time_pattern_write(const char *pattern, int64_t nanoseconds, int zone_minutes,
                             char out[PL_TIME_WRITTEN_SIZE]);

#endif
