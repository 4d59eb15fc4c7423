/* A language model as a stream: see lm_stream.h.
 * SPDX-License-Identifier: MIT */
#include "models/lm_stream.h"

#include <stdlib.h>
#include <string.h>

#include "models/lora.h"

/* ---- Writing ----------------------------------------------------------------------------- */

enum pl_status pl_lm_write_document(struct pl_context *context, const struct pl_lm *lm,
                                    const struct pl_meta_node *training, struct pl_writer *writer)
{
    struct pl_meta meta = {0};
    struct pl_meta_node *root = pl_meta_add_map(context, &meta, NULL, NULL);
    pl_meta_add_text(context, &meta, root, "type", lm->type->name);
    pl_meta_add_int(context, &meta, root, "parameters", lm->parameters.elements);
    pl_meta_add_int(context, &meta, root, "sequence", lm->sequence);
    struct pl_meta_node *node = pl_meta_add_map(context, &meta, root, "configuration");
    for (const struct pl_option *option = lm->type->options; option->name; option++)
        pl_option_write(context, option, lm->options, &meta, node);
    if (lm->lora.rank)
        pl_lora_write(context, &lm->lora, &meta, root);
    if (training)
        pl_meta_add_copy(context, &meta, root, "training", training);
    enum pl_status status = pl_meta_ok(&meta, context)
                                ? pl_writer_meta(context, writer, "model", meta.root)
                                : context->status;
    pl_meta_release(&meta);
    return status;
}

enum pl_status pl_lm_write(struct pl_context *context, const struct pl_lm *lm,
                           const struct pl_meta_node *training, struct pl_writer *writer)
{
    if (pl_writer_kind(context, writer, "model") ||
        pl_lm_write_document(context, lm, training, writer))
        return context->status;
    if (lm->tokenizer) {
        const int64_t size = (int64_t)lm->tokenizer_size;
        struct pl_tensor bytes = pl_tensor_view(PL_U8, 1, &size, lm->tokenizer);
        if (pl_writer_tensor(context, writer, "tokenizer.json", &bytes, PL_CODEC_RAW))
            return context->status;
    }
    for (size_t i = 0; i < lm->parameters.count; i++) {
        const struct pl_parameter *parameter = lm->parameters.items[i];
        const struct pl_variable *variable = &parameter->variable;
        struct pl_tensor view =
            pl_tensor_view(PL_REAL_DTYPE, variable->rank, variable->dims, variable->value);
        if (pl_writer_tensor(context, writer, parameter->name, &view, PL_CODEC_RAW))
            return context->status;
    }
    return PL_OK;
}

/* ---- Reading ----------------------------------------------------------------------------- */

