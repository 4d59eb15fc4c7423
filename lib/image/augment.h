/* Pictures that are changed a little each time a net sees them.
 * SPDX-License-Identifier: MIT */
#ifndef PL_IMAGE_AUGMENT_H
#define PL_IMAGE_AUGMENT_H

#include <stdbool.h>

#include "base/rng.h"
#include "image/pictures.h"

struct pl_augment {
    int64_t shift; /* most pixels a picture is moved by, down and sideways; black follows */
    bool flip;     /* every other one is mirrored, left to right */
};

/* Writes one picture, of the size of these, as it is seen at number `view` of all views: the same
 * one is changed in another way each time.  from and to do not overlap. */
void pl_augment_picture(const struct pl_augment *augment, const struct pl_pictures *size,
                        const struct pl_rng *rng, uint64_t view, const uint8_t *from, uint8_t *to);

#endif
