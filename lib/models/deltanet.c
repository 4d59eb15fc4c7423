/* The delta rule as a language model's mixing (Yang, Wang, Zhang, Shen, Kim: Parallelizing Linear
 * Transformers with the Delta Rule over Sequence Length, NeurIPS 2024, arXiv 2406.06484).
 * SPDX-License-Identifier: MIT
 *
 * Queries, keys and values are linear maps of the layer's input behind short convolutions; keys
 * and queries are made positive or not, and brought to length (or sum) 1; the input says how much
 * of what is held under a key is written anew (beta) and, with `gate`, how much of everything is
 * forgotten (Yang, Kautz, Hatamizadeh: Gated Delta Networks, 2024, arXiv 2412.06464).  Names of
 * parameters are those of the reference implementation. */
#include "models/mixers.h"

#include "models/mixing.h"

enum activation { SILU, RELU, ELU, IDENTITY };
enum normalisation { LENGTH, SUM };

struct options {
    struct pl_lm_options lm;
    double expand_k, expand_v; /* widths of all heads' keys and values by the model's width */
    int64_t conv;              /* width; 0: none */
    int activation, normalisation;
    bool beta, neg_eigval, gate, out_gate;
    double half_life; /* of the decays that gate adds, at the start */
};

const struct pl_option pl_deltanet_options[] = {
    PL_LM_OPTIONS(struct options, lm),
    PL_REAL(struct options, expand_k, "expand-k", 0, "1", 0, 64, "FACTOR",
            "width of all keys, by the width of the model", "0.5"),
    PL_REAL(struct options, expand_v, "expand-v", 0, "1", 0, 64, "FACTOR",
            "width of all values, by the width of the model", "2"),
    PL_INT(struct options, conv, "conv", 0, "4", 0, 64, "WIDTH",
           "width of the short convolution of queries, keys and values; 0: none", "3"),
    PL_CHOICE(struct options, activation, "qk-act", 0, "silu", "silu|relu|elu|identity", "NAME",
              "activation of queries and keys; elu: elu(x) + 1"),
    PL_CHOICE(struct options, normalisation, "qk-norm", 0, "l2", "l2|sum", "NAME",
              "what is 1 for the query and the key of a head: length or sum"),
    PL_FLAG(struct options, beta, "beta", 0, "yes",
            "let the input say how strongly a value is written"),
    PL_FLAG(struct options, neg_eigval, "neg-eigval", 0, "no",
            "let beta reach 2, so that a step can reflect the state"),
    PL_FLAG(struct options, gate, "gate", 0, "no", "let the input say how much is forgotten"),
    PL_FADING_OPTION(struct options, half_life),
    PL_FLAG(struct options, out_gate, "out-gate", 0, "no", "gate the output of each head"),
    PL_OPTIONS_END,
};

struct layer {
    struct pl_variable *q, *k, *v, *norm, *out;
    struct pl_filters filters;
    struct pl_variable *beta;  /* NULL: always 1 */
    struct pl_variable *decay; /* NULL: nothing is forgotten */
    struct pl_fading fading;
    struct pl_variable *gate; /* NULL: the output is not gated */
};

/* ---- configuration */

static int64_t head_width(const struct options *options, double expand)
{
    return pl_mixing_width(&options->lm, expand) / options->lm.heads;
}

static struct pl_delta shape(const struct options *options)
{
    return (struct pl_delta){
        .heads = options->lm.heads,
        .value_heads = options->lm.heads,
        .key_dim = head_width(options, options->expand_k),
        .value_dim = head_width(options, options->expand_v),
        .steps = 1,
        .chunk = options->lm.chunk,
    };
}

