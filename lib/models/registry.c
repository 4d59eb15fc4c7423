/* The table of models.
 * SPDX-License-Identifier: MIT
 *
 * A model is one row here and one file beside this one. */
#include "models/registry.h"

#include <stdio.h>
#include <string.h>

#include "models/image_kinds.h"
#include "models/linear_options.h"
#include "models/mixers.h"

struct holder {
    struct pl_linear_options model;
};

static const struct pl_option linear_options[] = {
    PL_WINDOW_OPTIONS(struct holder, model),
    PL_FIT_OPTIONS(struct holder, model),
    PL_RATE_OPTIONS(struct holder, model),
    PL_RECIPE_OPTIONS(struct holder, model),
    PL_OPTIONS_END,
};

static const struct pl_option dlinear_options[] = {
    PL_WINDOW_OPTIONS(struct holder, model), PL_FIT_OPTIONS(struct holder, model),
    PL_RATE_OPTIONS(struct holder, model),   PL_RECIPE_OPTIONS(struct holder, model),
    PL_AVERAGE_OPTION(struct holder, model), PL_OPTIONS_END,
};

static const struct pl_option repeat_options[] = {
    PL_WINDOW_OPTIONS(struct holder, model),
    PL_OPTIONS_END,
};

static const struct pl_option seasonal_options[] = {
    PL_WINDOW_OPTIONS(struct holder, model),
    PL_SEASON_OPTION(struct holder, model),
    PL_OPTIONS_END,
};

static const char ltsf[] = "Zeng, Chen, Zhang, Xu: Are Transformers Effective for Time Series "
                           "Forecasting? AAAI 2023, arXiv 2205.13504";
static const char toner[] = "Toner, Darlow: An Analysis of Linear Time Series Forecasting Models. "
                            "ICML 2024, arXiv 2403.14587";

static const char yang_gla[] =
    "Yang, Wang, Shen, Panda, Kim: Gated Linear Attention Transformers with "
    "Hardware-Efficient Training. ICML 2024, arXiv 2312.06635";
static const char yang_delta[] = "Yang, Wang, Zhang, Shen, Kim: Parallelizing Linear Transformers "
                                 "with the Delta Rule over Sequence Length. NeurIPS 2024, arXiv "
                                 "2406.06484";
static const char siems[] = "Siems, Carstensen, Zela, Hutter, Pontil, Grazzi: DeltaProduct: "
                            "Improving State-Tracking in Linear RNNs via Householder Products. "
                            "NeurIPS 2025, arXiv 2502.10297";
static const char du[] = "Du, Sun, Lan, Hu, Cheng: MoM: Linear Sequence Modeling with "
                         "Mixture-of-Memories. 2025, arXiv 2502.13685";
static const char touvron[] = "Touvron and others: LLaMA: Open and Efficient Foundation Language "
                              "Models. 2023, arXiv 2302.13971";

static const char lan[] = "Lan, Sun, Hu, Du, Cheng: Liger: Linearizing Large Language Models to "
                          "Gated Recurrent Structures. ICML 2025, arXiv 2503.01496";
static const char zhang[] =
    "Zhang, Arora, Chalamala, Wu, Spector, Singhal, Ramesh, Re: LoLCATs: On "
    "Low-Rank Linearizing of Large Language Models. ICLR 2025, arXiv "
    "2410.10254";
static const char simonyan[] = "Simonyan, Zisserman: Very Deep Convolutional Networks for "
                               "Large-Scale Image Recognition. ICLR 2015, arXiv 1409.1556";
static const char he[] = "He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition. CVPR "
                         "2016, arXiv 1512.03385";

