/* Element types: every f16 and bf16, rounding at the edges, all pairs of types.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include "tensor/dtype.h"

/* The value of half-sized float bits, from the definition. */
static double define(uint16_t bits, int fraction_bits, int exponent_bits)
{
    int exponent = bits >> fraction_bits & ((1 << exponent_bits) - 1);
    int bias = (1 << (exponent_bits - 1)) - 1;
    double fraction = bits & ((1 << fraction_bits) - 1);
    double sign = bits >> 15 ? -1 : 1;
    if (exponent == (1 << exponent_bits) - 1)
        return fraction != 0 ? NAN : sign * INFINITY;
    if (exponent == 0)
        return sign * ldexp(fraction, 1 - bias - fraction_bits);
    return sign * ldexp(fraction + (1 << fraction_bits), exponent - bias - fraction_bits);
}

static void every_half_float(void)
{
    int wrong = 0;
    for (int bits = 0; bits <= 0xffff; bits++) {
        double f16 = define((uint16_t)bits, 10, 5), bf16 = define((uint16_t)bits, 7, 8);
        if (isnan(f16)) {
            wrong += !isnan(pl_f16_to_f32((uint16_t)bits));
            wrong += !isnan(pl_f16_to_f32(pl_f64_to_f16(f16)));
        } else {
            wrong += (double)pl_f16_to_f32((uint16_t)bits) != f16;
            wrong += pl_f64_to_f16(f16) != bits || pl_f32_to_f16((float)f16) != bits;
        }
        if (isnan(bf16)) {
            wrong += !isnan(pl_bf16_to_f32((uint16_t)bits));
            wrong += !isnan(pl_bf16_to_f32(pl_f64_to_bf16(bf16)));
        } else {
            wrong += (double)pl_bf16_to_f32((uint16_t)bits) != bf16;
            wrong += pl_f64_to_bf16(bf16) != bits || pl_f32_to_bf16((float)bf16) != bits;
        }
    }
    CHECK(wrong == 0);
}

/* Between two neighbours: below the middle goes down, above up, the middle to the even one. */
static void rounding_to_nearest_even(void)
{
    int wrong = 0;
    for (int bits = 0; bits < 0x7bff; bits++) { /* up to the largest finite f16 */
        double low = define((uint16_t)bits, 10, 5), high = define((uint16_t)(bits + 1), 10, 5);
        double middle = (low + high) / 2;
        wrong += pl_f64_to_f16(nextafter(middle, 0)) != bits;
        wrong += pl_f64_to_f16(nextafter(middle, INFINITY)) != bits + 1;
        wrong += pl_f64_to_f16(middle) != (bits & 1 ? bits + 1 : bits);
        wrong += pl_f64_to_f16(-middle) != (0x8000 | (bits & 1 ? bits + 1 : bits));
    }
    for (int bits = 0; bits < 0x7f7f; bits++) {
        double low = define((uint16_t)bits, 7, 8), high = define((uint16_t)(bits + 1), 7, 8);
        double middle = (low + high) / 2;
        wrong += pl_f64_to_bf16(nextafter(middle, 0)) != bits;
        wrong += pl_f64_to_bf16(nextafter(middle, INFINITY)) != bits + 1;
        wrong += pl_f64_to_bf16(middle) != (bits & 1 ? bits + 1 : bits);
    }
    CHECK(wrong == 0);
    CHECK(pl_f64_to_f16(65519.999) == 0x7bff && pl_f64_to_f16(65520) == 0x7c00);
    CHECK(pl_f64_to_f16(-1e300) == 0xfc00 && pl_f64_to_bf16(1e300) == 0x7f80);
    CHECK(pl_f64_to_f16(0x1p-25) == 0 && pl_f64_to_f16(0x1.00001p-25) == 1);
    CHECK(pl_f64_to_f16(5e-324) == 0 && pl_f64_to_f16(-0.0) == 0x8000);
    /* 1 + 2^-11 + 2^-40 is above the middle; a detour through f32 would make it the middle. */
    CHECK(pl_f64_to_f16(1 + 0x1p-11 + 0x1p-40) == 0x3c01);
}

