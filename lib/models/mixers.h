/* The kinds of token mixing, for the registry.
 * SPDX-License-Identifier: MIT */
#ifndef PL_MODELS_MIXERS_H
#define PL_MODELS_MIXERS_H

#include "models/lm.h"

/* Each with the table of its options. */
extern const struct pl_mixer pl_mixer_gla;
extern const struct pl_option pl_gla_options[];
extern const struct pl_mixer pl_mixer_deltanet;
extern const struct pl_option pl_deltanet_options[];
extern const struct pl_mixer pl_mixer_deltaproduct;
extern const struct pl_option pl_deltaproduct_options[];
extern const struct pl_mixer pl_mixer_mom;
extern const struct pl_option pl_mom_options[];
extern const struct pl_mixer pl_mixer_transformer;
extern const struct pl_option pl_transformer_options[];
extern const struct pl_mixer pl_mixer_liger;
extern const struct pl_option pl_liger_options[];
extern const struct pl_mixer pl_mixer_lolcats;
extern const struct pl_option pl_lolcats_options[];

#endif
