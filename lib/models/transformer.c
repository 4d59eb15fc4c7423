/* Softmax attention as a language model's mixing, in the manner of Llama or of GPT-2: what
 * pretrained checkpoints are, and the baseline that linear models are set beside (Vaswani and
 * others: Attention Is All You Need, NeurIPS 2017; Touvron and others: LLaMA, 2023, arXiv
 * 2302.13971; Radford and others: Language Models are Unsupervised Multitask Learners, 2019).
 * SPDX-License-Identifier: MIT
 *
 * Unlike the state of a linear model, what it remembers grows: a key and a value for each row. */
#include "models/mixers.h"

#include "models/lm_options.h"
#include "models/softmax.h"

struct options {
    struct pl_lm_options lm;
    struct pl_softmax_options softmax;
};

const struct pl_option pl_transformer_options[] = {
    PL_LM_OPTIONS(struct options, lm),
    PL_SOFTMAX_OPTIONS(struct options, softmax),
    PL_INT(struct options, softmax.window, "window", 0, "0", 0, 1e9, "ROWS",
           "rows that a row sees, itself included; 0: all before it", "256"),
    PL_OPTIONS_END,
};

static enum pl_status check(struct pl_context *context, const void *configuration)
{
    const struct options *options = configuration;
    return pl_softmax_check(context, &options->lm, &options->softmax);
}

static int64_t positions(const void *configuration)
{
    return ((const struct options *)configuration)->softmax.positions;
}

static void *declare(struct pl_context *context, struct pl_parameters *parameters,
                     const void *configuration, int64_t index, const char *prefix)
{
    const struct options *options = configuration;
    struct pl_softmax_layer *layer = pl_arena_new(context, &parameters->arena, 1, sizeof *layer);
    (void)index;
    if (!layer ||
        pl_softmax_declare(context, parameters, &options->lm, &options->softmax, prefix, layer))
        return NULL;
    return layer;
}

static struct pl_variable *forward(struct pl_pass *pass, const void *parameters, int64_t index,
                                   struct pl_variable *x)
{
    const struct options *options = pass->lm->options;
    return pl_softmax_forward(pass, &options->softmax, parameters, index, x);
}

const struct pl_mixer pl_mixer_transformer = {
    .options_size = sizeof(struct options),
    .check = check,
    .declare = declare,
    .forward = forward,
    .positions = positions,
};