static void check_convert(enum pl_dtype from_dtype, const void *from, enum pl_dtype to_dtype,
                          const void *expected)
{
    struct pl_context context = {0};
    char to[8];
    CHECK(pl_convert(&context, from, from_dtype, to, to_dtype, 1) == PL_OK);
    CHECK(memcmp(to, expected, pl_dtype_size(to_dtype)) == 0);
}

static void refuse(enum pl_dtype from_dtype, const void *from, enum pl_dtype to_dtype,
                   const char *message)
{
    struct pl_context context = {0};
    char to[8];
    CHECK(pl_convert(&context, from, from_dtype, to, to_dtype, 1) == PL_BAD_DATA);
    CHECK_TEXT(context.message, message);
}

/* Small numbers survive every pair of types, there and back. */
static void all_pairs(void)
{
    struct pl_context context = {0};
    static const double numbers[5] = {0, 1, 1, 0, 1};
    static const double more[5] = {0, 7, 100, 1, 127};
    for (int from = 0; from < PL_DTYPES; from++) {
        for (int to = 0; to < PL_DTYPES; to++) {
            bool narrow = from == PL_BOOL || to == PL_BOOL;
            const double *values = narrow ? numbers : more;
            double a[5], b[5], c[5];
            CHECK(pl_convert(&context, values, PL_F64, a, (enum pl_dtype)from, 5) == PL_OK);
            CHECK(pl_convert(&context, a, (enum pl_dtype)from, b, (enum pl_dtype)to, 5) == PL_OK);
            CHECK(pl_convert(&context, b, (enum pl_dtype)to, c, PL_F64, 5) == PL_OK);
            CHECK(memcmp(c, values, sizeof c) == 0);
            for (int i = 0; i < 5; i++)
                CHECK(pl_element(b, (enum pl_dtype)to, i) == values[i]);
        }
    }
    CHECK_TEXT(context.message, "");
}

static void long_runs(void)
{
    struct pl_context context = {0};
    static float from[3000];
    static int16_t to[3000];
    for (int i = 0; i < 3000; i++)
        from[i] = (float)i - 1500.75f;
    CHECK(pl_convert(&context, from, PL_F32, to, PL_I16, 3000) == PL_OK);
    int wrong = 0;
    for (int i = 0; i < 3000; i++)
        wrong += to[i] != (int16_t)from[i];
    CHECK(wrong == 0);
    from[2345] = 40000;
    CHECK(pl_convert(&context, from, PL_F32, to, PL_I16, 3000) == PL_BAD_DATA);
    CHECK_TEXT(context.message, "element 2345: 40000 does not fit i16");
}

static void limits(void)
{
    refuse(PL_I32, &(int32_t){300}, PL_U8, "element 0: 300 does not fit u8");
    refuse(PL_I32, &(int32_t){-1}, PL_U64, "element 0: -1 does not fit u64");
    refuse(PL_F64, &(double){NAN}, PL_I32, "element 0: nan does not fit i32");
    refuse(PL_F32, &(float){-INFINITY}, PL_I64, "element 0: -inf does not fit i64");
    refuse(PL_F64, &(double){0x1p63}, PL_I64, "element 0: 9.223372036854776e+18 does not fit i64");
    refuse(PL_F64, &(double){0x1p64}, PL_U64, "element 0: 1.8446744073709552e+19 does not fit u64");
    refuse(PL_F64, &(double){256}, PL_U8, "element 0: 256 does not fit u8");
    refuse(PL_F64, &(double){-1}, PL_U32, "element 0: -1 does not fit u32");
    refuse(PL_F64, &(double){-129}, PL_I8, "element 0: -129 does not fit i8");
    refuse(PL_U64, &(uint64_t){UINT64_MAX}, PL_I64,
           "element 0: 18446744073709551615 does not fit i64");
    check_convert(PL_F64, &(double){-0.9}, PL_U8, &(uint8_t){0});
    check_convert(PL_F64, &(double){-128.9}, PL_I8, &(int8_t){-128});
    check_convert(PL_F64, &(double){255.9}, PL_U8, &(uint8_t){255});
    check_convert(PL_F64, &(double){-0x1p63}, PL_I64, &(int64_t){INT64_MIN});
    check_convert(PL_F64, &(double){-2147483648.9}, PL_I32, &(int32_t){INT32_MIN});
    check_convert(PL_U64, &(uint64_t){UINT64_MAX}, PL_F64, &(double){0x1p64});
    check_convert(PL_I64, &(int64_t){INT64_MAX}, PL_U64, &(uint64_t){INT64_MAX});
    check_convert(PL_F64, &(double){NAN}, PL_BOOL, &(uint8_t){1});
    check_convert(PL_F64, &(double){-0.0}, PL_BOOL, &(uint8_t){0});
    check_convert(PL_BOOL, &(uint8_t){2}, PL_I32, &(int32_t){1});
    check_convert(PL_F64, &(double){1e300}, PL_F32, &(float){INFINITY});
}

