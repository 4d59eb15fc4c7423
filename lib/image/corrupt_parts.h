/* What the kinds of corruptions share.  Inner header.
 * SPDX-License-Identifier: MIT */
#ifndef PL_IMAGE_CORRUPT_PARTS_H
#define PL_IMAGE_CORRUPT_PARTS_H

#include <stdint.h>

#include "base/rng.h"
#include "image/corrupt.h"

/* One picture being corrupted.  Values are 0 to 1 before; whatever is out of it after is clipped.
 */
struct pl_canvas {
    int64_t height, width, channels;
    double amount;
    struct pl_rng rng; /* of this picture */
    float *pixels;     /* [height, width, channels] */
    float *spare;      /* the same once more */
    float *planes[2];  /* [height, width] each */
};

static inline int64_t pl_canvas_area(const struct pl_canvas *canvas)
{
    return canvas->height * canvas->width;
}

/* The pixel nearest to a place that may be outside. */
static inline int64_t pl_nearest(int64_t at, int64_t size)
{
    return at < 0 ? 0 : at >= size ? size - 1 : at;
}

/* The value at a place between pixels, by the four around it; outside, that of the edge. */
float pl_canvas_sample(const struct pl_canvas *canvas, const float *pixels, double row,
                       double column, int64_t channel);

/* Blurs [height, width, channels] by a Gaussian of that deviation in pixels, cut off at four of
 * them, over a picture that is continued by its mirror image; spare is of the same size. */
void pl_blur(int64_t height, int64_t width, int64_t channels, double deviation, float *pixels,
             float *spare);

/* A blurred field of normal numbers, then stretched to 0 to 1; planes[0] and [1] are used, the
 * result is in planes[0]. */
void pl_canvas_clouds(struct pl_canvas *canvas, double deviation);

typedef void pl_corruption_fn(struct pl_canvas *canvas);

pl_corruption_fn pl_gaussian_noise, pl_shot_noise, pl_impulse_noise, pl_speckle_noise;
pl_corruption_fn pl_gaussian_blur, pl_defocus_blur, pl_glass_blur, pl_motion_blur, pl_zoom_blur;
pl_corruption_fn pl_snow, pl_frost, pl_fog, pl_spatter;
pl_corruption_fn pl_brightness, pl_contrast, pl_saturate, pl_elastic_transform, pl_pixelate,
    pl_jpeg_compression;

#endif
