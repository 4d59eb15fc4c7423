/* What the streams of trained models have in common: see model_stream.h.
 * SPDX-License-Identifier: MIT */
#include "models/model_stream.h"

#include <string.h>

#include "autograd/parameters.h"

enum pl_tensor_role pl_model_role(const char *name)
{
    if (strncmp(name, "optim.", 6) == 0)
        return PL_ROLE_OPTIMISER;
    if (strncmp(name, "rws.undo.", 9) == 0)
        return PL_ROLE_UNDO;
    return strcmp(name, "tokenizer.json") == 0 ? PL_ROLE_TOKENIZER : PL_ROLE_WEIGHT;
}

bool pl_model_is_statistic(const char *name)
{
    static const char *const ends[] = {"running_mean", "running_var", "num_batches_tracked"};
    const size_t size = strlen(name);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const size_t end = strlen(ends[i]);
        if (size >= end && strcmp(name + size - end, ends[i]) == 0)
            return true;
    }
    return false;
}

/* ---- Configuration ----------------------------------------------------------------------- */

/* NULL when it names none of that family. */
static const struct pl_model_type *type_of(const struct pl_meta_node *root,
                                           enum pl_model_family family)
{
    struct pl_context quiet = {0};
    const char *name = NULL;
    if (!root || pl_meta_text(&quiet, root, "type", &name) || !name)
        return NULL;
    const struct pl_model_type *type = pl_model_find(name);
    return type && type->family == family ? type : NULL;
}

const struct pl_model_type *pl_model_type_of(const struct pl_bundle *bundle,
                                             enum pl_model_family family)
{
    return type_of(pl_bundle_document(bundle, "model"), family);
}

struct pl_meta_node *pl_model_document(struct pl_context *context, struct pl_meta *meta,
                                       const struct pl_model_type *type, const void *options,
                                       const struct pl_parameters *parameters)
{
    struct pl_meta_node *root = pl_meta_add_map(context, meta, NULL, NULL);
    pl_meta_add_text(context, meta, root, "type", type->name);
    pl_meta_add_int(context, meta, root, "parameters", parameters->elements);
    struct pl_meta_node *node = pl_meta_add_map(context, meta, root, "configuration");
    for (const struct pl_option *option = type->options; option->name; option++)
        pl_option_write(context, option, options, meta, node);
    return root;
}

static enum pl_status read_setting(struct pl_context *context, struct pl_arena *arena,
                                   const struct pl_meta_node *node, const char **setting)
{
    size_t key = strlen(node->key), size = key + 1 + node->text_size;
    char *text = pl_arena_new(context, arena, size + 1, 1);
    if (!text)
        return context->status;
    memcpy(text, node->key, key);
    text[key] = '=';
    if (node->text_size)
        memcpy(text + key + 1, node->text, node->text_size);
    *setting = text;
    return PL_OK;
}

/* Says what stands in the place of the type. */
static enum pl_status refuse_type(struct pl_context *context, const struct pl_meta_node *root,
                                  enum pl_model_family family)
{
    static const char *const what[] = {
        [PL_FAMILY_LINEAR] = "a forecaster",
        [PL_FAMILY_BASELINE] = "a baseline",
        [PL_FAMILY_LANGUAGE] = "a language model",
        [PL_FAMILY_IMAGE] = "a classifier of pictures",
    };
    const char *name = "";
    if (!root)
        return pl_fail(context, PL_BAD_DATA, "there is no document 'model'");
    if (pl_meta_text(context, root, "type", &name))
        return context->status;
    return pl_fail(context, PL_BAD_DATA, "'%s' is not the type of %s", name, what[family]);
}

enum pl_status pl_model_settings(struct pl_context *context, struct pl_arena *arena,
                                 const struct pl_meta_node *root, enum pl_model_family family,
                                 struct pl_model_settings *settings)
{
    *settings = (struct pl_model_settings){.type = type_of(root, family)};
    if (!settings->type)
        return refuse_type(context, root, family);
    const struct pl_meta_node *map = pl_meta_find(root, "configuration");
    const char **texts = pl_arena_new(context, arena, map ? map->count : 0, sizeof *texts);
    enum pl_status status = texts ? PL_OK : context->status;
    settings->items = texts;
    for (const struct pl_meta_node *node = map && map->kind == PL_META_MAP ? map->child : NULL;
         node && !status; node = node->next)
        if (node->kind == PL_META_SCALAR)
            status = read_setting(context, arena, node, &texts[settings->count++]);
    return status;
}

/* ---- Comparing ----------------------------------------------------------------------------- */

