/* Repair of a merged layer: its outputs get the spread that those of the models have.
 * SPDX-License-Identifier: MIT
 *
 * Averaging two layers averages out much of what their channels say: the merged channel varies less
 * than either.  Scaling each channel to the interpolated mean and deviation of the two mends most
 * of it.  (Jordan, Sedghi, Saukh, Entezari, Neyshabur: REPAIR, ICLR 2023, arXiv 2211.08403.) */
#ifndef PL_WEIGHTS_REPAIR_H
#define PL_WEIGHTS_REPAIR_H

#include "tensor/real.h"

/* Mean and variance of each channel over rows that come in batches. */
struct pl_channels {
    int64_t count, rows;
    double *mean, *squares; /* [count]; squares: sum of squared deviations from the mean */
};

enum pl_status pl_channels_init(struct pl_context *context, struct pl_channels *channels,
                                int64_t count) PL_MUST_CHECK;
/* Adds rows [rows, count]. */
void pl_channels_add(struct pl_channels *channels, const pl_real *values, int64_t rows);
/* By rows - 1; 0 for less than two rows. */
double pl_channels_variance(const struct pl_channels *channels, int64_t channel);
void pl_channels_release(struct pl_channels *channels);

/* Adds a model's part to what each channel should have: share times its mean and its deviation.
 * Both [count], zeroed before the first. */
void pl_repair_goal_add(const struct pl_channels *model, double share, double *mean,
                        double *deviation);

#define PL_REPAIR_EPS 1e-5

/* Scales the merged layer: with g = deviation / sqrt(variance of merged + PL_REPAIR_EPS), row c of
 * weight [channels, columns] is multiplied by g[c], and bias[c] = mean[c] + g (bias[c] - mean of
 * merged).  merged: of the layer's outputs before this. */
void pl_repair_layer(const struct pl_channels *merged, const double *mean, const double *deviation,
                     pl_real *weight, int64_t columns, pl_real *bias);

#endif
