/* A codebook as a stream: see vq.h.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "quantize/vq.h"

/* The options that are kept. */
struct kept {
    struct pl_vq_options options;
};
static const struct pl_option rows[] = {PL_VQ_OPTIONS(struct kept, options), PL_OPTIONS_END};

/* ---- Writing ------------------------------------------------------------------------------ */

static enum pl_status write_document(struct pl_context *context, const struct pl_vq *vq,
                                     const struct pl_meta_node *training, struct pl_writer *writer)
{
    const struct kept kept = {.options = vq->options};
    struct pl_meta meta = {0};
    struct pl_meta_node *root = pl_meta_add_map(context, &meta, NULL, NULL);
    pl_meta_add_text(context, &meta, root, "type", "vq");
    pl_meta_add_int(context, &meta, root, "parameters", vq->parameters.elements);
    pl_meta_add_int(context, &meta, root, "size", vq->size);
    pl_cut_write(context, &vq->cut, &meta, root);
    struct pl_meta_node *map = pl_meta_add_map(context, &meta, root, "configuration");
    for (const struct pl_option *row = rows; row->name; row++)
        pl_option_write(context, row, &kept, &meta, map);
    if (training)
        pl_meta_add_copy(context, &meta, root, "training", training);
    enum pl_status status = pl_meta_ok(&meta, context)
                                ? pl_writer_meta(context, writer, "model", meta.root)
                                : context->status;
    pl_meta_release(&meta);
    return status;
}

enum pl_status pl_vq_write(struct pl_context *context, const struct pl_vq *vq,
                           const struct pl_meta_node *training, struct pl_writer *writer)
{
    enum pl_status status = pl_writer_kind(context, writer, "codebook");
    if (status == PL_OK)
        status = write_document(context, vq, training, writer);
    for (size_t i = 0; i < vq->parameters.count && status == PL_OK; i++) {
        const struct pl_parameter *parameter = vq->parameters.items[i];
        const struct pl_variable *variable = &parameter->variable;
        struct pl_tensor view =
            pl_tensor_view(PL_REAL_DTYPE, variable->rank, variable->dims, variable->value);
        status = pl_writer_tensor(context, writer, parameter->name, &view, PL_CODEC_RAW);
    }
    return status;
}

/* ---- Reading ------------------------------------------------------------------------------ */

static enum pl_status read_configuration(struct pl_context *context, const struct pl_meta_node *map,
                                         struct kept *kept)
{
    enum pl_status status = pl_option_defaults(context, rows, kept);
    for (const struct pl_meta_node *node = map ? map->child : NULL; node && status == PL_OK;
         node = node->next) {
        const struct pl_option *row = node->key ? pl_option_find(rows, node->key) : NULL;
        if (!row || node->kind != PL_META_SCALAR)
            return pl_fail(context, PL_BAD_DATA, "configuration: unknown key '%s'",
                           node->key ? node->key : "");
        status = pl_option_set_as(context, row, kept, node->key, node->text);
    }
    return status;
}

/* The codebook that the document describes, without values. */
static enum pl_status read_document(struct pl_context *context, struct pl_vq *vq,
                                    const struct pl_meta_node *root)
{
    struct kept kept = {0};
    struct pl_cut cut;
    int64_t size = 0;
    enum pl_status status = read_configuration(context, pl_meta_find(root, "configuration"), &kept);
    if (status == PL_OK)
        status = pl_meta_int(context, root, "size", &size);
    if (status == PL_OK)
        status = pl_cut_read(context, root, &cut);
    if (status == PL_OK && size < 1)
        status = pl_fail(context, PL_BAD_DATA, "size: not a number of numbers in a vector");
    if (status == PL_OK)
        status = pl_vq_init(context, vq, &kept.options, &cut, size);
    if (status == PL_USAGE) /* of whoever wrote the stream, not of who reads it */
        context->status = PL_BAD_DATA;
    return status ? pl_fail_at(context, "meta 'model'") : PL_OK;
}

enum pl_status pl_vq_read_values(struct pl_context *context, struct pl_vq *vq,
                                 const struct pl_bundle *bundle)
{
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < vq->parameters.count && status == PL_OK; i++) {
        const struct pl_parameter *parameter = vq->parameters.items[i];
        const struct pl_variable *variable = &parameter->variable;
        const struct pl_tensor *tensor = pl_bundle_tensor(bundle, parameter->name);
        if (!tensor)
            return pl_fail(context, PL_BAD_DATA, "a codebook without tensor '%s'", parameter->name);
        status = pl_tensor_expect(context, tensor, parameter->name, tensor->dtype, variable->rank,
                                  variable->dims);
    }
    if (status == PL_OK) /* memory is taken only now: the shapes are those of the file */
        status = pl_parameters_values(context, &vq->parameters);
    for (size_t i = 0; i < vq->parameters.count && status == PL_OK; i++) {
        const struct pl_parameter *parameter = vq->parameters.items[i];
        const struct pl_variable *variable = &parameter->variable;
        const struct pl_tensor *tensor = pl_bundle_tensor(bundle, parameter->name);
        status = pl_convert(context, tensor->data, tensor->dtype, variable->value, PL_REAL_DTYPE,
                            variable->count);
        for (int64_t k = 0; k < variable->count && status == PL_OK; k++)
            if (!isfinite(variable->value[k]))
                status = pl_fail(context, PL_BAD_DATA, "tensor '%s': element %lld is not finite",
                                 parameter->name, (long long)k);
    }
    return status;
}

enum pl_status pl_vq_read(struct pl_context *context, struct pl_vq *vq,
                          const struct pl_bundle *bundle)
{
    const struct pl_meta_node *root = pl_bundle_document(bundle, "model");
    const char *type = NULL;
    enum pl_status status = PL_OK;
    *vq = (struct pl_vq){0};
    if (root)
        status = pl_meta_text(context, root, "type", &type);
    if (status == PL_OK && (!type || strcmp(type, "vq") != 0))
        return pl_fail(context, PL_BAD_DATA, "%s: no codebook, but %s (vq-train makes codebooks)",
                       bundle->source, pl_bundle_kind(bundle));
    if (pl_meta_find(root, "training"))
        return pl_fail(
            context, PL_BAD_DATA,
            "%s: the checkpoint of a training, whose codes are not those of the data yet "
            "(vq-train --resume makes a codebook of it)",
            bundle->source);
    if (status == PL_OK)
        status = read_document(context, vq, root);
    if (status == PL_OK)
        status = pl_vq_read_values(context, vq, bundle);
    if (status == PL_OK)
        return PL_OK;
    pl_vq_release(vq);
    return pl_fail_at(context, "%s", bundle->source);
}
