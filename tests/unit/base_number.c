/* Numbers against the C library's, both ways and in a locale with a decimal comma.
 * SPDX-License-Identifier: MIT */
#include <float.h>
#include <inttypes.h>
#include <locale.h>

#include "base/number.h"
#include "base/rng.h"
#include "check.h"

static bool same(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

static bool agrees(const char *text)
{
    double got = 0, expected = strtod(text, NULL);
    bool parsed = pl_parse_double(text, strlen(text), &got);
    if (isinf(expected) ? parsed : !parsed || !same(got, expected)) {
        printf("# '%.60s': %d %a, expected %a\n", text, parsed, got, expected);
        return false;
    }
    return true;
}

static void doubles(void)
{
    static const char *const texts[] = {
        "0",
        "-0",
        "1",
        "+1",
        "-1.5",
        ".5",
        "5.",
        "00012.500",
        "1e5",
        "1E-5",
        "1e+05",
        "0.1",
        "123456.789",
        "1e22",
        "1e23",
        "9007199254740993",
        "9007199254740992.5",
        "9007199254740991.5",
        "1.7976931348623157e308",
        "1.7976931348623159e308",
        "1e309",
        "2.2250738585072011e-308",
        "2.2250738585072014e-308",
        "4.9e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "1e-400",
        "0e999999999999999999999",
        "1e-99999999999999999999",
        "1e99999999999999999999",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999",
        "12345678901234567890123456789e-30",
        "0.000000000000000000000000000000000000000000000000000000000000001",
        "6929495644600919.5",
        "0.500000000000000166533453693773481063544750213623046875",
        "3.518437208883201171875e13",
        "8.5e27",
        "8.5e-27",
        "8.5e-28",
        "7e28"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        CHECK(agrees(texts[i]));
    }
}

static void not_doubles(void)
{
    static const char *const texts[] = {
        "",     " 1",  "1 ",  "+",    "-",  ".",    "e5",   "1e",  "1e+",    "1.2.3",   "1,5",
        "0x10", "--1", "+-1", "nanx", "in", "infi", "1e5x", "1_0", "nan(1)", "\xd9\xa1"};
    double out = 17;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (pl_parse_double(texts[i], strlen(texts[i]), &out)) {
            printf("# '%s' parsed\n", texts[i]);
        }
        CHECK(out == 17);
    }
    CHECK(!pl_parse_double("1\0", 2, &out) && !pl_parse_double(NULL, 0, &out));
}

static void words(void)
{
    double out;
    CHECK(pl_parse_double("NaN", 3, &out) && isnan(out));
    CHECK(pl_parse_double("-nan", 4, &out) && isnan(out));
    CHECK(pl_parse_double("inf", 3, &out) && out == (double)INFINITY);
    CHECK(pl_parse_double("-Infinity", 9, &out) && out == (double)-INFINITY);
    CHECK(pl_parse_double("+INF", 4, &out) && out == (double)INFINITY);
}

static void scans(void)
{
    double out = 0;
    CHECK(pl_scan_double("12.5,3", 6, '.', &out) == 4 && out == 12.5);
    CHECK(pl_scan_double("12,5;3", 6, ',', &out) == 4 && out == 12.5);
    CHECK(pl_scan_double("1e5e6", 5, '.', &out) == 3 && out == 1e5);
    CHECK(pl_scan_double("7em", 3, '.', &out) == 1 && out == 7);
    CHECK(pl_scan_double("-3e-", 4, '.', &out) == 2 && out == -3);
    CHECK(pl_scan_double("12345", 3, '.', &out) == 3 && out == 123);
    CHECK(pl_scan_double("123456789012345678901,5", 23, ',', &out) == 23 &&
          out == 123456789012345678901.5);
    out = 9;
    CHECK(pl_scan_double("1e400", 5, '.', &out) == 0 && pl_scan_double("", 0, '.', &out) == 0);
    CHECK(pl_scan_double("nan", 3, '.', &out) == 0 && pl_scan_double("x", 1, '.', &out) == 0);
    CHECK(out == 9);
}

