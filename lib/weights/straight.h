/* Straight-through matching: the order of B's units in which the loss half-way to A is least.
 * SPDX-License-Identifier: MIT
 *
 * Latent weights Z begin as A.  A step matches B to Z, takes the loss at M = (A + P B) / 2, and
 * moves Z by the gradient that it would have if M were (A + Z) / 2: half the gradient at M.  What
 * counts is P alone; the one with the least loss of a batch is kept.  (Ainsworth, Hayase,
 * Srinivasa: Git Re-Basin, ICLR 2023, arXiv 2209.04836, section 3.3.) */
#ifndef PL_WEIGHTS_STRAIGHT_H
#define PL_WEIGHTS_STRAIGHT_H

#include "tensor/real.h"
#include "weights/match.h"

struct pl_straight {
    const struct pl_permutation_spec *spec;
    const struct pl_tensor *const *a, *const *b; /* [tensors] */
    double rate, momentum;
    int64_t most; /* sweeps of a matching */
    /* The mean loss of the step's batch with weights merged[t], of pl_real, and its gradients, into
     * zeroed ones of the same shapes: those of buffers stay zero. */
    enum pl_status (*loss)(struct pl_context *context, void *user, const struct pl_tensor *merged,
                           struct pl_tensor *gradients, double *loss);
    void *user;
    /* Kept by the functions */
    struct pl_tensor *latent, *velocity, *merged, *gradients; /* [tensors] */
    const struct pl_tensor **latents;
    struct pl_permutations now, best;
    double least; /* loss of the best */
    struct pl_arena arena;
};

/* What is above `Kept` has been set. */
enum pl_status pl_straight_init(struct pl_context *context,
                                struct pl_straight *straight) PL_MUST_CHECK;
/* One step; *loss: that of its batch.  PL_NUMERIC when it is not finite. */
enum pl_status pl_straight_step(struct pl_context *context, struct pl_straight *straight,
                                double *loss) PL_MUST_CHECK;
void pl_straight_release(struct pl_straight *straight);

#endif
