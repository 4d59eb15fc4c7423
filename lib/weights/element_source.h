/* A model whose tensors are read one by one, in any order and in constant memory.
 * SPDX-License-Identifier: MIT */
#ifndef PL_WEIGHTS_ELEMENT_SOURCE_H
#define PL_WEIGHTS_ELEMENT_SOURCE_H

#include "formats/input.h"
#include "stream/history.h"
#include "stream/store.h"

/* One segment of an input in any format; what comes by a pipe is kept in a temporary file. */
struct pl_element_source {
    const char *path;
    struct pl_source source;
    struct pl_reader *input;
    struct pl_store store; /* store.directory: its tensors */
};

/* PL_BAD_DATA when there is no segment, or no tensor in it. */
enum pl_status pl_element_source_open(struct pl_context *context, struct pl_element_source *source,
                                      const char *path) PL_MUST_CHECK;
void pl_element_source_close(struct pl_element_source *source); /* zeroed: harmless */
const char *pl_element_source_name(const struct pl_element_source *source);

/* NULL when there is none. */
const struct pl_directory_entry *pl_element_source_find(struct pl_context *context,
                                                        struct pl_element_source *source,
                                                        const char *name);

/* All elements of a tensor as they are; free() them. */
enum pl_status pl_element_source_load(struct pl_context *context, struct pl_element_source *source,
                                      const struct pl_directory_entry *entry,
                                      void **elements) PL_MUST_CHECK;

/* The elements of one tensor as doubles, in blocks of any size.  The source reads nothing else
 * meanwhile. */
struct pl_element_blocks {
    const struct pl_element_source *source;
    struct pl_elements elements;
    const char *piece;
    int64_t left, done; /* elements of the piece, and given out */
    uint32_t sum;       /* CRC-32 of all pieces so far, continued from what it was */
};
/* sum: 0, or what is continued. */
enum pl_status pl_element_blocks_start(struct pl_context *context, struct pl_element_blocks *blocks,
                                       struct pl_element_source *source,
                                       const struct pl_directory_entry *entry,
                                       uint32_t sum) PL_MUST_CHECK;
/* The next count elements, which the tensor must have; PL_BAD_DATA names one that is not finite. */
enum pl_status pl_element_blocks_next(struct pl_context *context, struct pl_element_blocks *blocks,
                                      int64_t count, double *values) PL_MUST_CHECK;

/* The document of that name, the last of several; meta->root NULL: there is none.  To be released.
 */
enum pl_status pl_element_source_document(struct pl_context *context,
                                          struct pl_element_source *source, const char *name,
                                          struct pl_meta *meta) PL_MUST_CHECK;

/* Adds it to the history of what is made from it. */
enum pl_status pl_element_source_history(struct pl_context *context,
                                         struct pl_element_source *source,
                                         struct pl_history *history) PL_MUST_CHECK;

#endif
