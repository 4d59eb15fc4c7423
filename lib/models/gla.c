/* Gated linear attention as a language model's mixing (Yang, Wang, Shen, Panda, Kim: Gated Linear
 * Attention Transformers with Hardware-Efficient Training, ICML 2024, arXiv 2312.06635).
 * SPDX-License-Identifier: MIT
 *
 * Queries, keys and values are linear maps of the layer's input, each behind a short convolution
 * with SiLU if asked.  What a head forgets, it reads from the input through a narrow map:
 * g = logsigmoid(W_2 W_1 x + b) / normaliser, per key channel.  nn/gla.h mixes; each head's output
 * is normalised, gated by SiLU(W_g x) and mapped back to the model's width.  Names of parameters
 * are those of the reference implementation. */
#include "models/mixers.h"

#include "autograd/ops.h"
#include "models/mixing.h"
#include "nn/gla.h"

struct options {
    struct pl_lm_options lm;
    double expand_k, expand_v; /* widths of all heads' keys and values by the model's width */
    int64_t kv_heads;          /* 0: as many as heads */
    int64_t conv;              /* width; 0: none */
    double gate_norm;
    int64_t gate_rank;
    double clamp_min; /* of the log decay; 0: none */
    bool out_gate;
};

const struct pl_option pl_gla_options[] = {
    PL_LM_OPTIONS(struct options, lm),
    PL_REAL(struct options, expand_k, "expand-k", 0, "0.5", 0, 64, "FACTOR",
            "width of all keys, by the width of the model", "1"),
    PL_REAL(struct options, expand_v, "expand-v", 0, "1", 0, 64, "FACTOR",
            "width of all values, by the width of the model", "2"),
    PL_INT(struct options, kv_heads, "kv-heads", 0, "0", 0, 4096, "N",
           "heads of keys, values and decays, shared by equal groups of heads; 0: as many as heads",
           "2"),
    PL_INT(struct options, conv, "conv", 0, "0", 0, 64, "WIDTH",
           "width of the short convolution of queries, keys and values; 0: none", "4"),
    PL_REAL(struct options, gate_norm, "gate-norm", 0, "16", 1e-3, 1e6, "X",
            "what the log decay is divided by", "8"),
    PL_INT(struct options, gate_rank, "gate-rank", 0, "16", 1, 65536, "N",
           "rank of the map from the input to the decays", "32"),
    PL_REAL(struct options, clamp_min, "clamp-min", 0, "0", -1e3, 0, "X",
            "least log decay of a step; 0: none", "-0.3"),
    PL_FLAG(struct options, out_gate, "out-gate", 0, "yes", "gate the output of each head"),
    PL_OPTIONS_END,
};

struct layer {
    struct pl_variable *q, *k, *v, *gate, *low, *high, *bias, *norm, *out;
    struct pl_filters filters;
};

/* ---- configuration */

static struct pl_gla shape(const struct options *options)
{
    int64_t heads = options->lm.heads;
    return (struct pl_gla){
        .heads = heads,
        .kv_heads = options->kv_heads ? options->kv_heads : heads,
        .key_dim = pl_mixing_width(&options->lm, options->expand_k) / heads,
        .value_dim = pl_mixing_width(&options->lm, options->expand_v) / heads,
        .chunk = options->lm.chunk,
    };
}

static enum pl_status check(struct pl_context *context, const void *configuration)
{
    const struct options *options = configuration;
    const struct pl_gla gla = shape(options);
    if (pl_mixing_check_heads(context, &options->lm))
        return context->status;
    if (gla.heads % gla.kv_heads)
        return pl_fail(context, PL_USAGE,
                       "--set kv-heads=%lld: heads %lld are not divisible by kv-heads %lld",
                       (long long)gla.kv_heads, (long long)gla.heads, (long long)gla.kv_heads);
    if (pl_mixing_check_width(context, &options->lm, "expand-k", options->expand_k))
        return context->status;
    return pl_mixing_check_width(context, &options->lm, "expand-v", options->expand_v);
}

/* ---- parameters */

#define WEIGHT(name, ...) \
    pl_parameter_add(context, parameters, PL_INIT_NORMAL, PL_DIMS(__VA_ARGS__), "%s." name, prefix)

