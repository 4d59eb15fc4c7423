/* A contiguous row-major array.
 * SPDX-License-Identifier: MIT */
#ifndef PL_TENSOR_TENSOR_H
#define PL_TENSOR_TENSOR_H

#include "base/buffer.h"
#include "tensor/dtype.h"

#define PL_MAX_RANK 8

struct pl_tensor {
    enum pl_dtype dtype;
    int rank; /* 0: a scalar */
    int64_t dims[PL_MAX_RANK];
    void *data;
    bool owned; /* data is freed by pl_tensor_release; else it is a view */
};

/* Number of elements and bytes of a shape; false when they overflow or a dimension is < 0. */
bool pl_shape_count(int rank, const int64_t *dims, int64_t *count);
bool pl_shape_bytes(enum pl_dtype dtype, int rank, const int64_t *dims, uint64_t *bytes);

/* "[2, 3]"; ~ for -1. */
enum pl_status pl_shape_text(struct pl_context *context, struct pl_buffer *out, int rank,
                             const int64_t *dims) PL_MUST_CHECK;

/* Zeroed elements of its own. */
enum pl_status pl_tensor_init(struct pl_context *context, struct pl_tensor *tensor,
                              enum pl_dtype dtype, int rank, const int64_t *dims) PL_MUST_CHECK;
void pl_tensor_release(struct pl_tensor *tensor);
struct pl_tensor pl_tensor_view(enum pl_dtype dtype, int rank, const int64_t *dims, void *data);

int64_t pl_tensor_count(const struct pl_tensor *tensor);
size_t pl_tensor_bytes(const struct pl_tensor *tensor);

/* A converted copy. */
enum pl_status pl_tensor_convert(struct pl_context *context, const struct pl_tensor *from,
                                 enum pl_dtype dtype, struct pl_tensor *to) PL_MUST_CHECK;

/* PL_BAD_DATA naming both shapes unless tensor has this shape (-1 matches any). */
enum pl_status pl_tensor_expect(struct pl_context *context, const struct pl_tensor *tensor,
                                const char *name, enum pl_dtype dtype, int rank,
                                const int64_t *dims) PL_MUST_CHECK;

#endif
