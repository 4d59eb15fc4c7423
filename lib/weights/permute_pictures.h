/* Pictures and nets for what wm-permute does with data.
 * SPDX-License-Identifier: MIT */
#ifndef PL_WEIGHTS_PERMUTE_PICTURES_H
#define PL_WEIGHTS_PERMUTE_PICTURES_H

#include "weights/permute.h"

struct pl_permute_pictures {
    struct pl_bundle bundle;
    struct pl_pictures all;
    int64_t count; /* of those that are looked at */
};

/* labels: they are needed.  PL_BAD_DATA when there are none, or no pictures.  To be closed in any
 * case. */
enum pl_status pl_permute_open_pictures(struct pl_context *context,
                                        const struct pl_permute *permute, const char *path,
                                        bool labels,
                                        struct pl_permute_pictures *pictures) PL_MUST_CHECK;
void pl_permute_close_pictures(struct pl_permute_pictures *pictures);

/* The net of a model as it came; PL_BAD_DATA when it is no classifier of such pictures. */
enum pl_status pl_permute_read_net(struct pl_context *context, const struct pl_permute *permute,
                                   size_t model, const struct pl_permute_pictures *pictures,
                                   struct pl_image_net *net) PL_MUST_CHECK;

#endif
