/* One tensor on its way from a reader to a writer.
 * SPDX-License-Identifier: MIT
 *
 *     pieces of the source  ->  cut  ->  convert  ->  rows or pieces of the result
 *
 * The result is written in one of three ways.  PIECES: a solid raw tensor, byte for byte as it
 * comes.  WHOLE: a small compressed tensor, or a small part of a chunked one, gathered and written
 * at the end.  ROWS: a chunked tensor, whose rows are gathered until they make some chunks of the
 * size that the format prescribes (about 1 MiB); the end of a chunk of the source also ends one of
 * the result, so that a live series is passed on as it comes. */
#include "edit/transform.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum {
    PART = 1 << 14,  /* elements cut and converted at a time */
    CHUNK = 1 << 20, /* bytes of raw data in a chunk */
    BATCH = 8,       /* chunks gathered, to be deflated in parallel */
    WHOLE = 8 << 20  /* a part of a chunked tensor is gathered up to this size */
};

/* How the result is written, by its shape and codec. */
static void choose_mode(struct pl_transform *transform)
{
    uint64_t bytes = 0;
    bool known = transform->rank == 0 || transform->dims[0] >= 0;
    if (known && !pl_shape_bytes(transform->to, transform->rank, transform->dims, &bytes))
        known = false;
    bool raw = transform->codec == PL_CODEC_RAW;
    bool rows = transform->rank > 0 && !transform->slice.axes[0].dropped;
    if (known && transform->row == 0)
        transform->mode = PL_TRANSFORM_WHOLE;
    else if (transform->chunked && rows && !(known && raw && transform->recode))
        transform->mode = PL_TRANSFORM_ROWS;
    else if (raw && !(transform->chunked && bytes <= WHOLE))
        transform->mode = PL_TRANSFORM_PIECES;
    else if (transform->rank == 0 || bytes <= (raw ? WHOLE : CHUNK))
        transform->mode = PL_TRANSFORM_WHOLE;
    else
        transform->mode = PL_TRANSFORM_ROWS;
}

enum pl_status pl_transform_start(struct pl_context *context, struct pl_transform *transform,
                                  struct pl_writer *writer)
{
    pl_slice_start(&transform->slice);
    transform->rank = pl_slice_shape(&transform->slice, transform->dims);
    if (!transform->recode)
        transform->codec = PL_CODEC_RAW;
    size_t size = pl_dtype_size(transform->to);
    int rest = transform->rank > 0 ? transform->rank - 1 : 0;
    if (!pl_shape_count(rest, transform->dims + 1, &transform->row))
        return pl_fail(context, PL_BAD_DATA, "'%s': its shape is too large", transform->name);
    choose_mode(transform);
    if (transform->mode == PL_TRANSFORM_ROWS && transform->row == 0)
        return pl_fail(context, PL_BAD_DATA, "'%s': its rows have no elements", transform->name);
    int64_t row_bytes = transform->row * (int64_t)size;
    transform->batch = row_bytes > 0 && row_bytes < CHUNK ? BATCH * (CHUNK / row_bytes) : 1;
    bool cuts = !pl_slice_is_whole(&transform->slice), converts = transform->from != transform->to;
    if (cuts)
        transform->cut = pl_new(context, PART, transform->slice.item_size);
    if (converts)
        transform->converted = pl_new(context, PART, size);
    if ((cuts && !transform->cut) || (converts && !transform->converted))
        return PL_SYSTEM;
    if (transform->mode == PL_TRANSFORM_PIECES)
        return pl_writer_begin(context, writer, transform->name, transform->to, transform->rank,
                               transform->dims);
    if (transform->mode == PL_TRANSFORM_ROWS)
        return pl_writer_open_chunked(context, writer, transform->name, transform->to,
                                      transform->rank, transform->dims);
    return PL_OK;
}

uint64_t pl_transform_memory(const struct pl_transform *transform)
{
    int64_t dims[PL_MAX_RANK] = {0};
    int rank = pl_slice_shape(&transform->slice, dims);
    uint64_t row = 0, parts = (uint64_t)PART * (transform->slice.item_size + 8);
    if (rank < 1 || !pl_shape_bytes(transform->to, rank - 1, dims + 1, &row))
        row = 0;
    if (!transform->chunked && !(transform->recode && transform->codec != PL_CODEC_RAW))
        return parts;
    /* Rows waiting, and what they are packed into. */
    return parts + 2 * (row > CHUNK ? row : (uint64_t)BATCH * CHUNK);
}

bool pl_transform_is_solid(const struct pl_transform *transform)
{
    return transform->mode == PL_TRANSFORM_PIECES;
}

