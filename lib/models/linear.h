/* Linear forecasters in closed form: ridge regression of the next values on the last ones.
 * SPDX-License-Identifier: MIT
 *
 * Zeng, Chen, Zhang, Xu, "Are transformers effective for time series forecasting?" (AAAI 2023)
 * gives the models; Toner, Darlow, "An analysis of linear time series forecasting models" (ICML
 * 2024) shows that they are affine maps under restrictions, with one closed-form optimum.  After
 * fitting, each is folded to the same plain affine map. */
#ifndef PL_MODELS_LINEAR_H
#define PL_MODELS_LINEAR_H

#include <stdint.h>

#include "base/context.h"
#include "models/gram.h"

enum pl_linear_kind {
    PL_LINEAR,  /* y = W x + b */
    PL_NLINEAR, /* the target's last value is taken from its lags and from y, and added back */
    PL_DLINEAR, /* two maps, for a moving average and the rest: as linear, but not under Adam */
    PL_MEAN     /* as nlinear with the mean of the window */
};

/* The folded map; P, H, k as in gram.h. */
struct pl_linear {
    int64_t lookback, horizon, past, future;
    double *weight;        /* [H, P] */
    double *bias;          /* [H] */
    double *future_weight; /* [H, k]; NULL when k = 0 */
};

enum pl_status pl_linear_init(struct pl_context *context, struct pl_linear *linear,
                              int64_t lookback, int64_t horizon, int64_t past,
                              int64_t future) PL_MUST_CHECK;
void pl_linear_release(struct pl_linear *linear); /* harmless on a zeroed or released one */

/* Fits by ridge regression with an unpenalised intercept; initialises linear.  ridge >= 0 is
 * relative to the mean diagonal of the centred Gram matrix of the lags, and to its own diagonal
 * for a future column.  A ridge below 1e-10 counts as 1e-10; if the matrix is singular even then
 * it is raised tenfold up to 1e-4.  *used (may be NULL) is the ridge that was used.  PL_BAD_DATA
 * when there is no window, PL_NUMERIC when nothing helped.  O(P^3 + H P^2 (1 + k)). */
enum pl_status pl_linear_solve(struct pl_context *context, const struct pl_gram *gram,
                               enum pl_linear_kind kind, double ridge, struct pl_linear *linear,
                               double *used) PL_MUST_CHECK;

/* The grid of ridges that `--ridge auto` tries. */
#define PL_RIDGES 6
extern const double pl_ridges[PL_RIDGES]; /* 0, 1e-4, 1e-3, 1e-2, 1e-1, 1 */

/* Fits with each ridge and keeps the one with the least mean squared error on the windows of
 * `validation`: errors[count] (NaN where a fit failed), *best its index, linear the fit (of gram
 * alone). */
enum pl_status pl_linear_path(struct pl_context *context, const struct pl_gram *gram,
                              enum pl_linear_kind kind, const double *ridges, int count,
                              const struct pl_gram *validation, double *errors, int *best,
                              struct pl_linear *linear) PL_MUST_CHECK;

/* Mean squared error of each step over the windows of a Gram: mse[H], the residual variances on
 * the windows that the map was fitted to.  No data is touched. */
enum pl_status pl_linear_score(struct pl_context *context, const struct pl_gram *gram,
                               const struct pl_linear *linear, double *mse) PL_MUST_CHECK;

/* Forecasts of the windows that start at rows first .. first + count - 1 of the piece:
 * out[count, H].  The windows' lookback rows must lie in the piece, and their horizon rows too
 * when there are future columns. */
enum pl_status pl_linear_forecast(struct pl_context *context, const struct pl_linear *linear,
                                  const struct pl_piece *piece, int64_t first, int64_t count,
                                  double *out) PL_MUST_CHECK;

/* The moving average M x of dlinear: mean over `width` (odd) values, the first and the last value
 * repeated beyond the ends; and its adjoint, the weights w M on the values themselves of weights w
 * on their average. */
void pl_moving_average(int64_t rows, int64_t width, const float *x, float *out);
void pl_moving_average_adjoint(int64_t rows, int64_t width, const float *weight, float *out);

/* Puts the subtracted last value or mean back into the weights of a map that was fitted to
 * shifted windows; nothing to do for linear and dlinear. */
void pl_linear_unshift(struct pl_linear *linear, enum pl_linear_kind kind);

#endif
