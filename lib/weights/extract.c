/* Making a signature of three models.
 * SPDX-License-Identifier: MIT
 *
 * The document, with the range of every tensor, comes before the codes, and the range of r needs
 * the sums of the projection.  So each tensor is read three times, in blocks that the three models
 * give in step: for the sums, for the range, and to be written.  Memory is that of a block. */
#include "weights/extract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/model_stream.h"
#include "weights/layers.h"

enum {
    DEFAULT_LAYERS = 7,
    BLOCK = 1 << 16 /* elements; codes of any number of bits fill whole bytes */
};

void pl_extract_release(struct pl_extract *extract)
{
    pl_element_source_close(&extract->pre);
    pl_element_source_close(&extract->clean);
    pl_element_source_close(&extract->robust);
    pl_signature_release(&extract->signature);
}

/* ---- Selecting --------------------------------------------------------------------------- */

static int compare_entries(const void *a, const void *b)
{
    const struct pl_directory_entry *of_a = a, *of_b = b;
    return pl_layers_compare(of_a->name, of_b->name);
}

/* The robust model's tensors in the order in which layers are counted; in the arena. */
static enum pl_status order_tensors(struct pl_context *context, struct pl_extract *extract,
                                    struct pl_directory_entry **ordered)
{
    const struct pl_directory *directory = &extract->robust.store.directory;
    const char *before, *after;
    *ordered = pl_arena_new(context, &extract->signature.arena, directory->count, sizeof **ordered);
    if (!*ordered)
        return context->status;
    memcpy(*ordered, directory->entries, directory->count * sizeof **ordered);
    if (extract->options->by_name)
        qsort(*ordered, directory->count, sizeof **ordered, compare_entries);
    else if (!pl_layers_in_order(*ordered, directory->count, &before, &after))
        pl_warn(context,
                "%s: '%s' comes before '%s' in the file; layers are counted in that order "
                "(--order name: by their numbers)",
                pl_element_source_name(&extract->robust), before, after);
    return PL_OK;
}

/* How many layers are kept. */
static enum pl_status count_layers(struct pl_context *context, struct pl_extract *extract,
                                   const struct pl_layer_list *layers, int64_t *keep)
{
    const int64_t have = layers->convolutions ? layers->convolutions : layers->count;
    *keep = have < DEFAULT_LAYERS ? have : DEFAULT_LAYERS;
    if (extract->options->has_keep)
        *keep = extract->options->keep;
    if (layers->count == 0)
        return pl_fail(context, PL_BAD_DATA, "%s: there is no convolution and no matrix",
                       pl_element_source_name(&extract->robust));
    if (*keep > layers->count)
        return pl_fail(context, PL_USAGE,
                       "--keep %lld: %s has %lld layers, of which %lld are convolutions",
                       (long long)*keep, pl_element_source_name(&extract->robust),
                       (long long)layers->count, (long long)layers->convolutions);
    return PL_OK;
}

static enum pl_status select_tensors(struct pl_context *context, struct pl_extract *extract)
{
    struct pl_signature *signature = &extract->signature;
    const size_t count = extract->robust.store.directory.count;
    struct pl_directory_entry *tensors;
    struct pl_layer_list layers;
    int64_t keep = 0;
    const bool by_layer = extract->options->select->count == 0;
    if (order_tensors(context, extract, &tensors) ||
        pl_layers_number(context, &signature->arena, tensors, count, &layers) ||
        (by_layer && count_layers(context, extract, &layers, &keep)))
        return context->status;
    signature->layers = keep;
    signature->tensors =
        pl_arena_new(context, &signature->arena, count, sizeof *signature->tensors);
    if (!signature->tensors)
        return context->status;
    for (size_t t = 0; t < count; t++) {
        bool wanted = by_layer ? layers.layer[t] >= 0 && layers.layer[t] < keep
                               : pl_patterns_keep(extract->options->select, tensors[t].name);
        if (!wanted || !pl_dtype_is_float(tensors[t].dtype) ||
            pl_model_is_statistic(tensors[t].name))
            continue;
        struct pl_signature_tensor *tensor = &signature->tensors[signature->count++];
        *tensor = (struct pl_signature_tensor){.name = tensors[t].name, .rank = tensors[t].rank};
        memcpy(tensor->dims, tensors[t].dims, sizeof tensor->dims);
        if (!pl_shape_count(tensor->rank, tensor->dims, &tensor->count))
            return pl_fail(context, PL_BAD_DATA, "'%s': its shape is too large", tensor->name);
    }
    const char *unused = pl_patterns_unused(extract->options->select);
    if (unused)
        return pl_fail(context, PL_BAD_DATA, "--select '%s': no tensor of %s has such a name",
                       unused, pl_element_source_name(&extract->robust));
    return PL_OK;
}

