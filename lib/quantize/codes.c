/* Streams of codes: their document.
 * SPDX-License-Identifier: MIT */
#include "quantize/codes.h"

#include <stdio.h>
#include <string.h>

int pl_code_bits(int64_t codes)
{
    int bits = 1;
    while (codes > (int64_t)1 << bits)
        bits++;
    return bits;
}

void pl_codes_release(struct pl_codes *codes)
{
    pl_arena_release(&codes->arena);
    *codes = (struct pl_codes){0};
}

/* ---- Writing ------------------------------------------------------------------------------ */

static void write_sheet(struct pl_context *context, const struct pl_sheet *sheet,
                        const char *record, struct pl_meta *meta, struct pl_meta_node *list)
{
    struct pl_meta_node *map = pl_meta_add_map(context, meta, list, NULL);
    pl_meta_add_text(context, meta, map, "name", sheet->name);
    pl_meta_add_text(context, meta, map, "codes", record);
    pl_meta_add_text(context, meta, map, "dtype", pl_dtype_name(sheet->dtype));
    struct pl_meta_node *shape = pl_meta_add_list(context, meta, map, "shape");
    for (int i = 0; i < sheet->rank; i++)
        pl_meta_add_int(context, meta, shape, NULL, sheet->dims[i]);
}

enum pl_status pl_codes_write(struct pl_context *context, const struct pl_codes *codes,
                              struct pl_writer *writer)
{
    struct pl_meta meta = {0};
    char sum[16];
    struct pl_meta_node *root = pl_meta_add_map(context, &meta, NULL, NULL);
    snprintf(sum, sizeof sum, "x%08x", codes->codebook);
    pl_meta_add_text(context, &meta, root, "codebook", sum);
    pl_meta_add_int(context, &meta, root, "codes", codes->codes);
    pl_meta_add_int(context, &meta, root, "levels", codes->levels);
    if (codes->places > 1)
        pl_meta_add_int(context, &meta, root, "places", codes->places);
    if (codes->bits > 0)
        pl_meta_add_int(context, &meta, root, "bits", codes->bits);
    pl_meta_add_text(context, &meta, root, "kind", codes->kind);
    pl_cut_write(context, &codes->cut, &meta, root);
    struct pl_meta_node *list = pl_meta_add_list(context, &meta, root, "tensors");
    for (size_t i = 0; i < codes->count; i++)
        write_sheet(context, &codes->sheets[i], codes->records[i], &meta, list);
    enum pl_status status =
        pl_meta_ok(&meta, context) ? pl_writer_kind(context, writer, "codes") : context->status;
    if (status == PL_OK)
        status = pl_writer_meta(context, writer, "codes", meta.root);
    pl_meta_release(&meta);
    return status;
}

/* ---- Reading ------------------------------------------------------------------------------ */

static enum pl_status read_sheet(struct pl_context *context, struct pl_codes *codes,
                                 const struct pl_meta_node *map, size_t index)
{
    const char *name = NULL, *record = NULL, *dtype_name = "";
    enum pl_dtype dtype;
    int64_t dims[PL_MAX_RANK];
    int rank = 0;
    if (pl_meta_text(context, map, "name", &name) || pl_meta_text(context, map, "codes", &record) ||
        pl_meta_text(context, map, "dtype", &dtype_name))
        return context->status;
    const struct pl_meta_node *shape = pl_meta_find(map, "shape");
    if (!name || !record || !pl_dtype_parse(dtype_name, strlen(dtype_name), &dtype) || !shape ||
        shape->count > PL_MAX_RANK)
        return pl_fail(context, PL_BAD_DATA, "tensor %zu has no name, codes, dtype or shape",
                       index);
    for (const struct pl_meta_node *node = shape->child; node; node = node->next) {
        dims[rank] = -1;
        if (pl_meta_int(context, node, "", &dims[rank]))
            return context->status;
        if (dims[rank++] < 0)
            return pl_fail(context, PL_BAD_DATA, "tensor '%s' has a negative size", name);
    }
    name = pl_arena_text(context, &codes->arena, name, strlen(name));
    codes->records[index] = pl_arena_text(context, &codes->arena, record, strlen(record));
    return name && codes->records[index] ? pl_cut_plan(context, &codes->cut, codes->kind, name,
                                                       dtype, rank, dims, &codes->sheets[index])
                                         : context->status;
}

