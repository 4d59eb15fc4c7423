/* Pictures with their classes, as a stream of kind `images` holds them.
 * SPDX-License-Identifier: MIT */
#ifndef PL_IMAGE_PICTURES_H
#define PL_IMAGE_PICTURES_H

#include "stream/bundle.h"

#define PL_CLASSES_MOST 65536

struct pl_pictures {
    int64_t count, height, width, channels;
    int64_t classes;       /* the largest label and one; 0: there are no labels */
    const uint8_t *pixels; /* [count, height, width, channels], a view into the bundle */
    int32_t *labels;       /* [count], its own; NULL: there are none */
    const char *source;    /* of the bundle, for messages */
};

/* The bundle must outlive the pictures.  PL_BAD_DATA when it does not hold pictures of one size, or
 * labels that are not one each, or below 0. */
enum pl_status pl_pictures_read(struct pl_context *context, struct pl_pictures *pictures,
                                const struct pl_bundle *bundle) PL_MUST_CHECK;
void pl_pictures_release(struct pl_pictures *pictures);

#endif