/* Integers are rounded once: here a detour through f64 would end on the other side. */
static void integers_to_floats(void)
{
    check_convert(PL_I64, &(int64_t){(1LL << 54) + (1LL << 30) + 1}, PL_F32,
                  &(float){0x1.000002p54f});
    uint16_t above = pl_f32_to_bf16(0x1.02p62f), below = pl_f32_to_bf16(0x1p62f);
    check_convert(PL_I64, &(int64_t){(1LL << 62) + (1LL << 54) + 1}, PL_BF16, &above);
    check_convert(PL_U64, &(uint64_t){(1ULL << 62) + (1ULL << 54)}, PL_BF16, &below);
    uint16_t negative = pl_f32_to_bf16(-0x1.02p62f);
    check_convert(PL_I64, &(int64_t){-(1LL << 62) - (1LL << 54) - 1}, PL_BF16, &negative);
    check_convert(PL_I64, &(int64_t){INT64_MIN}, PL_BF16, &(uint16_t){0xdf00});
    check_convert(PL_U32, &(uint32_t){70000}, PL_F16, &(uint16_t){0x7c00});
}

static void check_text(enum pl_dtype dtype, const void *element, const char *expected)
{
    char text[32];
    size_t size = pl_element_text(text, element, dtype, 0);
    text[size] = '\0';
    CHECK_TEXT(text, expected);
}

static void texts(void)
{
    check_text(PL_I64, &(int64_t){INT64_MIN}, "-9223372036854775808");
    check_text(PL_U64, &(uint64_t){UINT64_MAX}, "18446744073709551615");
    check_text(PL_BOOL, &(uint8_t){9}, "1");
    check_text(PL_F64, &(double){0.1}, "0.1");
    check_text(PL_F32, &(float){0.1f}, "0.1");
    check_text(PL_F16, &(uint16_t){0x2e66}, "0.1");
    check_text(PL_BF16, &(uint16_t){0x3dcd}, "0.1");
    check_text(PL_F16, &(uint16_t){0x7bff}, "65500");
    check_text(PL_F16, &(uint16_t){0x0001}, "6e-08");
    check_text(PL_F16, &(uint16_t){0xfc00}, "-inf");
    int wrong = 0;
    for (int i = 0; i <= 0xffff; i++) { /* what is printed reads back */
        char text[32];
        uint16_t bits = (uint16_t)i;
        text[pl_element_text(text, &bits, PL_F16, 0)] = '\0';
        double value = strtod(text, NULL);
        wrong += !isnan(value) && pl_f64_to_f16(value) != bits;
        text[pl_element_text(text, &bits, PL_BF16, 0)] = '\0';
        value = strtod(text, NULL);
        wrong += !isnan(value) && pl_f64_to_bf16(value) != bits;
    }
    CHECK(wrong == 0);
}

static void names(void)
{
    enum pl_dtype dtype;
    for (int i = 0; i < PL_DTYPES; i++) {
        const char *name = pl_dtype_name((enum pl_dtype)i);
        CHECK(pl_dtype_parse(name, strlen(name), &dtype) && dtype == (enum pl_dtype)i);
        CHECK(!pl_dtype_parse(name, strlen(name) - 1, &dtype));
    }
    CHECK(!pl_dtype_parse("", 0, &dtype) && !pl_dtype_parse("F32", 3, &dtype));
    CHECK(pl_dtype_is_float(PL_BF16) && pl_dtype_is_float(PL_F64) && !pl_dtype_is_float(PL_I8));
}

int main(void)
{
    RUN(every_half_float);
    RUN(rounding_to_nearest_even);
    RUN(all_pairs);
    RUN(long_runs);
    RUN_IN_80_BITS(limits);
    RUN_IN_80_BITS(integers_to_floats);
    RUN(texts);
    RUN(names);
    FINISH();
}