/* Settings whose value in words may differ though the models do not. */
static bool is_told_otherwise(const char *key)
{
    static const char *const keys[] = {
        "init",  "chunk",    "aux",      "aux-mode",                /* of training and speed */
        "mlp",   "kv-heads", "head-dim", "v-heads",  "feature-dim", /* 0, or what it stands for */
        "dense", "widths",   "kernel",   "blocks"                   /* one number, or one a layer */
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

static enum pl_status compare_setting(struct pl_context *context,
                                      const struct pl_bundle *bundles[2],
                                      const struct pl_meta_node *a, const struct pl_meta_node *b)
{
    if (!a || !b || a->kind != PL_META_SCALAR || b->kind != PL_META_SCALAR ||
        strcmp(a->text, b->text) == 0)
        return PL_OK;
    return pl_fail(context, PL_BAD_DATA,
                   "%s: meta model: %s is '%s', and '%s' in %s: with the same weights they do not "
                   "compute the same",
                   bundles[1]->source, a->key, b->text, a->text, bundles[0]->source);
}

enum pl_status pl_model_compare(struct pl_context *context, const struct pl_bundle *a,
                                const struct pl_bundle *b)
{
    static const char *const paths[] = {"type", "lora.alpha"};
    const struct pl_bundle *bundles[] = {a, b};
    const struct pl_meta_node *of_a = pl_bundle_document(a, "model");
    const struct pl_meta_node *of_b = pl_bundle_document(b, "model");
    enum pl_status status = PL_OK;
    if (!of_a || !of_b)
        return PL_OK;
    for (size_t i = 0; i < sizeof paths / sizeof *paths && !status; i++)
        status = compare_setting(context, bundles, pl_meta_find(of_a, paths[i]),
                                 pl_meta_find(of_b, paths[i]));
    const struct pl_meta_node *map = pl_meta_find(of_a, "configuration");
    of_b = pl_meta_find(of_b, "configuration");
    for (const struct pl_meta_node *node = map && of_b ? map->child : NULL; node && !status;
         node = node->next)
        if (node->key && !is_told_otherwise(node->key))
            status = compare_setting(context, bundles, node, pl_meta_find(of_b, node->key));
    return status;
}

/* ---- Parameters -------------------------------------------------------------------------- */

enum pl_status pl_parameters_write(struct pl_context *context,
                                   const struct pl_parameters *parameters, struct pl_writer *writer)
{
    for (size_t i = 0; i < parameters->count; i++) {
        const struct pl_parameter *parameter = parameters->items[i];
        const struct pl_variable *variable = &parameter->variable;
        struct pl_tensor view =
            pl_tensor_view(PL_REAL_DTYPE, variable->rank, variable->dims, variable->value);
        if (pl_writer_tensor(context, writer, parameter->name, &view, PL_CODEC_RAW))
            return context->status;
    }
    return PL_OK;
}

/* Adds one line to the list of what does not fit. */
static enum pl_status complain(struct pl_context *context, struct pl_buffer *list, const char *what,
                               const char *name)
{
    return pl_buffer_printf(context, list, "%s%s '%s'", list->size ? ", " : "", what, name);
}

/* "wrong shape of 'x': [3, 2] instead of [3, 4]" */
static enum pl_status complain_shape(struct pl_context *context, struct pl_buffer *list,
                                     const struct pl_parameter *parameter,
                                     const struct pl_tensor *tensor)
{
    const struct pl_variable *variable = &parameter->variable;
    enum pl_status status = complain(context, list, "wrong shape of", parameter->name);
    if (!status)
        status = pl_buffer_text(context, list, ": ");
    if (!status)
        status = pl_shape_text(context, list, tensor->rank, tensor->dims);
    if (!status)
        status = pl_buffer_text(context, list, " instead of ");
    return status ? status : pl_shape_text(context, list, variable->rank, variable->dims);
}

static bool is_extra(const struct pl_parameters *parameters, const char *name)
{
    return pl_model_role(name) == PL_ROLE_WEIGHT && !pl_parameter_find(parameters, name);
}

static enum pl_status compare_names(struct pl_context *context,
                                    const struct pl_parameters *parameters,
                                    const struct pl_bundle *bundle, struct pl_buffer *list)
{
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < parameters->count && !status; i++) {
        const struct pl_parameter *parameter = parameters->items[i];
        const struct pl_variable *variable = &parameter->variable;
        const struct pl_tensor *tensor = pl_bundle_tensor(bundle, parameter->name);
        if (!tensor)
            status = complain(context, list, "missing", parameter->name);
        else if (tensor->rank != variable->rank ||
                 memcmp(tensor->dims, variable->dims,
                        (size_t)tensor->rank * sizeof *tensor->dims) != 0)
            status = complain_shape(context, list, parameter, tensor);
        else if (!pl_dtype_is_float(tensor->dtype))
            status = complain(context, list, "no float numbers in", parameter->name);
    }
    for (size_t i = 0; i < bundle->tensor_count && !status; i++)
        if (is_extra(parameters, bundle->tensors[i].name))
            status = complain(context, list, "unknown", bundle->tensors[i].name);
    return status;
}

static enum pl_status read_values(struct pl_context *context, struct pl_parameter *parameter,
                                  const struct pl_tensor *tensor)
{
    struct pl_variable *variable = &parameter->variable;
    if (pl_convert(context, tensor->data, tensor->dtype, variable->value, PL_REAL_DTYPE,
                   variable->count))
        return pl_fail_at(context, "'%s'", parameter->name);
    for (int64_t i = 0; i < variable->count; i++)
        if (!isfinite(variable->value[i]))
            return pl_fail(context, PL_BAD_DATA, "'%s': element %lld is %g: the model is damaged",
                           parameter->name, (long long)i, (double)variable->value[i]);
    return PL_OK;
}

enum pl_status pl_parameters_read(struct pl_context *context, struct pl_parameters *parameters,
                                  const struct pl_bundle *bundle, const char *type)
{
    struct pl_buffer list = {0};
    enum pl_status status = compare_names(context, parameters, bundle, &list);
    if (!status && list.size)
        status =
            pl_fail(context, PL_BAD_DATA, "not the parameters of this %s: %s", type, list.data);
    pl_buffer_release(&list);
    if (!status)
        status = pl_parameters_values(context, parameters);
    for (size_t i = 0; i < parameters->count && !status; i++)
        status = read_values(context, parameters->items[i],
                             pl_bundle_tensor(bundle, parameters->items[i]->name));
    return status;
}
