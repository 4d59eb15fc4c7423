/* Differences between two runs of elements.
 * SPDX-License-Identifier: MIT
 *
 * A float's bits, read as sign and magnitude, count the representable values from zero: so the
 * distance between two floats in units in the last place (ulp) is the difference of these counts,
 * across zero too, and infinity lies one step beyond the largest finite value.  The distance is
 * counted in the tensor's own dtype: the neighbours of an f16 are a thousandth apart.
 *
 * Runs that are equal byte for byte, nearly all of them when a file is compared with its copy,
 * are passed over by memcmp. */
#include "tensor/compare.h"

#include <math.h>
#include <string.h>

/* Bytes compared at once before elements are looked at. */
#define RUN 4096

/* A float's place in the order of its dtype's values; both zeros are 0. */
static int64_t float_order(const void *data, enum pl_dtype dtype, int64_t index)
{
    uint64_t magnitude;
    bool negative;
    if (dtype == PL_F64) {
        uint64_t bits;
        memcpy(&bits, (const char *)data + 8 * index, 8);
        negative = bits >> 63;
        magnitude = bits & INT64_MAX;
    } else if (dtype == PL_F32) {
        uint32_t bits;
        memcpy(&bits, (const char *)data + 4 * index, 4);
        negative = bits >> 31;
        magnitude = bits & INT32_MAX;
    } else {
        uint16_t bits;
        memcpy(&bits, (const char *)data + 2 * index, 2);
        negative = bits >> 15;
        magnitude = bits & INT16_MAX;
    }
    return negative ? -(int64_t)magnitude : (int64_t)magnitude;
}

/* |a - b| of two integers, exact. */
static uint64_t integer_distance(const void *a, const void *b, enum pl_dtype dtype, int64_t index)
{
    if (dtype == PL_U64) {
        uint64_t left, right;
        memcpy(&left, (const char *)a + 8 * index, 8);
        memcpy(&right, (const char *)b + 8 * index, 8);
        return left > right ? left - right : right - left;
    }
    if (dtype == PL_I64) {
        int64_t left, right;
        memcpy(&left, (const char *)a + 8 * index, 8);
        memcpy(&right, (const char *)b + 8 * index, 8);
        return left > right ? (uint64_t)left - (uint64_t)right : (uint64_t)right - (uint64_t)left;
    }
    return (uint64_t)fabs(pl_element(a, dtype, index) - pl_element(b, dtype, index));
}

static uint64_t float_distance(const void *a, const void *b, enum pl_dtype dtype, int64_t index)
{
    int64_t left = float_order(a, dtype, index), right = float_order(b, dtype, index);
    return left > right ? (uint64_t)left - (uint64_t)right : (uint64_t)right - (uint64_t)left;
}

/* Notes that the elements at index of this run, number `at` of all, may differ. */
static void compare_element(struct pl_difference *difference, const void *a, const void *b,
                            enum pl_dtype dtype, int64_t index, int64_t at)
{
    double left = pl_element(a, dtype, index), right = pl_element(b, dtype, index);
    if (isnan(left) || isnan(right)) {
        if (isnan(left) && isnan(right))
            return;
        difference->unequal++;
        difference->outside++;
        if (difference->nans++ == 0)
            difference->nan_at = at;
        return;
    }
    bool is_float = pl_dtype_is_float(dtype);
    uint64_t ulp =
        is_float ? float_distance(a, b, dtype, index) : integer_distance(a, b, dtype, index);
    if (ulp == 0)
        return;
    double absolute = is_float ? fabs(left - right) : (double)ulp;
    double relative = isinf(right) ? INFINITY : absolute / fabs(right);
    /* An infinite b would let everything pass. */
    bool passes = isfinite(right) && absolute <= difference->atol + difference->rtol * fabs(right);
    difference->unequal++;
    difference->outside += !passes;
    if (absolute > difference->absolute) {
        difference->absolute = absolute;
        difference->absolute_at = at;
    }
    if (relative > difference->relative) {
        difference->relative = relative;
        difference->relative_at = at;
    }
    if (ulp > difference->ulp) {
        difference->ulp = ulp;
        difference->ulp_at = at;
    }
}

void pl_compare(struct pl_difference *difference, const void *a, const void *b, enum pl_dtype dtype,
                int64_t count)
{
    const char *left = a, *right = b;
    int64_t size = (int64_t)pl_dtype_size(dtype), run = RUN / size;
    for (int64_t done = 0; done < count; done += run) {
        int64_t part = count - done < run ? count - done : run;
        if (memcmp(left + done * size, right + done * size, (size_t)(part * size)) == 0)
            continue;
        for (int64_t i = done; i < done + part; i++)
            compare_element(difference, a, b, dtype, i, difference->count + i);
    }
    difference->count += count;
}
