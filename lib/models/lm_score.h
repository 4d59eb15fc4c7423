/* How well a language model predicts a text, a stream of tokens or a task.
 * SPDX-License-Identifier: MIT
 *
 * Tokens are scored in rows, each from a fresh state.
 *
 * A text makes rows of `sequence` predictions.  All its tokens but the first are predicted: what a
 * row predicts last is what the next row reads first.
 *
 * Rows of tokens stay as they are, or are cut into pieces of `sequence` tokens.  All tokens of a
 * piece but its first are predicted.
 *
 * A task has rows that stay as they are.  Its targets are predicted.
 *
 * Short rows are put side by side, and such batches run in parallel; long ones go through the model
 * in pieces, with a state, so that memory does not grow with their length.  Sums run in the order
 * of the tokens: the result is the same for any number of threads. */
#ifndef PL_MODELS_LM_SCORE_H
#define PL_MODELS_LM_SCORE_H

#include "models/lm.h"
#include "text/corpus.h"

struct pl_lm_score_options {
    int64_t sequence; /* 0: a text in rows as long as those of training, others as they are */
    bool carry;       /* a text is one row: the state is kept from the first token to the last */
    bool positions;   /* sums for each position too */
};

/* Sums over the rows, at a position of theirs or at all. */
struct pl_lm_sums {
    int64_t scored, right; /* predictions, and those whose largest logit was the target's */
    int64_t exact;         /* rows right in all predictions up to here; in a total, to their end */
    double nats;           /* -ln p(target) */
};

struct pl_lm_score {
    struct pl_lm_sums total;
    int64_t rows;                 /* that have a prediction */
    int64_t length;               /* most tokens that a prediction is made from */
    int64_t bytes;                /* of text that the predicted tokens stand for; -1: unknown */
    int64_t layers, memories;     /* that tokens are routed to; 0: none */
    int64_t *routed;              /* [layers, memories]: tokens that were sent to each; or NULL */
    int64_t routable;             /* tokens that went through the model */
    struct pl_lm_sums *positions; /* [length]: predictions made from 1, 2, ... tokens; or NULL */
};

/* PL_BAD_DATA when there is nothing to predict, PL_USAGE for options that the corpus has no use
 * for, PL_NUMERIC when a loss is not finite.  The corpus reads for this model: pl_corpus_expect. */
enum pl_status pl_lm_score(struct pl_context *context, const struct pl_lm *lm,
                           const struct pl_corpus *corpus,
                           const struct pl_lm_score_options *options,
                           struct pl_lm_score *score) PL_MUST_CHECK;
void pl_lm_score_release(struct pl_lm_score *score);

#endif
