/* Inputs read as vectors, segment by segment.
 * SPDX-License-Identifier: MIT */
#ifndef PL_QUANTIZE_SOURCE_H
#define PL_QUANTIZE_SOURCE_H

#include "formats/input.h"
#include "quantize/cut.h"
#include "stream/writer.h"

struct pl_vector_source {
    struct pl_store store;
    struct pl_source source;
    char *kind;                    /* of the segment */
    struct pl_meta history, codes; /* its documents; empty when it has none */
    struct pl_sheet *sheets;
    const struct pl_directory_entry **entries; /* of the sheets */
    size_t count;
    int64_t vectors; /* of all sheets */
};

/* import may be NULL. */
enum pl_status pl_vector_source_open(struct pl_context *context, struct pl_vector_source *source,
                                     const char *path,
                                     const struct pl_import *import) PL_MUST_CHECK;
void pl_vector_source_close(struct pl_vector_source *source);

/* Goes to the next segment; *found = false at the end. */
enum pl_status pl_vector_source_next(struct pl_context *context, struct pl_vector_source *source,
                                     bool *found) PL_MUST_CHECK;

/* Plans the sheets of the segment: all tensors that pl_cut_takes.  PL_BAD_DATA when there are
 * tensors, but none of them holds vectors. */
enum pl_status pl_vector_source_cut(struct pl_context *context, struct pl_vector_source *source,
                                    const struct pl_cut *cut) PL_MUST_CHECK;

/* PL_BAD_DATA unless all vectors have this size. */
enum pl_status pl_vector_source_expect(struct pl_context *context,
                                       const struct pl_vector_source *source,
                                       int64_t size) PL_MUST_CHECK;

/* Copies what is not quantized: all records but the kind, the history, `meta: codes` and the
 * tensors for which `left_out` holds. */
typedef bool pl_left_out_fn(const void *user, const char *tensor);
enum pl_status pl_vector_source_copy(struct pl_context *context, struct pl_vector_source *source,
                                     pl_left_out_fn *left_out, const void *user,
                                     struct pl_writer *writer) PL_MUST_CHECK;

/* The sum that the history has for what was read. */
uint32_t pl_vector_source_sum(const struct pl_vector_source *source);

#endif
