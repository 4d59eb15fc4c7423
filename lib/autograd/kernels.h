/* What the kernels of operations share: lanes for sums, and blocks of rows.
 * SPDX-License-Identifier: MIT
 *
 * A sum in one variable is a chain that the compiler must not reorder, so it is not vectorised.
 * Here sums run in sixteen lanes, which are joined in double precision: the same bits whatever
 * registers there are.
 *
 * Work is cut into blocks of rows (or of elements) by size alone, never by the number of threads.
 * Gradients of what all rows share (a weight) are summed within each block into a place of its
 * own, and the blocks' sums are joined in their order. */
#ifndef PL_AUTOGRAD_KERNELS_H
#define PL_AUTOGRAD_KERNELS_H

#include "autograd/tape.h"
#include "base/parallel.h"
#include "base/simd.h"

enum { PL_LANES = 16 };
typedef pl_real pl_lanes
    __attribute__((vector_size(PL_LANES * sizeof(pl_real)), aligned(sizeof(pl_real)), may_alias));
typedef pl_real pl_quad
    __attribute__((vector_size(4 * sizeof(pl_real)), aligned(sizeof(pl_real)), may_alias));

/* Inlined into the variants of a function marked PL_CLONES, so that it is compiled for each. */
#define PL_KERNEL static inline __attribute__((always_inline))

PL_KERNEL double pl_lanes_sum(const pl_lanes *lanes)
{
    typedef pl_real half __attribute__((vector_size(8 * sizeof(pl_real))));
    half low, high;
    memcpy(&low, lanes, sizeof low);
    memcpy(&high, (const char *)lanes + sizeof low, sizeof high);
    pl_double8 sums = __builtin_convertvector(low, pl_double8);
    sums += __builtin_convertvector(high, pl_double8);
    sums += __builtin_shufflevector(sums, sums, 4, 5, 6, 7, 0, 1, 2, 3);
    sums += __builtin_shufflevector(sums, sums, 2, 3, 0, 1, 6, 7, 4, 5);
    return sums[0] + sums[1];
}

/* The same of four at once, to the same bits, with half the work. */
PL_KERNEL void pl_lanes_sums(const pl_lanes lanes[4], double out[4])
{
    typedef pl_real half __attribute__((vector_size(8 * sizeof(pl_real))));
    pl_double8 sums[4];
    for (int i = 0; i < 4; i++) {
        half low, high;
        memcpy(&low, &lanes[i], sizeof low);
        memcpy(&high, (const char *)&lanes[i] + sizeof low, sizeof high);
        sums[i] = __builtin_convertvector(low, pl_double8);
        sums[i] += __builtin_convertvector(high, pl_double8);
    }
    pl_double8 front = __builtin_shufflevector(sums[0], sums[1], 0, 1, 2, 3, 8, 9, 10, 11);
    front += __builtin_shufflevector(sums[0], sums[1], 4, 5, 6, 7, 12, 13, 14, 15);
    pl_double8 back = __builtin_shufflevector(sums[2], sums[3], 0, 1, 2, 3, 8, 9, 10, 11);
    back += __builtin_shufflevector(sums[2], sums[3], 4, 5, 6, 7, 12, 13, 14, 15);
    pl_double8 pairs = __builtin_shufflevector(front, back, 0, 1, 4, 5, 8, 9, 12, 13);
    pairs += __builtin_shufflevector(front, back, 2, 3, 6, 7, 10, 11, 14, 15);
    pairs += __builtin_shufflevector(pairs, pairs, 1, 0, 3, 2, 5, 4, 7, 6);
    for (int i = 0; i < 4; i++)
        out[i] = pairs[2 * i];
}

PL_KERNEL double pl_real_sum(int64_t count, const pl_real *restrict x)
{
    pl_lanes lanes = {0};
    int64_t i = 0;
    for (; i + PL_LANES <= count; i += PL_LANES)
        lanes += *(const pl_lanes *)(x + i);
    double sum = pl_lanes_sum(&lanes);
    for (; i < count; i++)
        sum += (double)x[i];
    return sum;
}

/* a . b for what is left behind whole lanes: a head of a small model is no more than that. */
PL_KERNEL double pl_real_dot_rest(int64_t count, const pl_real *a, const pl_real *b)
{
    pl_quad quad = {0};
    int64_t i = 0;
    for (; i + 4 <= count; i += 4)
        quad += *(const pl_quad *)(a + i) * *(const pl_quad *)(b + i);
    double sum = ((double)quad[0] + (double)quad[1]) + ((double)quad[2] + (double)quad[3]);
    for (; i < count; i++)
        sum += (double)(a[i] * b[i]);
    return sum;
}

/* a . b */
PL_KERNEL double pl_real_dot(int64_t count, const pl_real *restrict a, const pl_real *restrict b)
{
    if (count < PL_LANES)
        return pl_real_dot_rest(count, a, b);
    pl_lanes even = {0}, odd = {0};
    int64_t i = 0;
    for (; i + 2 * PL_LANES <= count; i += 2 * PL_LANES) {
        even += *(const pl_lanes *)(a + i) * *(const pl_lanes *)(b + i);
        odd += *(const pl_lanes *)(a + i + PL_LANES) * *(const pl_lanes *)(b + i + PL_LANES);
    }
    if (i + PL_LANES <= count) {
        even += *(const pl_lanes *)(a + i) * *(const pl_lanes *)(b + i);
        i += PL_LANES;
    }
    even += odd;
    double sum = pl_lanes_sum(&even);
    return i < count ? sum + pl_real_dot_rest(count - i, a + i, b + i) : sum;
}

/* Elements of a block: three arrays of them stay in the second-level cache. */
enum { PL_BLOCK_ELEMENTS = 16384 };

/* Rows of a block of about PL_BLOCK_ELEMENTS elements. */
static inline int64_t pl_block_rows(int64_t width)
{
    return width < PL_BLOCK_ELEMENTS ? PL_BLOCK_ELEMENTS / (width > 0 ? width : 1) : 1;
}

static inline int64_t pl_block_count(int64_t rows, int64_t block)
{
    return (rows + block - 1) / block;
}

struct pl_span {
    int64_t begin, end;
};

static inline struct pl_span pl_block_span(int64_t item, int64_t block, int64_t rows)
{
    int64_t begin = item * block, end = begin + block;
    return (struct pl_span){begin, end < rows ? end : rows};
}

/* sums[width] += partial[0] + ... + partial[blocks - 1], each [width] at a distance of
 * stride, in this order. */
static inline void pl_join_blocks(int64_t blocks, int64_t stride, int64_t width,
                                  const pl_real *partial, pl_real *sums)
{
    for (int64_t i = 0; i < blocks; i++)
        for (int64_t c = 0; c < width; c++)
            sums[c] += partial[i * stride + c];
}

#endif
