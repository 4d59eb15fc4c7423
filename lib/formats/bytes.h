/* The bytes of an input in another format: mapped, or read piece by piece, gzip undone.
 * SPDX-License-Identifier: MIT
 *
 *     while (!(status = pl_bytes_peek(context, bytes, 1, &data, &size)) && size) {
 *         use(data, size);
 *         pl_bytes_skip(bytes, size);
 *     }
 *
 * An importer sees one door, whatever is behind it: a mapped file shows all its bytes at once, a
 * pipe or a compressed file shows those that have come.  Peeking never waits for more bytes than
 * it was asked for, so that a live series flows on row by row. */
#ifndef PL_FORMATS_BYTES_H
#define PL_FORMATS_BYTES_H

#include "base/buffer.h"
#include "base/file.h"
#include "formats/gunzip.h"

struct pl_bytes {
    const char *name;      /* for messages */
    struct pl_file file;   /* not open (fd -1) for bytes in memory */
    const uint8_t *stored; /* the bytes as stored, when mapped or in memory; else NULL */
    size_t stored_size;
    bool regular;        /* ends soon: a regular file, also a compressed one */
    const uint8_t *data; /* what is there: all of it when mapped, else the window's */
    size_t size, taken;  /* of data; the first `taken` bytes were skipped */
    struct pl_buffer window;
    struct pl_buffer raw; /* compressed bytes read from a pipe */
    size_t raw_taken;     /* of the stored or raw bytes: those already inflated */
    bool compressed;
    struct pl_gunzip gunzip;
    uint32_t content_sum; /* CRC-32 of the inflated bytes, of deflate data */
    bool eager;           /* peeking takes along what is there without waiting */
    bool ended;           /* data holds the last byte */
    bool summed;          /* sum is that of all stored bytes */
    uint32_t sum;         /* CRC-32 of the stored bytes read so far, when not mapped */
    void *spooled;        /* mapping of a temporary file with the rest of the input */
    size_t spooled_size;
};

/* Opens a path ("-" or NULL: standard input). */
enum pl_status pl_bytes_open(struct pl_context *context, struct pl_bytes *bytes,
                             const char *path) PL_MUST_CHECK;

/* Bytes that are in memory already; the caller keeps them alive. */
void pl_bytes_memory(struct pl_bytes *bytes, const char *name, const void *stored, size_t size);
/* The same for deflate data (raw, as in a zip archive) in memory. */
void pl_bytes_deflated(struct pl_bytes *bytes, const char *name, const void *stored, size_t size);
void pl_bytes_close(struct pl_bytes *bytes);

/* Shows what lies ahead: at least `least` bytes unless the input ends before; when bytes->eager is
 * set, also whatever more is there without waiting, up to about a mebibyte.  The view is valid
 * until the next call. */
enum pl_status pl_bytes_peek(struct pl_context *context, struct pl_bytes *bytes, size_t least,
                             const uint8_t **data, size_t *size) PL_MUST_CHECK;

/* Tells that stored bytes, a part of what was shown, are not needed for now: pages of a mapped file
 * go back to the system, and come again when they are looked at. */
void pl_bytes_give_back(const struct pl_bytes *bytes, const uint8_t *data, size_t size);

/* Moves on; size is at most what the last peek showed. */
void pl_bytes_skip(struct pl_bytes *bytes, size_t size);

/* Takes exactly size bytes; fewer is PL_INCOMPLETE "ends N bytes early". */
enum pl_status pl_bytes_take(struct pl_context *context, struct pl_bytes *bytes, size_t size,
                             const uint8_t **data) PL_MUST_CHECK;

/* All that lies ahead as one view, valid until close: spooled to a temporary file if need be. */
enum pl_status pl_bytes_rest(struct pl_context *context, struct pl_bytes *bytes,
                             const uint8_t **data, size_t *size) PL_MUST_CHECK;

/* PL_BAD_DATA unless everything was taken. */
enum pl_status pl_bytes_expect_end(struct pl_context *context,
                                   struct pl_bytes *bytes) PL_MUST_CHECK;

/* CRC-32 of the stored bytes, of all of them. */
enum pl_status pl_bytes_sum(struct pl_context *context, struct pl_bytes *bytes,
                            uint32_t *sum) PL_MUST_CHECK;

/* Spares pl_bytes_sum the pass when the importer knows the sum of what pl_bytes_rest gave it;
 * without effect where those are not the stored bytes. */
void pl_bytes_set_sum(struct pl_bytes *bytes, uint32_t sum);

/* pl_fail with the input's name in front. */
enum pl_status pl_bytes_fail(struct pl_context *context, const struct pl_bytes *bytes,
                             enum pl_status status, const char *format, ...) PL_PRINTF(4, 5);

/* The failure of an input that ends too early. */
enum pl_status pl_bytes_short(struct pl_context *context, const struct pl_bytes *bytes,
                              uint64_t missing);

#endif
