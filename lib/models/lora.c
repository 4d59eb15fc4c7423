/* Low-rank adaptation of a language model.
 * SPDX-License-Identifier: MIT */
#include "models/lora.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/model_stream.h"

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

static bool ends_in(const char *name, const char *what, size_t length)
{
    const size_t size = strlen(name);
    return size > length && name[size - length - 1] == '.' &&
           strncmp(name + size - length, what, length) == 0;
}

static bool is_adapter(const char *name)
{
    return ends_in(name, "lora_a", 6) || ends_in(name, "lora_b", 6);
}

enum pl_status pl_lora_start(struct pl_context *context, struct pl_lm *lm, uint64_t seed)
{
    for (size_t i = 0; i < lm->parameters.count; i++) {
        struct pl_parameter *parameter = lm->parameters.items[i];
        if (is_adapter(parameter->name) &&
            pl_parameter_start(context, &lm->parameters, parameter, seed, 0))
            return context->status;
    }
    return PL_OK;
}

static enum pl_status thaw(struct pl_context *context, struct pl_lm *lm, const char *word,
                           size_t size)
{
    size_t found = 0;
    for (size_t i = 0; i < lm->parameters.count; i++)
        if (ends_in(lm->parameters.items[i]->name, word, size)) {
            lm->parameters.items[i]->frozen = false;
            found++;
        }
    return found ? PL_OK
                 : pl_fail(context, PL_USAGE, "--also: no parameter of this %s ends in '.%.*s'",
                           lm->type->name, (int)size, word);
}

