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

/* Fits the one candidate by Adam. */
enum pl_status pl_forecaster_adam(struct pl_context *context,
                                  struct trainer *trainer) PL_MUST_CHECK;

#endif
