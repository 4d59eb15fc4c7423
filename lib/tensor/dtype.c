/* Element types and their conversion.
 * SPDX-License-Identifier: MIT
 *
 * Thirteen types make 169 pairs.  Instead of one loop a pair, elements travel in blocks through the
 * widest type of their family: floats as double, integers as int64_t, u64 as uint64_t.  Every value
 * of a type is exact in its family's wide type, so the one rounding (or the one range check)
 * happens on the way out, and every result is the correctly rounded one.  A block stays in the
 * first-level cache and both loops vectorise.
 *
 * The half-sized floats are cut from the bits of a double: shift the significand to the target's
 * precision, look at what falls off, round to nearest, ties to even.  A carry out of the
 * significand runs into the exponent, where it is right: the next power of two, or infinity. */
#include "tensor/dtype.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"

static const struct {
    const char *name;
    size_t size;
} dtypes[PL_DTYPES] = {
    [PL_F16] = {"f16", 2},   [PL_BF16] = {"bf16", 2}, [PL_F32] = {"f32", 4}, [PL_F64] = {"f64", 8},
    [PL_I8] = {"i8", 1},     [PL_I16] = {"i16", 2},   [PL_I32] = {"i32", 4}, [PL_I64] = {"i64", 8},
    [PL_U8] = {"u8", 1},     [PL_U16] = {"u16", 2},   [PL_U32] = {"u32", 4}, [PL_U64] = {"u64", 8},
    [PL_BOOL] = {"bool", 1},
};

size_t pl_dtype_size(enum pl_dtype dtype)
{
    return dtypes[dtype].size;
}

const char *pl_dtype_name(enum pl_dtype dtype)
{
    return dtypes[dtype].name;
}

bool pl_dtype_parse(const char *text, size_t size, enum pl_dtype *out)
{
    for (int i = 0; i < PL_DTYPES; i++) {
        if (strlen(dtypes[i].name) == size && memcmp(dtypes[i].name, text, size) == 0) {
            *out = (enum pl_dtype)i;
            return true;
        }
    }
    return false;
}

bool pl_dtype_is_float(enum pl_dtype dtype)
{
    return dtype <= PL_F64;
}

/* The small floats: a sign bit, then exponent and fraction as given. */
enum { F16_FRACTION = 10, F16_EXPONENT = 5, BF16_FRACTION = 7, BF16_EXPONENT = 8 };

static inline uint16_t narrow(double value, int fraction_bits, int exponent_bits)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 63 << 15);
    uint64_t magnitude = bits & INT64_MAX;
    int bias = (1 << (exponent_bits - 1)) - 1;
    uint64_t infinity = ((UINT64_C(1) << exponent_bits) - 1) << fraction_bits;
    if (magnitude > UINT64_C(0x7ff) << 52) { /* NaN: quiet, with the top of its payload */
        uint64_t quiet = UINT64_C(1) << (fraction_bits - 1);
        uint64_t payload = (magnitude >> (52 - fraction_bits)) & (2 * quiet - 1);
        return (uint16_t)(sign | infinity | quiet | payload);
    }
    int exponent = (int)(magnitude >> 52) - 1023;
    if (exponent > bias)
        return (uint16_t)(sign | infinity);
    uint64_t significand = (magnitude & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
    int shift = 52 - fraction_bits;
    bool subnormal = exponent < 1 - bias;
    if (subnormal)
        shift += 1 - bias - exponent;
    if (shift > 54) /* below half of the smallest number */
        return sign;
    uint64_t rest = significand & ((UINT64_C(1) << shift) - 1);
    uint64_t half = UINT64_C(1) << (shift - 1);
    significand >>= shift;
    significand += rest > half || (rest == half && (significand & 1));
    /* The leading one of a normal significand adds the last 1 to the exponent. */
    if (!subnormal)
        significand += (uint64_t)(exponent + bias - 1) << fraction_bits;
    return (uint16_t)(sign | significand);
}

