/* The table of models.
 * SPDX-License-Identifier: MIT
 *
 * A model is one row here and one file beside this one. */
#include "models/registry.h"

#include <string.h>

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

const struct pl_model_type pl_models[] = {
    {"nlinear", "one linear map of the window, its last value taken off before and added after",
     PL_FAMILY_LINEAR, PL_NLINEAR, linear_options, ltsf, NULL},
    {"mean", "as nlinear with the window's mean in place of its last value", PL_FAMILY_LINEAR,
     PL_MEAN, linear_options, toner, NULL},
    {"linear", "one linear map of the window", PL_FAMILY_LINEAR, PL_LINEAR, linear_options, ltsf,
     NULL},
    {"dlinear",
     "two linear maps, of the window's moving average and of the rest; the same as "
     "linear in closed form",
     PL_FAMILY_LINEAR, PL_DLINEAR, dlinear_options, ltsf, NULL},
    {"repeat", "the last value repeated, the baseline to beat", PL_FAMILY_BASELINE, PL_REPEAT,
     repeat_options, NULL, NULL},
    {"seasonal-naive", "the last season repeated, the baseline to beat", PL_FAMILY_BASELINE,
     PL_SEASONAL_NAIVE, seasonal_options, NULL, NULL},
    {"gla", "language model: a memory that forgets, per channel, as the input says",
     PL_FAMILY_LANGUAGE, 0, pl_gla_options, yang_gla, &pl_mixer_gla},
    {"deltanet", "language model: a memory that overwrites what it holds under a key",
     PL_FAMILY_LANGUAGE, 0, pl_deltanet_options, yang_delta, &pl_mixer_deltanet},
    {"deltaproduct", "language model: several overwriting steps a token, to track states exactly",
     PL_FAMILY_LANGUAGE, 0, pl_deltaproduct_options, siems, &pl_mixer_deltaproduct},
    {"mom", "language model: several memories, a few of which a router gives each token to",
     PL_FAMILY_LANGUAGE, 0, pl_mom_options, du, &pl_mixer_mom},
    {"transformer", "language model: softmax attention, the baseline of the linear ones",
     PL_FAMILY_LANGUAGE, 0, pl_transformer_options, touvron, &pl_mixer_transformer},
    {"liger", "language model: a transformer made linear, its gates pooled from its keys",
     PL_FAMILY_LANGUAGE, 0, pl_liger_options, lan, &pl_mixer_liger},
    {"lolcats", "language model: a transformer made linear, by maps that imitate its softmax",
     PL_FAMILY_LANGUAGE, 0, pl_lolcats_options, zhang, &pl_mixer_lolcats},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};

const struct pl_model_type *pl_model_find(const char *name)
{
    for (const struct pl_model_type *type = pl_models; type->name; type++)
        if (strcmp(type->name, name) == 0)
            return type;
    return NULL;
}
