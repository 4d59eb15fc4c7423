/* Several delta steps a token as a language model's mixing (Siems, Carstensen, Zela, Hutter,
 * Pontil, Grazzi: DeltaProduct: Improving State-Tracking in Linear RNNs via Householder Products,
 * NeurIPS 2025, arXiv 2502.10297).
 * SPDX-License-Identifier: MIT
 *
 * What a token does to the state is a product of nh generalised Householder maps I - beta k k',
 * with beta up to 2 products of reflections, and so any rotation that nh reflections make.  Such a
 * state follows permutations, which no diagonal recurrence can.  One projection gives the keys of
 * all steps, laid out (step, head, channel) with the step slowest; so do those of values and
 * beta. */
#include "models/mixers.h"

#include "models/mixing.h"

struct options {
    struct pl_lm_options lm;
    int64_t nh;       /* steps a token */
    int64_t head_dim; /* of keys; 0: dim / heads */
    double expand_v;  /* width of a head's values, by head_dim */
    int64_t v_heads;  /* 0: as many as heads */
    int64_t conv;     /* width; 0: none */
    bool neg_eigval, forget_gate, out_gate;
    double half_life; /* of the decays that forget_gate adds, at the start */
};

const struct pl_option pl_deltaproduct_options[] = {
    PL_LM_OPTIONS(struct options, lm),
    PL_INT(struct options, nh, "nh", 0, "2", 1, 64, "N", "Householder steps a token", "3"),
    PL_INT(struct options, head_dim, "head-dim", 0, "0", 0, 65536, "N",
           "width of a head's queries and keys; 0: dim / heads", "32"),
    PL_REAL(struct options, expand_v, "expand-v", 0, "1", 0, 64, "FACTOR",
            "width of a head's values, by its keys' width", "2"),
    PL_INT(struct options, v_heads, "v-heads", 0, "0", 0, 4096, "N",
           "heads of values, a multiple of heads; 0: as many as heads", "8"),
    PL_FLAG(struct options, neg_eigval, "neg-eigval", 0, "yes",
            "let beta reach 2, so that a step can reflect the state"),
    PL_INT(struct options, conv, "conv", 0, "4", 0, 64, "WIDTH",
           "width of the short convolution of queries, keys and values; 0: none", "3"),
    PL_FLAG(struct options, forget_gate, "forget-gate", 0, "no",
            "let the input say how much is forgotten"),
    PL_FADING_OPTION(struct options, half_life),
    PL_FLAG(struct options, out_gate, "out-gate", 0, "yes", "gate the output of each head"),
    PL_OPTIONS_END,
};

struct layer {
    struct pl_variable *q, *k, *v, *beta, *norm, *out;
    struct pl_filters filters;
    struct pl_variable *decay; /* NULL: nothing is forgotten */
    struct pl_fading fading;
    struct pl_variable *gate; /* NULL: the output is not gated */
};

/* ---- configuration */

static int64_t key_width(const struct options *options)
{
    return options->head_dim ? options->head_dim : options->lm.dim / options->lm.heads;
}

static struct pl_delta shape(const struct options *options)
{
    int64_t chunk = options->lm.chunk / options->nh; /* rows worked on at once, in tokens */
    return (struct pl_delta){
        .heads = options->lm.heads,
        .value_heads = options->v_heads ? options->v_heads : options->lm.heads,
        .key_dim = key_width(options),
        .value_dim = (int64_t)((double)key_width(options) * options->expand_v),
        .steps = options->nh,
        .chunk = chunk > 0 ? chunk : 1,
    };
}

static enum pl_status check(struct pl_context *context, const void *configuration)
{
    const struct options *options = configuration;
    const long long heads = options->lm.heads, v_heads = options->v_heads;
    if (pl_mixing_check_head_dim(context, &options->lm, options->head_dim, options->expand_v) ||
        pl_fading_check(context, options->forget_gate, "forget-gate", options->half_life))
        return context->status;
    if (v_heads % heads)
        return pl_fail(context, PL_USAGE, "--set v-heads=%lld: not a multiple of heads %lld",
                       v_heads, heads);
    return PL_OK;
}