/* A million digits: the midpoint of 1 and the next double, and a last digit that decides. */
static void long_numbers(void)
{
    enum { SIZE = 1000000 };
    static const char middle[] = "1.00000000000000011102230246251565404236316680908203125";
    char *text = malloc(SIZE + 16);
    double out;
    memset(text, '0', SIZE);
    memcpy(text, middle, sizeof middle - 1);
    CHECK(pl_parse_double(text, SIZE, &out) && out == 1);
    text[SIZE - 1] = '1';
    CHECK(pl_parse_double(text, SIZE, &out) && out == 1 + DBL_EPSILON);
    memset(text, '0', SIZE);
    text[1] = '.';
    text[SIZE - 1] = '1'; /* 1e-999998 */
    memcpy(text + SIZE, "e1000000", 8);
    CHECK(pl_parse_double(text, SIZE + 8, &out) && out == 100);
    memset(text, '0', SIZE);
    text[0] = '1';
    memcpy(text + SIZE, "e-999997", 8);
    CHECK(pl_parse_double(text, SIZE + 8, &out) && out == 100);
    free(text);
}

static double from_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void random_doubles(void)
{
    struct pl_rng rng = pl_rng_init(1, "numbers");
    int wrong = 0;
    for (uint64_t i = 0; i < 150000; i++) {
        char text[64], again[PL_NUMBER_SIZE];
        double value = from_bits(pl_rng_bits(&rng, 4 * i)), back;
        if (isnan(value) || isinf(value)) {
            continue;
        }
        snprintf(text, sizeof text, "%.*e", (int)pl_rng_below(&rng, 4 * i + 1, 21), value);
        wrong += !agrees(text);
        size_t size = pl_format_double(again, value);
        wrong += !pl_parse_double(again, size, &back) || !same(back, value);
        /* digits and a small exponent: the range of the exact ways */
        uint64_t digits = pl_rng_bits(&rng, 4 * i + 2) >> pl_rng_below(&rng, 4 * i + 3, 64);
        snprintf(text, sizeof text, "%" PRIu64 "e%d", digits, (int)(i % 60) - 30);
        wrong += !agrees(text);
        size =
            (size_t)snprintf(text, sizeof text, "%.*f", (int)(i % 18), ldexp((double)digits, -40));
        wrong += !agrees(text);
    }
    CHECK(wrong == 0);
}

/* Decimals as near to the midpoint of two doubles as 17 to 19 digits come. */
static void midpoints(void)
{
    struct pl_rng rng = pl_rng_init(2, "midpoints");
    int wrong = 0;
    for (uint64_t i = 0; i < 50000; i++) {
        uint64_t mantissa = (uint64_t)1 << 53 | pl_rng_bits(&rng, i) >> 11;
        long double middle = ldexpl((long double)(2 * mantissa + 1), (int)(i % 160) - 134);
        char text[64];
        for (int digits = 17; digits <= 24; digits++) {
            snprintf(text, sizeof text, "%.*Le", digits, middle);
            wrong += !agrees(text);
        }
    }
    CHECK(wrong == 0);
}

static void check_format(double value, const char *expected)
{
    char text[PL_NUMBER_SIZE];
    size_t size = pl_format_double(text, value);
    CHECK_TEXT(text, expected);
    CHECK(size == strlen(expected));
}

static void check_format_float(float value, const char *expected)
{
    char text[PL_NUMBER_SIZE];
    size_t size = pl_format_float(text, value);
    CHECK_TEXT(text, expected);
    CHECK(size == strlen(expected));
}

