/* Optimisers: AdamW, and gradient descent with momentum.
 * SPDX-License-Identifier: MIT
 *
 * With gradient g (already scaled), rate r and decay d, for every element, in step t = 1, 2, ...
 *   both:   p <- p - r d p                      (decoupled decay: Loshchilov, Hutter: Decoupled
 *                                                Weight Decay Regularization, ICLR 2019)
 *   AdamW:  m <- b1 m + (1 - b1) g,  v <- b2 v + (1 - b2) g^2
 *           p <- p - r (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
 *                                               (Kingma, Ba: Adam, ICLR 2015)
 *   SGD:    m <- momentum m + g,  p <- p - r m
 * Decay is for matrices and convolutions, parameters of two dimensions or more; norms, biases and
 * what is one number a head, such as A_log and dt_bias, are left alone. */
#ifndef PL_TRAIN_OPTIMISER_H
#define PL_TRAIN_OPTIMISER_H

#include "autograd/parameters.h"

enum pl_optimiser_kind { PL_ADAMW, PL_SGD };
#define PL_OPTIMISERS "adamw|sgd" /* in the order of the enum */

struct pl_optimiser_options {
    enum pl_optimiser_kind kind;
    double decay;
    double beta1, beta2, eps; /* of AdamW; 0.9, 0.95, 1e-8 for language models */
    double momentum;          /* of SGD */
};

struct pl_optimiser {
    struct pl_optimiser_options options;
    struct pl_parameters *parameters; /* the caller's, with gradients */
    int64_t steps;                    /* done so far */
    pl_real **mean;                   /* m of each parameter; NULL: it is frozen */
    pl_real **square;                 /* v; all NULL with SGD */
    struct pl_optimiser_block *blocks;
    int64_t block_count;
    struct pl_arena arena; /* of all the above */
};

/* Gives the parameters their gradients if they have none, and takes all the memory it will need. */
enum pl_status pl_optimiser_init(struct pl_context *context, struct pl_optimiser *optimiser,
                                 struct pl_parameters *parameters,
                                 const struct pl_optimiser_options *options) PL_MUST_CHECK;
void pl_optimiser_release(struct pl_optimiser *optimiser);

/* The Euclidean norm of all gradients together, summed in double in a fixed order; not finite when
 * a gradient is not. */
enum pl_status pl_optimiser_norm(struct pl_context *context, struct pl_optimiser *optimiser,
                                 double *norm) PL_MUST_CHECK;

/* What gradients are multiplied by so that their norm stays within clip: min(1, clip / (norm +
 * 1e-6)); 1 when clip is 0. */
double pl_clip_scale(double norm, double clip);

/* One step with scale times the gradients. */
enum pl_status pl_optimiser_step(struct pl_context *context, struct pl_optimiser *optimiser,
                                 double rate, double scale) PL_MUST_CHECK;

#endif
