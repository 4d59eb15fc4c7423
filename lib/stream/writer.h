/* Writing a tensor stream in one pass.
 * SPDX-License-Identifier: MIT */
#ifndef PL_STREAM_WRITER_H
#define PL_STREAM_WRITER_H

#include "base/file.h"
#include "base/meta.h"
#include "stream/header.h"
#include "stream/reader.h"

struct pl_writer; /* opaque */

/* Writes to a path through pl_output ("-" or NULL: standard output, in large blocks, the pipe
 * widened to 1 MiB).  NULL on failure. */
struct pl_writer *pl_writer_open(struct pl_context *context, const char *path) PL_MUST_CHECK;
/* Whether that would do, for who has long work before it; nothing is left behind.  NULL: no file is
 * asked for. */
enum pl_status pl_writer_try(struct pl_context *context, const char *path) PL_MUST_CHECK;
/* The descriptor stays the caller's. */
struct pl_writer *pl_writer_open_fd(struct pl_context *context, int fd,
                                    const char *name) PL_MUST_CHECK;

/* After the last end record: flushes, syncs and renames.  The writer is freed either way. */
enum pl_status pl_writer_commit(struct pl_context *context, struct pl_writer *writer) PL_MUST_CHECK;
/* Removes an unfinished file.  Elsewhere (a pipe, standard output) an error record with the
 * context's message closes the segment first, or the very error record that made the reader fail;
 * inside a payload, or without the name of a tool, the stream just stops.  A NULL writer is
 * harmless. */
void pl_writer_abort(struct pl_context *context, struct pl_writer *writer, const char *tool);

/* A whole solid tensor.  A compressed one of more than 1 MiB is written as chunks deflated in
 * parallel, as the format rules. */
enum pl_status pl_writer_tensor(struct pl_context *context, struct pl_writer *writer,
                                const char *name, const struct pl_tensor *tensor,
                                enum pl_codec codec) PL_MUST_CHECK;

/* A raw solid tensor whose elements come in pieces: begin, write until all bytes came, end. */
enum pl_status pl_writer_begin(struct pl_context *context, struct pl_writer *writer,
                               const char *name, enum pl_dtype dtype, int rank,
                               const int64_t *dims) PL_MUST_CHECK;
enum pl_status pl_writer_bytes(struct pl_context *context, struct pl_writer *writer,
                               const void *bytes, size_t size) PL_MUST_CHECK;
enum pl_status pl_writer_finish(struct pl_context *context, struct pl_writer *writer) PL_MUST_CHECK;

/* A chunked tensor: dims[0] is -1 or the known total.  Chunks of several may interleave. */
enum pl_status pl_writer_open_chunked(struct pl_context *context, struct pl_writer *writer,
                                      const char *name, enum pl_dtype dtype, int rank,
                                      const int64_t *dims) PL_MUST_CHECK;
enum pl_status pl_writer_chunk(struct pl_context *context, struct pl_writer *writer,
                               const char *name, const void *rows, int64_t count,
                               enum pl_codec codec) PL_MUST_CHECK;
/* The same for any number of rows: cut into chunks of about 1 MiB, deflated in parallel. */
enum pl_status pl_writer_rows(struct pl_context *context, struct pl_writer *writer,
                              const char *name, const void *rows, int64_t count,
                              enum pl_codec codec) PL_MUST_CHECK;
enum pl_status pl_writer_close_chunked(struct pl_context *context, struct pl_writer *writer,
                                       const char *name) PL_MUST_CHECK;

enum pl_status pl_writer_meta(struct pl_context *context, struct pl_writer *writer,
                              const char *name, const struct pl_meta_node *document) PL_MUST_CHECK;

/* Convenience: `meta: stream` with its kind. */
enum pl_status pl_writer_kind(struct pl_context *context, struct pl_writer *writer,
                              const char *kind) PL_MUST_CHECK;

/* The reader's current record as stored, its CRC verified and reused, in constant memory; an end
 * record is the writer's own.  rename: NULL, or the new name (the header is written again with all
 * its keys, the payload not touched). */
enum pl_status pl_writer_copy(struct pl_context *context, struct pl_writer *writer,
                              struct pl_reader *reader, const char *rename) PL_MUST_CHECK;

/* A record from elsewhere with its payload as stored (header->bytes of it): under its own header
 * text, or with text NULL under a new one.  PL_BAD_DATA, and nothing written, when the segment has
 * no place for it. */
enum pl_status pl_writer_stored(struct pl_context *context, struct pl_writer *writer,
                                struct pl_header *header, const char *text, size_t text_size,
                                const void *bytes) PL_MUST_CHECK;

/* Pushes out what is buffered (live streams). */
enum pl_status pl_writer_flush(struct pl_context *context, struct pl_writer *writer) PL_MUST_CHECK;

/* The end record; another segment may follow. */
enum pl_status pl_writer_end(struct pl_context *context, struct pl_writer *writer) PL_MUST_CHECK;

#endif
