/* A language model as a stream: see lm_stream.h.
 * SPDX-License-Identifier: MIT */
#include "models/lm_stream.h"

#include "models/lora.h"
#include "models/model_stream.h"

/* ---- Writing ----------------------------------------------------------------------------- */

enum pl_status pl_lm_write_document(struct pl_context *context, const struct pl_lm *lm,
                                    const struct pl_meta_node *training, struct pl_writer *writer)
{
    struct pl_meta meta = {0};
    struct pl_meta_node *root =
        pl_model_document(context, &meta, lm->type, lm->options, &lm->parameters);
    pl_meta_add_int(context, &meta, root, "sequence", lm->sequence);
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
    return pl_parameters_write(context, &lm->parameters, writer);
}

/* ---- Reading ----------------------------------------------------------------------------- */

bool pl_lm_is(const struct pl_bundle *bundle)
{
    return pl_model_type_of(bundle, PL_FAMILY_LANGUAGE) != NULL;
}

static enum pl_status read_lora(struct pl_context *context, struct pl_lm *lm,
                                const struct pl_meta_node *root)
{
    struct pl_lm_lora lora;
    if (pl_lora_read(context, root, &lora))
        return context->status;
    return lora.rank ? pl_lora_attach(context, lm, &lora) : PL_OK;
}

/* Warnings of a configuration are for who is about to train it: not of a model that there is. */
static enum pl_status init_silently(struct pl_context *context, struct pl_lm *lm,
                                    const struct pl_model_settings *settings)
{
    void (*warn)(void *user, const char *message) = context->warn;
    context->warn = NULL;
    enum pl_status status =
        pl_lm_init(context, lm, settings->type, settings->items, settings->count, 0);
    context->warn = warn;
    return status;
}

enum pl_status pl_lm_declare(struct pl_context *context, struct pl_lm *lm,
                             const struct pl_meta_node *root)
{
    struct pl_arena arena = {0};
    struct pl_model_settings settings;
    int64_t sequence = 0;
    *lm = (struct pl_lm){0};
    enum pl_status status = pl_model_settings(context, &arena, root, PL_FAMILY_LANGUAGE, &settings);
    if (!status)
        status = pl_meta_int(context, root, "sequence", &sequence);
    if (!status)
        status = init_silently(context, lm, &settings);
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

enum pl_status pl_lm_read(struct pl_context *context, struct pl_lm *lm,
                          const struct pl_bundle *bundle)
{
    *lm = (struct pl_lm){0};
    if (pl_lm_declare(context, lm, pl_bundle_document(bundle, "model")) ||
        pl_parameters_read(context, &lm->parameters, bundle, lm->type->name))
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
