/* Weights of other programs made models: see model_import.h.
 * SPDX-License-Identifier: MIT */
#include "models/model_import.h"

#include "models/image_import.h"
#include "models/image_stream.h"
#include "models/registry.h"

typedef enum pl_status importer(struct pl_context *context, const struct pl_model_type *type,
                                const char *const *settings, size_t count,
                                const struct pl_bundle *weights, struct pl_writer *writer);

static enum pl_status import_image(struct pl_context *context, const struct pl_model_type *type,
                                   const char *const *settings, size_t count,
                                   const struct pl_bundle *weights, struct pl_writer *writer)
{
    struct pl_image_net net;
    enum pl_status status = pl_image_import(context, &net, type, settings, count, weights);
    if (!status)
        status = pl_image_write(context, &net, NULL, writer);
    pl_image_release(&net);
    return status;
}

/* The families whose models can be made so. */
static importer *importer_of(const struct pl_model_type *type)
{
    static importer *const importers[] = {
        [PL_FAMILY_IMAGE] = import_image,
    };
    size_t family = (size_t)type->family;
    return family < sizeof importers / sizeof *importers ? importers[family] : NULL;
}

static enum pl_status unknown_type(struct pl_context *context, const char *name)
{
    struct pl_buffer list = {0};
    enum pl_status status = PL_OK;
    for (const struct pl_model_type *type = pl_models; type->name && !status; type++)
        if (importer_of(type))
            status = pl_buffer_printf(context, &list, "%s%s", list.size ? ", " : "", type->name);
    if (!status)
        status = pl_fail(context, PL_USAGE, "--model %s: not one of %s", name, list.data);
    pl_buffer_release(&list);
    return status;
}

enum pl_status pl_model_import(struct pl_context *context, const char *name,
                               const char *const *settings, size_t count,
                               const struct pl_bundle *weights, struct pl_writer *writer)
{
    const struct pl_model_type *type = pl_model_find(name);
    if (!type || !importer_of(type))
        return unknown_type(context, name);
    return importer_of(type)(context, type, settings, count, weights, writer);
}

const char *pl_model_import_key(size_t index)
{
    for (const struct pl_model_type *type = pl_models; type->name; type++)
        for (const struct pl_option *option = type->options; importer_of(type) && option->name;
             option++)
            if (index-- == 0)
                return option->name;
    return NULL;
}
