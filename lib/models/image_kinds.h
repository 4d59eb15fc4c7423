/* The kinds of classifiers of pictures, for the registry.
 * SPDX-License-Identifier: MIT */
#ifndef PL_MODELS_IMAGE_KINDS_H
#define PL_MODELS_IMAGE_KINDS_H

#include "models/image_net.h"

/* Each with the table of its options. */
extern const struct pl_image_kind pl_image_mlp;
extern const struct pl_option pl_mlp_options[];
extern const struct pl_image_kind pl_image_cnn;
extern const struct pl_option pl_cnn_options[];
extern const struct pl_image_kind pl_image_resnet;
extern const struct pl_option pl_resnet_options[];

#endif
