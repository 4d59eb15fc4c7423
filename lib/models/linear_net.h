/* The linear forecasters as nets: weights in float32 with forecasts, gradients and Adam.
 * SPDX-License-Identifier: MIT */
#ifndef PL_MODELS_LINEAR_NET_H
#define PL_MODELS_LINEAR_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/context.h"
#include "models/linear.h"

/* One net: weight[b] is [H, L], bias[b] is [H]; dlinear has two branches (seasonal, trend), the
 * others one. */
struct pl_linear_net {
    enum pl_linear_kind kind;
    int64_t lookback, horizon, width; /* width: of dlinear's moving average */
    int branches;
    float *weight[2], *bias[2];
};

/* Zero weights. */
enum pl_status pl_linear_net_init(struct pl_context *context, struct pl_linear_net *net,
                                  enum pl_linear_kind kind, int64_t lookback, int64_t horizon,
                                  int64_t width) PL_MUST_CHECK;
void pl_linear_net_release(struct pl_linear_net *net);

/* Forecasts out[m, H] of windows x[m, L]. */
enum pl_status pl_linear_net_forecast(struct pl_context *context, const struct pl_linear_net *net,
                                      int64_t m, const float *x, float *out) PL_MUST_CHECK;

/* Sum of squared errors of the forecasts of x[m, L] against y[m, H] in *loss, and scale times its
 * gradient in the weights and biases of `gradient` (a net of the same shape; overwritten). */
enum pl_status pl_linear_net_gradient(struct pl_context *context, const struct pl_linear_net *net,
                                      int64_t m, const float *x, const float *y, double scale,
                                      double *loss, struct pl_linear_net *gradient) PL_MUST_CHECK;

/* One step of Adam (Kingma, Ba, 2015; beta 0.9 and 0.999, epsilon 1e-8) over count weights; step
 * counts from 1, first and second are the running moments, zero before the first step. */
void pl_adam_step(int64_t count, float *weight, const float *gradient, float *first, float *second,
                  double rate, int64_t step);

/* The plain affine map that forecasts as the net does; initialises linear. */
enum pl_status pl_linear_net_fold(struct pl_context *context, const struct pl_linear_net *net,
                                  struct pl_linear *linear) PL_MUST_CHECK;

/* For training loops, which take a block of the net's rows (steps of the horizon) through many
 * batches and want no allocation in between. */
struct pl_net_block {
    int64_t first, steps;
};

/* What one thread works in. */
struct pl_bench {
    float *windows; /* [m, L]  shifted by their level */
    float *level;   /* [m]     what is added back to forecasts */
    float *out;     /* [m, steps]  forecasts, then their errors */
    float *folded;  /* [steps, L]  dlinear's two maps as one */
    float *row;     /* [L]     scratch */
};

/* Room for m windows and `steps` rows of weights; release it in any case. */
enum pl_status pl_bench_init(struct pl_context *context, struct pl_bench *bench,
                             const struct pl_linear_net *net, int64_t m,
                             int64_t steps) PL_MUST_CHECK;
void pl_bench_release(struct pl_bench *bench);

/* Puts the window x[L] on the bench as number i. */
void pl_bench_window(const struct pl_bench *bench, const struct pl_linear_net *net, int64_t i,
                     const float *x);

/* Forecasts the m windows on the bench. */
void pl_bench_forecast(const struct pl_linear_net *net, struct pl_net_block block, int64_t m,
                       const struct pl_bench *bench);

/* Turns the i-th forecast into errors against y[count]; returns the sum of squares. */
double pl_bench_error(const struct pl_bench *bench, int64_t i, int64_t count, const float *y);

/* Sets, or adds to, the block's rows of the gradient: scale times that of the sum of squares.
 * After the last batch that is added, pl_bench_split shares it out among dlinear's two maps. */
void pl_bench_gradient(const struct pl_linear_net *gradient, struct pl_net_block block, int64_t m,
                       const struct pl_bench *bench, double scale, bool add);
void pl_bench_split(const struct pl_linear_net *gradient, struct pl_net_block block);

#endif
