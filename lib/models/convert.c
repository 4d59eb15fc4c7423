/* From a transformer to a linear model.
 * SPDX-License-Identifier: MIT */
#include "models/convert.h"

#include <stdlib.h>
#include <string.h>

#include "models/lm_stream.h"

enum { MOST_OPTIONS = 64 };

/* What the type calls an option of transformers; NULL: it has none such. */
static const char *new_name(const struct pl_model_type *type, const char *name)
{
    if (strcmp(name, "window") == 0) /* of softmax: the type has another one */
        return "softmax-window";
    return pl_option_find(type->options, name) ? name : NULL;
}

static const char *setting_of(struct pl_context *context, struct pl_arena *arena, const char *key,
                              const char *value)
{
    const size_t size = strlen(key) + strlen(value) + 2;
    char *text = pl_arena_new(context, arena, size, 1);
    if (text) {
        strcpy(text, key);
        strcat(text, "=");
        strcat(text, value);
    }
    return text;
}

enum pl_status pl_convert_init(struct pl_context *context, struct pl_lm *lm,
                               const struct pl_meta_node *transformer,
                               const struct pl_model_type *type, const char *const *settings,
                               size_t setting_count)
{
    *lm = (struct pl_lm){.type = type};
    struct pl_arena arena = {0};
    const struct pl_meta_node *configuration = pl_meta_find(transformer, "configuration");
    const char *name = "nothing", **all;
    size_t count = 0;
    if (pl_meta_text(context, transformer, "type", &name))
        return context->status;
    if (strcmp(name, "transformer") != 0)
        return pl_fail(context, PL_BAD_DATA,
                       "%s converts causal transformers; this is a model of "
                       "type %s",
                       type->name, name);
    all = pl_arena_new(context, &arena, MOST_OPTIONS + setting_count, sizeof *all);
    enum pl_status status = all ? PL_OK : context->status;
    for (const struct pl_meta_node *node = configuration ? configuration->child : NULL;
         node && !status && count < MOST_OPTIONS; node = node->next) {
        const char *key = node->kind == PL_META_SCALAR ? new_name(type, node->key) : NULL;
        if (!key)
            continue;
        all[count] = setting_of(context, &arena, key, node->text);
        status = all[count++] ? PL_OK : context->status;
    }
    for (size_t i = 0; i < setting_count && !status; i++)
        all[count++] = settings[i];
    if (!status)
        status = pl_lm_init(context, lm, type, all, count, 0);
    if (!status)
        status = pl_meta_int(context, transformer, "sequence", &lm->sequence);
    pl_arena_release(&arena);
    return status;
}

/* ---- A stream ------------------------------------------------------------------------------ */

static enum pl_status fail_at_source(struct pl_context *context, const struct pl_reader *reader)
{
    return pl_fail_at(context, "%s", pl_reader_name(reader));
}

/* The transformer's parameters, as its document describes them. */
static enum pl_status declare_teacher(struct pl_context *context, struct pl_conversion *conversion,
                                      const struct pl_meta_node *model)
{
    if (pl_meta_find(model, "lora"))
        return pl_fail(context, PL_BAD_DATA,
                       "the model has adapters: lin-convert --merge-lora merges them");
    return pl_lm_declare(context, &conversion->teacher, model);
}

static enum pl_status take_model(struct pl_context *context, struct pl_conversion *conversion,
                                 struct pl_reader *reader, struct pl_writer *writer)
{
    struct pl_meta meta = {0};
    struct pl_lm *lm = &conversion->lm;
    enum pl_status status = pl_reader_meta(context, reader, &meta);
    if (!status && lm->type)
        status = pl_fail(context, PL_BAD_DATA, "two documents 'model'");
    if (!status)
        status = pl_convert_init(context, lm, meta.root, conversion->type, conversion->settings,
                                 conversion->setting_count);
    if (!status)
        status = declare_teacher(context, conversion, meta.root);
    if (!status) {
        conversion->seen = pl_new(context, lm->parameters.count, sizeof *conversion->seen);
        status = conversion->seen ? PL_OK : context->status;
    }
    pl_meta_release(&meta);
    if (status)
        return status == PL_USAGE ? status : fail_at_source(context, reader);
    return pl_writer_kind(context, writer, "model")
               ? context->status
               : pl_lm_write_document(context, lm, NULL, writer);
}

