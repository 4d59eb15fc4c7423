/* How well a classifier of pictures does.
 * SPDX-License-Identifier: MIT */
#ifndef PL_MODELS_IMAGE_SCORE_H
#define PL_MODELS_IMAGE_SCORE_H

#include "models/image_net.h"

enum { PL_CALIBRATION_BINS = 15 };

/* Pictures whose largest probability is in one of the equal parts of (0, 1]. */
struct pl_calibration_bin {
    int64_t count, right;
    double confidence; /* sum of the largest probabilities */
};

struct pl_image_score {
    int64_t count, right;
    double nats; /* sum of -ln p(label) */
    struct pl_calibration_bin bins[PL_CALIBRATION_BINS];
};

/* Labelled pictures that fit the net, as a net that is not trained sees them.  Batches are of a
 * fixed size: the same result for any number of threads. pl_blas_open first. */
enum pl_status pl_image_evaluate(struct pl_context *context, const struct pl_image_net *net,
                                 const struct pl_pictures *pictures,
                                 struct pl_image_score *score) PL_MUST_CHECK;

/* Logits [count, classes] of `count` pictures from `first` on. */
struct pl_variable *pl_image_logits(struct pl_image_pass *pass, const struct pl_pictures *pictures,
                                    int64_t first, int64_t count);

/* Adds the pictures of some logits to a score; labels: one a row. */
enum pl_status pl_image_score_add(struct pl_tape *tape, struct pl_variable *logits,
                                  const int32_t *labels,
                                  struct pl_image_score *score) PL_MUST_CHECK;

/* Expected calibration error (Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural
 * Networks, ICML 2017, equation 3): the mean over pictures of |accuracy - confidence| of their bin.
 */
double pl_image_calibration(const struct pl_image_score *score);

#endif
