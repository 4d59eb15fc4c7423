/* What the parts of training share, private to them.
 * SPDX-License-Identifier: MIT */
#ifndef PL_MODELS_FORECASTER_TRAIN_H
#define PL_MODELS_FORECASTER_TRAIN_H

#include "models/forecaster_parts.h"

/* A model type in the running. */
struct candidate {
    const struct pl_model_type *type;
    struct pl_linear *maps; /* [map_count] */
    double *ridges;         /* [map_count] */
    double *squares;        /* [map_count] validation MSE times windows */
};

struct trainer {
    struct pl_forecaster *f;
    const struct pl_panel *panel;
    const struct pl_training *training;
    struct pl_range *train, *validation, *test; /* [series] rows of the parts */
    struct pl_match match;
    struct candidate candidates[3];
    int candidate_count;
    int64_t map_count;     /* of the candidates */
    double validation_mse; /* of the best candidate */
};

/* forecaster_plan.c: takes over what the model is of and how it is to be trained; finds the parts;
 * refuses when there is nothing to fit; warns of what makes the fit a poor one. */
enum pl_status pl_train_describe(struct pl_context *context, struct pl_forecaster *f,
                                 const struct pl_panel *panel,
                                 const struct pl_training *training) PL_MUST_CHECK;
enum pl_status pl_train_parts(struct pl_context *context, struct trainer *trainer) PL_MUST_CHECK;
enum pl_status pl_train_check_windows(struct pl_context *context,
                                      const struct trainer *trainer) PL_MUST_CHECK;
void pl_train_warn_windows(struct pl_context *context, const struct trainer *trainer);

/* forecaster_fit.c: blocks for pl_parallel, one for each map, on a trainer: all candidates on the
 * training part; the model alone, with its ridge, on t->train. */
enum pl_status pl_train_make_stats(struct pl_context *context,
                                   struct pl_forecaster *f) PL_MUST_CHECK;
enum pl_status pl_train_fit_map(struct pl_context *context, void *trainer,
                                int64_t map) PL_MUST_CHECK;
enum pl_status pl_train_refit_map(struct pl_context *context, void *trainer,
                                  int64_t map) PL_MUST_CHECK;

/* forecaster_adam.c: fits the one candidate by mini-batches. */
enum pl_status pl_train_adam(struct pl_context *context, struct trainer *trainer) PL_MUST_CHECK;

#endif
