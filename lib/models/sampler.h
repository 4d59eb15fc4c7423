/* Drawing a token from the logits of a language model.
 * SPDX-License-Identifier: MIT
 *
 * The probabilities are softmax(logits / temperature), at temperature 0, or below 1e-6, all of
 * it at the largest.
 * Tokens that may not be drawn are as if they had no logit.
 * Of the others in falling order of probability the first top_k stay; of these, in the same order,
 * as few as have together at least top_p of their sum (Holtzman, Buys, Du, Forbes, Choi: The
 * Curious Case of Neural Text Degeneration, ICLR 2020).  Of equal ones the lower id comes first.
 *
 * The random number of a draw depends on the seed and the position in the text alone. */
#ifndef PL_MODELS_SAMPLER_H
#define PL_MODELS_SAMPLER_H

#include "base/memory.h"
#include "base/rng.h"
#include "tensor/real.h"

struct pl_sampling {
    double temperature; /* >= 0 */
    int64_t top_k;      /* 0: all */
    double top_p;       /* (0, 1] */
    uint64_t seed;
};

struct pl_sampler {
    struct pl_sampling sampling;
    int64_t vocabulary;
    const bool *drawable; /* [vocabulary], the caller's; NULL: all tokens may be drawn */
    struct pl_rng rng;
    pl_real *weights; /* [vocabulary]: probabilities up to a factor */
    int32_t *order;   /* [vocabulary]: a heap of ids, and behind it those that were taken out */
};

/* drawable: [vocabulary], which stays the caller's, at least one of them set; or NULL. */
enum pl_status pl_sampler_init(struct pl_context *context, struct pl_sampler *sampler,
                               const struct pl_sampling *sampling, int64_t vocabulary,
                               const bool *drawable) PL_MUST_CHECK;
void pl_sampler_release(struct pl_sampler *sampler); /* zeroed: harmless */

/* The token at a position of the text.  logits: finite.  Cost: vocabulary steps, with top_k or
 * top_p a few more for each token that stays. */
int32_t pl_sampler_draw(struct pl_sampler *sampler, const pl_real *logits, int64_t position);

#endif
