/* The folded map in single precision, for scoring many windows of standardised data.
 * SPDX-License-Identifier: MIT
 *
 * Half the bytes and twice the speed of pl_linear_forecast.  Values near 1 lose nothing that shows
 * in an error measure; values in units of their own may, so forecasts that people see are made in
 * double precision. */
#ifndef PL_MODELS_LINEAR_SINGLE_H
#define PL_MODELS_LINEAR_SINGLE_H

#include "models/linear.h"

/* A map without future columns. */
struct pl_linear_single {
    int64_t lookback, horizon, past;
    float *weight; /* [horizon, lookback * (1 + past)] */
    float *bias;   /* [horizon] */
};

enum pl_status pl_linear_single_make(struct pl_context *context, const struct pl_linear *linear,
                                     struct pl_linear_single *single) PL_MUST_CHECK;
void pl_linear_single_release(struct pl_linear_single *single);

/* As pl_linear_forecast: out[count, H] for the windows that start at rows first .. first + count -
 * 1 of the piece, which must be there. */
enum pl_status pl_linear_single_forecast(struct pl_context *context,
                                         const struct pl_linear_single *single,
                                         const struct pl_piece *piece, int64_t first, int64_t count,
                                         float *out) PL_MUST_CHECK;

#endif
