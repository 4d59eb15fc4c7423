/* Headers of the tensor stream: their grammar, parsed and written.
 * SPDX-License-Identifier: MIT
 *
 * See tensor-stream(5), the normative text.  A header is one line of 64*k bytes that is also a
 * YAML document; this file knows its grammar, reader.h and writer.h the order of records. */
#ifndef PL_STREAM_HEADER_H
#define PL_STREAM_HEADER_H

#include "tensor/tensor.h"

#define PL_MAGIC       "--- !plumbline1 "
#define PL_MAGIC_SIZE  16
#define PL_BLOCK       64
#define PL_HEADER_MAX  4096
#define PL_NAME_MAX    255
#define PL_META_MAX    (1 << 20)
#define PL_OPEN_MAX    64
#define PL_FOOTER_SIZE 16
#define PL_FOOTER      "\n# end " /* then 8 hex digits and a newline */

enum pl_record_kind {
    PL_RECORD_TENSOR, /* solid, or opens a chunked tensor (chunked is true) */
    PL_RECORD_CHUNK,
    PL_RECORD_CLOSE,
    PL_RECORD_META,
    PL_RECORD_ERROR,
    PL_RECORD_END,
    PL_RECORD_PRIVATE /* x_...: copied through */
};

enum pl_codec { PL_CODEC_RAW, PL_CODEC_ZLIB, PL_CODEC_SHUFFLE_ZLIB };

struct pl_header {
    enum pl_record_kind kind;
    char name[PL_NAME_MAX + 1]; /* of the tensor, chunk, close, meta; the tool of an error */
    enum pl_dtype dtype;
    int rank;
    int64_t dims[PL_MAX_RANK]; /* dims[0] = -1: unknown (~) */
    bool chunked;              /* a tensor record without bytes */
    enum pl_codec codec;
    bool payload;                   /* the header has bytes, so payload and footer follow */
    uint64_t bytes;                 /* stored size */
    int64_t seq, rows, chunks;      /* chunk: seq, rows; close: chunks, rows */
    int64_t status;                 /* error */
    uint64_t end_records, end_size; /* end */
    uint32_t end_sum;
    uint32_t crc; /* the header's own, as stored */
};

/* Parses one complete header (its size a multiple of 64, LF last) whose CRC is checked here.
 * PL_BAD_DATA with the reason in the message: "unknown key 'order' (written by a newer
 * version?)". */
enum pl_status pl_header_parse(struct pl_context *context, const char *text, size_t size,
                               struct pl_header *header) PL_MUST_CHECK;

/* Writes the canonical form; *size is a multiple of 64; header->crc is set. */
enum pl_status pl_header_write(struct pl_context *context, struct pl_header *header,
                               char text[PL_HEADER_MAX], size_t *size) PL_MUST_CHECK;

/* The same header for another name: keys that are not ours (x_...) stay.  text was parsed before.
 */
enum pl_status pl_header_rename(struct pl_context *context, const char *text, size_t size,
                                const char *name, char renamed[PL_HEADER_MAX],
                                size_t *renamed_size) PL_MUST_CHECK;

/* PL_BAD_DATA unless the text (or what there is of it) begins as a record does; another major
 * version is named. */
enum pl_status pl_magic_check(struct pl_context *context, const char *text,
                              size_t size) PL_MUST_CHECK;

/* Checksums as 8 lowercase hex digits. */
bool pl_hex_parse(const char digits[8], uint32_t *out);
void pl_hex_write(char digits[8], uint32_t value);

const char *pl_codec_name(enum pl_codec codec); /* "raw", "zlib", "shuffle-zlib" */

#endif
