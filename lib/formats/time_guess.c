/* Which pattern a time stamp is written in.
 * SPDX-License-Identifier: MIT
 *
 * Guessing reads the text once, group of digits by group of digits, writes down the pattern it
 * sees, and then lets the parser confirm it: only what parses is a time. */
#include <ctype.h>
#include <string.h>

#include "base/number.h"
#include "formats/time_element.h"

enum { SECOND_DIGITS = 9 };

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

static void emit_element(struct guess *guess, const struct pl_time_element *element)
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
    struct pl_time_element a, b;
    while (*left && *right) {
        if (!pl_time_element_next(&left, &a) || !pl_time_element_next(&right, &b) ||
            a.field != b.field || a.byte != b.byte || a.colon != b.colon) {
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
