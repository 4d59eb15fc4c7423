/* Pictures that are changed a little: see augment.h.
 * SPDX-License-Identifier: MIT */
#include "image/augment.h"

#include <string.h>

enum { DOWN, ASIDE, MIRROR, DRAWS }; /* random numbers of a view */

static int64_t draw_shift(const struct pl_augment *augment, const struct pl_rng *rng,
                          uint64_t number)
{
    return (int64_t)pl_rng_below(rng, number, 2 * (uint64_t)augment->shift + 1) - augment->shift;
}

/* One row of pixels, moved to the right and then mirrored. */
static void copy_row(int64_t width, int64_t channels, int64_t aside, bool mirror,
                     const uint8_t *from, uint8_t *to)
{
    for (int64_t x = 0; x < width; x++) {
        int64_t source = (mirror ? width - 1 - x : x) - aside;
        if (source >= 0 && source < width)
            memcpy(to + x * channels, from + source * channels, (size_t)channels);
        else
            memset(to + x * channels, 0, (size_t)channels);
    }
}

void pl_augment_picture(const struct pl_augment *augment, const struct pl_pictures *size,
                        const struct pl_rng *rng, uint64_t view, const uint8_t *from, uint8_t *to)
{
    const int64_t row = size->width * size->channels;
    const int64_t down = draw_shift(augment, rng, view * DRAWS + DOWN);
    const int64_t aside = draw_shift(augment, rng, view * DRAWS + ASIDE);
    const bool mirror = augment->flip && pl_rng_below(rng, view * DRAWS + MIRROR, 2);
    for (int64_t y = 0; y < size->height; y++, to += row) {
        int64_t source = y - down;
        if (source >= 0 && source < size->height)
            copy_row(size->width, size->channels, aside, mirror, from + source * row, to);
        else
            memset(to, 0, (size_t)row);
    }
}
