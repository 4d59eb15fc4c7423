/* Safetensors: a JSON header that says where each tensor lies, then the tensors.
 * SPDX-License-Identifier: MIT */
#ifndef PL_FORMATS_SAFETENSORS_H
#define PL_FORMATS_SAFETENSORS_H

#include "formats/bytes.h"
#include "formats/elements.h"

struct pl_safetensor {
    const char *name;
    enum pl_dtype dtype;
    int rank;
    int64_t dims[PL_MAX_RANK];
    uint64_t begin, end; /* bytes behind the header */
};

struct pl_safetensors {
    struct pl_meta header;
    const struct pl_meta_node *metadata; /* __metadata__, or NULL */
    struct pl_safetensor *tensors;       /* in the order of their bytes */
    size_t count;
};

/* Takes the header off the input and checks all of it: sizes, types, and that the tensors cover
 * the bytes behind it without gap or overlap. */
enum pl_status pl_safetensors_open(struct pl_context *context, struct pl_safetensors *file,
                                   struct pl_bytes *bytes) PL_MUST_CHECK;
void pl_safetensors_release(struct pl_safetensors *file);

/* Copies the tensors, and __metadata__ as `meta: safetensors` when `metadata` is set. */
enum pl_status pl_safetensors_copy(struct pl_context *context, const struct pl_safetensors *file,
                                   struct pl_bytes *bytes, bool metadata,
                                   struct pl_writer *writer) PL_MUST_CHECK;

/* shards.c: the files that an index (model.safetensors.index.json) names, all of them checked
 * before anything is written. */
enum pl_status pl_shards_import(struct pl_context *context, struct pl_bytes *index,
                                struct pl_writer *writer) PL_MUST_CHECK;

/* The format's word for a type ("F32"). */
const char *pl_safetensors_dtype(enum pl_dtype dtype);

#endif
