/* Sufficient statistics of windowed least squares, without the windows.
 * SPDX-License-Identifier: MIT
 *
 * A window of a series is `lookback` rows of the past followed by `horizon` rows to forecast.  At
 * window t the model of step h is
 *
 *     y(t, h) = W_h x(t) + V_h z(t, h) + b_h
 *
 * where x(t) holds the lookback values of the target column and then those of each past column
 * (P = lookback * (1 + past) values), y(t, h) is the target at row t + lookback + h, and z(t, h)
 * are the future columns (calendar terms, known plans) at that same row.  Least squares needs only
 * the sums of products over all windows that stand here.  They add up over pieces, series, files
 * and machines, so models are trained on shards and updated by merging statistics. */
#ifndef PL_MODELS_GRAM_H
#define PL_MODELS_GRAM_H

#include <stdint.h>

#include "base/context.h"
#include "tensor/tensor.h"

/* Sums over windows t.  P = lookback * (1 + past), H = horizon, k = future. */
struct pl_gram {
    int64_t lookback, horizon, past, future;
    double count; /* windows; no whole number once discounted */
    double *xx;   /* [P, P]     x x', both triangles */
    double *xy;   /* [P, H]     x y_h */
    double *yy;   /* [H]        y_h y_h */
    double *x;    /* [P] */
    double *y;    /* [H] */
    double *xz;   /* [k, P, H]  x z_h; this and those below NULL when k = 0 */
    double *zz;   /* [k, k, H]  z_h z_h' */
    double *zy;   /* [k, H]     z_h y_h */
    double *z;    /* [k, H] */
};

/* A run of rows without a gap.  Every column has `rows` contiguous values; the arrays of columns
 * may be NULL where the model has none. */
struct pl_piece {
    int64_t rows;
    const double *target;
    const double *const *past;   /* [past] columns */
    const double *const *future; /* [future] columns */
};

/* x' = scale * x + shift, the change of units of one column. */
struct pl_units {
    double scale, shift;
};

/* Zero statistics.  lookback, horizon >= 1; past, future >= 0; PL_SYSTEM when memory is short,
 * PL_USAGE when the sizes overflow. */
enum pl_status pl_gram_init(struct pl_context *context, struct pl_gram *gram, int64_t lookback,
                            int64_t horizon, int64_t past, int64_t future) PL_MUST_CHECK;
void pl_gram_release(struct pl_gram *gram);             /* harmless on a zeroed or released one */
int64_t pl_gram_regressors(const struct pl_gram *gram); /* P */

/* Adds all windows of a piece, n = rows - lookback - horizon + 1 of them (none when that is <= 0).
 * Values must be finite and should be standardised: sums of squares of large numbers lose digits.
 * O(n K) per pair of columns, K = lookback + horizon; blocks of that work run in parallel, the
 * result does not depend on the number of threads. */
enum pl_status pl_gram_add(struct pl_context *context, struct pl_gram *gram,
                           const struct pl_piece *piece) PL_MUST_CHECK;

/* gram += factor * other; factor -1 takes rows out again.  PL_BAD_DATA, naming the field, when
 * lookback, horizon or the numbers of columns differ. */
enum pl_status pl_gram_merge(struct pl_context *context, struct pl_gram *gram,
                             const struct pl_gram *other, double factor) PL_MUST_CHECK;

/* Multiplies all sums and the count: the past weighs less in what is added next. */
void pl_gram_discount(struct pl_gram *gram, double factor);

/* The statistics that the same rows would have given in other units (past and future may be NULL
 * where the model has no such columns). */
void pl_gram_rescale(struct pl_gram *gram, struct pl_units target, const struct pl_units *past,
                     const struct pl_units *future);

/* The fields as named tensors (views, f64), for writing them to a stream and reading them back:
 * "count" (rank 0), "xx", "xy", "yy", "x", "y" and, with future columns, "xz", "zz", "zy", "z". */
#define PL_GRAM_PARTS 10
struct pl_gram_part {
    const char *name;
    struct pl_tensor tensor;
};
int pl_gram_parts(struct pl_gram *gram, struct pl_gram_part parts[PL_GRAM_PARTS]);

#endif
