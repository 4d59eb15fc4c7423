/* Softmax attention with rotary positions as a language model's mixing, in the manner of Llama: the
 * baseline that linear models are set beside (Vaswani and others: Attention Is All You Need,
 * NeurIPS 2017; Touvron and others: LLaMA, 2023, arXiv 2302.13971). SPDX-License-Identifier: MIT
 *
 * Unlike the state of a linear model, what it remembers grows: a key and a value for each row. */
#include "models/mixers.h"

#include "autograd/ops.h"
#include "models/lm_options.h"
#include "nn/attention.h"

struct options {
    struct pl_lm_options lm;
    int64_t kv_heads; /* 0: as many as heads */
    int64_t window;   /* rows a row sees; 0: all before */
    double rope_base;
};

const struct pl_option pl_transformer_options[] = {
    PL_LM_OPTIONS(struct options, lm),
    PL_INT(struct options, kv_heads, "kv-heads", 0, "0", 0, 4096, "N",
           "heads of keys and values, shared by equal groups of heads; 0: as many as heads", "2"),
    PL_INT(struct options, window, "window", 0, "0", 0, 1e9, "ROWS",
           "rows that a row sees, itself included; 0: all before it", "256"),
    PL_REAL(struct options, rope_base, "rope-base", 0, "10000", 1, 1e9, "X",
            "base of the rotary positions' wavelengths", "500000"),
    PL_OPTIONS_END,
};

struct layer {
    struct pl_variable *q, *k, *v, *out;
};

static struct pl_attention shape(const struct options *options)
{
    int64_t heads = options->lm.heads;
    return (struct pl_attention){
        .heads = heads,
        .kv_heads = options->kv_heads ? options->kv_heads : heads,
        .head_dim = options->lm.dim / heads,
        .window = options->window,
    };
}

static enum pl_status check(struct pl_context *context, const void *configuration)
{
    const struct options *options = configuration;
    const struct pl_attention attention = shape(options);
    const long long dim = options->lm.dim, heads = attention.heads, kv_heads = attention.kv_heads;
    if (dim % heads)
        return pl_fail(context, PL_USAGE,
                       "--set heads=%lld: dim %lld is not divisible by heads %lld", heads, dim,
                       heads);
    if (attention.head_dim % 2)
        return pl_fail(context, PL_USAGE,
                       "--set heads=%lld: heads of width %lld; rotary positions need an even width",
                       heads, (long long)attention.head_dim);
    if (heads % kv_heads)
        return pl_fail(context, PL_USAGE,
                       "--set kv-heads=%lld: heads %lld are not divisible by kv-heads %lld",
                       kv_heads, heads, kv_heads);
    return PL_OK;
}

#define WEIGHT(name, ...) \
    pl_parameter_add(context, parameters, PL_INIT_NORMAL, PL_DIMS(__VA_ARGS__), "%s." name, prefix)

static void *declare(struct pl_context *context, struct pl_parameters *parameters,
                     const void *configuration, const char *prefix)
{
    const struct options *options = configuration;
    const struct pl_attention attention = shape(options);
    int64_t dim = options->lm.dim, width = attention.kv_heads * attention.head_dim;
    struct layer *layer = pl_arena_new(context, &parameters->arena, 1, sizeof *layer);
    bool ok = layer && (layer->q = WEIGHT("q_proj.weight", dim, dim)) &&
              (layer->k = WEIGHT("k_proj.weight", width, dim)) &&
              (layer->v = WEIGHT("v_proj.weight", width, dim)) &&
              (layer->out = WEIGHT("o_proj.weight", dim, dim));
    return ok ? layer : NULL;
}

/* Attention behind the rows that the state remembers. */
static struct pl_variable *carry(struct pl_pass *pass, const struct pl_attention *attention,
                                 int64_t index, struct pl_variable *q, struct pl_variable *k,
                                 struct pl_variable *v)
{
    struct pl_context *context = pass->tape->context;
    int64_t width = attention->kv_heads * attention->head_dim;
    int64_t rows = pass->state->position + pass->rows.starts[1], room;
    const struct pl_variable *keys = pl_state_grow(context, pass->state, rows, width, &room,
                                                   "layer.%lld.keys", (long long)index);
    const struct pl_variable *values = keys
                                           ? pl_state_grow(context, pass->state, rows, width, &room,
                                                           "layer.%lld.values", (long long)index)
                                           : NULL;
    if (!values)
        return NULL;
    struct pl_attention_cache cache = {keys->value, values->value, room, pass->state->position};
    return pl_op_attention(pass->tape, attention, &pass->rows, q, k, v, &cache);
}

static struct pl_variable *forward(struct pl_pass *pass, const void *parameters, int64_t index,
                                   struct pl_variable *x)
{
    const struct layer *layer = parameters;
    const struct options *options = pass->lm->options;
    const struct pl_attention attention = shape(options);
    struct pl_tape *tape = pass->tape;
    int64_t first = pass->state ? pass->state->position : 0;
    struct pl_variable *q = pl_op_linear(tape, x, layer->q, NULL);
    struct pl_variable *k = pl_op_linear(tape, x, layer->k, NULL);
    struct pl_variable *v = pl_op_linear(tape, x, layer->v, NULL);
    q = pl_op_rope(tape, &pass->rows, q, attention.head_dim, first, options->rope_base);
    k = pl_op_rope(tape, &pass->rows, k, attention.head_dim, first, options->rope_base);
    if (!q || !k || !v)
        return NULL;
    struct pl_variable *o = pass->state
                                ? carry(pass, &attention, index, q, k, v)
                                : pl_op_attention(tape, &attention, &pass->rows, q, k, v, NULL);
    return pl_op_linear(tape, o, layer->out, NULL);
}

const struct pl_mixer pl_mixer_transformer = {sizeof(struct options), check, declare, forward,
                                              NULL};
