/* Pictures made worse, as cameras, weather and storage make them.
 * SPDX-License-Identifier: MIT
 *
 * The kinds and, for the noises, gaussian_blur, contrast and brightness, the severities are those
 * of Hendrycks, Dietterich: Benchmarking Neural Network Robustness to Common Corruptions and
 * Perturbations, ICLR 2019, for pictures of 32 x 32 pixels (values from 0 to 1).  The others follow
 * their idea by the shortest way: frost is grown, not photographed. */
#ifndef PL_IMAGE_CORRUPT_H
#define PL_IMAGE_CORRUPT_H

#include "base/context.h"
#include "base/rng.h"

enum { PL_SEVERITIES = 5, PL_SEVERITY_USUAL = 3 };

struct pl_canvas;

struct pl_corruption {
    const char *name;
    const char *what;                        /* what the amount is */
    double amounts[PL_SEVERITIES];           /* of severities 1 to 5 */
    double least, most;                      /* amounts that make sense */
    void (*apply)(struct pl_canvas *canvas); /* corrupt_parts.h */
};

/* Ended by a NULL name.  PL_CORRUPTIONS lists the names in this order. */
extern const struct pl_corruption pl_corruptions[];
#define PL_CORRUPTIONS                                                                             \
    "gaussian_noise|shot_noise|impulse_noise|speckle_noise|gaussian_blur|defocus_blur|glass_blur|" \
    "motion_blur|zoom_blur|snow|frost|fog|brightness|contrast|saturate|spatter|elastic_transform|" \
    "pixelate|jpeg_compression"

/* How to corrupt: a kind, how much of it, and the seed of what is left to chance. */
struct pl_corrupt {
    const struct pl_corruption *kind;
    double amount;
    uint64_t seed;
};

/* "KIND", "KIND:SEVERITY" or "KIND=AMOUNT"; the usual severity when there is neither.  PL_USAGE. */
enum pl_status pl_corrupt_parse(struct pl_context *context, const char *text,
                                struct pl_corrupt *corrupt) PL_MUST_CHECK;

/* Sets an amount; PL_USAGE for one that the kind cannot have. */
enum pl_status pl_corrupt_set(struct pl_context *context, double amount,
                              struct pl_corrupt *corrupt) PL_MUST_CHECK;

/* Corrupts pictures [count, height, width, channels] in place, with 1 or 3 channels (of other
 * numbers each is treated as a grey picture of its own colour).  first: number of the first of
 * them, which with the seed decides what chance does to it. */
enum pl_status pl_corrupt_pictures(struct pl_context *context, const struct pl_corrupt *corrupt,
                                   int64_t count, int64_t height, int64_t width, int64_t channels,
                                   uint64_t first, uint8_t *pixels) PL_MUST_CHECK;

#endif
