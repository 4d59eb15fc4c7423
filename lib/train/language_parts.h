/* What one training of a language model works on, and its objective.
 * SPDX-License-Identifier: MIT */
#ifndef PL_TRAIN_LANGUAGE_PARTS_H
#define PL_TRAIN_LANGUAGE_PARTS_H

#include "formats/input.h"
#include "text/batches.h"
#include "train/language.h"

struct pl_language_work {
    struct pl_job job;
    const struct pl_language_options *options;
    struct pl_bundle given; /* the model to adapt */
    struct pl_source source;
    struct pl_lm lm;
    struct pl_tokenizer *tokenizer; /* of texts; NULL: their bytes are the tokens */
    struct pl_corpus corpus, valid_corpus;
    struct pl_batches batches, valid;
    double *squares; /* of layers, in attention transfer */
};

/* Of struct pl_objective, with the work as self: the loss of a micro-batch, how many tokens of it
 * are scored, the mean loss of the windows that are held out.  In attention transfer both are mean
 * squares over layers, times 1000, and what the loss adds to gradients has been added when it
 * returns. */
struct pl_variable *pl_language_loss(void *self, struct pl_tape *tape, int64_t index);
int64_t pl_language_weight(void *self, struct pl_tape *tape, int64_t index);
enum pl_status pl_language_validate(void *self, struct pl_tape *tape, double *mean);

#endif
