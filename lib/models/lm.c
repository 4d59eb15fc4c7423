/* Language models: what the families share.
 * SPDX-License-Identifier: MIT */
#include "models/lm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Configuration ----------------------------------------------------------------------- */

const struct pl_lm_options *pl_lm_options(const struct pl_lm *lm)
{
    return lm->options;
}

/* Also fills in what defaults to something computed. */
static enum pl_status check_options(struct pl_context *context, struct pl_lm *lm,
                                    int64_t vocabulary)
{
    struct pl_lm_options *options = lm->options;
    if (options->vocabulary == 0)
        options->vocabulary = vocabulary;
    if (options->vocabulary < vocabulary)
        return pl_fail(context, PL_USAGE,
                       "--set vocabulary=%lld: the data have %lld different tokens",
                       (long long)options->vocabulary, (long long)vocabulary);
    if (options->mlp == 0)
        options->mlp = (options->dim * 8 / 3 + 255) / 256 * 256;
    return lm->type->mixer->check(context, options);
}

/* ---- Parameters -------------------------------------------------------------------------- */

static bool has_positions(const struct pl_lm *lm)
{
    return lm->type->mixer->positions && lm->type->mixer->positions(lm->options) > 0;
}

static enum pl_status declare_norm(struct pl_context *context, struct pl_lm *lm, const char *name,
                                   struct pl_lm_norm *norm)
{
    const int64_t *dims = PL_DIMS(pl_lm_options(lm)->dim);
    norm->weight = pl_parameter_add(context, &lm->parameters, PL_INIT_ONE, dims, "%s.weight", name);
    if (norm->weight && has_positions(lm))
        norm->bias =
            pl_parameter_add(context, &lm->parameters, PL_INIT_ZERO, dims, "%s.bias", name);
    return norm->weight && (norm->bias || !has_positions(lm)) ? PL_OK : context->status;
}

static enum pl_status declare_mlp(struct pl_context *context, struct pl_lm *lm,
                                  struct pl_lm_layer *layer, const char *prefix)
{
    struct pl_parameters *parameters = &lm->parameters;
    const int64_t dim = pl_lm_options(lm)->dim, mlp = pl_lm_options(lm)->mlp;
    const bool biased = has_positions(lm);
    if (!biased)
        layer->gate = pl_parameter_add(context, parameters, PL_INIT_NORMAL, PL_DIMS(mlp, dim),
                                       "%s.mlp.gate_proj.weight", prefix);
    if (!biased && !layer->gate)
        return context->status;
    layer->up = pl_parameter_add(context, parameters, PL_INIT_NORMAL, PL_DIMS(mlp, dim),
                                 "%s.mlp.up_proj.weight", prefix);
    if (layer->up && biased)
        layer->up_bias = pl_parameter_add(context, parameters, PL_INIT_ZERO, PL_DIMS(mlp),
                                          "%s.mlp.up_proj.bias", prefix);
    layer->down = pl_parameter_add(context, parameters, PL_INIT_NORMAL, PL_DIMS(dim, mlp),
                                   "%s.mlp.down_proj.weight", prefix);
    if (layer->down && biased)
        layer->down_bias = pl_parameter_add(context, parameters, PL_INIT_ZERO, PL_DIMS(dim),
                                            "%s.mlp.down_proj.bias", prefix);
    bool ok = layer->up && layer->down && (!biased || (layer->up_bias && layer->down_bias));
    return ok ? PL_OK : context->status;
}

static enum pl_status declare_layer(struct pl_context *context, struct pl_lm *lm, int64_t index)
{
    struct pl_lm_layer *layer = &lm->layers[index];
    char prefix[64], name[96];
    snprintf(prefix, sizeof prefix, "layers.%lld", (long long)index);
    snprintf(name, sizeof name, "%s.attn_norm", prefix);
    if (declare_norm(context, lm, name, &layer->mix_norm))
        return context->status;
    snprintf(name, sizeof name, "%s.attn", prefix);
    layer->mix = lm->type->mixer->declare(context, &lm->parameters, lm->options, index, name);
    if (!layer->mix)
        return context->status;
    snprintf(name, sizeof name, "%s.mlp_norm", prefix);
    if (declare_norm(context, lm, name, &layer->mlp_norm))
        return context->status;
    return declare_mlp(context, lm, layer, prefix);
}