/* Adds what one of the other models lacks to the list. */
static enum pl_status compare_shapes(struct pl_context *context, struct pl_extract *extract,
                                     struct pl_element_source *other, struct pl_buffer *list)
{
    enum pl_status status = PL_OK;
    for (size_t t = 0; t < extract->signature.count && !status; t++) {
        const struct pl_signature_tensor *tensor = &extract->signature.tensors[t];
        const struct pl_directory_entry *entry =
            pl_element_source_find(context, other, tensor->name);
        const char *separator = list->size ? ", " : "";
        if (!entry)
            status = pl_buffer_printf(context, list, "%s'%s' is not in %s", separator, tensor->name,
                                      pl_element_source_name(other));
        else if (entry->rank != tensor->rank || !pl_dtype_is_float(entry->dtype) ||
                 memcmp(entry->dims, tensor->dims, (size_t)entry->rank * sizeof *entry->dims) != 0)
            status = pl_buffer_printf(context, list, "%s'%s' has another shape in %s", separator,
                                      tensor->name, pl_element_source_name(other));
    }
    return status;
}

/* ---- Projecting -------------------------------------------------------------------------- */

/* One tensor of the three models in step. */
struct walk {
    struct pl_element_blocks sources[3]; /* pre, clean, robust */
    double *values[3];                   /* [BLOCK] */
    int64_t left;
};

static enum pl_status walk_start(struct pl_context *context, struct pl_extract *extract,
                                 const struct pl_signature_tensor *tensor, struct walk *walk)
{
    struct pl_element_source *sources[] = {&extract->pre, &extract->clean, &extract->robust};
    enum pl_status status = PL_OK;
    walk->left = tensor->count;
    for (int i = 0; i < 3 && !status; i++) {
        walk->values[i] = extract->values + (size_t)i * BLOCK;
        status = pl_element_blocks_start(context, &walk->sources[i], sources[i],
                                         pl_element_source_find(context, sources[i], tensor->name),
                                         extract->signature.base);
    }
    return status;
}

/* The next block; *count = 0 when all have come. */
static enum pl_status walk_next(struct pl_context *context, struct walk *walk, int64_t *count)
{
    enum pl_status status = PL_OK;
    *count = walk->left < BLOCK ? walk->left : BLOCK;
    walk->left -= *count;
    for (int i = 0; i < 3 && !status; i++)
        status = pl_element_blocks_next(context, &walk->sources[i], *count, walk->values[i]);
    return status;
}

/* r of the block, in the place of the robust model's elements. */
static double *walk_project(const struct walk *walk, const struct pl_projection *projection,
                            int64_t count)
{
    double *r = walk->values[2];
    pl_projection_apply(projection, walk->values[0], walk->values[1], r, count, r);
    return r;
}

/* The sums of the projection, and the tensor's part of the clean model's checksum. */
static enum pl_status measure_sums(struct pl_context *context, struct pl_extract *extract,
                                   const struct pl_signature_tensor *tensor,
                                   struct pl_projection *projection)
{
    struct walk walk;
    int64_t count;
    enum pl_status status = walk_start(context, extract, tensor, &walk);
    *projection = (struct pl_projection){0};
    while (!status && !(status = walk_next(context, &walk, &count)) && count > 0)
        pl_projection_add(projection, walk.values[0], walk.values[1], walk.values[2], count);
    if (!status)
        extract->signature.base = walk.sources[1].sum;
    if (!status && !pl_projection_exists(projection))
        pl_warn(context, "'%s': the clean model did not change it; nothing is projected",
                tensor->name);
    return status;
}

static enum pl_status measure_range(struct pl_context *context, struct pl_extract *extract,
                                    const struct pl_projection *projection,
                                    struct pl_signature_tensor *tensor)
{
    const struct pl_signature *signature = &extract->signature;
    struct walk walk;
    int64_t count;
    tensor->quantiser = pl_quantiser_open(signature->kind, signature->levels);
    enum pl_status status = walk_start(context, extract, tensor, &walk);
    while (!status && !(status = walk_next(context, &walk, &count)) && count > 0)
        pl_quantiser_widen(&tensor->quantiser, walk_project(&walk, projection, count), count);
    pl_quantiser_close(&tensor->quantiser, true);
    tensor->bits = pl_quantiser_bits(&tensor->quantiser);
    return status;
}

