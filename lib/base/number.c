/* Integers and byte counts to and from text, and doubles to text, the same in every locale.
 * Reading doubles is in scan.c.
 * SPDX-License-Identifier: MIT
 *
 * The shortest text of a double: scaled by a power of ten in long double, it gives an integer of
 * 19 digits, of which 17 (a float: 9) are enough to tell any two doubles apart.  It is cut to ever
 * more digits from 15 (6) up, rounded to the nearer side first, and the first that reads back as
 * the same value is taken.  Below that count no two decimals read as the same double, so only
 * trailing zeros are left to drop.  Each candidate is read back by the exact pl_decimal: an error
 * in the scaling could not go unnoticed, and printf would take over. */
#include "base/number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    POWER_MOST = 27, /* 10^27 is the last that is exact in an 80-bit long double */
    DIGITS = 19      /* that always fit 64 bits */
};

static const long double long_powers[] = {1e0L,  1e1L,  1e2L,  1e3L,  1e4L,  1e5L,  1e6L,
                                          1e7L,  1e8L,  1e9L,  1e10L, 1e11L, 1e12L, 1e13L,
                                          1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L, 1e20L,
                                          1e21L, 1e22L, 1e23L, 1e24L, 1e25L, 1e26L, 1e27L};

static const uint64_t powers[] = {1,
                                  10,
                                  100,
                                  1000,
                                  10000,
                                  100000,
                                  1000000,
                                  10000000,
                                  100000000,
                                  1000000000,
                                  10000000000,
                                  100000000000,
                                  1000000000000,
                                  10000000000000,
                                  100000000000000,
                                  1000000000000000,
                                  10000000000000000,
                                  100000000000000000};

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* ---- Reading ---- */

bool pl_parse_uint64(const char *text, size_t size, uint64_t *out)
{
    uint64_t value = 0;
    size_t at = size && *text == '+';
    if (at == size) {
        return false;
    }
    for (; at < size; at++) {
        if (!is_digit(text[at]) || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text[at] - '0'), &value)) {
            return false;
        }
    }
    *out = value;
    return true;
}

