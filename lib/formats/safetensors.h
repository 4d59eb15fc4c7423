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

/* shards.c: a checkpoint of one file or of several, all open at once. */
struct pl_shard {
    struct pl_bytes bytes;
    struct pl_safetensors file;
    const uint8_t *data; /* behind the header */
};

struct pl_shards {
    struct pl_shard *items;
    int32_t count;
    uint32_t sum; /* CRC-32 of the index; 0: there is none */
};

/* path: an index (model.safetensors.index.json), whose files are looked for beside it, or a file
 * of safetensors.  Each file is checked, and that it has the tensors that the index says. */
enum pl_status pl_shards_open(struct pl_context *context, const char *path,
                              struct pl_shards *shards) PL_MUST_CHECK;
void pl_shards_close(struct pl_shards *shards);

/* Continues a CRC-32 over all files. */
enum pl_status pl_shards_sum(struct pl_context *context, struct pl_shards *shards,
                             uint32_t *sum) PL_MUST_CHECK;

/* Copies all tensors of the files that an index names. */
enum pl_status pl_shards_import(struct pl_context *context, struct pl_bytes *index,
                                struct pl_writer *writer) PL_MUST_CHECK;

/* The format's word for a type ("F32"). */
const char *pl_safetensors_dtype(enum pl_dtype dtype);

#endif
