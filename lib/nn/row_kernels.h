/* One row against many: what attention of a single query is made of.
 * SPDX-License-Identifier: MIT
 *
 * Row j of the many is at j * stride.  A few channels are in registers at a time, for narrow heads
 * too. */
#ifndef PL_NN_ROW_KERNELS_H
#define PL_NN_ROW_KERNELS_H

#include "autograd/kernels.h"

/* The sums of four quads, in double precision as sums of lanes are. */
PL_KERNEL void pl_quad_sums(const pl_quad quads[4], double out[4])
{
    typedef double double4 __attribute__((vector_size(32)));
    double4 wide[4];
    for (int i = 0; i < 4; i++)
        wide[i] = __builtin_convertvector(quads[i], double4);
    double4 front = __builtin_shufflevector(wide[0], wide[1], 0, 4, 2, 6);
    front += __builtin_shufflevector(wide[0], wide[1], 1, 5, 3, 7);
    double4 back = __builtin_shufflevector(wide[2], wide[3], 0, 4, 2, 6);
    back += __builtin_shufflevector(wide[2], wide[3], 1, 5, 3, 7);
    double4 sums = __builtin_shufflevector(front, back, 0, 1, 4, 5);
    sums += __builtin_shufflevector(front, back, 2, 3, 6, 7);
    for (int i = 0; i < 4; i++)
        out[i] = sums[i];
}

/* out[j] = scale (x . row j), for four rows. */
PL_KERNEL void pl_rows_dot_four(int64_t width, pl_real scale, const pl_real *x, const pl_real *many,
                                int64_t stride, pl_real *out)
{
    pl_lanes lanes[4] = {0};
    pl_quad quads[4] = {0};
    double sums[4] = {0}, more[4];
    int64_t e = 0;
    for (; e + PL_LANES <= width; e += PL_LANES)
        for (int j = 0; j < 4; j++)
            lanes[j] += *(const pl_lanes *)(x + e) * *(const pl_lanes *)(many + j * stride + e);
    if (e > 0)
        pl_lanes_sums(lanes, sums);
    if (e < width) {
        for (; e + 4 <= width; e += 4)
            for (int j = 0; j < 4; j++)
                quads[j] += *(const pl_quad *)(x + e) * *(const pl_quad *)(many + j * stride + e);
        pl_quad_sums(quads, more);
        for (int j = 0; j < 4; j++)
            sums[j] += more[j];
    }
    for (; e < width; e++)
        for (int j = 0; j < 4; j++)
            sums[j] += (double)(x[e] * many[j * stride + e]);
    for (int j = 0; j < 4; j++)
        out[j] = scale * (pl_real)sums[j];
}

/* out[j] = scale (x . row j) */
PL_KERNEL void pl_rows_dot(int64_t width, int64_t count, pl_real scale, const pl_real *x,
                           const pl_real *many, int64_t stride, pl_real *out)
{
    int64_t j = 0;
    for (; j + 4 <= count; j += 4)
        pl_rows_dot_four(width, scale, x, many + j * stride, stride, out + j);
    for (; j < count; j++)
        out[j] = scale * (pl_real)pl_real_dot(width, x, many + j * stride);
}

/* out = factor out + the sum of weights[j] times row j. */
PL_KERNEL void pl_rows_gather(int64_t width, int64_t count, pl_real factor, const pl_real *weights,
                              const pl_real *many, int64_t stride, pl_real *restrict out)
{
    int64_t e = 0;
    for (; e + PL_LANES <= width; e += PL_LANES) {
        pl_lanes sum = *(pl_lanes *)(out + e) * factor;
        for (int64_t j = 0; j < count; j++)
            sum += weights[j] * *(const pl_lanes *)(many + j * stride + e);
        *(pl_lanes *)(out + e) = sum;
    }
    for (; e + 4 <= width; e += 4) {
        pl_quad sum = *(pl_quad *)(out + e) * factor;
        for (int64_t j = 0; j < count; j++)
            sum += weights[j] * *(const pl_quad *)(many + j * stride + e);
        *(pl_quad *)(out + e) = sum;
    }
    for (; e < width; e++) {
        out[e] *= factor;
        for (int64_t j = 0; j < count; j++)
            out[e] += weights[j] * many[j * stride + e];
    }
}

/* Row j += weights[j] x. */
PL_KERNEL void pl_rows_spread(int64_t width, int64_t count, const pl_real *weights,
                              const pl_real *x, pl_real *restrict many, int64_t stride)
{
    int64_t e = 0;
    for (; e + PL_LANES <= width; e += PL_LANES) {
        const pl_lanes part = *(const pl_lanes *)(x + e);
        for (int64_t j = 0; j < count; j++)
            *(pl_lanes *)(many + j * stride + e) += weights[j] * part;
    }
    for (; e + 4 <= width; e += 4) {
        const pl_quad part = *(const pl_quad *)(x + e);
        for (int64_t j = 0; j < count; j++)
            *(pl_quad *)(many + j * stride + e) += weights[j] * part;
    }
    for (; e < width; e++)
        for (int64_t j = 0; j < count; j++)
            many[j * stride + e] += weights[j] * x[e];
}

#endif
