/* Softmax attention as pretrained transformers have it.
 * SPDX-License-Identifier: MIT */
#include "models/softmax.h"

#include <string.h>

#include "autograd/ops.h"

struct pl_attention pl_softmax_shape(const struct pl_lm_options *lm,
                                     const struct pl_softmax_options *options)
{
    return (struct pl_attention){
        .heads = lm->heads,
        .kv_heads = options->kv_heads ? options->kv_heads : lm->heads,
        .head_dim = options->head_dim ? options->head_dim : lm->dim / lm->heads,
        .window = options->window,
    };
}

static enum pl_status check_rope(struct pl_context *context,
                                 const struct pl_softmax_options *options)
{
    const int scaling = options->rope_scaling;
    if (scaling != PL_ROPE_PLAIN && scaling != PL_ROPE_LINEAR && options->rope_original == 0)
        return pl_fail(context, PL_USAGE, "--set rope-original=0: this rope-scaling needs to know");
    if ((scaling == PL_ROPE_LLAMA3 || scaling == PL_ROPE_YARN) &&
        !(options->rope_low < options->rope_high))
        return pl_fail(context, PL_USAGE, "--set rope-low=%g: must be below rope-high, %g",
                       options->rope_low, options->rope_high);
    return PL_OK;
}

enum pl_status pl_softmax_check(struct pl_context *context, const struct pl_lm_options *lm,
                                const struct pl_softmax_options *options)
{
    const struct pl_attention attention = pl_softmax_shape(lm, options);
    const long long dim = lm->dim, heads = attention.heads, kv_heads = attention.kv_heads;
    if (!options->head_dim && dim % heads)
        return pl_fail(context, PL_USAGE,
                       "--set heads=%lld: dim %lld is not divisible by heads %lld", heads, dim,
                       heads);
    if (!options->positions && attention.head_dim % 2)
        return pl_fail(context, PL_USAGE,
                       "--set heads=%lld: heads of width %lld; rotary positions need an even width",
                       heads, (long long)attention.head_dim);
    if (heads % kv_heads)
        return pl_fail(context, PL_USAGE,
                       "--set kv-heads=%lld: heads %lld are not divisible by kv-heads %lld",
                       kv_heads, heads, kv_heads);
    return check_rope(context, options);
}

/* ---- Parameters ----------------------------------------------------------------------------- */

#define DECLARE(init, name, ...) \
    pl_parameter_add(context, parameters, init, PL_DIMS(__VA_ARGS__), "%s." name, prefix)

enum pl_status pl_softmax_declare(struct pl_context *context, struct pl_parameters *parameters,
                                  const struct pl_lm_options *lm,
                                  const struct pl_softmax_options *options, const char *prefix,
                                  struct pl_softmax_layer *layer)
{
    const struct pl_attention attention = pl_softmax_shape(lm, options);
    const int64_t dim = lm->dim, head = attention.head_dim;
    const int64_t width = attention.heads * head, kv_width = attention.kv_heads * head;
    const bool bias = options->bias != PL_BIAS_NONE || options->positions > 0;
    const bool out_bias = options->bias == PL_BIAS_ATTENTION || options->positions > 0;
    bool ok = (layer->q = DECLARE(PL_INIT_NORMAL, "q_proj.weight", width, dim)) &&
              (layer->k = DECLARE(PL_INIT_NORMAL, "k_proj.weight", kv_width, dim)) &&
              (layer->v = DECLARE(PL_INIT_NORMAL, "v_proj.weight", kv_width, dim)) &&
              (layer->out = DECLARE(PL_INIT_NORMAL, "o_proj.weight", dim, width));
    if (ok && bias)
        ok = (layer->q_bias = DECLARE(PL_INIT_ZERO, "q_proj.bias", width)) &&
             (layer->k_bias = DECLARE(PL_INIT_ZERO, "k_proj.bias", kv_width)) &&
             (layer->v_bias = DECLARE(PL_INIT_ZERO, "v_proj.bias", kv_width));
    if (ok && out_bias)
        ok = (layer->out_bias = DECLARE(PL_INIT_ZERO, "o_proj.bias", dim));
    if (ok && options->qk_norm)
        ok = (layer->q_norm = DECLARE(PL_INIT_ONE, "q_norm.weight", head)) &&
             (layer->k_norm = DECLARE(PL_INIT_ONE, "k_norm.weight", head));
    return ok ? PL_OK : context->status;
}

struct pl_softmax_heads pl_softmax_project(struct pl_pass *pass,
                                           const struct pl_softmax_options *options,
                                           const struct pl_softmax_layer *layer,
                                           struct pl_variable *x)
{
    const double eps = pl_lm_options(pass->lm)->norm_eps;
    struct pl_tape *tape = pass->tape;
    struct pl_softmax_heads heads = {
        .q = pl_op_linear(tape, x, layer->q, layer->q_bias),
        .k = pl_op_linear(tape, x, layer->k, layer->k_bias),
        .v = pl_op_linear(tape, x, layer->v, layer->v_bias),
    };
    if (options->qk_norm) {
        heads.q = pl_op_rms_norm(tape, heads.q, layer->q_norm, eps);
        heads.k = pl_op_rms_norm(tape, heads.k, layer->k_norm, eps);
    }
    return heads;
}