/* ---- parameters */

#define ADD(init, name, ...) \
    pl_parameter_add(context, parameters, init, PL_DIMS(__VA_ARGS__), "%s." name, prefix)
#define WEIGHT(name, ...) ADD(PL_INIT_NORMAL, name, __VA_ARGS__)

static void *declare(struct pl_context *context, struct pl_parameters *parameters,
                     const void *configuration, int64_t index, const char *prefix)
{
    (void)index;
    const struct options *options = configuration;
    const struct pl_delta delta = shape(options);
    int64_t dim = options->lm.dim, heads = delta.value_heads;
    int64_t queries = delta.heads * delta.key_dim, outputs = heads * delta.value_dim;
    int64_t keys = delta.steps * queries, values = delta.steps * outputs;
    struct layer *layer = pl_arena_new(context, &parameters->arena, 1, sizeof *layer);
    bool ok = layer && (layer->q = WEIGHT("q_proj.weight", queries, dim)) &&
              (layer->k = WEIGHT("k_proj.weight", keys, dim)) &&
              (layer->v = WEIGHT("v_proj.weight", values, dim)) &&
              (layer->beta = WEIGHT("b_proj.weight", delta.steps * heads, dim));
    if (ok && options->forget_gate)
        ok = (layer->decay = WEIGHT("a_proj.weight", heads, dim)) &&
             pl_fading_declare(context, parameters, prefix, heads, options->half_life,
                               &layer->fading);
    ok = ok && pl_filters_declare(context, parameters, prefix, options->conv, queries, keys, values,
                                  &layer->filters);
    if (ok && options->out_gate)
        ok = (layer->gate = WEIGHT("g_proj.weight", outputs, dim));
    ok = ok && (layer->norm = ADD(PL_INIT_ONE, "o_norm.weight", delta.value_dim)) &&
         (layer->out = WEIGHT("o_proj.weight", dim, outputs));
    return ok ? layer : NULL;
}

/* ---- forward */

static struct pl_variable *forward(struct pl_pass *pass, const void *parameters, int64_t index,
                                   struct pl_variable *x)
{
    const struct layer *layer = parameters;
    const struct options *options = pass->lm->options;
    const struct pl_delta delta = shape(options);
    const struct pl_mixing mixing = pl_mixing_of(pass, index);
    struct pl_tape *tape = pass->tape;
    struct pl_variable *q = pl_op_linear(tape, x, layer->q, NULL);
    struct pl_variable *k = pl_op_linear(tape, x, layer->k, NULL);
    struct pl_variable *v = pl_op_linear(tape, x, layer->v, NULL);
    struct pl_variable *beta = pl_op_linear(tape, x, layer->beta, NULL), *decay = NULL;
    q = pl_mixing_unit(&mixing, q, layer->filters.q, delta.key_dim, "conv_q");
    k = pl_mixing_unit(&mixing, k, layer->filters.k, delta.key_dim, "conv_k");
    v = pl_mixing_conv(&mixing, v, layer->filters.v, true, "conv_v");
    beta = pl_op_activate(tape, beta, PL_SIGMOID, options->neg_eigval ? 2 : 1);
    if (layer->decay)
        decay = pl_op_linear(tape, x, layer->decay, NULL);
    struct pl_variable *o = pl_mixing_delta(&mixing, &delta, q, k, v, beta, &layer->fading, decay);
    return pl_mixing_out(pass, x, o, layer->norm, layer->gate, layer->out);
}

const struct pl_mixer pl_mixer_deltaproduct = {
    .options_size = sizeof(struct options),
    .check = check,
    .declare = declare,
    .forward = forward,
};