static enum pl_status check(struct pl_context *context, const void *configuration)
{
    const struct options *options = configuration;
    if (pl_mixing_check_heads(context, &options->lm) ||
        pl_mixing_check_width(context, &options->lm, "expand-k", options->expand_k) ||
        pl_mixing_check_width(context, &options->lm, "expand-v", options->expand_v) ||
        pl_fading_check(context, options->gate, "gate", options->half_life))
        return context->status;
    if (options->neg_eigval && !options->beta)
        return pl_fail(context, PL_USAGE, "--set neg-eigval=yes: it doubles beta: set beta=yes");
    if (options->normalisation == SUM && options->activation != RELU && options->activation != ELU)
        pl_warn(context, "qk-norm=sum of values of either sign: sums near 0 make keys without "
                         "bound and the state diverge; use qk-act=elu, or qk-norm=l2");
    if (options->conv == 0)
        pl_warn(context, "deltanet without its short convolution recalls less; conv=4 adds it");
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
    int64_t dim = options->lm.dim, heads = delta.heads;
    int64_t keys = heads * delta.key_dim, values = heads * delta.value_dim;
    struct layer *layer = pl_arena_new(context, &parameters->arena, 1, sizeof *layer);
    bool ok = layer && (layer->q = WEIGHT("q_proj.weight", keys, dim)) &&
              (layer->k = WEIGHT("k_proj.weight", keys, dim)) &&
              (layer->v = WEIGHT("v_proj.weight", values, dim));
    if (ok && options->beta)
        ok = (layer->beta = WEIGHT("b_proj.weight", heads, dim));
    if (ok && options->gate)
        ok = (layer->decay = WEIGHT("a_proj.weight", heads, dim)) &&
             pl_fading_declare(context, parameters, prefix, heads, options->half_life,
                               &layer->fading);
    ok = ok && pl_filters_declare(context, parameters, prefix, options->conv, keys, keys, values,
                                  &layer->filters);
    if (ok && options->out_gate)
        ok = (layer->gate = WEIGHT("g_proj.weight", values, dim));
    ok = ok && (layer->norm = ADD(PL_INIT_ONE, "o_norm.weight", delta.value_dim)) &&
         (layer->out = WEIGHT("o_proj.weight", dim, values));
    return ok ? layer : NULL;
}

/* ---- forward */

/* Queries or keys, ready for the rule. */
static struct pl_variable *address(const struct pl_mixing *mixing, const struct options *options,
                                   struct pl_variable *x, struct pl_variable *filter,
                                   const char *name)
{
    struct pl_tape *tape = mixing->pass->tape;
    int64_t width = head_width(options, options->expand_k);
    x = pl_mixing_conv(mixing, x, filter, options->activation == SILU, name);
    if (options->activation == RELU)
        x = pl_op_activate(tape, x, PL_RELU, 1);
    else if (options->activation == ELU)
        x = pl_op_activate(tape, x, PL_ELU_ONE, 1);
    return options->normalisation == SUM ? pl_op_sum_to_one(tape, x, width)
                                         : pl_op_unit(tape, x, width);
}

/* beta of each token and head */
static struct pl_variable *strength(struct pl_tape *tape, const struct options *options,
                                    const struct layer *layer, struct pl_variable *x)
{
    if (layer->beta)
        return pl_op_activate(tape, pl_op_linear(tape, x, layer->beta, NULL), PL_SIGMOID,
                              options->neg_eigval ? 2 : 1);
    struct pl_variable *one =
        x ? pl_tape_matrix(tape, false, pl_variable_rows(x), options->lm.heads) : NULL;
    for (int64_t i = 0; one && i < one->count; i++)
        one->value[i] = 1;
    return one;
}

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
    struct pl_variable *v = pl_op_linear(tape, x, layer->v, NULL), *decay = NULL;
    q = address(&mixing, options, q, layer->filters.q, "conv_q");
    k = address(&mixing, options, k, layer->filters.k, "conv_k");
    v = pl_mixing_conv(&mixing, v, layer->filters.v, true, "conv_v");
    if (layer->decay)
        decay = pl_op_linear(tape, x, layer->decay, NULL);
    struct pl_variable *beta = strength(tape, options, layer, x);
    struct pl_variable *o = pl_mixing_delta(&mixing, &delta, q, k, v, beta, &layer->fading, decay);
    return pl_mixing_out(pass, x, o, layer->norm, layer->gate, layer->out);
}

const struct pl_mixer pl_mixer_deltanet = {
    .options_size = sizeof(struct options),
    .check = check,
    .declare = declare,
    .forward = forward,
};
