/* A contiguous row-major array.
 * SPDX-License-Identifier: MIT */
#include "tensor/tensor.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Zero dimensions do not excuse the others: [0, 2^62, 2^62] is refused, since the size of one of
 * its rows would overflow in whoever computes it. */
bool pl_shape_count(int rank, const int64_t *dims, int64_t *count)
{
    int64_t product = 1;
    bool empty = false;
    for (int i = 0; i < rank; i++) {
        if (dims[i] < 0)
            return false;
        if (dims[i] == 0)
            empty = true;
        else if (!pl_mul_int64(product, dims[i], &product))
            return false;
    }
    *count = empty ? 0 : product;
    return true;
}

bool pl_shape_bytes(enum pl_dtype dtype, int rank, const int64_t *dims, uint64_t *bytes)
{
    int64_t count, product;
    if (!pl_shape_count(rank, dims, &count) ||
        !pl_mul_int64(count, (int64_t)pl_dtype_size(dtype), &product))
        return false;
    *bytes = (uint64_t)product;
    return true;
}

enum pl_status pl_shape_text(struct pl_context *context, struct pl_buffer *out, int rank,
                             const int64_t *dims)
{
    enum pl_status status = pl_buffer_text(context, out, "[");
    for (int i = 0; i < rank && status == PL_OK; i++) {
        const char *comma = i > 0 ? ", " : "";
        if (dims[i] < 0)
            status = pl_buffer_printf(context, out, "%s~", comma);
        else
            status = pl_buffer_printf(context, out, "%s%lld", comma, (long long)dims[i]);
    }
    return status ? status : pl_buffer_text(context, out, "]");
}

enum pl_status pl_tensor_init(struct pl_context *context, struct pl_tensor *tensor,
                              enum pl_dtype dtype, int rank, const int64_t *dims)
{
    uint64_t bytes;
    if (rank > PL_MAX_RANK || !pl_shape_bytes(dtype, rank, dims, &bytes))
        return pl_fail(context, PL_BAD_DATA, "a tensor of this shape is too large");
    *tensor = pl_tensor_view(dtype, rank, dims, NULL);
    tensor->data = pl_new(context, (size_t)bytes, 1);
    tensor->owned = tensor->data != NULL;
    return tensor->data ? PL_OK : PL_SYSTEM;
}

void pl_tensor_release(struct pl_tensor *tensor)
{
    if (tensor->owned)
        free(tensor->data);
    memset(tensor, 0, sizeof *tensor);
}

struct pl_tensor pl_tensor_view(enum pl_dtype dtype, int rank, const int64_t *dims, void *data)
{
    struct pl_tensor tensor = {.dtype = dtype, .rank = rank, .data = data};
    for (int i = 0; i < rank; i++)
        tensor.dims[i] = dims[i];
    return tensor;
}

int64_t pl_tensor_count(const struct pl_tensor *tensor)
{
    int64_t count = 1;
    for (int i = 0; i < tensor->rank; i++)
        count *= tensor->dims[i];
    return count;
}

size_t pl_tensor_bytes(const struct pl_tensor *tensor)
{
    return (size_t)pl_tensor_count(tensor) * pl_dtype_size(tensor->dtype);
}

enum pl_status pl_tensor_convert(struct pl_context *context, const struct pl_tensor *from,
                                 enum pl_dtype dtype, struct pl_tensor *to)
{
    enum pl_status status = pl_tensor_init(context, to, dtype, from->rank, from->dims);
    if (status == PL_OK)
        status =
            pl_convert(context, from->data, from->dtype, to->data, dtype, pl_tensor_count(from));
    if (status)
        pl_tensor_release(to);
    return status;
}

enum pl_status pl_tensor_expect(struct pl_context *context, const struct pl_tensor *tensor,
                                const char *name, enum pl_dtype dtype, int rank,
                                const int64_t *dims)
{
    bool same = tensor->dtype == dtype && tensor->rank == rank;
    for (int i = 0; i < rank && same; i++)
        same = dims[i] == -1 || dims[i] == tensor->dims[i];
    if (same)
        return PL_OK;
    struct pl_buffer wanted = {0}, found = {0};
    enum pl_status status = pl_shape_text(context, &wanted, rank, dims);
    if (status == PL_OK)
        status = pl_shape_text(context, &found, tensor->rank, tensor->dims);
    if (status == PL_OK)
        status =
            pl_fail(context, PL_BAD_DATA, "tensor '%s' is %s %s, expected %s %s", name,
                    pl_dtype_name(tensor->dtype), found.data, pl_dtype_name(dtype), wanted.data);
    pl_buffer_release(&wanted);
    pl_buffer_release(&found);
    return status;
}
