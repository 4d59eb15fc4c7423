/* Making a signature of three models.
 * SPDX-License-Identifier: MIT
 *
 * The document, with the range of every tensor, comes before the codes.  So tensors are read twice,
 * one at a time: once for their ranges, once to write them. */
#include "weights/extract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32.h"
#include "weights/layers.h"

enum { DEFAULT_LAYERS = 7 };

void pl_extract_release(struct pl_extract *extract)
{
    pl_element_source_close(&extract->pre);
    pl_element_source_close(&extract->clean);
    pl_element_source_close(&extract->robust);
    pl_signature_release(&extract->signature);
}

/* ---- Selecting --------------------------------------------------------------------------- */

static bool is_statistic(const char *name)
{
    return strstr(name, "running_") || strstr(name, "num_batches");
}

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
        if (!wanted || !pl_dtype_is_float(tensors[t].dtype) || is_statistic(tensors[t].name))
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

/* r of one tensor; free() it. */
static enum pl_status project(struct pl_context *context, struct pl_extract *extract,
                              const struct pl_signature_tensor *tensor, bool first, double **r)
{
    struct pl_element_source *sources[] = {&extract->pre, &extract->clean, &extract->robust};
    double *values[3] = {NULL};
    enum pl_status status = PL_OK;
    *r = NULL;
    for (int i = 0; i < 3 && !status; i++) {
        const struct pl_directory_entry *entry =
            pl_element_source_find(context, sources[i], tensor->name);
        status = pl_element_source_doubles(context, sources[i], entry, &values[i]);
    }
    if (!status)
        *r = pl_new(context, (size_t)tensor->count, sizeof **r);
    if (!status && !*r)
        status = context->status;
    if (!status && !pl_signature_project(values[0], values[1], values[2], tensor->count, *r) &&
        first)
        pl_warn(context, "'%s': the clean model did not change it; nothing is projected",
                tensor->name);
    for (int i = 0; i < 3; i++)
        free(values[i]);
    return status;
}

/* The range of one tensor, and its part of the clean model's checksum. */
static enum pl_status measure(struct pl_context *context, struct pl_extract *extract,
                              struct pl_signature_tensor *tensor)
{
    struct pl_signature *signature = &extract->signature;
    double *r;
    void *clean = NULL;
    const struct pl_directory_entry *entry =
        pl_element_source_find(context, &extract->clean, tensor->name);
    enum pl_status status = project(context, extract, tensor, true, &r);
    if (!status)
        status = pl_element_source_load(context, &extract->clean, entry, &clean);
    if (!status) {
        signature->base =
            pl_crc32(signature->base, clean, (size_t)tensor->count * pl_dtype_size(entry->dtype));
        tensor->quantiser = (struct pl_quantiser){.levels = 0};
        if (signature->levels)
            tensor->quantiser =
                pl_quantiser_make(signature->kind, signature->levels, r, tensor->count, true);
        tensor->bits = signature->levels ? pl_quantiser_bits(&tensor->quantiser) : 0;
        extract->bytes += pl_signature_bytes(tensor);
    }
    free(clean);
    free(r);
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
    for (size_t t = 0; t < signature->count && !status; t++)
        status = measure(context, extract, &signature->tensors[t]);
    for (size_t t = 0; t < robust->count; t++)
        extract->full += pl_directory_bytes(&robust->entries[t]);
    return status;
}

/* ---- Writing ----------------------------------------------------------------------------- */

static enum pl_status write_delta(struct pl_context *context, struct pl_extract *extract,
                                  const struct pl_signature_tensor *tensor,
                                  struct pl_writer *writer)
{
    char name[PL_NAME_MAX + 8];
    double *r;
    const uint64_t size = pl_signature_bytes(tensor);
    snprintf(name, sizeof name, "delta.%s", tensor->name);
    enum pl_status status = project(context, extract, tensor, false, &r);
    uint8_t *bytes = status ? NULL : pl_new(context, (size_t)size, 1);
    float *plain = (float *)(void *)bytes;
    for (int64_t i = 0; bytes && i < tensor->count; i++) {
        if (tensor->quantiser.levels)
            pl_bits_put(bytes, i, tensor->bits, pl_quantiser_code(&tensor->quantiser, r[i]));
        else
            plain[i] = (float)r[i];
    }
    struct pl_tensor packed = pl_tensor_view(PL_U8, 1, (const int64_t[]){(int64_t)size}, bytes);
    if (!tensor->quantiser.levels)
        packed = pl_tensor_view(PL_F32, tensor->rank, tensor->dims, bytes);
    if (!status)
        status = bytes ? pl_writer_tensor(context, writer, name, &packed, PL_CODEC_RAW)
                       : context->status;
    free(bytes);
    free(r);
    return status;
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
        status = write_delta(context, extract, &extract->signature.tensors[t], writer);
    return status;
}
