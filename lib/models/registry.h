/* The table of models: the one place that lists them.
 * SPDX-License-Identifier: MIT
 *
 * `lin-train --list-models` prints it and plumbline-models(7) is made from it. */
#ifndef PL_MODELS_REGISTRY_H
#define PL_MODELS_REGISTRY_H

#include "cli/option.h"
#include "models/linear.h"

enum pl_model_family {
    PL_FAMILY_LINEAR,   /* trained by linear.h or linear_adam.h; variant: enum pl_linear_kind */
    PL_FAMILY_BASELINE, /* nothing to train; variant: enum pl_baseline */
    PL_FAMILY_LANGUAGE, /* trained by train/; mixer: how it mixes tokens */
    PL_FAMILY_IMAGE     /* trained by train/; image: how it classifies pictures */
};

enum pl_baseline { PL_REPEAT, PL_SEASONAL_NAIVE };

struct pl_model_type {
    const char *name;
    const char *summary; /* one line, no capital, no full stop */
    enum pl_model_family family;
    int variant;
    const struct pl_option *options;   /* of its configuration: names, ranges, defaults, help */
    const char *source;                /* where it is described; NULL: nowhere in particular */
    const struct pl_mixer *mixer;      /* models/lm.h */
    const struct pl_image_kind *image; /* models/image_net.h */
};

/* Ended by a NULL name. */
extern const struct pl_model_type pl_models[];

/* NULL when there is none. */
const struct pl_model_type *pl_model_find(const char *name);

/* Sets one of the type's options from KEY=VALUE.  PL_USAGE for a bad value, and for an unknown key,
 * with those that there are. */
enum pl_status pl_model_set(struct pl_context *context, const struct pl_model_type *type,
                            void *options, const char *setting) PL_MUST_CHECK;

/* For a resumed training: PL_USAGE names a setting KEY=VALUE whose value among the options that
 * were made with the settings is not that of the checkpoint. */
enum pl_status pl_model_match(struct pl_context *context, const struct pl_model_type *type,
                              const struct pl_list *settings, const void *given,
                              const void *checkpoint) PL_MUST_CHECK;

#endif