static enum pl_status take_tensor(struct pl_context *context, struct pl_conversion *conversion,
                                  struct pl_reader *reader, const struct pl_header *header,
                                  struct pl_writer *writer)
{
    const struct pl_parameters *parameters = &conversion->lm.parameters;
    size_t i = 0;
    if (strncmp(header->name, "optim.", 6) == 0)
        return PL_OK;
    if (!conversion->seen)
        return pl_fail(context, PL_BAD_DATA, "%s: expected a model, found tensors without one",
                       pl_reader_name(reader));
    while (i < parameters->count && strcmp(parameters->items[i]->name, header->name) != 0)
        i++;
    if (i == parameters->count && strcmp(header->name, "tokenizer.json") != 0)
        return pl_fail(context, PL_BAD_DATA, "%s: tensor '%s' is none of a transformer",
                       pl_reader_name(reader), header->name);
    if (i < parameters->count) {
        const struct pl_variable *variable = &parameters->items[i]->variable;
        if (header->kind == PL_RECORD_TENSOR && !header->chunked &&
            (header->rank != variable->rank ||
             memcmp(header->dims, variable->dims, (size_t)header->rank * sizeof *header->dims) !=
                 0))
            return pl_fail(context, PL_BAD_DATA,
                           "%s: tensor '%s' has another shape than the model says",
                           pl_reader_name(reader), header->name);
        conversion->seen[i] = true;
    }
    return pl_writer_copy(context, writer, reader, NULL);
}

/* Its values are in memory only here: of a large model all of them together would be more than its
 * largest tensor. */
static enum pl_status add_parameter(struct pl_context *context, struct pl_conversion *conversion,
                                    struct pl_parameter *parameter, uint64_t seed,
                                    struct pl_writer *writer)
{
    struct pl_parameters *parameters = &conversion->lm.parameters;
    struct pl_variable *variable = &parameter->variable;
    const struct pl_arena_mark mark = pl_arena_mark(&parameters->arena);
    if (pl_parameter_start(context, parameters, parameter, seed,
                           pl_lm_options(&conversion->lm)->init))
        return context->status;
    const struct pl_tensor view =
        pl_tensor_view(PL_REAL_DTYPE, variable->rank, variable->dims, variable->value);
    conversion->added += variable->count;
    enum pl_status status = pl_writer_tensor(context, writer, parameter->name, &view, PL_CODEC_RAW);
    variable->value = NULL;
    pl_arena_rewind(&parameters->arena, mark);
    return status;
}

/* What the transformer should have had is missing; what is new is written. */
static enum pl_status finish(struct pl_context *context, struct pl_conversion *conversion,
                             const struct pl_reader *reader, uint64_t seed,
                             struct pl_writer *writer)
{
    const struct pl_parameters *parameters = &conversion->lm.parameters;
    struct pl_buffer missing = {0};
    enum pl_status status = PL_OK;
    if (!conversion->seen)
        return pl_fail(context, PL_BAD_DATA, "%s: expected a model, found none",
                       pl_reader_name(reader));
    for (size_t i = 0; i < parameters->count && !status; i++) {
        const char *name = parameters->items[i]->name;
        if (!conversion->seen[i] && pl_parameter_find(&conversion->teacher.parameters, name))
            status = pl_buffer_printf(context, &missing, "%s'%s'", missing.size ? ", " : "", name);
    }
    if (!status && missing.size)
        status = pl_fail(context, PL_BAD_DATA, "%s: missing %.900s", pl_reader_name(reader),
                         missing.data);
    pl_buffer_release(&missing);
    for (size_t i = 0; i < parameters->count && !status; i++)
        if (!conversion->seen[i])
            status = add_parameter(context, conversion, parameters->items[i], seed, writer);
    return status;
}

static enum pl_status take_record(struct pl_context *context, struct pl_conversion *conversion,
                                  struct pl_reader *reader, const struct pl_header *header,
                                  struct pl_writer *writer)
{
    switch (header->kind) {
    case PL_RECORD_META:
        if (strcmp(header->name, "model") == 0)
            return take_model(context, conversion, reader, writer);
        if (strcmp(header->name, "history") != 0)
            return PL_OK;
        pl_meta_release(&conversion->history);
        return pl_reader_meta(context, reader, &conversion->history);
    case PL_RECORD_TENSOR:
    case PL_RECORD_CHUNK:
    case PL_RECORD_CLOSE:
        return take_tensor(context, conversion, reader, header, writer);
    default:
        return PL_OK;
    }
}

enum pl_status pl_convert_stream(struct pl_context *context, struct pl_conversion *conversion,
                                 struct pl_reader *reader, uint64_t seed, struct pl_writer *writer)
{
    const struct pl_record *record;
    bool ended = false;
    while (!pl_reader_next(context, reader, &record) && record) {
        if (ended)
            return pl_fail(context, PL_BAD_DATA, "%s: holds more than one segment",
                           pl_reader_name(reader));
        ended = record->header.kind == PL_RECORD_END;
        if (take_record(context, conversion, reader, &record->header, writer))
            return context->status;
    }
    return context->status ? context->status : finish(context, conversion, reader, seed, writer);
}

void pl_conversion_release(struct pl_conversion *conversion)
{
    if (conversion->lm.type)
        pl_lm_release(&conversion->lm);
    if (conversion->teacher.type)
        pl_lm_release(&conversion->teacher);
    pl_meta_release(&conversion->history);
    free(conversion->seen);
}
