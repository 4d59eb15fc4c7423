/* IDX, the format of the MNIST files: an array behind a few bytes, all big-endian.
 * SPDX-License-Identifier: MIT
 *
 *     00 00  type  rank  dimensions (u32 each)  elements
 *
 * http://yann.lecun.com/exdb/mnist/ describes it. */
#include <string.h>

#include "formats/elements.h"
#include "formats/importers.h"

enum { PREFIX = 4, DIMENSION = 4 };

static bool find_dtype(uint8_t type, enum pl_dtype *dtype)
{
    static const struct {
        uint8_t type;
        enum pl_dtype dtype;
    } types[] = {{0x08, PL_U8},  {0x09, PL_I8},  {0x0b, PL_I16},
                 {0x0c, PL_I32}, {0x0d, PL_F32}, {0x0e, PL_F64}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (types[i].type == type) {
            *dtype = types[i].dtype;
            return true;
        }
    }
    return false;
}

static enum pl_status take_header(struct pl_context *context, struct pl_bytes *bytes,
                                  struct pl_array *array)
{
    const uint8_t *data;
    enum pl_status status = pl_bytes_take(context, bytes, PREFIX, &data);
    if (status) {
        return status;
    }
    array->rank = data[3];
    array->swapped = true;
    if (data[0] != 0 || data[1] != 0 || !find_dtype(data[2], &array->dtype) ||
        array->rank > PL_MAX_RANK) {
        return pl_bytes_fail(context, bytes, PL_BAD_DATA, "not an IDX file");
    }
    status = pl_bytes_take(context, bytes, (size_t)array->rank * DIMENSION, &data);
    for (int i = 0; i < array->rank && !status; i++, data += DIMENSION) {
        uint32_t size = 0;
        for (int byte = 0; byte < DIMENSION; byte++) {
            size = size << 8 | data[byte];
        }
        array->dims[i] = size;
    }
    return status;
}

static enum pl_status copy(struct pl_context *context, struct pl_bytes *bytes,
                           const struct pl_array *array, struct pl_writer *writer)
{
    enum pl_status status = pl_array_copy(context, bytes, array, writer);
    return status ? status : pl_bytes_expect_end(context, bytes);
}

enum pl_status pl_idx_import(struct pl_context *context, const struct pl_import *import,
                             struct pl_bytes *bytes, struct pl_writer *writer)
{
    struct pl_array array = {0};
    pl_array_name(bytes, import->name, array.name);
    enum pl_status status = take_header(context, bytes, &array);
    return status ? status : copy(context, bytes, &array, writer);
}

/* Pictures [count, height, width] become [count, height, width, 1]. */
static enum pl_status check_images(struct pl_context *context, const struct pl_bytes *bytes,
                                   struct pl_array *array)
{
    if (array->dtype != PL_U8 || (array->rank != 3 && array->rank != 4)) {
        return pl_bytes_fail(context, bytes, PL_BAD_DATA,
                             "no pictures: rank %d, type %s instead of u8 [count, height, width]",
                             array->rank, pl_dtype_name(array->dtype));
    }
    if (array->rank == 3) {
        array->dims[array->rank++] = 1;
    }
    return PL_OK;
}

static enum pl_status check_labels(struct pl_context *context, const struct pl_bytes *bytes,
                                   const struct pl_array *array, int64_t count)
{
    bool type = array->dtype == PL_U8 || array->dtype == PL_I32;
    if (!type || array->rank != 1) {
        return pl_bytes_fail(context, bytes, PL_BAD_DATA,
                             "no labels: rank %d, type %s instead of u8 or i32 [count]",
                             array->rank, pl_dtype_name(array->dtype));
    }
    return array->dims[0] == count
               ? PL_OK
               : pl_bytes_fail(context, bytes, PL_BAD_DATA, "%lld labels for %lld pictures",
                               (long long)array->dims[0], (long long)count);
}

enum pl_status pl_idx_pair(struct pl_context *context, struct pl_bytes *images,
                           struct pl_bytes *labels, struct pl_writer *writer)
{
    struct pl_array pictures = {.name = "images"}, classes = {.name = "labels"};
    enum pl_status status = take_header(context, images, &pictures);
    if (!status) {
        status = check_images(context, images, &pictures);
    }
    if (!status && labels) {
        status = take_header(context, labels, &classes);
    }
    if (!status && labels) {
        status = check_labels(context, labels, &classes, pictures.dims[0]);
    }
    if (!status) {
        status = pl_writer_kind(context, writer, "images");
    }
    if (!status) {
        status = copy(context, images, &pictures, writer);
    }
    return status || !labels ? status : copy(context, labels, &classes, writer);
}
