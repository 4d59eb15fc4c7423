/* Streams of codes.
 * SPDX-License-Identifier: MIT
 *
 *     meta: stream    kind: codes
 *     meta: codes     codebook: its sum; codes, levels, places; bits; kind, patch or frame;
 *                     tensors: a list of name, codes, dtype, shape
 *     NAME            the codes of a tensor: `codes`, of several tensors codes.TENSOR
 *
 * A vector has one code a level, in the order of levels; with `places`, which are 1 when they are
 * not given, so many rows of them.  With `bits` a tensor is u8, and code i
 * takes its bits i * bits to (i + 1) * bits - 1, the least significant first, counted from the
 * least significant bit of byte 0; without, it is the smallest unsigned type, [rows] or
 * [rows, levels].  What else was in the stream that was encoded is there as it was. */
#ifndef PL_QUANTIZE_CODES_H
#define PL_QUANTIZE_CODES_H

#include "quantize/cut.h"
#include "quantize/vq.h"
#include "stream/writer.h"

/* What the document `codes` says. */
struct pl_codes {
    uint32_t codebook;     /* sum of its end record */
    int64_t codes, levels; /* K, and codes of a row */
    int64_t places;        /* rows of a vector */
    int bits;              /* of a packed code; 0: not packed */
    struct pl_cut cut;
    const char *kind;        /* of the stream that was encoded */
    struct pl_sheet *sheets; /* [count] */
    const char **records;    /* [count]: names of their tensors of codes */
    size_t count;
    struct pl_arena arena; /* of the texts */
};

/* ceil(log2 K), at least 1. */
int pl_code_bits(int64_t codes);

enum pl_status pl_codes_write(struct pl_context *context, const struct pl_codes *codes,
                              struct pl_writer *writer) PL_MUST_CHECK;
/* Reads the document; source: name of the stream, for messages. */
enum pl_status pl_codes_read(struct pl_context *context, struct pl_codes *codes,
                             const struct pl_meta_node *document, const char *source) PL_MUST_CHECK;
void pl_codes_release(struct pl_codes *codes);

/* PL_BAD_DATA unless the codes were made with this codebook, whose sum is given. */
enum pl_status pl_codes_expect(struct pl_context *context, const struct pl_codes *codes,
                               const struct pl_vq *vq, uint32_t sum,
                               const char *source) PL_MUST_CHECK;

/* Writes the codes of one sheet. */
struct pl_code_writer {
    const struct pl_codes *codes;
    struct pl_writer *writer;
    const char *name;
    enum pl_codec codec;
    enum pl_dtype dtype;
    int rank;
    int64_t dims[2];
    bool whole;             /* compressed and small: written at once */
    struct pl_buffer ready; /* bytes to be written */
    uint64_t partial;       /* bits of a byte to come */
    int partial_bits;
};

enum pl_status pl_code_writer_open(struct pl_context *context, struct pl_code_writer *out,
                                   const struct pl_codes *codes, size_t sheet, enum pl_codec codec,
                                   struct pl_writer *writer) PL_MUST_CHECK;
/* codes [rows, levels] */
enum pl_status pl_code_writer_put(struct pl_context *context, struct pl_code_writer *out,
                                  const int32_t *codes, int64_t rows) PL_MUST_CHECK;
enum pl_status pl_code_writer_close(struct pl_context *context,
                                    struct pl_code_writer *out) PL_MUST_CHECK;
void pl_code_writer_release(struct pl_code_writer *out);

/* Reads the codes of one sheet. */
struct pl_code_reader {
    const struct pl_codes *codes;
    size_t sheet;
    struct pl_elements elements;
    const uint8_t *ahead;
    int64_t ahead_count; /* elements */
    size_t element_size;
    uint64_t partial;
    int partial_bits;
    int64_t done; /* rows */
};

/* The reader must be mapped, and the directory that of its segment.  PL_BAD_DATA when the tensor
 * is missing, or is not what the document says. */
enum pl_status pl_code_reader_open(struct pl_context *context, struct pl_code_reader *in,
                                   const struct pl_codes *codes, size_t sheet,
                                   struct pl_reader *reader,
                                   struct pl_directory *directory) PL_MUST_CHECK;
/* Codes [*count, places, levels] of up to `most` vectors; *count = 0 after the last.  A code beyond
 * K is PL_BAD_DATA that says which. */
enum pl_status pl_code_reader_next(struct pl_context *context, struct pl_code_reader *in,
                                   int64_t most, int32_t *codes, int64_t *count) PL_MUST_CHECK;

#endif
