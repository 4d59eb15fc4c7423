/* Low-rank adaptation of a language model.
 * SPDX-License-Identifier: MIT */
#include "models/lora.h"

#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 256 };

static const char ending[] = "_proj.weight";

/* Whether a parameter is PREFIX.TARGET_proj.weight; target: up to a comma or the end. */
static bool is_target(const char *name, const char *target, size_t target_size)
{
    const size_t size = strlen(name), rest = target_size + strlen(ending);
    return size > rest && name[size - rest - 1] == '.' &&
           strncmp(name + size - rest, target, target_size) == 0 &&
           strcmp(name + size - strlen(ending), ending) == 0;
}

/* The part of a name in front of "weight". */
static int stem_size(const char *name)
{
    return (int)(strlen(name) - strlen("weight"));
}

static enum pl_status adapt(struct pl_context *context, struct pl_lm *lm,
                            struct pl_parameter *parameter)
{
    const int64_t rank = lm->lora.rank;
    struct pl_variable *w = &parameter->variable;
    struct pl_adapter *adapter = pl_arena_new(context, &lm->parameters.arena, 1, sizeof *adapter);
    if (!adapter)
        return context->status;
    const int size = stem_size(parameter->name);
    adapter->scale = lm->lora.alpha / (double)rank;
    adapter->a = pl_parameter_add(context, &lm->parameters, PL_INIT_FAN_IN,
                                  PL_DIMS(rank, w->dims[1]), "%.*slora_a", size, parameter->name);
    if (adapter->a)
        adapter->b =
            pl_parameter_add(context, &lm->parameters, PL_INIT_ZERO, PL_DIMS(w->dims[0], rank),
                             "%.*slora_b", size, parameter->name);
    w->adapter = adapter;
    return adapter->b ? PL_OK : context->status;
}

static enum pl_status adapt_target(struct pl_context *context, struct pl_lm *lm, const char *target,
                                   size_t size)
{
    const size_t count = lm->parameters.count; /* adapters come behind */
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        struct pl_parameter *parameter = lm->parameters.items[i];
        if (!is_target(parameter->name, target, size))
            continue;
        if (parameter->variable.adapter)
            return pl_fail(context, PL_USAGE, "--lora %s: '%.*s' twice", lm->lora.targets,
                           (int)size, target);
        found++;
        if (adapt(context, lm, parameter))
            return context->status;
    }
    return found ? PL_OK
                 : pl_fail(context, PL_USAGE, "--lora: this %s has no maps '%.*s%s'",
                           lm->type->name, (int)size, target, ending);
}

enum pl_status pl_lora_attach(struct pl_context *context, struct pl_lm *lm,
                              const struct pl_lm_lora *lora)
{
    if (lm->lora.rank)
        return pl_fail(context, PL_USAGE,
                       "--lora: the model has adapters already; lin-convert --merge-lora merges "
                       "them");
    lm->lora = *lora;
    lm->lora.targets =
        pl_arena_text(context, &lm->parameters.arena, lora->targets, strlen(lora->targets));
    if (!lm->lora.targets)
        return context->status;
    for (const char *at = lm->lora.targets; *at;) {
        const size_t size = strcspn(at, ",");
        if (adapt_target(context, lm, at, size))
            return context->status;
        at += size + (at[size] == ',');
    }
    return PL_OK;
}

enum pl_status pl_lora_start(struct pl_context *context, struct pl_lm *lm, uint64_t seed)
{
    for (size_t i = 0; i < lm->parameters.count; i++)
        lm->parameters.items[i]->frozen = true;
    for (size_t i = 0; i < lm->parameters.count; i++) {
        const struct pl_adapter *adapter = lm->parameters.items[i]->variable.adapter;
        for (size_t j = i + 1; adapter && j < lm->parameters.count; j++) {
            struct pl_parameter *own = lm->parameters.items[j];
            if (&own->variable != adapter->a && &own->variable != adapter->b)
                continue;
            own->frozen = false;
            if (pl_parameter_start(context, &lm->parameters, own, seed, 0))
                return context->status;
        }
    }
    return PL_OK;
}

enum pl_status pl_lora_read(struct pl_context *context, const struct pl_meta_node *model,
                            struct pl_lm_lora *lora)
{
    *lora = (struct pl_lm_lora){0};
    const struct pl_meta_node *node = pl_meta_find(model, "lora");
    if (!node)
        return PL_OK;
    if (pl_meta_int(context, node, "rank", &lora->rank) ||
        pl_meta_real(context, node, "alpha", &lora->alpha) ||
        pl_meta_text(context, node, "targets", &lora->targets))
        return context->status;
    if (lora->rank < 1 || lora->rank > 1 << 20 || !lora->targets)
        return pl_fail(context, PL_BAD_DATA, "lora: no rank or no targets");
    return PL_OK;
}

void pl_lora_write(struct pl_context *context, const struct pl_lm_lora *lora, struct pl_meta *meta,
                   struct pl_meta_node *root)
{
    struct pl_meta_node *node = pl_meta_add_map(context, meta, root, "lora");
    pl_meta_add_int(context, meta, node, "rank", lora->rank);
    pl_meta_add_real(context, meta, node, "alpha", lora->alpha);
    pl_meta_add_text(context, meta, node, "targets", lora->targets);
}

void pl_lora_add(int64_t out, int64_t in, int64_t rank, double scale, const float *a,
                 const float *b, float *to)
{
    for (int64_t o = 0; o < out; o++)
        for (int64_t r = 0; r < rank; r++) {
            const float weight = (float)scale * b[o * rank + r];
            for (int64_t i = 0; i < in; i++)
                to[o * in + i] += weight * a[r * in + i];
        }
}
