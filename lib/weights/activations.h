/* Activation matching: units that answer alike on the same data.
 * SPDX-License-Identifier: MIT */
#ifndef PL_WEIGHTS_ACTIVATIONS_H
#define PL_WEIGHTS_ACTIVATIONS_H

#include <stdint.h>

#include "base/context.h"

enum pl_activation_statistic {
    PL_STATISTIC_INNER, /* E[a b'], as covariance / (N - 1) + mean_a mean_b' */
    PL_STATISTIC_CORR   /* Pearson's correlation; 0 for a unit that does not vary */
};

/* Sums over rows of activations of the units of one group in A and in B, in double. */
struct pl_activation_sums {
    int64_t units, rows;
    double *a, *b, *aa, *bb; /* [units] sums and sums of squares */
    double *ab;              /* [units, units] */
};

/* All zero.  Released by pl_activation_release. */
enum pl_status pl_activation_init(struct pl_context *context, struct pl_activation_sums *sums,
                                  int64_t units) PL_MUST_CHECK;
/* Adds rows of a and b [rows, units].  pl_blas_open first. */
void pl_activation_add(struct pl_activation_sums *sums, const double *a, const double *b,
                       int64_t rows);
/* scores [units, units], to be assigned. */
void pl_activation_scores(const struct pl_activation_sums *sums,
                          enum pl_activation_statistic statistic, double *scores);
void pl_activation_release(struct pl_activation_sums *sums);

#endif