float pl_f16_to_f32(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t rest = half & 0x7fff, bits;
    if (rest >= 0x7c00) { /* infinity, NaN */
        bits = rest << 13 | 0x7f800000;
    } else if (rest >= 0x0400) {
        bits = (rest << 13) + ((127 - 15) << 23);
    } else { /* zero and subnormals: the fraction counts units of 2^-24 */
        float value = (float)rest * 0x1p-24f;
        memcpy(&bits, &value, sizeof bits);
    }
    bits |= sign;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

uint16_t pl_f64_to_f16(double value)
{
    return narrow(value, F16_FRACTION, F16_EXPONENT);
}

uint16_t pl_f32_to_f16(float value)
{
    return narrow((double)value, F16_FRACTION, F16_EXPONENT);
}

float pl_bf16_to_f32(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

uint16_t pl_f64_to_bf16(double value)
{
    return narrow(value, BF16_FRACTION, BF16_EXPONENT);
}

uint16_t pl_f32_to_bf16(float value)
{
    return narrow((double)value, BF16_FRACTION, BF16_EXPONENT);
}

/* An integer beyond 2^53 would be rounded twice on its way through double to bf16.  Cutting it to
 * 53 bits with the rest folded into the last of them (rounding to odd) keeps the second rounding
 * right.  f16 needs no such care: there such values are infinite. */
static uint16_t natural_to_bf16(uint64_t value, bool negative)
{
    if (value >> 53)
        value = (value & ~UINT64_C(0x7ff)) | (value & 0x7ff ? 0x800 : 0);
    return pl_f64_to_bf16(negative ? -(double)value : (double)value);
}

static uint16_t integer_to_bf16(int64_t value)
{
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    return natural_to_bf16(magnitude, value < 0);
}

/* A block of elements in the wide type of their family. */
enum { BLOCK = 512 };

enum family { REAL, INTEGER, NATURAL };

struct wide {
    enum family family;
    union {
        double real[BLOCK];
        int64_t integer[BLOCK];
        uint64_t natural[BLOCK];
    };
};

#define LOAD(wide_family, field, type, expression)      \
    do {                                                \
        const type *restrict from = (const type *)data; \
        wide->family = wide_family;                     \
        for (int i = 0; i < count; i++)                 \
            wide->field[i] = expression;                \
        return;                                         \
    } while (0)

static void load(struct wide *restrict wide, const void *data, enum pl_dtype dtype, int count)
{
    switch (dtype) {
    case PL_F16:
        LOAD(REAL, real, uint16_t, (double)pl_f16_to_f32(from[i]));
    case PL_BF16:
        LOAD(REAL, real, uint16_t, (double)pl_bf16_to_f32(from[i]));
    case PL_F32:
        LOAD(REAL, real, float, (double)from[i]);
    case PL_F64:
        LOAD(REAL, real, double, from[i]);
    case PL_I8:
        LOAD(INTEGER, integer, int8_t, from[i]);
    case PL_I16:
        LOAD(INTEGER, integer, int16_t, from[i]);
    case PL_I32:
        LOAD(INTEGER, integer, int32_t, from[i]);
    case PL_I64:
        LOAD(INTEGER, integer, int64_t, from[i]);
    case PL_U8:
        LOAD(INTEGER, integer, uint8_t, from[i]);
    case PL_U16:
        LOAD(INTEGER, integer, uint16_t, from[i]);
    case PL_U32:
        LOAD(INTEGER, integer, uint32_t, from[i]);
    case PL_U64:
        LOAD(NATURAL, natural, uint64_t, from[i]);
    case PL_BOOL:
    case PL_DTYPES:
        break;
    }
    LOAD(INTEGER, integer, uint8_t, from[i] != 0);
}

/* Stores return how many elements fitted: all, or the index of the first that did not. */
#define STORE(type, real_value, integer_value, natural_value) \
    do {                                                      \
        type *restrict to = (type *)data;                     \
        if (wide->family == REAL)                             \
            for (int i = 0; i < count; i++)                   \
                to[i] = (type)real_value;                     \
        else if (wide->family == INTEGER)                     \
            for (int i = 0; i < count; i++)                   \
                to[i] = (type)integer_value;                  \
        else                                                  \
            for (int i = 0; i < count; i++)                   \
                to[i] = (type)natural_value;                  \
        return count;                                         \
    } while (0)

#define REAL_AT    wide->real[i]
#define INTEGER_AT wide->integer[i]
#define NATURAL_AT wide->natural[i]

/* `above` is the least double beyond the type's range; below low - 1 lies nothing that truncation
 * brings back (low - 1 rounds to low for i64, hence the first comparison). */
#define STORE_INTEGER(type, low, high, above)                                                     \
    do {                                                                                          \
        type *restrict to = (type *)data;                                                         \
        for (int i = 0; i < count; i++) {                                                         \
            bool fits;                                                                            \
            if (wide->family == REAL)                                                             \
                fits =                                                                            \
                    (REAL_AT >= (double)(low) || REAL_AT > (double)(low)-1.0) && REAL_AT < above; \
            else if (wide->family == INTEGER)                                                     \
                fits = INTEGER_AT >= (low) && INTEGER_AT <= (high);                               \
            else                                                                                  \
                fits = NATURAL_AT <= (uint64_t)(high);                                            \
            if (!fits)                                                                            \
                return i;                                                                         \
            to[i] = wide->family == REAL      ? (type)REAL_AT                                     \
                    : wide->family == INTEGER ? (type)INTEGER_AT                                  \
                                              : (type)NATURAL_AT;                                 \
        }                                                                                         \
        return count;                                                                             \
    } while (0)

static int store_u64(const struct wide *restrict wide, uint64_t *restrict to, int count)
{
    for (int i = 0; i < count; i++) {
        if (wide->family == REAL ? !(REAL_AT > -1.0 && REAL_AT < 0x1p64)
                                 : wide->family == INTEGER && INTEGER_AT < 0)
            return i;
        to[i] = wide->family == REAL ? (uint64_t)REAL_AT : NATURAL_AT;
    }
    return count;
}

static int store(const struct wide *restrict wide, void *data, enum pl_dtype dtype, int count)
{
    switch (dtype) {
    case PL_F16:
        STORE(uint16_t, pl_f64_to_f16(REAL_AT), pl_f64_to_f16((double)INTEGER_AT),
              pl_f64_to_f16((double)NATURAL_AT));
    case PL_BF16:
        STORE(uint16_t, pl_f64_to_bf16(REAL_AT), integer_to_bf16(INTEGER_AT),
              natural_to_bf16(NATURAL_AT, false));
    case PL_F32:
        STORE(float, REAL_AT, INTEGER_AT, NATURAL_AT);
    case PL_F64:
        STORE(double, REAL_AT, INTEGER_AT, NATURAL_AT);
    case PL_I8:
        STORE_INTEGER(int8_t, INT8_MIN, INT8_MAX, 0x1p7);
    case PL_I16:
        STORE_INTEGER(int16_t, INT16_MIN, INT16_MAX, 0x1p15);
    case PL_I32:
        STORE_INTEGER(int32_t, INT32_MIN, INT32_MAX, 0x1p31);
    case PL_I64:
        STORE_INTEGER(int64_t, INT64_MIN, INT64_MAX, 0x1p63);
    case PL_U8:
        STORE_INTEGER(uint8_t, 0, UINT8_MAX, 0x1p8);
    case PL_U16:
        STORE_INTEGER(uint16_t, 0, UINT16_MAX, 0x1p16);
    case PL_U32:
        STORE_INTEGER(uint32_t, 0, UINT32_MAX, 0x1p32);
    case PL_U64:
        return store_u64(wide, data, count);
    case PL_BOOL:
    case PL_DTYPES:
        break;
    }
    STORE(uint8_t, (REAL_AT != 0), (INTEGER_AT != 0), (NATURAL_AT != 0));
}

enum pl_status pl_convert(struct pl_context *context, const void *from, enum pl_dtype from_dtype,
                          void *to, enum pl_dtype to_dtype, int64_t count)
{
    size_t from_size = pl_dtype_size(from_dtype), to_size = pl_dtype_size(to_dtype);
    if (from_dtype == to_dtype) {
        if (count > 0)
            memcpy(to, from, (size_t)count * to_size);
        return PL_OK;
    }
    struct wide wide;
    for (int64_t done = 0; done < count; done += BLOCK) {
        int block = count - done < BLOCK ? (int)(count - done) : BLOCK;
        load(&wide, (const char *)from + (size_t)done * from_size, from_dtype, block);
        int stored = store(&wide, (char *)to + (size_t)done * to_size, to_dtype, block);
        if (stored < block) {
            char text[PL_NUMBER_SIZE];
            pl_element_text(text, from, from_dtype, done + stored);
            return pl_fail(context, PL_BAD_DATA, "element %lld: %s does not fit %s",
                           (long long)(done + stored), text, pl_dtype_name(to_dtype));
        }
    }
    return PL_OK;
}

double pl_element(const void *data, enum pl_dtype dtype, int64_t index)
{
    struct wide wide;
    load(&wide, (const char *)data + (size_t)index * pl_dtype_size(dtype), dtype, 1);
    return wide.family == REAL      ? wide.real[0]
           : wide.family == INTEGER ? (double)wide.integer[0]
                                    : (double)wide.natural[0];
}

/* The shortest decimal that rounds to the same small float: try one digit, two, ... */
static size_t small_float_text(char out[PL_NUMBER_SIZE], double value, uint16_t bits,
                               uint16_t (*round)(double))
{
    if (isfinite(value) && value != 0) {
        int exponent = (int)floor(log10(fabs(value)));
        for (int digits = 1; digits <= 5; digits++) {
            int scale = exponent - digits + 1;
            char text[PL_NUMBER_SIZE];
            int size =
                snprintf(text, sizeof text, "%llde%d", llrint(value / pow(10, scale)), scale);
            double decimal;
            if (pl_parse_double(text, (size_t)size, &decimal) && round(decimal) == bits)
                return pl_format_double(out, decimal);
        }
    }
    return pl_format_double(out, value);
}

size_t pl_element_text(char out[PL_NUMBER_SIZE], const void *data, enum pl_dtype dtype,
                       int64_t index)
{
    const char *at = (const char *)data + (size_t)index * pl_dtype_size(dtype);
    struct wide wide;
    load(&wide, at, dtype, 1);
    if (wide.family == INTEGER)
        return (size_t)snprintf(out, PL_NUMBER_SIZE, "%lld", (long long)wide.integer[0]);
    if (wide.family == NATURAL)
        return (size_t)snprintf(out, PL_NUMBER_SIZE, "%llu", (unsigned long long)wide.natural[0]);
    if (dtype == PL_F64)
        return pl_format_double(out, wide.real[0]);
    if (dtype == PL_F32)
        return pl_format_float(out, (float)wide.real[0]);
    uint16_t bits;
    memcpy(&bits, at, sizeof bits);
    return small_float_text(out, wide.real[0], bits,
                            dtype == PL_F16 ? pl_f64_to_f16 : pl_f64_to_bf16);
}
