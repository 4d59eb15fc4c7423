/* One row against many: what attention of a single query is made of.
 * SPDX-License-Identifier: MIT
 *
 * Row j of the many is at j * stride.  A few channels are in registers at a time, for narrow heads
 * too. */
#ifndef PL_NN_ROW_KERNELS_H
#define PL_NN_ROW_KERNELS_H

#include "autograd/kernels.h"

/* out[j] = scale (x . row j), for `rows` rows, 1 or 4. */
PL_KERNEL void pl_rows_dot_few(int64_t width, int rows, pl_real scale, const pl_real *x,
                               const pl_real *many, int64_t stride, pl_real *out)
{
    pl_lanes lanes[4] = {0};
    double sums[4] = {0};
    int64_t e = 0;
    for (; e + PL_LANES <= width; e += PL_LANES)
        for (int j = 0; j < rows; j++)
            lanes[j] += *(const pl_lanes *)(x + e) * *(const pl_lanes *)(many + j * stride + e);
    if (e > 0)
        pl_lanes_sums(lanes, sums);
    for (int j = 0; j < rows; j++) {
        if (e < width)
            sums[j] += pl_real_dot_rest(width - e, x + e, many + j * stride + e);
        out[j] = scale * (pl_real)sums[j];
    }
}

/* out[j] = scale (x . row j) */
PL_KERNEL void pl_rows_dot(int64_t width, int64_t count, pl_real scale, const pl_real *x,
                           const pl_real *many, int64_t stride, pl_real *out)
{
    int64_t j = 0;
    for (; j + 4 <= count; j += 4)
        pl_rows_dot_few(width, 4, scale, x, many + j * stride, stride, out + j);
    for (; j < count; j++)
        pl_rows_dot_few(width, 1, scale, x, many + j * stride, stride, out + j);
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