static void *declare(struct pl_context *context, struct pl_parameters *parameters,
                     const void *configuration, int64_t index, const char *prefix)
{
    (void)index;
    const struct options *options = configuration;
    const struct pl_gla gla = shape(options);
    int64_t dim = options->lm.dim, rank = options->gate_rank;
    int64_t q = gla.heads * gla.key_dim, k = gla.kv_heads * gla.key_dim;
    int64_t v = gla.kv_heads * gla.value_dim, o = gla.heads * gla.value_dim;
    struct layer *layer = pl_arena_new(context, &parameters->arena, 1, sizeof *layer);
    bool ok = layer && (layer->q = WEIGHT("q_proj.weight", q, dim)) &&
              (layer->k = WEIGHT("k_proj.weight", k, dim)) &&
              (layer->v = WEIGHT("v_proj.weight", v, dim));
    ok = ok &&
         pl_filters_declare(context, parameters, prefix, options->conv, q, k, v, &layer->filters);
    if (ok && options->out_gate)
        ok = (layer->gate = WEIGHT("g_proj.weight", o, dim));
    ok = ok && (layer->low = WEIGHT("gk_proj.0.weight", rank, dim)) &&
         (layer->high = WEIGHT("gk_proj.1.weight", k, rank)) &&
         (layer->bias = pl_parameter_add(context, parameters, PL_INIT_ZERO, PL_DIMS(k),
                                         "%s.gk_proj.1.bias", prefix)) &&
         (layer->norm = pl_parameter_add(context, parameters, PL_INIT_ONE, PL_DIMS(gla.value_dim),
                                         "%s.%s.weight", prefix,
                                         options->out_gate ? "g_norm_swish_gate" : "g_norm")) &&
         (layer->out = WEIGHT("o_proj.weight", dim, o));
    return ok ? layer : NULL;
}

/* ---- forward */

/* W x, behind its convolution and SiLU if there is a filter. */
static struct pl_variable *project(const struct pl_mixing *mixing, struct pl_variable *x,
                                   struct pl_variable *weight, struct pl_variable *filter,
                                   const char *name)
{
    x = pl_op_linear(mixing->pass->tape, x, weight, NULL);
    return pl_mixing_conv(mixing, x, filter, filter != NULL, name);
}

static struct pl_variable *mix(const struct pl_mixing *mixing, const struct pl_gla *gla,
                               struct pl_variable *q, struct pl_variable *k, struct pl_variable *v,
                               struct pl_variable *g)
{
    struct pl_pass *pass = mixing->pass;
    if (!pass->state)
        return pl_op_gla(pass->tape, gla, &pass->rows, q, k, v, g, NULL, NULL);
    const int64_t *dims = PL_DIMS(pass->rows.count, gla->heads, gla->key_dim, gla->value_dim);
    struct pl_variable *state =
        pl_state_get(pass->tape->context, pass->state, dims, "%s.S", mixing->prefix);
    return pl_op_gla_carry(pass->tape, gla, &pass->rows, q, k, v, g, state);
}

static struct pl_variable *forward(struct pl_pass *pass, const void *parameters, int64_t index,
                                   struct pl_variable *x)
{
    const struct layer *layer = parameters;
    const struct options *options = pass->lm->options;
    const struct pl_gla gla = shape(options);
    double least = options->clamp_min < 0 ? options->clamp_min : -INFINITY;
    const struct pl_mixing mixing = pl_mixing_of(pass, index);
    struct pl_tape *tape = pass->tape;
    struct pl_variable *q = project(&mixing, x, layer->q, layer->filters.q, "conv_q");
    struct pl_variable *k = project(&mixing, x, layer->k, layer->filters.k, "conv_k");
    struct pl_variable *v = project(&mixing, x, layer->v, layer->filters.v, "conv_v");
    struct pl_variable *g =
        pl_op_linear(tape, pl_op_linear(tape, x, layer->low, NULL), layer->high, layer->bias);
    g = pl_op_log_sigmoid(tape, g, options->gate_norm, least);
    struct pl_variable *o = mix(&mixing, &gla, q, k, v, g);
    return pl_mixing_out(pass, x, o, layer->norm, layer->gate, layer->out);
}

const struct pl_mixer pl_mixer_gla = {
    .options_size = sizeof(struct options),
    .check = check,
    .declare = declare,
    .forward = forward,
};
