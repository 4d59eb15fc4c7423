/* A classifier of pictures as a stream: see image_stream.h.
 * SPDX-License-Identifier: MIT */
#include "models/image_stream.h"

#include "models/model_stream.h"

bool pl_image_is(const struct pl_bundle *bundle)
{
    return pl_model_type_of(bundle, PL_FAMILY_IMAGE) != NULL;
}

enum pl_status pl_image_write(struct pl_context *context, const struct pl_image_net *net,
                              const struct pl_meta_node *training, struct pl_writer *writer)
{
    struct pl_meta meta = {0};
    if (pl_writer_kind(context, writer, "model"))
        return context->status;
    struct pl_meta_node *root =
        pl_model_document(context, &meta, net->type, net->options, &net->parameters);
    if (training)
        pl_meta_add_copy(context, &meta, root, "training", training);
    enum pl_status status = pl_meta_ok(&meta, context)
                                ? pl_writer_meta(context, writer, "model", meta.root)
                                : context->status;
    pl_meta_release(&meta);
    return status ? status : pl_parameters_write(context, &net->parameters, writer);
}

static enum pl_status read_document(struct pl_context *context, struct pl_image_net *net,
                                    const struct pl_bundle *bundle)
{
    struct pl_arena arena = {0};
    struct pl_model_settings settings;
    enum pl_status status = pl_model_settings(context, &arena, pl_bundle_document(bundle, "model"),
                                              PL_FAMILY_IMAGE, &settings);
    if (!status)
        status = pl_image_init(context, net, settings.type, settings.items, settings.count, NULL);
    if (status == PL_USAGE) /* of whoever wrote the stream, not of who reads it */
        context->status = PL_BAD_DATA;
    pl_arena_release(&arena);
    return status ? pl_fail_at(context, "meta model") : PL_OK;
}

enum pl_status pl_image_read(struct pl_context *context, struct pl_image_net *net,
                             const struct pl_bundle *bundle)
{
    *net = (struct pl_image_net){0};
    if (!pl_image_is(bundle))
        return pl_fail(context, PL_BAD_DATA,
                       "%s: expected a classifier of pictures (mlp, cnn, resnet), found %s; "
                       "weights become one by ts-import --model",
                       bundle->source, pl_bundle_kind(bundle));
    if (read_document(context, net, bundle) ||
        pl_parameters_read(context, &net->parameters, bundle, net->type->name))
        return pl_fail_at(context, "%s", bundle->source);
    return PL_OK;
}
