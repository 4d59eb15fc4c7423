/* Reading a tensor stream record by record.
 * SPDX-License-Identifier: MIT
 *
 *     struct pl_reader *reader = pl_reader_open(context, "-", 0);
 *     const struct pl_record *record;
 *     while ((status = pl_reader_next(context, reader, &record)) == PL_OK && record) {
 *         if (record->header.kind == PL_RECORD_TENSOR && wanted(record->header.name))
 *             status = pl_reader_tensor(context, reader, &tensor);
 *     }
 *     pl_reader_close(reader);
 *
 * The reader checks everything the format promises: header and payload CRCs, chunk order, totals,
 * unique names, the end record's counts and sum.  A payload that nobody asks for is still verified
 * when the stream is a pipe; in a regular file it is hopped over (its stored CRC still enters the
 * end sum) unless PL_READER_VERIFY is set.  Memory: one payload at most, and only if asked for. */
#ifndef PL_STREAM_READER_H
#define PL_STREAM_READER_H

#include "base/file.h"
#include "base/meta.h"
#include "stream/header.h"

enum {
    PL_READER_VERIFY = 1, /* check the payload of every record, asked for or not */
    PL_READER_NO_MMAP = 2 /* no mapping of a regular file: tensors are copies */
};

struct pl_record {
    struct pl_header header;
    uint64_t index;   /* of the record in its segment, from 0 */
    uint64_t segment; /* from 0 */
    uint64_t offset;  /* of the header in the input, bytes */
    const char *text; /* the header as stored, header_size bytes */
    size_t header_size;
    /* A chunk's header has dtype, rank and dims of its open tensor, with dims[0] = rows. */
};

struct pl_reader; /* opaque */

/* Opens a path ("-" or NULL: standard input).  NULL on failure. */
struct pl_reader *pl_reader_open(struct pl_context *context, const char *path,
                                 int flags) PL_MUST_CHECK;
/* Takes over the descriptor, also on failure; `before` are bytes already read from it (copied). */
struct pl_reader *pl_reader_open_fd(struct pl_context *context, int fd, const char *name,
                                    const void *before, size_t before_size,
                                    int flags) PL_MUST_CHECK;
/* The bytes stay the caller's and must outlive the reader. */
struct pl_reader *pl_reader_open_memory(struct pl_context *context, const void *bytes, size_t size,
                                        const char *name, int flags) PL_MUST_CHECK;
void pl_reader_close(struct pl_reader *reader); /* NULL is harmless */

const char *pl_reader_name(const struct pl_reader *reader);
bool pl_reader_is_mapped(const struct pl_reader *reader);

/* True when the next record has not been read ahead, so that pl_reader_next may wait for it: time
 * to flush what was written. */
bool pl_reader_may_wait(const struct pl_reader *reader);

/* The next record, end records included; *record = NULL at the legal end of the input.  What the
 * caller did not take of the previous record's payload is skipped.  An error record makes this
 * PL_INCOMPLETE ("upstream lin-train failed: ...") after *record was set to it; the record can
 * still be copied.  An input without end record is PL_INCOMPLETE ("stream ended without an end
 * record"). */
enum pl_status pl_reader_next(struct pl_context *context, struct pl_reader *reader,
                              const struct pl_record **record) PL_MUST_CHECK;

/* The record that pl_reader_next gave last. */
const struct pl_record *pl_reader_record(const struct pl_reader *reader);

/* The current record's stored payload as a whole, verified; valid until pl_reader_next (for a
 * mapped file: until close).  It can be asked for again, also as a tensor or in pieces; what was
 * taken in pieces or as a tensor cannot. */
enum pl_status pl_reader_payload(struct pl_context *context, struct pl_reader *reader,
                                 const void **bytes, size_t *size) PL_MUST_CHECK;

/* The current solid tensor or chunk, decoded and verified.  A raw one in a mapped file is a view
 * into the file; otherwise it owns its data. */
enum pl_status pl_reader_tensor(struct pl_context *context, struct pl_reader *reader,
                                struct pl_tensor *tensor) PL_MUST_CHECK;

/* Views stay in memory until close.  Without this the pages of earlier ones are given back to the
 * system and mapped in again when they are used, so that tensors of a file of any size can be
 * taken one by one. */
void pl_reader_keep_views(struct pl_reader *reader);

/* The current meta record, parsed. */
enum pl_status pl_reader_meta(struct pl_context *context, struct pl_reader *reader,
                              struct pl_meta *meta) PL_MUST_CHECK;

/* The stored payload piece by piece (at most 1 MiB each, *size = 0 when it is over and was
 * verified): for copying and for statistics in constant memory. */
enum pl_status pl_reader_piece(struct pl_context *context, struct pl_reader *reader,
                               const void **bytes, size_t *size) PL_MUST_CHECK;

/* The same decoded: pieces of whole elements of a solid tensor or chunk. */
enum pl_status pl_reader_elements(struct pl_context *context, struct pl_reader *reader,
                                  const void **elements, int64_t *count) PL_MUST_CHECK;

/* The CRC in the footer of the current payload, once that was taken and so verified. */
uint32_t pl_reader_crc(const struct pl_reader *reader);

/* Goes to a record of a regular file at which it was before (record->offset), so that a segment can
 * be read in any order after it was read through once.  The next pl_reader_next returns it.  From
 * there to the end of the segment headers and payloads are checked, but not what needs the records
 * before: names may come again, chunks and closes of tensors that were not opened since are passed
 * over, the end record's totals are not compared.  PL_SYSTEM when the input is a pipe. */
enum pl_status pl_reader_seek(struct pl_context *context, struct pl_reader *reader,
                              uint64_t offset) PL_MUST_CHECK;

/* After an end record: its sum, for the history of what is made from this input. */
uint32_t pl_reader_sum(const struct pl_reader *reader);

#endif
