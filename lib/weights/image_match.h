/* Matching and mending classifiers of pictures by what they do on data.
 * SPDX-License-Identifier: MIT */
#ifndef PL_WEIGHTS_IMAGE_MATCH_H
#define PL_WEIGHTS_IMAGE_MATCH_H

#include "weights/activations.h"
#include "weights/image_loss.h"
#include "weights/match.h"

/* Puts B's units in the order in which their activations are most like A's, each group by itself;
 * spatial places are rows, too, and a group that is seen behind several layers has the rows of all.
 * Groups that no activation shows stay as they are.  The nets have one configuration: see
 * pl_model_compare. */
enum pl_status pl_match_activations(struct pl_context *context,
                                    const struct pl_permutation_spec *spec, struct pl_image_net *a,
                                    struct pl_image_net *b, const struct pl_pictures *pictures,
                                    int64_t count, enum pl_activation_statistic statistic,
                                    struct pl_permutations *permutations) PL_MUST_CHECK;

/* Straight-through matching on batches of labelled pictures (straight.h). */
struct pl_straight_options {
    int64_t steps, batch, sweeps;
    double rate;
    uint64_t seed; /* of the order of pictures */
};
/* work: a net of the same kind, whose values are used up. */
enum pl_status pl_match_straight(struct pl_context *context, const struct pl_matching *pair,
                                 struct pl_image_net *work, const struct pl_pictures *pictures,
                                 const struct pl_straight_options *options,
                                 struct pl_permutations *permutations) PL_MUST_CHECK;

/* Mends a merged net so that every channel before an activation has the mean and deviation that
 * those of the models, which stand in one order, have on the average by `shares`: layer by layer,
 * each counted behind those that are mended already.  A net with batch norms has their statistics
 * counted anew instead. */
enum pl_status pl_repair_net(struct pl_context *context, struct pl_image_net *const *models,
                             size_t model_count, const double *shares,
                             const struct pl_pictures *pictures, int64_t count,
                             struct pl_image_net *merged) PL_MUST_CHECK;

#endif
