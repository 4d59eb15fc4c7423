/* Arrays of other formats on their way into a stream.
 * SPDX-License-Identifier: MIT */
#include "formats/elements.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { PIECE = 1 << 20, SWAP_PIECE = 1 << 16 };

void pl_swap_elements(void *to, const void *from, size_t count, size_t size)
{
    const unsigned char *in = from;
    unsigned char *out = to;
    for (size_t i = 0; i < count; i++, in += size, out += size) {
        unsigned char element[sizeof(uint64_t)];
        for (size_t j = 0; j < size; j++) {
            element[j] = in[size - 1 - j];
        }
        memcpy(out, element, size);
    }
}

/* Writes bytes of whole elements in the stream's byte order. */
static enum pl_status write_elements(struct pl_context *context, const struct pl_array *array,
                                     const uint8_t *data, size_t size, struct pl_writer *writer)
{
    size_t element = pl_dtype_size(array->dtype);
    if (!array->swapped || element == 1) {
        return pl_writer_bytes(context, writer, data, size);
    }
    enum pl_status status = PL_OK;
    uint8_t swapped[SWAP_PIECE];
    for (size_t at = 0; at < size && !status; at += SWAP_PIECE) {
        size_t piece = size - at < SWAP_PIECE ? size - at : SWAP_PIECE;
        pl_swap_elements(swapped, data + at, piece / element, element);
        status = pl_writer_bytes(context, writer, swapped, piece);
    }
    return status;
}

static enum pl_status copy_rows(struct pl_context *context, struct pl_bytes *bytes,
                                const struct pl_array *array, uint64_t total,
                                struct pl_writer *writer)
{
    size_t element = pl_dtype_size(array->dtype);
    enum pl_status status = PL_OK;
    while (total > 0 && !status) {
        const uint8_t *data;
        size_t size, want = total < PIECE ? (size_t)total : PIECE;
        status = pl_bytes_peek(context, bytes, want, &data, &size);
        if (!status && size < want) {
            return pl_bytes_short(context, bytes, total - size);
        }
        size = size < total ? size - size % element : (size_t)total;
        if (!status) {
            status = write_elements(context, array, data, size, writer);
            pl_bytes_skip(bytes, size);
            pl_bytes_give_back(bytes, data, size);
            total -= size;
        }
    }
    return status;
}

/* The offset, in elements, of the j-th element of a row of an array whose first index runs fastest:
 * j counts the row's other indices, the last one fastest, and each has the stride of all before. */
static int64_t fortran_offset(const struct pl_array *array, int64_t j)
{
    int64_t offset = 0, count = 1;
    for (int d = 1; d < array->rank; d++) {
        count *= array->dims[d];
    }
    int64_t stride = array->dims[0];
    for (int d = 1; d < array->rank; d++) {
        count /= array->dims[d];
        offset += j / count % array->dims[d] * stride;
        stride *= array->dims[d];
    }
    return offset;
}

/* Writes an array whose first index runs fastest row by row.  A band of rows is gathered at a time:
 * along the first index the source is contiguous, so that each cache line serves several rows. */
static enum pl_status copy_fortran(struct pl_context *context, const uint8_t *data,
                                   const struct pl_array *array, uint64_t total,
                                   struct pl_writer *writer)
{
    size_t element = pl_dtype_size(array->dtype);
    int64_t rows = array->dims[0];
    size_t row_bytes = (size_t)(total / (uint64_t)rows);
    int64_t width = (int64_t)(row_bytes / element);
    int64_t band = row_bytes < PIECE ? (int64_t)(PIECE / row_bytes) : 1;
    band = band < rows ? band : rows;
    uint8_t *gathered = pl_new(context, (size_t)band, row_bytes);
    enum pl_status status = gathered ? PL_OK : context->status;
    for (int64_t row = 0; row < rows && !status; row += band) {
        int64_t count = rows - row < band ? rows - row : band;
        for (int64_t j = 0; j < width; j++) {
            const uint8_t *from = data + (size_t)(fortran_offset(array, j) + row) * element;
            uint8_t *to = gathered + (size_t)j * element;
            for (int64_t i = 0; i < count; i++) {
                memcpy(to + (size_t)i * row_bytes, from + (size_t)i * element, element);
            }
        }
        status = write_elements(context, array, gathered, (size_t)count * row_bytes, writer);
    }
    free(gathered);
    return status;
}

enum pl_status pl_array_copy(struct pl_context *context, struct pl_bytes *bytes,
                             const struct pl_array *array, struct pl_writer *writer)
{
    uint64_t total;
    const uint8_t *data;
    size_t size;
    if (!pl_shape_bytes(array->dtype, array->rank, array->dims, &total)) {
        return pl_bytes_fail(context, bytes, PL_BAD_DATA, "tensor '%s' is too large", array->name);
    }
    bool gather = array->fortran && array->rank > 1 && total > 0;
    enum pl_status status = gather ? pl_bytes_rest(context, bytes, &data, &size)
                                   : pl_bytes_peek(context, bytes, 1, &data, &size);
    if (!status && bytes->ended && size < total) {
        status = pl_bytes_short(context, bytes, total - size);
    }
    if (!status) {
        status =
            pl_writer_begin(context, writer, array->name, array->dtype, array->rank, array->dims);
    }
    if (status) {
        return status;
    }
    if (gather) {
        status = copy_fortran(context, data, array, total, writer);
        pl_bytes_skip(bytes, (size_t)total);
    } else {
        status = copy_rows(context, bytes, array, total, writer);
    }
    return status ? status : pl_writer_finish(context, writer);
}

void pl_array_name(const struct pl_bytes *bytes, const char *given, char out[PL_NAME_MAX + 1])
{
    const char *path = given ? given : bytes->file.fd == 0 ? "data" : bytes->name;
    const char *slash = given ? NULL : strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t size = strlen(name);
    if (!given) {
        if (size > 3 && strcmp(name + size - 3, ".gz") == 0) {
            size -= 3;
        }
        const char *dot = memrchr(name, '.', size);
        size = dot && dot > name ? (size_t)(dot - name) : size;
    }
    size = size < PL_NAME_MAX ? size : PL_NAME_MAX;
    memcpy(out, name, size);
    out[size] = '\0';
    for (size_t at = 0; at < size && !given;) { /* a file's name may be what a tensor's cannot */
        size_t valid = pl_utf8_valid(out + at, size - at);
        for (size_t i = at; i < at + valid; i++) {
            out[i] = (unsigned char)out[i] < 0x20 || out[i] == 0x7f ? '_' : out[i];
        }
        at += valid;
        if (at < size) {
            out[at++] = '_';
        }
    }
}