static enum pl_status read_head(struct pl_context *context, struct pl_codes *codes,
                                const struct pl_meta_node *root)
{
    const char *sum = "", *kind = "tensors";
    int64_t bits = 0;
    codes->places = 1;
    if (pl_meta_text(context, root, "codebook", &sum) ||
        pl_meta_text(context, root, "kind", &kind) ||
        pl_meta_int(context, root, "codes", &codes->codes) ||
        pl_meta_int(context, root, "levels", &codes->levels) ||
        pl_meta_int(context, root, "places", &codes->places) ||
        pl_meta_int(context, root, "bits", &bits) || pl_cut_read(context, root, &codes->cut))
        return context->status;
    codes->bits = (int)bits;
    codes->kind = pl_arena_text(context, &codes->arena, kind, strlen(kind));
    if (!codes->kind)
        return context->status;
    if (strlen(sum) != 9 || sum[0] != 'x' || !pl_hex_parse(sum + 1, &codes->codebook))
        return pl_fail(context, PL_BAD_DATA, "no sum of a codebook: '%s'", sum);
    if (codes->codes < 1 || codes->codes > INT32_MAX || codes->levels < 1 || codes->levels > 64 ||
        codes->places < 1 || (bits != 0 && bits != pl_code_bits(codes->codes)))
        return pl_fail(context, PL_BAD_DATA,
                       "%lld codes in %lld levels and %lld places of %lld bits",
                       (long long)codes->codes, (long long)codes->levels, (long long)codes->places,
                       (long long)bits);
    return PL_OK;
}

static enum pl_status read_all(struct pl_context *context, struct pl_codes *codes,
                               const struct pl_meta_node *root)
{
    const struct pl_meta_node *list = pl_meta_find(root, "tensors");
    size_t count = list ? list->count : 0;
    if (read_head(context, codes, root))
        return context->status;
    codes->sheets = pl_arena_new(context, &codes->arena, count, sizeof *codes->sheets);
    codes->records = pl_arena_new(context, &codes->arena, count, sizeof *codes->records);
    if (!codes->sheets || !codes->records)
        return context->status;
    for (const struct pl_meta_node *node = list ? list->child : NULL; node; node = node->next)
        if (read_sheet(context, codes, node, codes->count++))
            return context->status;
    return PL_OK;
}

enum pl_status pl_codes_read(struct pl_context *context, struct pl_codes *codes,
                             const struct pl_meta_node *document, const char *source)
{
    *codes = (struct pl_codes){0};
    if (read_all(context, codes, document) == PL_OK)
        return PL_OK;
    pl_codes_release(codes);
    return pl_fail_at(context, "%s: meta 'codes'", source);
}

enum pl_status pl_codes_expect(struct pl_context *context, const struct pl_codes *codes,
                               const struct pl_vq *vq, uint32_t sum, const char *source)
{
    if (codes->codebook != sum)
        return pl_fail(context, PL_BAD_DATA,
                       "%s: made with another codebook: its sum is x%08x, and this one has x%08x",
                       source, codes->codebook, sum);
    bool same = codes->codes == vq->options.codes && codes->levels == vq->options.levels &&
                codes->places == pl_vq_places(vq);
    for (size_t i = 0; i < codes->count; i++)
        same = same && (codes->sheets[i].vectors == 0 || codes->sheets[i].size == vq->size);
    return same ? PL_OK
                : pl_fail(context, PL_BAD_DATA, "%s: its document does not fit the codebook",
                          source);
}
