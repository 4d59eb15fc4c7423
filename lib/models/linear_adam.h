/* The linear forecasters trained as in their paper: mini-batches and Adam, in float32.
 * SPDX-License-Identifier: MIT
 *
 * The closed form of linear.h is faster and mostly better; this is for comparing with what others
 * publish.  Zeng et al., AAAI 2023, and their published settings. */
#ifndef PL_MODELS_LINEAR_ADAM_H
#define PL_MODELS_LINEAR_ADAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/context.h"
#include "models/linear.h"

/* Windows of `channels` columns: window i starts at row starts[i] of every column.  Series of
 * unequal length are concatenated into one column; starts says where a window may begin. */
struct pl_windows {
    const double *const *columns; /* [channels], each `rows` long */
    int64_t channels, rows;
    const int64_t *starts; /* [count] */
    int64_t count;
};

struct pl_recipe {
    int64_t epochs;   /* 10 */
    int64_t batch;    /* 32 windows, each with all channels; the last partial one is left out */
    double rate;      /* 0.005, in epochs 1 and 2, then times decay each epoch */
    double decay;     /* 0.5 */
    int64_t patience; /* 3 epochs without improvement on the validation windows */
    int64_t moving_average; /* 25, odd: dlinear's width */
    uint64_t seed;          /* of the start weights and the order of windows */
};

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

/* What training did. */
struct pl_adam_report {
    int64_t epochs, best_epoch; /* run; whose weights were kept, from 1 */
    double validation_mse;      /* of those */
};

/* Trains on standardised columns and folds: out[1] when shared, else out[channels], all
 * initialised here.  `progress` (may be NULL) is called after each epoch with its losses.  Without
 * validation windows (a count of 0) all epochs are run and the last one's weights kept.
 * PL_BAD_DATA when there are fewer windows than one batch, PL_NUMERIC when the loss is not
 * finite. */
enum pl_status pl_linear_adam(
    struct pl_context *context, enum pl_linear_kind kind, int64_t lookback, int64_t horizon,
    bool individual, const struct pl_recipe *recipe, const struct pl_windows *training,
    const struct pl_windows *validation,
    void (*progress)(void *user, int64_t epoch, double training_mse, double validation_mse),
    void *user, struct pl_linear *out, struct pl_adam_report *report) PL_MUST_CHECK;

#endif
