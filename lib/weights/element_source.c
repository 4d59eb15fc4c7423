/* A model whose tensors are read one by one, in any order and in constant memory.
 * SPDX-License-Identifier: MIT */
#include "weights/element_source.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32.h"

enum pl_status pl_element_source_open(struct pl_context *context, struct pl_element_source *source,
                                      const char *path)
{
    bool found = false;
    *source = (struct pl_element_source){.path = path};
    source->input = pl_input_open(context, path, NULL, &source->source);
    source->store.input = source->input;
    if (!source->input || pl_store_next(context, &source->store, &found))
        return context->status;
    if (!found || source->store.directory.count == 0)
        return pl_fail(context, PL_BAD_DATA, "%s: there are no tensors",
                       pl_reader_name(source->input));
    return PL_OK;
}

void pl_element_source_close(struct pl_element_source *source)
{
    pl_store_release(&source->store);
    pl_reader_close(source->input);
    memset(source, 0, sizeof *source);
}

const char *pl_element_source_name(const struct pl_element_source *source)
{
    return pl_reader_name(source->input);
}

const struct pl_directory_entry *pl_element_source_find(struct pl_context *context,
                                                        struct pl_element_source *source,
                                                        const char *name)
{
    return pl_directory_find(context, &source->store.directory, name);
}

enum pl_status pl_element_source_load(struct pl_context *context, struct pl_element_source *source,
                                      const struct pl_directory_entry *entry, void **elements)
{
    struct pl_elements reading;
    const void *piece;
    int64_t total = 0, count = 0, done = 0;
    const size_t size = pl_dtype_size(entry->dtype);
    if (!pl_shape_count(entry->rank, entry->dims, &total))
        return pl_fail(context, PL_BAD_DATA, "'%s': its shape is too large", entry->name);
    char *values = pl_new(context, (size_t)total, size);
    enum pl_status status = values
                                ? pl_elements_start(context, &reading, source->store.reader, entry)
                                : context->status;
    while (!status && !(status = pl_elements_next(context, &reading, &piece, &count)) &&
           count > 0) {
        memcpy(values + (size_t)done * size, piece, (size_t)count * size);
        done += count;
    }
    if (status)
        free(values);
    *elements = status ? NULL : values;
    return status;
}

/* ---- Blocks ------------------------------------------------------------------------------ */

enum pl_status pl_element_blocks_start(struct pl_context *context, struct pl_element_blocks *blocks,
                                       struct pl_element_source *source,
                                       const struct pl_directory_entry *entry, uint32_t sum)
{
    *blocks = (struct pl_element_blocks){.source = source, .sum = sum};
    return pl_elements_start(context, &blocks->elements, source->store.reader, entry);
}

static enum pl_status next_piece(struct pl_context *context, struct pl_element_blocks *blocks)
{
    const struct pl_directory_entry *entry = blocks->elements.entry;
    const void *piece;
    if (pl_elements_next(context, &blocks->elements, &piece, &blocks->left))
        return context->status;
    if (blocks->left == 0)
        return pl_fail(context, PL_BAD_DATA, "%s: '%s' ends after %lld elements",
                       pl_element_source_name(blocks->source), entry->name,
                       (long long)blocks->done);
    blocks->piece = piece;
    blocks->sum = pl_crc32(blocks->sum, piece, (size_t)blocks->left * pl_dtype_size(entry->dtype));
    return PL_OK;
}

enum pl_status pl_element_blocks_next(struct pl_context *context, struct pl_element_blocks *blocks,
                                      int64_t count, double *values)
{
    const struct pl_directory_entry *entry = blocks->elements.entry;
    const size_t size = pl_dtype_size(entry->dtype);
    for (int64_t done = 0; done < count;) {
        if (blocks->left == 0 && next_piece(context, blocks))
            return context->status;
        const int64_t some = count - done < blocks->left ? count - done : blocks->left;
        if (pl_convert(context, blocks->piece, entry->dtype, values + done, PL_F64, some))
            return context->status;
        blocks->piece += (size_t)some * size;
        blocks->left -= some;
        done += some;
    }
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return pl_fail(context, PL_BAD_DATA, "%s: '%s': element %lld is %g",
                           pl_element_source_name(blocks->source), entry->name,
                           (long long)(blocks->done + i), values[i]);
    blocks->done += count;
    return PL_OK;
}

enum pl_status pl_element_source_document(struct pl_context *context,
                                          struct pl_element_source *source, const char *name,
                                          struct pl_meta *meta)
{
    struct pl_reader *reader = source->store.reader;
    const struct pl_record *record;
    *meta = (struct pl_meta){.name = name};
    enum pl_status status = pl_reader_seek(context, reader, source->store.directory.begin);
    while (!status && !(status = pl_reader_next(context, reader, &record)) && record &&
           record->header.kind != PL_RECORD_END) {
        if (record->header.kind != PL_RECORD_META || strcmp(record->header.name, name) != 0)
            continue;
        pl_meta_release(meta);
        *meta = (struct pl_meta){.name = name};
        status = pl_reader_meta(context, reader, meta);
    }
    return status;
}

enum pl_status pl_element_source_history(struct pl_context *context,
                                         struct pl_element_source *source,
                                         struct pl_history *history)
{
    struct pl_meta before;
    const bool stream = source->source.format == PL_FORMAT_STREAM;
    enum pl_status status = pl_element_source_document(context, source, "history", &before);
    if (!status)
        status = pl_history_input(context, history, source->path,
                                  stream ? source->store.directory.sum : source->source.sum,
                                  before.root);
    pl_meta_release(&before);
    return status;
}
