/* Streams of vectors to streams of codes, and back: one segment at a time, in memory that does not
 * grow with it.
 * SPDX-License-Identifier: MIT */
#ifndef PL_QUANTIZE_TRANSCODE_H
#define PL_QUANTIZE_TRANSCODE_H

#include "cli/tool.h"
#include "quantize/coder.h"
#include "quantize/codes.h"
#include "quantize/source.h"

/* A codebook that was opened, and what codes it. */
struct pl_vq_book {
    struct pl_bundle bundle;
    struct pl_source source;
    struct pl_vq vq;
    struct pl_coder coder;
};

/* search: for encoding. */
enum pl_status pl_vq_book_open(struct pl_context *context, struct pl_vq_book *book,
                               const char *path, bool search) PL_MUST_CHECK;
void pl_vq_book_close(struct pl_vq_book *book);

struct pl_encode_options {
    bool pack; /* bit by bit */
    int codec; /* enum pl_codec */
};

/* All records of the result but history and end.  A segment without tensors gives none.  options:
 * struct pl_encode_options, of decoding NULL. */
typedef enum pl_status pl_vq_segment_fn(struct pl_context *context, struct pl_vq_book *book,
                                        struct pl_vector_source *source, const void *options,
                                        struct pl_writer *writer);
pl_vq_segment_fn pl_vq_encode_segment, pl_vq_decode_segment;

/* What vq-encode and vq-decode do with the operands CODEBOOK and DATA: all segments, one by one. */
enum pl_status pl_vq_transcode(struct pl_run *run, bool search, pl_vq_segment_fn *segment,
                               const void *options) PL_MUST_CHECK;

/* The codes of a segment, checked against the codebook: for those who read them. */
enum pl_status pl_vq_codes_of(struct pl_context *context, const struct pl_vq_book *book,
                              const struct pl_vector_source *source,
                              struct pl_codes *codes) PL_MUST_CHECK;

#endif
