/* A transformer's configuration as that of a linear model that takes over its weights.
 * SPDX-License-Identifier: MIT */
#ifndef PL_MODELS_CONVERT_H
#define PL_MODELS_CONVERT_H

#include "models/lm.h"

/* Makes the configuration of a model of `type` (liger, lolcats) from the document of a transformer
 * and the settings KEY=VALUE, which are of the type; its parameters are declared and have no values
 * yet.  A parameter that the transformer has too is the transformer's.  PL_BAD_DATA for another
 * model than a transformer. */
enum pl_status pl_convert_init(struct pl_context *context, struct pl_lm *lm,
                               const struct pl_meta_node *transformer,
                               const struct pl_model_type *type, const char *const *settings,
                               size_t setting_count) PL_MUST_CHECK;

#endif
