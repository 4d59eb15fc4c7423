/* Signatures as streams of kind `signature`.
 * SPDX-License-Identifier: MIT */
#include "weights/signature_stream.h"

#include <stdio.h>
#include <string.h>

enum { SUM_SIZE = 12 };

static const char *const kinds[] = {"linear", "tanh", "log"};

static void write_sum(struct pl_context *context, struct pl_meta *meta, struct pl_meta_node *map,
                      const char *key, uint32_t sum)
{
    char text[SUM_SIZE];
    snprintf(text, sizeof text, "x%08x", sum);
    pl_meta_add_text(context, meta, map, key, text);
}

void pl_signature_write(struct pl_context *context, const struct pl_signature *signature,
                        struct pl_meta *meta, struct pl_meta_node *map)
{
    pl_meta_add_text(context, meta, map, "name", signature->name);
    write_sum(context, meta, map, "pre", signature->pre);
    write_sum(context, meta, map, "clean", signature->clean);
    write_sum(context, meta, map, "base", signature->base);
    pl_meta_add_int(context, meta, map, "layers", signature->layers);
    pl_meta_add_int(context, meta, map, "levels", signature->levels);
    pl_meta_add_text(context, meta, map, "quantiser", kinds[signature->kind]);
    struct pl_meta_node *list = pl_meta_add_list(context, meta, map, "tensors");
    for (size_t t = 0; t < signature->count; t++) {
        const struct pl_signature_tensor *tensor = &signature->tensors[t];
        struct pl_meta_node *entry = pl_meta_add_map(context, meta, list, NULL);
        pl_meta_add_text(context, meta, entry, "name", tensor->name);
        struct pl_meta_node *shape = pl_meta_add_list(context, meta, entry, "shape");
        for (int k = 0; k < tensor->rank; k++)
            pl_meta_add_int(context, meta, shape, NULL, tensor->dims[k]);
        if (signature->levels == 0)
            continue;
        pl_meta_add_int(context, meta, entry, "bits", tensor->bits);
        pl_meta_add_real(context, meta, entry, "least", tensor->quantiser.least);
        pl_meta_add_real(context, meta, entry, "most", tensor->quantiser.most);
    }
}

static enum pl_status read_sum(struct pl_context *context, const struct pl_meta_node *map,
                               const char *key, uint32_t *sum)
{
    const char *text = NULL;
    if (pl_meta_text(context, map, key, &text))
        return context->status;
    if (!text || text[0] != 'x' || strlen(text) != 9 || !pl_hex_parse(text + 1, sum))
        return pl_fail(context, PL_BAD_DATA, "%s: expected x and 8 hexadecimal digits", key);
    return PL_OK;
}

static enum pl_status read_shape(struct pl_context *context, const struct pl_meta_node *shape,
                                 struct pl_signature_tensor *tensor)
{
    if (!shape || shape->kind != PL_META_LIST || shape->count > PL_MAX_RANK)
        return pl_fail(context, PL_BAD_DATA, "'%s': it has no shape", tensor->name);
    for (const struct pl_meta_node *node = shape->child; node; node = node->next)
        if (pl_meta_int(context, node, "", &tensor->dims[tensor->rank++]))
            return context->status;
    if (!pl_shape_count(tensor->rank, tensor->dims, &tensor->count))
        return pl_fail(context, PL_BAD_DATA, "'%s': its shape is too large", tensor->name);
    return PL_OK;
}

