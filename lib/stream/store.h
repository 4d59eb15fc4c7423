/* Segments whose tensors can be read in any order: in a regular file where they are, from a pipe by
 * way of a temporary file.
 * SPDX-License-Identifier: MIT */
#ifndef PL_STREAM_STORE_H
#define PL_STREAM_STORE_H

#include "stream/directory.h"

/* The elements of one tensor, solid or chunked, decoded and verified, piece by piece. */
struct pl_elements {
    struct pl_reader *reader;
    const struct pl_directory_entry *entry;
    bool inside; /* a payload is being read */
    bool over;
};

/* Goes to the entry in a mapped reader. */
enum pl_status pl_elements_start(struct pl_context *context, struct pl_elements *elements,
                                 struct pl_reader *reader,
                                 const struct pl_directory_entry *entry) PL_MUST_CHECK;
/* The next piece; *count = 0 when all have come. */
enum pl_status pl_elements_next(struct pl_context *context, struct pl_elements *elements,
                                const void **data, int64_t *count) PL_MUST_CHECK;

/* Copies the records from the next one (or from the current one, with `current`) to the end of
 * the segment into an unlinked temporary stream and opens it: what came by a pipe becomes a mapped
 * file.  *spooled = NULL when the input is at its end. */
enum pl_status pl_spool_segment(struct pl_context *context, struct pl_reader *reader, bool current,
                                struct pl_reader **spooled) PL_MUST_CHECK;

/* An input whose segments can be read in any order, one segment at a time.  A mapped input stays
 * where it is; from a pipe each segment is spooled. */
struct pl_store {
    struct pl_reader *input;       /* set by the caller, who also closes it */
    struct pl_reader *reader;      /* mapped: the input, or its spooled segment */
    struct pl_directory directory; /* of the segment */
    bool over;                     /* there is no further segment */
};

/* The next segment; *found = false at the end of the input. */
enum pl_status pl_store_next(struct pl_context *context, struct pl_store *store,
                             bool *found) PL_MUST_CHECK;
void pl_store_release(struct pl_store *store);

#endif
