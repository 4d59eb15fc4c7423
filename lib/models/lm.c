/* Language models: what the families share.
 * SPDX-License-Identifier: MIT */
#include "models/lm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Configuration ----------------------------------------------------------------------- */

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

static enum pl_status apply_setting(struct pl_context *context, struct pl_lm *lm,
                                    const char *setting)
{
    int size = (int)strcspn(setting, "=");
    if (!setting[size])
        return pl_fail(context, PL_USAGE, "--set %s: expected KEY=VALUE", setting);
    const struct pl_option *option = pl_option_find(lm->type->options, setting);
    if (!option)
        return unknown_key(context, lm->type, setting, size);
    char subject[64];
    snprintf(subject, sizeof subject, "--set %.*s", size, setting);
    return pl_option_set_as(context, option, lm->options, subject, setting + size + 1);
}

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

static enum pl_status declare_layer(struct pl_context *context, struct pl_lm *lm, int64_t index)
{
    struct pl_parameters *parameters = &lm->parameters;
    const struct pl_lm_options *options = pl_lm_options(lm);
    struct pl_lm_layer *layer = &lm->layers[index];
    const int64_t dim = options->dim, mlp = options->mlp;
    const long long i = index;
    char prefix[64];
    snprintf(prefix, sizeof prefix, "layers.%lld.attn", i);
    layer->mix_norm = pl_parameter_add(context, parameters, PL_INIT_ONE, PL_DIMS(dim),
                                       "layers.%lld.attn_norm.weight", i);
    layer->mix =
        layer->mix_norm ? lm->type->mixer->declare(context, parameters, lm->options, prefix) : NULL;
    if (!layer->mix)
        return context->status;
    layer->mlp_norm = pl_parameter_add(context, parameters, PL_INIT_ONE, PL_DIMS(dim),
                                       "layers.%lld.mlp_norm.weight", i);
    layer->gate = pl_parameter_add(context, parameters, PL_INIT_NORMAL, PL_DIMS(mlp, dim),
                                   "layers.%lld.mlp.gate_proj.weight", i);
    layer->up = pl_parameter_add(context, parameters, PL_INIT_NORMAL, PL_DIMS(mlp, dim),
                                 "layers.%lld.mlp.up_proj.weight", i);
    layer->down = pl_parameter_add(context, parameters, PL_INIT_NORMAL, PL_DIMS(dim, mlp),
                                   "layers.%lld.mlp.down_proj.weight", i);
    return layer->mlp_norm && layer->gate && layer->up && layer->down ? PL_OK : context->status;
}

static enum pl_status declare_all(struct pl_context *context, struct pl_lm *lm)
{
    const struct pl_lm_options *options = pl_lm_options(lm);
    const int64_t *table = PL_DIMS(options->vocabulary, options->dim);
    lm->embeddings = pl_parameter_add(context, &lm->parameters, PL_INIT_NORMAL, table, "%s",
                                      "embeddings.weight");
    lm->layers =
        pl_arena_new(context, &lm->parameters.arena, (size_t)options->layers, sizeof *lm->layers);
    if (!lm->embeddings || !lm->layers)
        return context->status;
    for (int64_t i = 0; i < options->layers; i++)
        if (declare_layer(context, lm, i))
            return context->status;
    lm->norm = pl_parameter_add(context, &lm->parameters, PL_INIT_ONE, PL_DIMS(options->dim), "%s",
                                "norm.weight");
    lm->head = options->tie ? lm->embeddings
                            : pl_parameter_add(context, &lm->parameters, PL_INIT_NORMAL, table,
                                               "%s", "lm_head.weight");
    return lm->norm && lm->head ? PL_OK : context->status;
}

enum pl_status pl_lm_init(struct pl_context *context, struct pl_lm *lm,
                          const struct pl_model_type *type, const char *const *settings,
                          size_t setting_count, int64_t vocabulary)
{
    *lm = (struct pl_lm){.type = type};
    lm->options = pl_new(context, 1, type->mixer->options_size);
    if (!lm->options || pl_option_defaults(context, type->options, lm->options))
        return context->status;
    for (size_t i = 0; i < setting_count; i++)
        if (apply_setting(context, lm, settings[i]))
            return context->status;
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

static struct pl_variable *run_layer(struct pl_pass *pass, int64_t index, struct pl_variable *h)
{
    const struct pl_lm *lm = pass->lm;
    const struct pl_lm_layer *layer = &lm->layers[index];
    const double eps = pl_lm_options(lm)->norm_eps;
    struct pl_tape *tape = pass->tape;
    struct pl_variable *x = pl_op_rms_norm(tape, h, layer->mix_norm, eps);
    x = lm->type->mixer->forward(pass, layer->mix, index, x);
    h = pl_op_add(tape, h, x, 1);
    x = pl_op_rms_norm(tape, h, layer->mlp_norm, eps);
    x = pl_op_swiglu(tape, pl_op_linear(tape, x, layer->gate, NULL),
                     pl_op_linear(tape, x, layer->up, NULL));
    return pl_op_add(tape, h, pl_op_linear(tape, x, layer->down, NULL), 1);
}

/* Layers 0 to layers - 1.  Without gradients nothing is wanted of a layer but its result, which is
 * moved to where h was, so that the next one works in the same memory. */
static struct pl_variable *run_layers(struct pl_pass *pass, struct pl_variable *h)
{
    struct pl_tape *tape = pass->tape;
    const struct pl_arena_mark mark = pl_arena_mark(&tape->arena);
    for (int64_t i = 0; i < pl_lm_options(pass->lm)->layers; i++) {
        struct pl_variable *out = run_layer(pass, i, h);
        if (!out)
            return NULL;
        if (tape->recording) {
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
    pass->routers = pl_tape_new(tape, options->layers, sizeof(struct pl_variable *));
    struct pl_variable *h = pass->routers ? pl_op_embed(tape, ids, rows, lm->embeddings) : NULL;
    h = h ? run_layers(pass, h) : NULL;
    h = pl_op_rms_norm(tape, h, lm->norm, options->norm_eps);
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