static enum pl_status declare_tables(struct pl_context *context, struct pl_lm *lm)
{
    const struct pl_lm_options *options = pl_lm_options(lm);
    lm->embeddings =
        pl_parameter_add(context, &lm->parameters, PL_INIT_NORMAL,
                         PL_DIMS(options->vocabulary, options->dim), "%s", "embeddings.weight");
    if (!lm->embeddings || !has_positions(lm))
        return lm->embeddings ? PL_OK : context->status;
    const int64_t rows = lm->type->mixer->positions(lm->options);
    lm->positions = pl_parameter_add(context, &lm->parameters, PL_INIT_NORMAL,
                                     PL_DIMS(rows, options->dim), "%s", "positions.weight");
    return lm->positions ? PL_OK : context->status;
}

static enum pl_status declare_all(struct pl_context *context, struct pl_lm *lm)
{
    const struct pl_lm_options *options = pl_lm_options(lm);
    lm->layers =
        pl_arena_new(context, &lm->parameters.arena, (size_t)options->layers, sizeof *lm->layers);
    if (!lm->layers || declare_tables(context, lm))
        return context->status;
    for (int64_t i = 0; i < options->layers; i++)
        if (declare_layer(context, lm, i))
            return context->status;
    if (declare_norm(context, lm, "norm", &lm->norm))
        return context->status;
    lm->head = options->tie ? lm->embeddings
                            : pl_parameter_add(context, &lm->parameters, PL_INIT_NORMAL,
                                               PL_DIMS(options->vocabulary, options->dim), "%s",
                                               "lm_head.weight");
    return lm->head ? PL_OK : context->status;
}

enum pl_status pl_lm_init(struct pl_context *context, struct pl_lm *lm,
                          const struct pl_model_type *type, const char *const *settings,
                          size_t setting_count, int64_t vocabulary)
{
    *lm = (struct pl_lm){.type = type};
    lm->options = pl_new(context, 1, type->mixer->options_size);
    if (!lm->options || pl_option_defaults(context, type->options, lm->options))
        return context->status;
    for (size_t i = 0; i < setting_count; i++) {
        /* texts are kept as long as the model */
        const char *text =
            pl_arena_text(context, &lm->parameters.arena, settings[i], strlen(settings[i]));
        if (!text || pl_model_set(context, type, lm->options, text))
            return context->status;
    }
    if (check_options(context, lm, vocabulary))
        return context->status;
    return declare_all(context, lm);
}

void pl_lm_release(struct pl_lm *lm)
{
    if (lm->options)
        pl_option_release(lm->type->options, lm->options);
    free(lm->options);
    free(lm->tokenizer);
    pl_parameters_release(&lm->parameters);
    *lm = (struct pl_lm){0};
}

/* ---- One pass ---------------------------------------------------------------------------- */

static struct pl_variable *normalise(struct pl_pass *pass, const struct pl_lm_norm *norm,
                                     struct pl_variable *h)
{
    const double eps = pl_lm_options(pass->lm)->norm_eps;
    return norm->bias ? pl_op_layer_norm(pass->tape, h, norm->weight, norm->bias, eps)
                      : pl_op_rms_norm(pass->tape, h, norm->weight, eps);
}

static struct pl_variable *run_mlp(struct pl_tape *tape, const struct pl_lm_layer *layer,
                                   struct pl_variable *x)
{
    struct pl_variable *up = pl_op_linear(tape, x, layer->up, layer->up_bias);
    up = layer->gate ? pl_op_swiglu(tape, pl_op_linear(tape, x, layer->gate, NULL), up)
                     : pl_op_activate(tape, up, PL_GELU, 1);
    return pl_op_linear(tape, up, layer->down, layer->down_bias);
}

/* Goes back through the imitation of one layer. */
static enum pl_status learn(struct pl_pass *pass, int64_t index, struct pl_variable *square)
{
    struct pl_transfer *transfer = pass->transfer;
    transfer->squares[index] = (double)square->value[0];
    if (!pass->tape->recording || transfer->scale == 0)
        return PL_OK;
    enum pl_status status = pl_tape_backward(pass->tape, square, (pl_real)transfer->scale);
    pass->tape->last = NULL;
    return status;
}