/* Writes the gathered rows once there are enough of them, or all = true. */
static enum pl_status write_rows(struct pl_context *context, struct pl_transform *transform,
                                 struct pl_writer *writer, bool all)
{
    size_t row_bytes = (size_t)transform->row * pl_dtype_size(transform->to);
    int64_t rows = (int64_t)(transform->rows.size / row_bytes);
    if (!all)
        rows -= rows % transform->batch;
    if (rows == 0)
        return PL_OK;
    enum pl_status status = pl_writer_rows(context, writer, transform->name, transform->rows.data,
                                           rows, transform->codec);
    size_t done = (size_t)rows * row_bytes;
    transform->rows.size -= done;
    memmove(transform->rows.data, transform->rows.data + done, transform->rows.size);
    return status;
}

/* Which element it was that does not fit, counted in the result. */
static enum pl_status cannot_convert(struct pl_context *context,
                                     const struct pl_transform *transform, const void *elements,
                                     int64_t count)
{
    unsigned char converted[8];
    char text[32];
    const unsigned char *element = elements;
    for (int64_t i = 0; i < count; i++, element += transform->slice.item_size) {
        if (pl_convert(context, element, transform->from, converted, transform->to, 1) == PL_OK)
            continue;
        pl_element_text(text, element, transform->from, 0);
        return pl_fail(context, PL_BAD_DATA, "'%s': element %lld: %s does not fit %s",
                       transform->name, (long long)(transform->written + i), text,
                       pl_dtype_name(transform->to));
    }
    return context->status;
}

/* Passes on at most PART elements of the result. */
static enum pl_status put(struct pl_context *context, struct pl_transform *transform,
                          struct pl_writer *writer, const void *elements, int64_t count)
{
    size_t size = (size_t)count * pl_dtype_size(transform->to);
    enum pl_status status;
    if (transform->to != transform->from) {
        if (pl_convert(context, elements, transform->from, transform->converted, transform->to,
                       count) != PL_OK)
            return cannot_convert(context, transform, elements, count);
        elements = transform->converted;
    }
    transform->written += count;
    if (transform->mode == PL_TRANSFORM_PIECES)
        return pl_writer_bytes(context, writer, elements, size);
    status = pl_buffer_append(context, &transform->rows, elements, size);
    if (status == PL_OK && transform->mode == PL_TRANSFORM_ROWS)
        status = write_rows(context, transform, writer, false);
    return status;
}

enum pl_status pl_transform_push(struct pl_context *context, struct pl_transform *transform,
                                 struct pl_writer *writer, const void *elements, int64_t count)
{
    const char *from = elements;
    enum pl_status status = PL_OK;
    while (count > 0 && status == PL_OK) {
        int64_t part = count < PART ? count : PART, taken = part;
        const void *cut = from;
        if (transform->cut) {
            taken = pl_slice_take(&transform->slice, from, part, transform->cut);
            cut = transform->cut;
        }
        if (taken > 0)
            status = put(context, transform, writer, cut, taken);
        from += (size_t)part * transform->slice.item_size;
        count -= part;
    }
    return status;
}

void pl_transform_chunk_begin(struct pl_transform *transform, enum pl_codec codec)
{
    if (transform->mode == PL_TRANSFORM_ROWS && !transform->recode)
        transform->codec = codec;
}

enum pl_status pl_transform_chunk_end(struct pl_context *context, struct pl_transform *transform,
                                      struct pl_writer *writer)
{
    if (transform->mode != PL_TRANSFORM_ROWS)
        return PL_OK;
    return write_rows(context, transform, writer, true);
}

enum pl_status pl_transform_finish(struct pl_context *context, struct pl_transform *transform,
                                   struct pl_writer *writer)
{
    int64_t expected = 0;
    if (transform->mode != PL_TRANSFORM_ROWS || transform->dims[0] >= 0) {
        if (!pl_shape_count(transform->rank, transform->dims, &expected) ||
            expected != transform->written)
            return pl_fail(context, PL_BAD_DATA, "'%s': the slice lies behind its last row",
                           transform->name);
    }
    if (transform->mode == PL_TRANSFORM_PIECES)
        return pl_writer_finish(context, writer);
    if (transform->mode == PL_TRANSFORM_WHOLE) {
        struct pl_tensor tensor =
            pl_tensor_view(transform->to, transform->rank, transform->dims, transform->rows.data);
        return pl_writer_tensor(context, writer, transform->name, &tensor, transform->codec);
    }
    enum pl_status status = write_rows(context, transform, writer, true);
    if (status != PL_OK)
        return status;
    return pl_writer_close_chunked(context, writer, transform->name);
}

void pl_transform_release(struct pl_transform *transform)
{
    pl_buffer_release(&transform->rows);
    free(transform->cut);
    free(transform->converted);
    transform->cut = transform->converted = NULL;
}
