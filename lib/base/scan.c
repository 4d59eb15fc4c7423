/* Reading decimal numbers, correctly rounded and fast.
 * SPDX-License-Identifier: MIT
 *
 * A number w * 10^q with an integer w below 2^64 is what nearly every cell of a table holds.  The
 * digits are gathered eight at a time: in a 64-bit word of eight ASCII digits, three
 * multiplications join pairs, then fours, then the eight ("SIMD within a register").  Then:
 *
 *   - w <= 2^53 and |q| <= 22: both are exact doubles, so one IEEE operation rounds once
 *     (Clinger, "How to read floating point numbers accurately", PLDI 1990).
 *   - q < 0 beyond that: w / 10^k = w / 5^k * 2^-k, and 5^k fits 64 bits up to k = 27.  Both are
 *     shifted until their top bit is set; one 128-by-64-bit division then yields a quotient of at
 *     least 62 bits, and whether its remainder is zero.  That is 53 bits, a rounding bit and an
 *     exact answer to "is it half way", so rounding to even is right without any table of
 *     approximations.
 *   - q > 0 beyond that: w * 5^q, exact in 128 bits, rounded the same way.
 *   - more than 19 digits or a larger exponent: strtod, on text rebuilt from digits and exponent
 *     alone, in which no locale expects a point. */
#include "base/number.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

__extension__ typedef unsigned __int128 uint128;

enum {
    DIGITS_MOST = 19,  /* decimal digits that always fit 64 bits */
    DIGITS_KEPT = 800, /* digits of a long number that strtod sees; 768 decide any half way */
    FIVES = 28,
    CHUNK = 8
};

static const uint64_t five_to[FIVES] = {1u,
                                        5u,
                                        25u,
                                        125u,
                                        625u,
                                        3125u,
                                        15625u,
                                        78125u,
                                        390625u,
                                        1953125u,
                                        9765625u,
                                        48828125u,
                                        244140625u,
                                        1220703125u,
                                        6103515625u,
                                        30517578125u,
                                        152587890625u,
                                        762939453125u,
                                        3814697265625u,
                                        19073486328125u,
                                        95367431640625u,
                                        476837158203125u,
                                        2384185791015625u,
                                        11920928955078125u,
                                        59604644775390625u,
                                        298023223876953125u,
                                        1490116119384765625u,
                                        7450580596923828125u};

