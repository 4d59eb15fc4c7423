/* Headerless arrays: the user says what they are.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "formats/elements.h"
#include "formats/importers.h"

/* Reads "64,512" or "-1,512"; *open is the place of the -1, or -1. */
static enum pl_status parse_shape(struct pl_context *context, const char *text,
                                  struct pl_array *array, int *open)
{
    *open = -1;
    for (const char *end = text + strlen(text); text <= end; text += strcspn(text, ",") + 1) {
        size_t size = strcspn(text, ",");
        int64_t value;
        if (!pl_parse_int64(text, size, &value) || value < -1 || (value == -1 && *open >= 0) ||
            array->rank == PL_MAX_RANK) {
            return pl_fail(context, PL_USAGE,
                           "--shape: '%.*s': up to %d dimensions, of which one may be -1",
                           (int)size, text, PL_MAX_RANK);
        }
        *open = value == -1 ? array->rank : *open;
        array->dims[array->rank++] = value;
    }
    return PL_OK;
}

static enum pl_status describe(struct pl_context *context, const struct pl_import *import,
                               const struct pl_bytes *bytes, struct pl_array *array, int *open)
{
    if (!import->dtype || !import->shape) {
        return pl_fail(context, PL_USAGE, "raw files need --dtype and --shape");
    }
    if (!pl_dtype_parse(import->dtype, strlen(import->dtype), &array->dtype)) {
        return pl_fail(context, PL_USAGE, "--dtype '%s': not a type such as f32, u16, bool",
                       import->dtype);
    }
    pl_array_name(bytes, import->name ? import->name : "data", array->name);
    return parse_shape(context, import->shape, array, open);
}

static enum pl_status skip_front(struct pl_context *context, struct pl_bytes *bytes, int64_t count)
{
    while (count > 0) {
        const uint8_t *data;
        size_t size;
        enum pl_status status = pl_bytes_peek(context, bytes, 1, &data, &size);
        if (status || size == 0) {
            return status ? status : pl_bytes_short(context, bytes, (uint64_t)count);
        }
        size = size < (uint64_t)count ? size : (size_t)count;
        pl_bytes_skip(bytes, size);
        count -= (int64_t)size;
    }
    return PL_OK;
}

/* Puts into the open dimension what the size of the data makes of it. */
static enum pl_status close_shape(struct pl_context *context, struct pl_bytes *bytes,
                                  struct pl_array *array, int open)
{
    uint64_t unit;
    const uint8_t *data;
    size_t size;
    array->dims[open] = 1;
    enum pl_status status = pl_bytes_rest(context, bytes, &data, &size);
    if (status) {
        return status;
    }
    if (!pl_shape_bytes(array->dtype, array->rank, array->dims, &unit) || unit == 0 ||
        size % unit != 0) {
        return pl_bytes_fail(context, bytes, PL_BAD_DATA,
                             "%zu bytes are no multiple of the %llu that one row of --shape takes",
                             size, (unsigned long long)unit);
    }
    array->dims[open] = (int64_t)(size / unit);
    return PL_OK;
}

/* An endless input of rows: chunks as they come. */
static enum pl_status follow(struct pl_context *context, struct pl_bytes *bytes,
                             const struct pl_array *array, struct pl_writer *writer)
{
    struct pl_array row = *array;
    uint64_t row_bytes;
    row.dims[0] = 1;
    if (!pl_shape_bytes(row.dtype, row.rank, row.dims, &row_bytes) || row_bytes == 0) {
        return pl_fail(context, PL_USAGE, "--shape: a row has no elements, or too many");
    }
    enum pl_status status = pl_writer_open_chunked(context, writer, array->name, array->dtype,
                                                   array->rank, array->dims);
    while (!status) {
        const uint8_t *data;
        size_t size;
        status = pl_bytes_peek(context, bytes, (size_t)row_bytes, &data, &size);
        if (status || size < row_bytes) {
            break;
        }
        size -= size % row_bytes;
        status = pl_writer_chunk(context, writer, array->name, data, (int64_t)(size / row_bytes),
                                 PL_CODEC_RAW);
        if (!status) {
            status = pl_writer_flush(context, writer);
        }
        pl_bytes_skip(bytes, size);
    }
    if (!status && bytes->size > bytes->taken) {
        return pl_bytes_short(context, bytes, row_bytes - (bytes->size - bytes->taken));
    }
    return status ? status : pl_writer_close_chunked(context, writer, array->name);
}

enum pl_status pl_raw_import(struct pl_context *context, const struct pl_import *import,
                             struct pl_bytes *bytes, struct pl_writer *writer)
{
    struct pl_array array = {0};
    int open = -1;
    enum pl_status status = describe(context, import, bytes, &array, &open);
    if (!status) {
        status = skip_front(context, bytes, import->skip);
    }
    if (status) {
        return status;
    }
    if (open == 0 && !bytes->regular) {
        return follow(context, bytes, &array, writer);
    }
    if (open >= 0) {
        status = close_shape(context, bytes, &array, open);
    }
    if (!status) {
        status = pl_array_copy(context, bytes, &array, writer);
    }
    return status ? status : pl_bytes_expect_end(context, bytes);
}
