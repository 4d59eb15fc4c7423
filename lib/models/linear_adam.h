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
#include "models/linear_net.h"

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
