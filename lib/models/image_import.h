/* A classifier of pictures made of the weights of another program.
 * SPDX-License-Identifier: MIT */
#ifndef PL_MODELS_IMAGE_IMPORT_H
#define PL_MODELS_IMAGE_IMPORT_H

#include "models/image_net.h"

/* A net of the type with the weights of a bundle that holds tensors and no model: what their shapes
 * tell is taken from them, the rest from settings KEY=VALUE.  Where no tensor has a name of the
 * type's, those of mlp and cnn are told by rank and order: NAME.weight of rank 4, 2 and 1, in the
 * order of their names with numbers as numbers, is the next convolution, dense layer or norm, and
 * NAME.bias and the like go with it.  Counters of batches are left out. */
enum pl_status pl_image_import(struct pl_context *context, struct pl_image_net *net,
                               const struct pl_model_type *type, const char *const *settings,
                               size_t count, const struct pl_bundle *bundle) PL_MUST_CHECK;

#endif