bool pl_lm_is(const struct pl_bundle *bundle)
{
    struct pl_context quiet = {0};
    const struct pl_meta_node *root = pl_bundle_document(bundle, "model");
    const char *name = NULL;
    if (!root || pl_meta_text(&quiet, root, "type", &name) || !name)
        return false;
    const struct pl_model_type *type = pl_model_find(name);
    return type && type->family == PL_FAMILY_LANGUAGE;
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

static enum pl_status read_lora(struct pl_context *context, struct pl_lm *lm,
                                const struct pl_meta_node *root)
{
    struct pl_lm_lora lora;
    if (pl_lora_read(context, root, &lora))
        return context->status;
    return lora.rank ? pl_lora_attach(context, lm, &lora) : PL_OK;
}

enum pl_status pl_lm_declare(struct pl_context *context, struct pl_lm *lm,
                             const struct pl_meta_node *root)
{
    const char *name = "";
    int64_t sequence = 0;
    *lm = (struct pl_lm){0};
    if (!root)
        return pl_fail(context, PL_BAD_DATA, "there is no document 'model'");
    if (pl_meta_text(context, root, "type", &name) ||
        pl_meta_int(context, root, "sequence", &sequence))
        return pl_fail_at(context, "meta model");
    const struct pl_model_type *type = pl_model_find(name);
    if (!type || type->family != PL_FAMILY_LANGUAGE)
        return pl_fail(context, PL_BAD_DATA, "meta model: '%s' is not the type of a language model",
                       name);
    const struct pl_meta_node *map = pl_meta_find(root, "configuration");
    struct pl_arena arena = {0};
    const size_t count = map ? map->count : 0;
    size_t settings = 0;
    const char **texts = pl_arena_new(context, &arena, count, sizeof *texts);
    enum pl_status status = texts ? PL_OK : context->status;
    for (const struct pl_meta_node *node = map && map->kind == PL_META_MAP ? map->child : NULL;
         node && !status; node = node->next)
        if (node->kind == PL_META_SCALAR)
            status = read_setting(context, &arena, node, &texts[settings++]);
    if (!status)
        status = pl_lm_init(context, lm, type, texts, settings, 0);
    if (!status)
        status = read_lora(context, lm, root);
    if (status == PL_USAGE) /* of whoever wrote the stream, not of who reads it */
        context->status = PL_BAD_DATA;
    pl_arena_release(&arena);
    if (status)
        return pl_fail_at(context, "meta model");
    lm->sequence = sequence > 0 ? sequence : 0;
    return PL_OK;
}

/* Adds one line to the list of what does not fit. */
static enum pl_status complain(struct pl_context *context, struct pl_buffer *list, const char *what,
                               const char *name)
{
    return pl_buffer_printf(context, list, "%s%s '%s'", list->size ? ", " : "", what, name);
}

static bool is_extra(const struct pl_lm *lm, const char *name)
{
    return strncmp(name, "optim.", 6) != 0 && strcmp(name, "tokenizer.json") != 0 &&
           !pl_parameter_find(&lm->parameters, name);
}

static enum pl_status compare_names(struct pl_context *context, const struct pl_lm *lm,
                                    const struct pl_bundle *bundle, struct pl_buffer *list)
{
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < lm->parameters.count && !status; i++) {
        const struct pl_parameter *parameter = lm->parameters.items[i];
        const struct pl_variable *variable = &parameter->variable;
        const struct pl_tensor *tensor = pl_bundle_tensor(bundle, parameter->name);
        if (!tensor)
            status = complain(context, list, "missing", parameter->name);
        else if (tensor->rank != variable->rank ||
                 memcmp(tensor->dims, variable->dims,
                        (size_t)tensor->rank * sizeof *tensor->dims) != 0)
            status = complain(context, list, "wrong shape of", parameter->name);
        else if (!pl_dtype_is_float(tensor->dtype))
            status = complain(context, list, "no float numbers in", parameter->name);
    }
    for (size_t i = 0; i < bundle->tensor_count && !status; i++)
        if (is_extra(lm, bundle->tensors[i].name))
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

static enum pl_status read_parameters(struct pl_context *context, struct pl_lm *lm,
                                      const struct pl_bundle *bundle)
{
    struct pl_buffer list = {0};
    enum pl_status status = compare_names(context, lm, bundle, &list);
    if (!status && list.size)
        status = pl_fail(context, PL_BAD_DATA, "not the parameters of this %s: %s", lm->type->name,
                         list.data);
    pl_buffer_release(&list);
    if (!status)
        status = pl_parameters_values(context, &lm->parameters);
    for (size_t i = 0; i < lm->parameters.count && !status; i++)
        status = read_values(context, lm->parameters.items[i],
                             pl_bundle_tensor(bundle, lm->parameters.items[i]->name));
    return status;
}

enum pl_status pl_lm_read(struct pl_context *context, struct pl_lm *lm,
                          const struct pl_bundle *bundle)
{
    *lm = (struct pl_lm){0};
    if (pl_lm_declare(context, lm, pl_bundle_document(bundle, "model")) ||
        read_parameters(context, lm, bundle))
        return pl_fail_at(context, "%s", bundle->source);
    const struct pl_tensor *tokenizer = pl_bundle_tensor(bundle, "tokenizer.json");
    if (tokenizer) {
        lm->tokenizer_size = pl_tensor_bytes(tokenizer);
        lm->tokenizer = pl_copy_bytes(context, tokenizer->data, lm->tokenizer_size);
        if (!lm->tokenizer)
            return context->status;
    }
    return PL_OK;
}