enum pl_status pl_lora_freeze(struct pl_context *context, struct pl_lm *lm, const char *also)
{
    for (size_t i = 0; i < lm->parameters.count; i++) {
        struct pl_parameter *parameter = lm->parameters.items[i];
        parameter->frozen = !is_adapter(parameter->name) && !ends_in(parameter->name, "mix", 3);
    }
    for (const char *at = also; at && *at;) {
        const size_t size = strcspn(at, ",");
        if (thaw(context, lm, at, size))
            return context->status;
        at += size + (at[size] == ',');
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

/* ---- Merging ------------------------------------------------------------------------------- */

/* to [out, in] += scale B A */
static void add_product(int64_t out, int64_t in, int64_t rank, float scale, const float *a,
                        const float *b, float *to)
{
    for (int64_t o = 0; o < out; o++)
        for (int64_t r = 0; r < rank; r++) {
            const float weight = scale * b[o * rank + r];
            for (int64_t i = 0; i < in; i++)
                to[o * in + i] += weight * a[r * in + i];
        }
}

/* A tensor of any float type as f32, to be freed. */
static float *as_float(struct pl_context *context, const struct pl_tensor *tensor)
{
    const int64_t count = pl_tensor_count(tensor);
    float *values = pl_new(context, (size_t)count, sizeof *values);
    if (values && pl_convert(context, tensor->data, tensor->dtype, values, PL_F32, count)) {
        free(values);
        return NULL;
    }
    return values;
}

static enum pl_status write_merged(struct pl_context *context, const char *name,
                                   const struct pl_tensor *w, const struct pl_tensor *a,
                                   const struct pl_tensor *b, double scale,
                                   struct pl_writer *writer)
{
    if (a->rank != 2 || b->rank != 2 || w->rank != 2 || a->dims[1] != w->dims[1] ||
        b->dims[0] != w->dims[0] || a->dims[0] != b->dims[1])
        return pl_fail(context, PL_BAD_DATA, "the adapters of '%s' have other shapes", name);
    float *sum = as_float(context, w), *low = as_float(context, a), *high = as_float(context, b);
    void *stored = pl_new(context, (size_t)pl_tensor_count(w), pl_dtype_size(w->dtype));
    enum pl_status status = sum && low && high && stored ? PL_OK : context->status;
    if (!status) {
        add_product(w->dims[0], w->dims[1], a->dims[0], (float)scale, low, high, sum);
        status = pl_convert(context, sum, PL_F32, stored, w->dtype, pl_tensor_count(w));
    }
    if (!status) {
        const struct pl_tensor view = pl_tensor_view(w->dtype, w->rank, w->dims, stored);
        status = pl_writer_tensor(context, writer, name, &view, PL_CODEC_RAW);
    }
    free(sum);
    free(low);
    free(high);
    free(stored);
    return status;
}

static const struct pl_tensor *adapter_of(const struct pl_bundle *bundle, const char *name,
                                          const char *which)
{
    char own[NAME_SIZE];
    if (!ends_in(name, "weight", 6))
        return NULL;
    snprintf(own, sizeof own, "%.*s%s", stem_size(name), name, which);
    return pl_bundle_tensor(bundle, own);
}

/* The model's document without its adapters and without the training that made them. */
static enum pl_status write_plain(struct pl_context *context, const struct pl_meta_node *model,
                                  int64_t parameters, struct pl_writer *writer)
{
    struct pl_meta meta = {0};
    struct pl_meta_node *root = pl_meta_add_map(context, &meta, NULL, NULL);
    for (const struct pl_meta_node *node = model->child; node; node = node->next) {
        if (strcmp(node->key, "parameters") == 0)
            pl_meta_add_int(context, &meta, root, "parameters", parameters);
        else if (strcmp(node->key, "lora") != 0 && strcmp(node->key, "training") != 0)
            pl_meta_add_copy(context, &meta, root, NULL, node);
    }
    enum pl_status status = pl_meta_ok(&meta, context) ? PL_OK : context->status;
    if (!status)
        status = pl_writer_kind(context, writer, "model");
    if (!status)
        status = pl_writer_meta(context, writer, "model", meta.root);
    pl_meta_release(&meta);
    return status;
}

static bool is_kept(const char *name)
{
    const enum pl_tensor_role role = pl_model_role(name);
    return role == PL_ROLE_TOKENIZER || (role == PL_ROLE_WEIGHT && !is_adapter(name));
}

static enum pl_status merge(struct pl_context *context, const struct pl_bundle *bundle,
                            const struct pl_meta_node *model, const struct pl_lm_lora *lora,
                            struct pl_writer *writer)
{
    const double scale = lora->alpha / (double)lora->rank;
    int64_t parameters = 0;
    for (size_t i = 0; i < bundle->tensor_count; i++)
        if (is_kept(bundle->tensors[i].name) &&
            pl_model_role(bundle->tensors[i].name) == PL_ROLE_WEIGHT)
            parameters += pl_tensor_count(&bundle->tensors[i].tensor);
    enum pl_status status = write_plain(context, model, parameters, writer);
    for (size_t i = 0; i < bundle->tensor_count && !status; i++) {
        const char *name = bundle->tensors[i].name;
        const struct pl_tensor *a = adapter_of(bundle, name, "lora_a");
        const struct pl_tensor *b = adapter_of(bundle, name, "lora_b");
        if (!is_kept(name))
            continue;
        status =
            a && b
                ? write_merged(context, name, &bundle->tensors[i].tensor, a, b, scale, writer)
                : pl_writer_tensor(context, writer, name, &bundle->tensors[i].tensor, PL_CODEC_RAW);
    }
    return status;
}

enum pl_status pl_lora_merge(struct pl_context *context, const struct pl_bundle *bundle,
                             struct pl_writer *writer)
{
    const struct pl_meta_node *model = pl_bundle_document(bundle, "model");
    struct pl_lm_lora lora = {0};
    if (!model)
        return pl_fail(context, PL_BAD_DATA, "%s: expected a model, found none", bundle->source);
    if (pl_lora_read(context, model, &lora))
        return pl_fail_at(context, "%s: meta model", bundle->source);
    if (!lora.rank)
        return pl_fail(context, PL_BAD_DATA, "%s: the model has no adapters to merge",
                       bundle->source);
    return merge(context, bundle, model, &lora, writer);
}
