/* One segment of a stream held in memory: named tensors and documents.
 * SPDX-License-Identifier: MIT
 *
 * For tools that need random access to all of a small object (a model, a series).  Tensors of a
 * mapped file are views into it; chunked tensors are joined. */
#ifndef PL_STREAM_BUNDLE_H
#define PL_STREAM_BUNDLE_H

#include "stream/reader.h"

struct pl_bundle_tensor {
    char *name;
    struct pl_tensor tensor;
};

struct pl_bundle_document {
    char *name;
    struct pl_meta meta;
};

struct pl_bundle {
    char *source; /* name of the input, for messages */
    struct pl_bundle_tensor *tensors;
    size_t tensor_count;
    struct pl_bundle_document *documents;
    size_t document_count;
    uint32_t sum;             /* of the end record */
    struct pl_reader *reader; /* kept open: views point into it; NULL when given by the caller */
};

/* Reads the next segment; *found = false at the end of the input.  The reader must stay open as
 * long as the bundle. */
enum pl_status pl_bundle_read(struct pl_context *context, struct pl_bundle *bundle,
                              struct pl_reader *reader, bool *found) PL_MUST_CHECK;
void pl_bundle_release(struct pl_bundle *bundle);

/* NULL when there is none. */
const struct pl_tensor *pl_bundle_tensor(const struct pl_bundle *bundle, const char *name);
const struct pl_meta_node *pl_bundle_document(const struct pl_bundle *bundle, const char *name);
/* The kind said by `meta: stream`, or "tensors". */
const char *pl_bundle_kind(const struct pl_bundle *bundle);
/* Whether a stream of this kind has the records of a series: a forecast is one, of the future. */
bool pl_kind_is_series(const char *kind);

#endif