static const double ten_to[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static const uint64_t ten_integer[] = {1,      10,      100,      1000,     10000,
                                       100000, 1000000, 10000000, 100000000};

static inline uint64_t load_eight(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static inline uint64_t load_four(const char *at)
{
    uint32_t word;
    memcpy(&word, at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap32(word);
#endif
    return word;
}

/* Up to eight bytes as a word, first byte lowest; the zeros behind a short run are no digits.
 * Loads that overlap put the same byte in the same place, which is faster than a loop. */
static inline uint64_t load_bytes(const char *at, ptrdiff_t size)
{
    if (size >= CHUNK) {
        return load_eight(at);
    }
    if (size >= 4) {
        return load_four(at) | load_four(at + size - 4) << CHAR_BIT * (size - 4);
    }
    if (size == 0) {
        return 0;
    }
    const unsigned char *bytes = (const unsigned char *)at;
    return bytes[0] | (uint64_t)bytes[size / 2] << CHAR_BIT * (size / 2) |
           (uint64_t)bytes[size - 1] << CHAR_BIT * (size - 1);
}

/* The leading digits among the next eight bytes: returns how many, and their value. */
static inline int eight_digits(const char *at, const char *end, uint64_t *value)
{
    uint64_t word = load_bytes(at, end - at);
    uint64_t digits = word ^ 0x3030303030303030u; /* '0'..'9' become 0..9 */
    uint64_t others = (digits | (digits + 0x7676767676767676u)) & 0x8080808080808080u;
    int count = others ? __builtin_ctzll(others) / CHAR_BIT : CHUNK;
    if (count == 0) {
        return 0;
    }
    digits <<= CHAR_BIT * (CHUNK - count); /* zeros in front, junk behind falls off */
    digits = digits * 10 + (digits >> 8);
    uint64_t even = (digits & 0x000000ff000000ffu) * 0x000f424000000064u;
    uint64_t odd = (digits >> 16 & 0x000000ff000000ffu) * 0x0000271000000001u;
    *value = (even + odd) >> 32;
    return count;
}

/* Appends a run of digits to *number. */
static inline const char *digit_run(const char *at, const char *end, uint64_t *number)
{
    uint64_t chunk;
    int count;
    while ((count = eight_digits(at, end, &chunk)) > 0) {
        *number = *number * ten_integer[count] + chunk;
        at += count;
        if (count < CHUNK) {
            break;
        }
    }
    return at;
}

/* wide * 2^power, rounded to nearest even; wide has at least 55 bits, `rest` tells that something
 * below its last bit was cut off. */
static double round_to_double(uint128 wide, bool rest, int power)
{
    uint64_t high = (uint64_t)(wide >> 64);
    int bits = high ? 128 - __builtin_clzll(high) : 64 - __builtin_clzll((uint64_t)wide);
    int drop = bits - DBL_MANT_DIG;
    uint64_t kept = (uint64_t)(wide >> drop);
    uint128 half = (uint128)1 << (drop - 1);
    uint128 below = wide & (((uint128)1 << drop) - 1);
    if (below > half || (below == half && (rest || (kept & 1)))) {
        kept++;
    }
    uint64_t scale_bits = (uint64_t)(DBL_MAX_EXP - 1 + power + drop) << (DBL_MANT_DIG - 1);
    double scale; /* a power of two; what comes here is far from the ends of the range */
    memcpy(&scale, &scale_bits, sizeof scale);
    return (double)kept * scale;
}

/* number * 10^power as a double; false when it is out of this function's reach. */
static inline bool join(uint64_t number, int64_t power, double *out)
{
    if (number <= (uint64_t)1 << 53 && power >= -22 && power <= 22) {
        double value = (double)number;
        *out = power < 0 ? value / ten_to[-power] : value * ten_to[power];
        return true;
    }
    if (number == 0) {
        *out = 0;
        return true;
    }
    if (power <= -FIVES || power >= FIVES) {
        return false;
    }
    int shift = __builtin_clzll(number);
    number <<= shift;
    if (power >= 0) {
        uint128 product = (uint128)number * five_to[power];
        *out = round_to_double(product, false, (int)power - shift);
        return true;
    }
    uint64_t divisor = five_to[-power];
    int divisor_shift = __builtin_clzll(divisor);
    divisor <<= divisor_shift;
    uint128 dividend = (uint128)number << 63;
    uint64_t quotient = (uint64_t)(dividend / divisor);
    bool rest = (uint128)quotient * divisor != dividend;
    *out = round_to_double(quotient, rest, (int)power - 63 - shift + divisor_shift);
    return true;
}

/* The same for any power. */
static double join_any(uint64_t number, int64_t power)
{
    char text[48];
    power = power > 9999 ? 9999 : power < -9999 ? -9999 : power;
    snprintf(text, sizeof text, "%llue%d", (unsigned long long)number, (int)power);
    return strtod(text, NULL);
}

double pl_decimal(uint64_t number, int64_t power)
{
    double value;
    return join(number, power, &value) ? value : join_any(number, power);
}

/* The value of any number of digits, [at, end) with at most one point among them, times
 * 10^power of the last digit.  Digits that strtod does not see matter only in that they are
 * there: a 1 stands for them. */
static double join_many(const char *at, const char *end, int64_t power)
{
    char text[DIGITS_KEPT + 32];
    size_t kept = 0;
    bool more = false;
    for (; at < end; at++) {
        bool digit = *at >= '0' && *at <= '9', leading = kept == 0 && *at == '0';
        if (digit && !leading && kept < DIGITS_KEPT) {
            text[kept++] = *at;
        } else if (digit && !leading) {
            more |= *at != '0';
            power++;
        }
    }
    if (kept == 0) {
        return 0;
    }
    if (more) {
        text[kept++] = '1';
        power--;
    }
    power = power > 9999 ? 9999 : power < -9999 ? -9999 : power;
    snprintf(text + kept, sizeof text - kept, "e%d", (int)power);
    return strtod(text, NULL);
}

/* Reads an exponent such as e-12 if there is one; beyond what digits could balance it stops
 * growing. */
static inline const char *exponent(const char *at, const char *end, int64_t *out)
{
    const int64_t most = (int64_t)1 << 56;
    const char *digit = at;
    if (digit == end || (*digit | 0x20) != 'e') {
        return at;
    }
    digit++;
    bool negative = digit < end && *digit == '-';
    digit += digit < end && (*digit == '-' || *digit == '+');
    const char *first = digit;
    int64_t value = 0;
    for (; digit < end && *digit >= '0' && *digit <= '9'; digit++) {
        value = value < most ? value * 10 + (*digit - '0') : value;
    }
    *out = negative ? -value : value;
    return digit > first ? digit : at;
}

size_t pl_scan_double(const char *text, size_t size, char point, double *out)
{
    const char *at = text, *end = text + size;
    bool negative = size && *at == '-';
    at += size && (*at == '-' || *at == '+');
    uint64_t number = 0;
    const char *first = at;
    at = digit_run(at, end, &number);
    ptrdiff_t digits = at - first, fraction = 0;
    if (at < end && *at == point) {
        const char *behind = at + 1;
        at = digit_run(behind, end, &number);
        fraction = at - behind;
        digits += fraction;
    }
    if (digits == 0) {
        return 0;
    }
    const char *digits_end = at;
    int64_t power = 0;
    at = exponent(at, end, &power);
    double value;
    if (digits > DIGITS_MOST) {
        value = join_many(first, digits_end, power - fraction);
    } else if (!join(number, power - fraction, &value)) {
        value = join_any(number, power - fraction);
    }
    if (isinf(value)) {
        return 0;
    }
    *out = value * (1 - 2 * negative); /* signs are random: no branch on them */
    return (size_t)(at - text);
}

/* nan, inf or infinity in any case, behind a sign. */
static bool parse_word(const char *text, size_t size, double *out)
{
    bool negative = size > 0 && *text == '-';
    size_t sign = size > 0 && (*text == '-' || *text == '+');
    text += sign;
    size -= sign;
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

bool pl_parse_double(const char *text, size_t size, double *out)
{
    double value;
    if (size == 0 || pl_scan_double(text, size, '.', &value) != size) {
        return parse_word(text, size, out);
    }
    *out = value;
    return true;
}