const struct pl_model_type pl_models[] = {
    {"nlinear", "one linear map of the window, its last value taken off before and added after",
     PL_FAMILY_LINEAR, PL_NLINEAR, linear_options, ltsf, NULL, NULL},
    {"mean", "as nlinear with the window's mean in place of its last value", PL_FAMILY_LINEAR,
     PL_MEAN, linear_options, toner, NULL, NULL},
    {"linear", "one linear map of the window", PL_FAMILY_LINEAR, PL_LINEAR, linear_options, ltsf,
     NULL, NULL},
    {"dlinear",
     "two linear maps, of the window's moving average and of the rest; the same as "
     "linear in closed form",
     PL_FAMILY_LINEAR, PL_DLINEAR, dlinear_options, ltsf, NULL, NULL},
    {"repeat", "the last value repeated, the baseline to beat", PL_FAMILY_BASELINE, PL_REPEAT,
     repeat_options, NULL, NULL, NULL},
    {"seasonal-naive", "the last season repeated, the baseline to beat", PL_FAMILY_BASELINE,
     PL_SEASONAL_NAIVE, seasonal_options, NULL, NULL, NULL},
    {"gla", "language model: a memory that forgets, per channel, as the input says",
     PL_FAMILY_LANGUAGE, 0, pl_gla_options, yang_gla, &pl_mixer_gla, NULL},
    {"deltanet", "language model: a memory that overwrites what it holds under a key",
     PL_FAMILY_LANGUAGE, 0, pl_deltanet_options, yang_delta, &pl_mixer_deltanet, NULL},
    {"deltaproduct", "language model: several overwriting steps a token, to track states exactly",
     PL_FAMILY_LANGUAGE, 0, pl_deltaproduct_options, siems, &pl_mixer_deltaproduct, NULL},
    {"mom", "language model: several memories, a few of which a router gives each token to",
     PL_FAMILY_LANGUAGE, 0, pl_mom_options, du, &pl_mixer_mom, NULL},
    {"transformer", "language model: softmax attention, the baseline of the linear ones",
     PL_FAMILY_LANGUAGE, 0, pl_transformer_options, touvron, &pl_mixer_transformer, NULL},
    {"liger", "language model: a transformer made linear, its gates pooled from its keys",
     PL_FAMILY_LANGUAGE, 0, pl_liger_options, lan, &pl_mixer_liger, NULL},
    {"lolcats", "language model: a transformer made linear, by maps that imitate its softmax",
     PL_FAMILY_LANGUAGE, 0, pl_lolcats_options, zhang, &pl_mixer_lolcats, NULL},
    {"mlp", "classifier of pictures: dense layers", PL_FAMILY_IMAGE, 0, pl_mlp_options, NULL, NULL,
     &pl_image_mlp},
    {"cnn", "classifier of pictures: convolutions, then dense layers", PL_FAMILY_IMAGE, 0,
     pl_cnn_options, simonyan, NULL, &pl_image_cnn},
    {"resnet", "classifier of pictures: blocks of convolutions, each added to its input",
     PL_FAMILY_IMAGE, 0, pl_resnet_options, he, NULL, &pl_image_resnet},
    {NULL, NULL, 0, 0, NULL, NULL, NULL, NULL},
};

const struct pl_model_type *pl_model_find(const char *name)
{
    for (const struct pl_model_type *type = pl_models; type->name; type++)
        if (strcmp(type->name, name) == 0)
            return type;
    return NULL;
}

static enum pl_status unknown_key(struct pl_context *context, const struct pl_model_type *type,
                                  const char *key, int size)
{
    struct pl_buffer keys = {0};
    enum pl_status status = PL_OK;
    for (const struct pl_option *option = type->options; option->name && !status; option++)
        status = pl_buffer_printf(context, &keys, "%s%s", keys.size ? ", " : "", option->name);
    if (!status)
        status = pl_fail(context, PL_USAGE, "%s has no option '%.*s'; it has %s", type->name, size,
                         key, keys.data);
    pl_buffer_release(&keys);
    return status;
}

enum pl_status pl_model_set(struct pl_context *context, const struct pl_model_type *type,
                            void *options, const char *setting)
{
    int size = (int)strcspn(setting, "=");
    if (!setting[size])
        return pl_fail(context, PL_USAGE, "--set %s: expected KEY=VALUE", setting);
    const struct pl_option *option = pl_option_find(type->options, setting);
    if (!option)
        return unknown_key(context, type, setting, size);
    char subject[64];
    snprintf(subject, sizeof subject, "--set %.*s", size, setting);
    return pl_option_set_as(context, option, options, subject, setting + size + 1);
}

enum pl_status pl_model_match(struct pl_context *context, const struct pl_model_type *type,
                              const struct pl_list *settings, const void *given,
                              const void *checkpoint)
{
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < settings->count && !status; i++) {
        const struct pl_option *option = pl_option_find(type->options, settings->items[i]);
        struct pl_meta meta = {0};
        struct pl_meta_node *pair = pl_meta_add_map(context, &meta, NULL, NULL);
        pl_option_write(context, option, given, &meta, pair);
        pl_option_write(context, option, checkpoint, &meta, pair);
        if (!pl_meta_ok(&meta, context))
            status = context->status;
        else if (strcmp(pair->child->text, pair->last->text) != 0)
            status = pl_fail(context, PL_USAGE,
                             "the checkpoint is of a run with other options: --set %s=%s was %s",
                             option->name, pair->child->text, pair->last->text);
        pl_meta_release(&meta);
    }
    return status;
}
