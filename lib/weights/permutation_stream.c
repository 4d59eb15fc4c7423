/* Permutations as a stream of kind `permutation`.
 * SPDX-License-Identifier: MIT */
#include "weights/permutation_stream.h"

#include <stdio.h>
#include <stdlib.h>

#include "weights/permutation.h"

enum { SUM_SIZE = 12 };

static enum pl_status write_document(struct pl_context *context,
                                     const struct pl_permutation_spec *spec, uint32_t sum_a,
                                     uint32_t sum_b, struct pl_writer *writer)
{
    struct pl_meta meta = {.name = "permutation"}, inner = {.name = "spec"};
    char text[SUM_SIZE];
    struct pl_meta_node *root = pl_meta_add_map(context, &meta, NULL, NULL);
    enum pl_status status = pl_spec_write(context, spec, &inner);
    snprintf(text, sizeof text, "x%08x", sum_a);
    pl_meta_add_text(context, &meta, root, "a", text);
    snprintf(text, sizeof text, "x%08x", sum_b);
    pl_meta_add_text(context, &meta, root, "b", text);
    if (!status)
        pl_meta_add_copy(context, &meta, root, "spec", inner.root);
    if (!status && !pl_meta_ok(&meta, context))
        status = context->status;
    if (!status)
        status = pl_writer_meta(context, writer, "permutation", root);
    pl_meta_release(&inner);
    pl_meta_release(&meta);
    return status;
}

static enum pl_status write_group(struct pl_context *context, const struct pl_spec_group *group,
                                  const int64_t *permutation, struct pl_writer *writer)
{
    struct pl_tensor tensor;
    char name[PL_NAME_MAX + 8];
    snprintf(name, sizeof name, "perm.%s", group->name);
    if (pl_tensor_init(context, &tensor, PL_I32, 1, &group->size))
        return context->status;
    enum pl_status status =
        pl_convert(context, permutation, PL_I64, tensor.data, PL_I32, group->size);
    if (!status)
        status = pl_writer_tensor(context, writer, name, &tensor, PL_CODEC_RAW);
    pl_tensor_release(&tensor);
    return status;
}

enum pl_status pl_permutations_write(struct pl_context *context,
                                     const struct pl_permutation_spec *spec,
                                     const struct pl_permutations *permutations, uint32_t sum_a,
                                     uint32_t sum_b, struct pl_writer *writer)
{
    enum pl_status status = pl_writer_kind(context, writer, "permutation");
    if (!status)
        status = write_document(context, spec, sum_a, sum_b, writer);
    for (size_t g = 0; g < spec->group_count && !status; g++)
        status = write_group(context, &spec->groups[g], permutations->items[g], writer);
    return status;
}

enum pl_status pl_permutations_spec(struct pl_context *context, const struct pl_bundle *bundle,
                                    struct pl_permutation_spec *spec)
{
    const struct pl_meta_node *document =
        pl_meta_find(pl_bundle_document(bundle, "permutation"), "spec");
    if (!document)
        return pl_fail(context, PL_BAD_DATA, "%s: expected permutations, found %s", bundle->source,
                       pl_bundle_kind(bundle));
    if (pl_spec_read(context, spec, document))
        return pl_fail_at(context, "%s: meta permutation", bundle->source);
    return PL_OK;
}

static enum pl_status read_group(struct pl_context *context, const struct pl_bundle *bundle,
                                 const struct pl_spec_group *group, int64_t *permutation)
{
    char name[PL_NAME_MAX + 8];
    snprintf(name, sizeof name, "perm.%s", group->name);
    const struct pl_tensor *tensor = pl_bundle_tensor(bundle, name);
    bool *seen = pl_new(context, (size_t)group->size, sizeof *seen);
    enum pl_status status = seen ? PL_OK : context->status;
    if (!status && (!tensor || tensor->rank != 1 || tensor->dims[0] != group->size ||
                    pl_dtype_is_float(tensor->dtype)))
        status = pl_fail(context, PL_BAD_DATA, "%s: no tensor '%s' of %lld integers",
                         bundle->source, name, (long long)group->size);
    if (!status)
        status = pl_convert(context, tensor->data, tensor->dtype, permutation, PL_I64, group->size);
    if (!status && !pl_permutation_is_valid(permutation, group->size, seen))
        status = pl_fail(context, PL_BAD_DATA, "%s: '%s' is no permutation", bundle->source, name);
    free(seen);
    return status;
}

enum pl_status pl_permutations_read(struct pl_context *context, const struct pl_bundle *bundle,
                                    const struct pl_permutation_spec *spec,
                                    struct pl_permutations *permutations)
{
    enum pl_status status = PL_OK;
    for (size_t g = 0; g < spec->group_count && !status; g++)
        status = read_group(context, bundle, &spec->groups[g], permutations->items[g]);
    return status;
}