static void formats(void)
{
    check_format(0, "0");
    check_format(-0.0, "-0");
    check_format(1, "1");
    check_format(-12, "-12");
    check_format(100, "100");
    check_format(0.1, "0.1");
    check_format(-2.5, "-2.5");
    check_format(1.0 / 3, "0.3333333333333333");
    check_format(0.1 + 0.2, "0.30000000000000004");
    check_format(123456.789, "123456.789");
    check_format(0.000001, "1e-06");
    check_format(0.0001, "0.0001");
    check_format(0.00012345, "0.00012345");
    check_format(1e15, "1000000000000000");
    check_format(1e16, "1e+16");
    check_format(9007199254740992, "9007199254740992");
    check_format(123456789012345680, "1.2345678901234568e+17");
    check_format(1e22, "1e+22");
    check_format(1e23, "1e+23");
    check_format(DBL_MAX, "1.7976931348623157e+308");
    check_format(DBL_MIN, "2.2250738585072014e-308");
    check_format(5e-324, "5e-324");
    check_format(0x1p-44, "5.684341886080802e-14");
    check_format(NAN, "nan");
    check_format(INFINITY, "inf");
    check_format(-INFINITY, "-inf");
    check_format_float(0.1f, "0.1");
    check_format_float(1.0f / 3, "0.33333334");
    check_format_float(16777216, "16777216");
    check_format_float(-123.456f, "-123.456");
    check_format_float(FLT_MAX, "3.4028235e+38");
    check_format_float(FLT_MIN, "1.1754944e-38");
    check_format_float(1e-45f, "1e-45");
    check_format_float(0x1p-20f, "9.536743e-07");
    check_format_float(-NAN, "nan");
}

/* No text with fewer digits may read back as the value. */
static void shortest(void)
{
    struct pl_rng rng = pl_rng_init(3, "shortest");
    int wrong = 0;
    for (uint64_t i = 0; i < 100000; i++) {
        double value = i % 2 ? ldexp((double)(pl_rng_bits(&rng, i) >> 11), (int)(i % 200) - 150)
                             : from_bits(pl_rng_bits(&rng, i) & ~(UINT64_C(1) << 63));
        char text[PL_NUMBER_SIZE], other[PL_NUMBER_SIZE];
        if (!isfinite(value) || value == 0) {
            continue;
        }
        pl_format_double(text, value);
        int digits = 0, other_digits = 1;
        const char *first = text + strspn(text, "0.");
        for (const char *at = first; *at && *at != 'e'; at++) {
            digits += *at != '.';
        }
        do {
            snprintf(other, sizeof other, "%.*e", other_digits - 1, value);
        } while (strtod(other, NULL) != value && ++other_digits < 17);
        /* digits counts the zeros of whole numbers; those that end in zeros are left out */
        if (strtod(text, NULL) != value ||
            (text[strlen(text) - 1] != '0' && digits > other_digits)) {
            printf("# %a: %s, %s\n", value, text, other);
            wrong++;
        }
    }
    CHECK(wrong == 0);
}

static void random_floats(void)
{
    struct pl_rng rng = pl_rng_init(4, "floats");
    int wrong = 0;
    for (uint64_t i = 0; i < 200000; i++) {
        uint32_t bits = (uint32_t)pl_rng_bits(&rng, i);
        float value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) {
            continue;
        }
        char text[PL_NUMBER_SIZE];
        double back;
        size_t size = pl_format_float(text, value);
        wrong += size > 17 || !pl_parse_double(text, size, &back) || (float)back != value ||
                 strtof(text, NULL) != value;
    }
    CHECK(wrong == 0);
}