bool pl_parse_int64(const char *text, size_t size, int64_t *out)
{
    bool negative = size && *text == '-';
    uint64_t value;
    if (negative && size > 1 && !is_digit(text[1])) {
        return false;
    }
    if (!pl_parse_uint64(text + negative, size - negative, &value) ||
        value > (uint64_t)INT64_MAX + negative) {
        return false;
    }
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

bool pl_parse_bytes(const char *text, size_t size, uint64_t *out)
{
    static const char prefixes[] = "KMGTPE";
    size_t digits = 0;
    while (digits < size && (is_digit(text[digits]) || text[digits] == '.')) {
        digits++;
    }
    size_t at = digits;
    int shift = 0;
    if (at < size) {
        const char *prefix = strchr(prefixes, text[at] & ~0x20);
        if (prefix && *prefix) {
            shift = 10 * (int)(prefix - prefixes + 1);
            at++;
            at += at < size && text[at] == 'i' && at + 1 < size;
        }
    }
    at += at < size && text[at] == 'B';
    uint64_t whole;
    double value;
    if (at != size || digits == 0 || !is_digit(*text)) {
        return false;
    }
    if (pl_parse_uint64(text, digits, &whole)) {
        if (whole > UINT64_MAX >> shift) {
            return false;
        }
        *out = whole << shift;
        return true;
    }
    if (!pl_parse_double(text, digits, &value) || shift == 0 ||
        ldexp(value, shift) >= 18446744073709551616.0) {
        return false;
    }
    *out = (uint64_t)ldexp(value, shift);
    return true;
}

/* ---- Writing ---- */

static size_t put_text(char out[PL_NUMBER_SIZE], const char *text)
{
    size_t size = strlen(text);
    memcpy(out, text, size + 1);
    return size;
}

/* Writes the last count digits of value at out. */
static void put_digits(char *out, uint64_t value, int count)
{
    for (; count > 0; value /= 10) {
        out[--count] = (char)('0' + value % 10);
    }
}

static int count_digits(uint64_t value)
{
    int count = 1;
    for (; value >= 10000; value /= 10000) {
        count += 4;
    }
    return count + (value >= 10) + (value >= 100) + (value >= 1000);
}

/* Lays out digits * 10^exponent, digits > 0: plain from 1e-4 to below 1e16, else as 1.5e-07. */
static size_t lay_out(char out[PL_NUMBER_SIZE], bool negative, uint64_t digits, int exponent)
{
    while (digits % 10 == 0) {
        digits /= 10;
        exponent++;
    }
    char *at = out;
    *at = '-';
    at += negative;
    int count = count_digits(digits);
    int point = count + exponent; /* digits before the decimal point */
    if (point > 16 || point < -3) {
        put_digits(at + 1, digits, count);
        at[0] = at[1];
        at[1] = '.';
        at += count > 1 ? count + 1 : 1;
        int magnitude = point > 0 ? point - 1 : 1 - point, width = magnitude < 100 ? 2 : 3;
        *at++ = 'e';
        *at++ = point > 0 ? '+' : '-';
        put_digits(at, (uint64_t)magnitude, width);
        at += width;
    } else if (exponent >= 0) {
        put_digits(at, digits, count);
        memset(at + count, '0', (size_t)exponent);
        at += point;
    } else if (point <= 0) {
        memcpy(at, "0.0000", 6);
        at += 2 - point;
        put_digits(at, digits, count);
        at += count;
    } else {
        put_digits(at + 1, digits, count);
        memmove(at, at + 1, (size_t)point);
        at[point] = '.';
        at += count + 1;
    }
    *at = '\0';
    return (size_t)(at - out);
}

/* What tells the two types apart. */
struct width {
    int least, most; /* digits that always survive in the type; digits that always hold it */
    double normal;   /* the smallest value for which they do */
    bool single;
};

static bool reads_back(uint64_t digits, int exponent, double value, bool single)
{
    double back = pl_decimal(digits, exponent);
    return single ? (float)back == (float)value : back == value;
}

/* Shortens `digits`, of which there are 19, to the fewest that read back as value.  Where two
 * neighbours do and value lies about half way between them, only exact arithmetic can tell the
 * nearer one, and the answer is false. */
static bool shorten(uint64_t *digits, int *exponent, double value, struct width width)
{
    enum { DOUBT = 2 }; /* the scaling's error in units of the last of 19 digits */
    for (int count = width.least; count <= width.most; count++) {
        int dropped = DIGITS - count;
        uint64_t unit = powers[dropped], below = *digits / unit, rest = *digits % unit;
        bool up = rest > unit / 2;
        bool doubtful = rest + DOUBT >= unit / 2 && rest <= unit / 2 + DOUBT;
        for (int side = 0; side < 2; side++, up = !up) {
            if (!reads_back(below + up, *exponent + dropped, value, width.single)) {
                continue;
            }
            if (doubtful && reads_back(below + !up, *exponent + dropped, value, width.single)) {
                return false;
            }
            *digits = below + up;
            *exponent += dropped;
            return true;
        }
    }
    return false;
}

/* Digits and exponent by printf, for positive values far from 1. */
static size_t format_slowly(char out[PL_NUMBER_SIZE], bool negative, double value,
                            struct width width)
{
    uint64_t digits = 0;
    int exponent = 0;
    for (int count = value < width.normal ? 1 : width.least; count <= width.most; count++) {
        char text[PL_NUMBER_SIZE];
        snprintf(text, sizeof text, "%.*e", count - 1, value);
        const char *at = text;
        for (digits = 0; *at != 'e'; at++) {
            if (is_digit(*at)) { /* steps over the decimal point of any locale */
                digits = digits * 10 + (uint64_t)(*at - '0');
            }
        }
        exponent = (int)strtol(at + 1, NULL, 10) - (count - 1);
        if (reads_back(digits, exponent, value, width.single)) {
            break;
        }
        if (reads_back(digits + 1, exponent, value, width.single)) {
            digits++;
            break;
        }
    }
    return lay_out(out, negative, digits, exponent);
}

/* value * 10^exponent, at most two roundings; |exponent| <= 2 * POWER_MOST. */
static long double scale(long double value, int exponent)
{
    int size = abs(exponent), first = size < POWER_MOST ? size : POWER_MOST;
    long double power = long_powers[first] * long_powers[size - first];
    return exponent < 0 ? value / power : value * power;
}

static size_t format_shortest(char out[PL_NUMBER_SIZE], double value, struct width width)
{
    bool negative = signbit(value);
    value = fabs(value);
    if (isnan(value)) {
        return put_text(out, "nan");
    }
    if (value == 0 || isinf(value)) {
        return put_text(out, value == 0 ? &"-0"[!negative] : &"-inf"[!negative]);
    }
    /* Whole numbers and short decimals: of those with `least` digits or fewer, at most one reads
     * as value, so that finding one is finding the shortest. */
    double limit = (double)powers[width.least];
    if (value < limit && value == (double)(uint64_t)value) {
        return lay_out(out, negative, (uint64_t)value, 0);
    }
    if (value * 1e6 < limit - 1) {
        uint64_t millionths = (uint64_t)(value * 1e6 + 0.5);
        if (reads_back(millionths, -6, value, width.single)) {
            return lay_out(out, negative, millionths, -6);
        }
    }
    int binary;
    frexp(value, &binary);
    int exponent = (int)floor((binary - 1) * 0.30102999566398120) - (DIGITS - 1);
    if (value < width.normal || exponent < -2 * POWER_MOST || exponent >= 2 * POWER_MOST) {
        return format_slowly(out, negative, value, width);
    }
    long double scaled = scale(value, -exponent);
    if (scaled >= 1e19L) { /* the estimate is low by one at times */
        exponent++;
        scaled = scale(value, -exponent);
    }
    uint64_t digits = (uint64_t)scaled;
    if (!shorten(&digits, &exponent, value, width)) {
        return format_slowly(out, negative, value, width);
    }
    return lay_out(out, negative, digits, exponent);
}

size_t pl_format_double(char out[PL_NUMBER_SIZE], double value)
{
    return format_shortest(out, value, (struct width){DBL_DIG, 17, DBL_MIN, false});
}

size_t pl_format_float(char out[PL_NUMBER_SIZE], float value)
{
    return format_shortest(out, (double)value, (struct width){FLT_DIG, 9, FLT_MIN, true});
}

size_t pl_format_bytes(char out[PL_NUMBER_SIZE], uint64_t bytes)
{
    static const char prefixes[] = "KMGTPE";
    if (bytes < 1024) {
        return (size_t)snprintf(out, PL_NUMBER_SIZE, "%u B", (unsigned)bytes);
    }
    int power = (63 - __builtin_clzll(bytes)) / 10;
    uint64_t tenths = (uint64_t)(ldexp((double)bytes, -10 * power) * 10 + 0.5);
    if (tenths >= 10240 && power < 6) {
        power++;
        tenths = 10;
    }
    return (size_t)snprintf(out, PL_NUMBER_SIZE, "%u.%u %ciB", (unsigned)(tenths / 10),
                            (unsigned)(tenths % 10), prefixes[power - 1]);
}