struct pl_softmax_heads pl_softmax_turn(struct pl_pass *pass,
                                        const struct pl_softmax_options *options,
                                        struct pl_softmax_heads heads)
{
    const struct pl_rope rope = {
        .head_dim = pl_softmax_shape(pl_lm_options(pass->lm), options).head_dim,
        .base = options->rope_base,
        .scaling = options->rope_scaling,
        .factor = options->rope_factor,
        .original = options->rope_original,
        .low = options->rope_low,
        .high = options->rope_high,
        .amplitude = options->rope_amplitude,
        .carried = pass->state != NULL,
    };
    const int64_t first = pass->state ? pass->state->position : 0;
    if (options->positions > 0)
        return heads;
    heads.q = pl_op_rope(pass->tape, &rope, &pass->rows, heads.q, first);
    heads.k = pl_op_rope(pass->tape, &rope, &pass->rows, heads.k, first);
    return heads;
}

/* ---- with a state ------------------------------------------------------------------------ */

/* Keys and values of all rows so far stay where they are, and the new ones go behind. */
static struct pl_variable *carry_all(struct pl_pass *pass, const struct pl_attention *attention,
                                     int64_t index, const struct pl_softmax_heads *heads)
{
    struct pl_context *context = pass->tape->context;
    const int64_t width = attention->kv_heads * attention->head_dim;
    const int64_t rows = pass->state->position + pass->rows.starts[1];
    const long long layer = index;
    int64_t room;
    const struct pl_variable *keys =
        pl_state_grow(context, pass->state, rows, width, &room, "layer.%lld.keys", layer);
    const struct pl_variable *values =
        keys ? pl_state_grow(context, pass->state, rows, width, &room, "layer.%lld.values", layer)
             : NULL;
    if (!values)
        return NULL;
    struct pl_attention_cache cache = {keys->value, values->value, room, pass->state->position};
    return pl_op_attention(pass->tape, attention, &pass->rows, heads->q, heads->k, heads->v,
                           &cache);
}

/* The rows of a state item [batch, window - 1, width], `kept` of which are in use, in front of room
 * for `total` rows a sequence. */
static pl_real *unroll(struct pl_tape *tape, const struct pl_variable *item, int64_t kept,
                       int64_t total)
{
    const int64_t batch = item->dims[0], width = item->dims[2];
    pl_real *rows = pl_tape_take(tape, batch * total * width, sizeof *rows);
    for (int64_t i = 0; rows && i < batch; i++)
        memcpy(rows + i * total * width, item->value + i * item->dims[1] * width,
               (size_t)(kept * width) * sizeof *rows);
    return rows;
}

/* The last rows go back into the item. */
static void roll(const struct pl_variable *item, int64_t total, const pl_real *rows)
{
    const int64_t batch = item->dims[0], room = item->dims[1], width = item->dims[2];
    const int64_t kept = total < room ? total : room;
    for (int64_t i = 0; i < batch; i++)
        memcpy(item->value + i * room * width, rows + ((i + 1) * total - kept) * width,
               (size_t)(kept * width) * sizeof *rows);
}

/* Only the last window - 1 rows are kept: the state does not grow. */
static struct pl_variable *carry_window(struct pl_pass *pass, const struct pl_attention *attention,
                                        int64_t index, const struct pl_softmax_heads *heads)
{
    struct pl_context *context = pass->tape->context;
    const int64_t width = attention->kv_heads * attention->head_dim, window = attention->window;
    const int64_t position = pass->state->position;
    const int64_t kept = position < window - 1 ? position : window - 1;
    const int64_t total = kept + pass->rows.starts[1];
    const int64_t *dims = PL_DIMS(pass->rows.count, window - 1, width);
    const long long layer = index;
    if (window == 1) /* each row sees itself alone */
        return pl_op_attention(pass->tape, attention, &pass->rows, heads->q, heads->k, heads->v,
                               NULL);
    const struct pl_variable *keys =
        pl_state_get(context, pass->state, dims, "layer.%lld.keys", layer);
    const struct pl_variable *values =
        keys ? pl_state_get(context, pass->state, dims, "layer.%lld.values", layer) : NULL;
    if (!values)
        return NULL;
    struct pl_attention_cache cache = {unroll(pass->tape, keys, kept, total),
                                       unroll(pass->tape, values, kept, total), total, kept};
    if (!cache.keys || !cache.values)
        return NULL;
    struct pl_variable *o =
        pl_op_attention(pass->tape, attention, &pass->rows, heads->q, heads->k, heads->v, &cache);
    if (o) {
        roll(keys, total, cache.keys);
        roll(values, total, cache.values);
    }
    return o;
}

struct pl_variable *pl_softmax_attend(struct pl_pass *pass,
                                      const struct pl_softmax_options *options, int64_t window,
                                      int64_t index, struct pl_softmax_heads heads)
{
    struct pl_attention attention = pl_softmax_shape(pl_lm_options(pass->lm), options);
    attention.window = window;
    if (!heads.q || !heads.k || !heads.v)
        return NULL;
    if (!pass->state)
        return pl_op_attention(pass->tape, &attention, &pass->rows, heads.q, heads.k, heads.v,
                               NULL);
    return window > 0 ? carry_window(pass, &attention, index, &heads)
                      : carry_all(pass, &attention, index, &heads);
}

struct pl_variable *pl_softmax_forward(struct pl_pass *pass,
                                       const struct pl_softmax_options *options,
                                       const struct pl_softmax_layer *layer, int64_t index,
                                       struct pl_variable *x)
{
    struct pl_softmax_heads heads = pl_softmax_project(pass, options, layer, x);
    heads = pl_softmax_turn(pass, options, heads);
    struct pl_variable *o = pl_softmax_attend(pass, options, options->window, index, heads);
    return pl_softmax_out(pass, layer, o);
}

struct pl_variable *pl_softmax_out(struct pl_pass *pass, const struct pl_softmax_layer *layer,
                                   struct pl_variable *o)
{
    return pl_op_linear(pass->tape, o, layer->out, layer->out_bias);
}
