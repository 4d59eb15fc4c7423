/* What can be saved of a damaged stream.
 * SPDX-License-Identifier: MIT */
#ifndef PL_STREAM_RECOVER_H
#define PL_STREAM_RECOVER_H

#include "stream/writer.h"

struct pl_recovery {
    uint64_t kept;       /* records written, end records not counted */
    uint64_t lost;       /* good records that had no place any more */
    uint64_t lost_bytes; /* of the input, in no good record */
    bool whole;          /* nothing was lost or missing */
};

/* Writes all good records of the bytes as a fresh stream.  A record is good when its header's CRC
 * and its payload's CRC are right, wherever it lies.  What is lost is told by pl_warn, line by
 * line.
 *
 * A chunked tensor that lost chunks keeps those before the gap under its name; those behind it
 * become tensors NAME.part2, NAME.part3, ..., since nobody knows any more how many rows lay
 * between.  A segment without end record gets one; a second tensor of one name, or a document
 * `stream` that is not first, shows that an end record was lost, and begins a new segment. */
enum pl_status pl_recover(struct pl_context *context, const char *name, const void *bytes,
                          size_t size, struct pl_writer *writer,
                          struct pl_recovery *recovery) PL_MUST_CHECK;

#endif