static void integers(void)
{
    int64_t out = 5;
    uint64_t positive = 5;
    CHECK(pl_parse_int64("9223372036854775807", 19, &out) && out == INT64_MAX);
    CHECK(pl_parse_int64("-9223372036854775808", 20, &out) && out == INT64_MIN);
    CHECK(pl_parse_int64("+7", 2, &out) && out == 7);
    CHECK(pl_parse_int64("-0", 2, &out) && out == 0);
    CHECK(pl_parse_uint64("18446744073709551615", 20, &positive) && positive == UINT64_MAX);
    out = 5;
    positive = 5;
    CHECK(!pl_parse_int64("9223372036854775808", 19, &out));
    CHECK(!pl_parse_int64("-9223372036854775809", 20, &out));
    CHECK(!pl_parse_uint64("18446744073709551616", 20, &positive));
    CHECK(!pl_parse_uint64("99999999999999999999", 20, &positive));
    CHECK(!pl_parse_uint64("-1", 2, &positive) && !pl_parse_uint64("", 0, &positive));
    static const char *const texts[] = {"",    "-",   "+",  "--1", "-+1",
                                        "1.0", "1e3", " 1", "1 ",  "0x1"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        CHECK(!pl_parse_int64(texts[i], strlen(texts[i]), &out));
    }
    CHECK(out == 5 && positive == 5);
}

static void check_bytes(const char *text, bool good, uint64_t expected)
{
    uint64_t out = 5;
    bool parsed = pl_parse_bytes(text, strlen(text), &out);
    if (parsed != good || out != (good ? expected : 5)) {
        printf("# '%s': %d %" PRIu64 "\n", text, parsed, out);
    }
    CHECK(parsed == good && out == (good ? expected : 5));
}

static void byte_counts(void)
{
    check_bytes("0", true, 0);
    check_bytes("512", true, 512);
    check_bytes("512B", true, 512);
    check_bytes("64K", true, 65536);
    check_bytes("64k", true, 65536);
    check_bytes("1.5G", true, 1610612736);
    check_bytes("2GiB", true, (uint64_t)2 << 30);
    check_bytes("2GB", true, (uint64_t)2 << 30);
    check_bytes("15E", true, (uint64_t)15 << 60);
    check_bytes("18446744073709551615", true, UINT64_MAX);
    static const char *const texts[] = {
        "",    "K",   "-1",  "+1",  "1.5", "16E", "18446744073709551616", "1..5K", ".5K",
        "1e3", "1 K", "1KK", "1Gi", "1iB", "1X",  "17179869184G"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        check_bytes(texts[i], false, 0);
    }
    char text[PL_NUMBER_SIZE];
    pl_format_bytes(text, 1023);
    CHECK_TEXT(text, "1023 B");
    pl_format_bytes(text, 1536);
    CHECK_TEXT(text, "1.5 KiB");
    pl_format_bytes(text, (1 << 20) - 1);
    CHECK_TEXT(text, "1.0 MiB");
    pl_format_bytes(text, UINT64_MAX);
    CHECK_TEXT(text, "16.0 EiB");
}

static void decimal_comma(void)
{
    double out;
    CHECK(pl_parse_double("1.5", 3, &out) && out == 1.5);
    CHECK(pl_parse_double("1.5e-300", 8, &out) && out == 1.5e-300);
    CHECK(pl_parse_double("1.2345678901234567890123", 24, &out) && out == 1.2345678901234567);
    CHECK(!pl_parse_double("1,5", 3, &out));
    check_format(0.1 + 0.2, "0.30000000000000004");
    check_format(1.5e-300, "1.5e-300");
    check_format_float(1e-45f, "1e-45");
}

int main(void)
{
    RUN(doubles);
    RUN(not_doubles);
    RUN(words);
    RUN(scans);
    RUN(long_numbers);
    RUN(random_doubles);
    RUN(midpoints);
    RUN_IN_80_BITS(formats);
    RUN(shortest);
    RUN(random_floats);
    RUN(integers);
    RUN(byte_counts);
    if (setlocale(LC_ALL, "de_DE.UTF-8") || setlocale(LC_ALL, "de_DE")) {
        RUN_IN_80_BITS(decimal_comma);
    } else {
        SKIP("decimal_comma", "no locale de_DE");
    }
    FINISH();
}