static enum pl_status read_tensor(struct pl_context *context, const struct pl_meta_node *node,
                                  struct pl_signature *signature,
                                  struct pl_signature_tensor *tensor)
{
    const char *name = NULL;
    int64_t bits = 0;
    tensor->quantiser = (struct pl_quantiser){signature->kind, signature->levels, 0, 0};
    if (pl_meta_text(context, node, "name", &name) || pl_meta_int(context, node, "bits", &bits) ||
        pl_meta_real(context, node, "least", &tensor->quantiser.least) ||
        pl_meta_real(context, node, "most", &tensor->quantiser.most))
        return context->status;
    if (!name)
        return pl_fail(context, PL_BAD_DATA, "a tensor has no name");
    tensor->name = pl_arena_text(context, &signature->arena, name, strlen(name));
    if (!tensor->name || read_shape(context, pl_meta_find(node, "shape"), tensor))
        return context->status;
    tensor->bits = signature->levels ? pl_quantiser_bits(&tensor->quantiser) : 0;
    if (bits != tensor->bits)
        return pl_fail(context, PL_BAD_DATA, "'%s': %lld bits a code cannot be", tensor->name,
                       (long long)bits);
    return PL_OK;
}

static enum pl_status read_all(struct pl_context *context, const struct pl_meta_node *map,
                               struct pl_signature *signature)
{
    const char *name = NULL, *kind = kinds[0];
    const struct pl_meta_node *list = pl_meta_find(map, "tensors");
    if (pl_meta_text(context, map, "name", &name) ||
        read_sum(context, map, "pre", &signature->pre) ||
        read_sum(context, map, "clean", &signature->clean) ||
        read_sum(context, map, "base", &signature->base) ||
        pl_meta_int(context, map, "layers", &signature->layers) ||
        pl_meta_int(context, map, "levels", &signature->levels) ||
        pl_meta_text(context, map, "quantiser", &kind))
        return context->status;
    if (!name || !list || list->kind != PL_META_LIST)
        return pl_fail(context, PL_BAD_DATA, "no name, or no list of tensors");
    while (signature->kind < PL_QUANTISE_LOG && strcmp(kind, kinds[signature->kind]) != 0)
        signature->kind++;
    if (strcmp(kind, kinds[signature->kind]) != 0 || signature->levels < 0 ||
        signature->levels == 1 || signature->levels > PL_LEVELS_MOST)
        return pl_fail(context, PL_BAD_DATA, "quantiser '%s' of %lld levels is not known", kind,
                       (long long)signature->levels);
    signature->name = pl_arena_text(context, &signature->arena, name, strlen(name));
    signature->tensors =
        pl_arena_new(context, &signature->arena, list->count, sizeof *signature->tensors);
    if (!signature->name || !signature->tensors)
        return context->status;
    for (const struct pl_meta_node *node = list->child; node; node = node->next)
        if (read_tensor(context, node, signature, &signature->tensors[signature->count++]))
            return context->status;
    return PL_OK;
}

enum pl_status pl_signature_read(struct pl_context *context, const struct pl_meta_node *map,
                                 struct pl_signature *signature)
{
    *signature = (struct pl_signature){.levels = -1};
    enum pl_status status = read_all(context, map, signature);
    if (status)
        pl_signature_release(signature);
    return status;
}

void pl_signature_release(struct pl_signature *signature)
{
    pl_arena_release(&signature->arena);
    memset(signature, 0, sizeof *signature);
}

const struct pl_signature_tensor *pl_signature_find(const struct pl_signature *signature,
                                                    const char *name)
{
    for (size_t t = 0; t < signature->count; t++)
        if (strcmp(signature->tensors[t].name, name) == 0)
            return &signature->tensors[t];
    return NULL;
}

uint64_t pl_signature_bytes(const struct pl_signature_tensor *tensor)
{
    return tensor->quantiser.levels ? pl_bits_size(tensor->count, tensor->bits)
                                    : (uint64_t)tensor->count * sizeof(float);
}

void pl_signature_add(const struct pl_signature_tensor *tensor, const void *delta, double scale,
                      int64_t first, int64_t count, double *values)
{
    const float *plain = delta;
    for (int64_t i = 0; i < count; i++) {
        double value = tensor->quantiser.levels
                           ? pl_quantiser_value(&tensor->quantiser,
                                                pl_bits_get(delta, first + i, tensor->bits))
                           : (double)plain[first + i];
        values[i] += scale * value;
    }
}