static struct pl_variable *run_layer(struct pl_pass *pass, int64_t index, struct pl_variable *h)
{
    const struct pl_lm *lm = pass->lm;
    const struct pl_lm_layer *layer = &lm->layers[index];
    struct pl_tape *tape = pass->tape;
    struct pl_variable *x = normalise(pass, &layer->mix_norm, h), *square = NULL;
    x = pass->transfer ? lm->type->mixer->imitate(pass, layer->mix, index, x, &square)
                       : lm->type->mixer->forward(pass, layer->mix, index, x);
    h = pl_op_add(tape, h, x, 1);
    if (h && square && learn(pass, index, square))
        return NULL;
    x = run_mlp(tape, layer, normalise(pass, &layer->mlp_norm, h));
    return pl_op_add(tape, h, x, 1);
}

/* The learned positions of all rows. */
static struct pl_variable *embed_positions(struct pl_pass *pass)
{
    struct pl_context *context = pass->tape->context;
    const int64_t *starts = pass->rows.starts, rows = starts[pass->rows.count];
    const int64_t first = pass->state ? pass->state->position : 0;
    int32_t *at = pl_tape_take(pass->tape, rows, sizeof *at);
    if (!at)
        return NULL;
    for (int64_t i = 0; i < pass->rows.count; i++) {
        const int64_t last = first + starts[i + 1] - starts[i];
        if (last > pass->lm->positions->dims[0]) {
            pl_fail(context, PL_BAD_DATA, "%lld tokens in a row: the model has positions for %lld",
                    (long long)last, (long long)pass->lm->positions->dims[0]);
            return NULL;
        }
        for (int64_t row = starts[i]; row < starts[i + 1]; row++)
            at[row] = (int32_t)(first + row - starts[i]);
    }
    return pl_op_embed(pass->tape, at, rows, pass->lm->positions);
}

/* Layers 0 to layers - 1.  Without gradients, or when they have been gone back through, nothing is
 * wanted of a layer but its result, which is moved to where h was, so that the next one works in
 * the same memory. */
static struct pl_variable *run_layers(struct pl_pass *pass, struct pl_variable *h)
{
    struct pl_tape *tape = pass->tape;
    const struct pl_arena_mark mark = pl_arena_mark(&tape->arena);
    for (int64_t i = 0; i < pl_lm_options(pass->lm)->layers; i++) {
        struct pl_variable *out = run_layer(pass, i, h);
        if (!out)
            return NULL;
        if (tape->recording && !pass->transfer) {
            h = out;
            continue;
        }
        memcpy(h->value, out->value, (size_t)h->count * sizeof *h->value);
        pl_arena_rewind(&tape->arena, mark);
    }
    return h;
}

struct pl_variable *pl_lm_forward(struct pl_pass *pass, const int32_t *ids)
{
    const struct pl_lm *lm = pass->lm;
    const struct pl_lm_options *options = pl_lm_options(lm);
    struct pl_tape *tape = pass->tape;
    const int64_t rows = pass->rows.starts[pass->rows.count];
    pass->routes = pl_tape_new(tape, options->layers, sizeof *pass->routes);
    struct pl_variable *h = pass->routes ? pl_op_embed(tape, ids, rows, lm->embeddings) : NULL;
    if (h && lm->positions)
        h = pl_op_add(tape, h, embed_positions(pass), 1);
    h = h ? run_layers(pass, h) : NULL;
    h = normalise(pass, &lm->norm, h);
    if (h && pass->state) /* all sequences of a pass with a state are of one length */
        pass->state->position += pass->rows.starts[1];
    if (!h || !lm->type->mixer->finish)
        return h;
    return lm->type->mixer->finish(pass) ? NULL : h;
}

struct pl_variable *pl_lm_logits(struct pl_pass *pass, struct pl_variable *hidden)
{
    return pl_op_linear(pass->tape, hidden, pass->lm->head, NULL);
}