static enum pl_status measure(struct pl_context *context, struct pl_extract *extract)
{
    const struct pl_signature *signature = &extract->signature;
    struct pl_arena *arena = &extract->signature.arena;
    extract->values = pl_arena_new(context, arena, 3 * BLOCK, sizeof *extract->values);
    extract->packed = pl_arena_new(context, arena, BLOCK, sizeof *extract->packed);
    extract->projections =
        pl_arena_new(context, arena, signature->count, sizeof *extract->projections);
    if (!extract->values || !extract->packed || !extract->projections)
        return context->status;
    enum pl_status status = PL_OK;
    for (size_t t = 0; t < signature->count && !status; t++) {
        struct pl_signature_tensor *tensor = &signature->tensors[t];
        status = measure_sums(context, extract, tensor, &extract->projections[t]);
        if (!status && signature->levels)
            status = measure_range(context, extract, &extract->projections[t], tensor);
        extract->bytes += pl_signature_bytes(tensor);
    }
    return status;
}

enum pl_status pl_extract_prepare(struct pl_context *context, struct pl_extract *extract)
{
    const struct pl_directory *robust = &extract->robust.store.directory;
    struct pl_signature *signature = &extract->signature;
    struct pl_buffer list = {0};
    signature->name = extract->options->name;
    signature->levels = extract->options->levels;
    signature->kind = extract->options->kind;
    signature->pre = extract->pre.store.directory.sum;
    signature->clean = extract->clean.store.directory.sum;
    enum pl_status status = select_tensors(context, extract);
    if (!status)
        status = compare_shapes(context, extract, &extract->pre, &list);
    if (!status)
        status = compare_shapes(context, extract, &extract->clean, &list);
    if (!status && list.size)
        status = pl_fail(context, PL_BAD_DATA, "%s", list.data);
    pl_buffer_release(&list);
    if (!status)
        status = measure(context, extract);
    for (size_t t = 0; t < robust->count; t++)
        extract->full += pl_directory_bytes(&robust->entries[t]);
    return status;
}

/* ---- Writing ----------------------------------------------------------------------------- */

/* A block of r as it is stored, in extract->packed. */
static void pack(const struct pl_extract *extract, const struct pl_signature_tensor *tensor,
                 const double *r, int64_t count, size_t *size)
{
    uint8_t *bytes = (uint8_t *)extract->packed;
    *size = (size_t)count * sizeof *extract->packed;
    for (int64_t i = 0; !tensor->quantiser.levels && i < count; i++)
        extract->packed[i] = (float)r[i];
    if (!tensor->quantiser.levels)
        return;
    *size = (size_t)pl_bits_size(count, tensor->bits);
    memset(bytes, 0, *size);
    for (int64_t i = 0; i < count; i++)
        pl_bits_put(bytes, i, tensor->bits, pl_quantiser_code(&tensor->quantiser, r[i]));
}

static enum pl_status write_delta(struct pl_context *context, struct pl_extract *extract, size_t at,
                                  struct pl_writer *writer)
{
    const struct pl_signature_tensor *tensor = &extract->signature.tensors[at];
    const int64_t bytes = (int64_t)pl_signature_bytes(tensor);
    const bool plain = tensor->quantiser.levels == 0;
    char name[PL_NAME_MAX + 8];
    struct walk walk;
    int64_t count;
    size_t size;
    snprintf(name, sizeof name, "delta.%s", tensor->name);
    enum pl_status status = walk_start(context, extract, tensor, &walk);
    if (!status)
        status = plain ? pl_writer_begin(context, writer, name, PL_F32, tensor->rank, tensor->dims)
                       : pl_writer_begin(context, writer, name, PL_U8, 1, &bytes);
    while (!status && !(status = walk_next(context, &walk, &count)) && count > 0) {
        pack(extract, tensor, walk_project(&walk, &extract->projections[at], count), count, &size);
        status = pl_writer_bytes(context, writer, extract->packed, size);
    }
    return status ? status : pl_writer_finish(context, writer);
}

enum pl_status pl_extract_write(struct pl_context *context, struct pl_extract *extract,
                                struct pl_writer *writer)
{
    struct pl_meta meta = {.name = "signature"};
    struct pl_meta_node *root = pl_meta_add_map(context, &meta, NULL, NULL);
    pl_signature_write(context, &extract->signature, &meta, root);
    enum pl_status status = pl_meta_ok(&meta, context) ? PL_OK : context->status;
    if (!status)
        status = pl_writer_kind(context, writer, "signature");
    if (!status)
        status = pl_writer_meta(context, writer, "signature", root);
    pl_meta_release(&meta);
    for (size_t t = 0; t < extract->signature.count && !status; t++)
        status = write_delta(context, extract, t, writer);
    return status;
}
