/* Numbers to text and back, the same in every locale.
 * SPDX-License-Identifier: MIT */
#include "base/number.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;
static locale_t c_locale; /* made once, then read only */

static void make_c_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool parse_word(const char *text, size_t size, double *out)
{
    bool negative = size && *text == '-';
    if (size && (*text == '-' || *text == '+')) {
        text++;
        size--;
    }
    if (size == 3 && strncasecmp(text, "nan", 3) == 0) {
        *out = NAN;
    } else if ((size == 3 && strncasecmp(text, "inf", 3) == 0) ||
               (size == 8 && strncasecmp(text, "infinity", 8) == 0)) {
        *out = negative ? -INFINITY : INFINITY;
    } else {
        return false;
    }
    return true;
}

static size_t skip_digits(const char *text, size_t size, size_t at)
{
    while (at < size && is_digit(text[at])) {
        at++;
    }
    return at;
}

static bool is_decimal(const char *text, size_t size)
{
    size_t at = size && (*text == '-' || *text == '+');
    size_t whole = skip_digits(text, size, at) - at;
    at += whole;
    size_t fraction = 0;
    if (at < size && text[at] == '.') {
        at++;
        fraction = skip_digits(text, size, at) - at;
        at += fraction;
    }
    if (whole + fraction == 0) {
        return false;
    }
    if (at < size && (text[at] == 'e' || text[at] == 'E')) {
        at++;
        at += at < size && (text[at] == '-' || text[at] == '+');
        size_t end = skip_digits(text, size, at);
        if (end == at) {
            return false;
        }
        at = end;
    }
    return at == size;
}

bool pl_parse_double(const char *text, size_t size, double *out)
{
    if (!is_decimal(text, size)) {
        return parse_word(text, size, out);
    }
    pthread_once(&c_locale_once, make_c_locale);
    char *copy = strndup(text, size);
    if (!copy) {
        return false;
    }
    double value = strtod_l(copy, NULL, c_locale);
    free(copy);
    if (isinf(value)) {
        return false;
    }
    *out = value;
    return true;
}

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

/* Lays out `digits` (no trailing zeros) times 10^exponent as %g would: plain from 1e-4 to below
 * 1e16.
 */
static size_t lay_out(char out[PL_NUMBER_SIZE], bool negative, const char *digits, int count,
                      int exponent)
{
    char *at = out;
    if (negative) {
        *at++ = '-';
    }
    int point = count + exponent; /* digits before the decimal point */
    if (point > 16 || point < -3) {
        *at++ = digits[0];
        if (count > 1) {
            *at++ = '.';
            memcpy(at, digits + 1, (size_t)count - 1);
            at += count - 1;
        }
        return (size_t)(at - out) +
               (size_t)snprintf(at, PL_NUMBER_SIZE - (size_t)(at - out), "e%+03d", point - 1);
    }
    if (point <= 0) {
        memcpy(at, "0.0000", (size_t)(2 - point));
        at += 2 - point;
        memcpy(at, digits, (size_t)count);
        at += count;
    } else {
        for (int i = 0; i < point; i++) {
            *at++ = i < count ? digits[i] : '0';
        }
        if (count > point) {
            *at++ = '.';
            memcpy(at, digits + point, (size_t)(count - point));
            at += count - point;
        }
    }
    *at = '\0';
    return (size_t)(at - out);
}

static size_t format_shortest(char out[PL_NUMBER_SIZE], double value, bool single)
{
    if (isnan(value)) {
        return (size_t)snprintf(out, PL_NUMBER_SIZE, "nan");
    }
    if (isinf(value) || value == 0) {
        const char *text = value == 0 ? "0" : "inf";
        return (size_t)snprintf(out, PL_NUMBER_SIZE, "%s%s", signbit(value) ? "-" : "", text);
    }
    size_t length = 0;
    for (int precision = 1; precision <= 17; precision++) {
        char text[PL_NUMBER_SIZE], digits[20] = {0};
        snprintf(text, sizeof text, "%.*e", precision - 1, fabs(value));
        int count = 0;
        const char *at = text;
        for (; *at != 'e'; at++) {
            if (is_digit(*at)) { /* skips the decimal point of any locale */
                digits[count++] = *at;
            }
        }
        int exponent = atoi(at + 1) - (count - 1);
        while (count > 1 && digits[count - 1] == '0') {
            count--;
            exponent++;
        }
        length = lay_out(out, value < 0, digits, count, exponent);
        double back;
        if (pl_parse_double(out, length, &back) &&
            (single ? (float)back == (float)value : back == value)) {
            break;
        }
    }
    return length;
}

size_t pl_format_double(char out[PL_NUMBER_SIZE], double value)
{
    return format_shortest(out, value, false);
}

size_t pl_format_float(char out[PL_NUMBER_SIZE], float value)
{
    return format_shortest(out, value, true);
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
