/* The kinds of token mixing, for the registry.
 * SPDX-License-Identifier: MIT */
#ifndef PL_MODELS_MIXERS_H
#define PL_MODELS_MIXERS_H

#include "models/lm.h"

/* Each with the table of its options. */
extern const struct pl_mixer pl_mixer_deltanet;
extern const struct pl_option pl_deltanet_options[];
extern const struct pl_mixer pl_mixer_deltaproduct;
extern const struct pl_option pl_deltaproduct_options[];

#endif
