/* Vectors to codes and back, with a codebook that is trained.
 * SPDX-License-Identifier: MIT */
#ifndef PL_QUANTIZE_CODER_H
#define PL_QUANTIZE_CODER_H

#include "autograd/tape.h"
#include "quantize/vq.h"

struct pl_coder {
    const struct pl_vq *vq;
    struct pl_nearest *levels; /* [levels] */
    struct pl_tape tape;       /* of the encoder and of the decoder */
    pl_real *rest;             /* what is left over at a level */
    int32_t *found;            /* codes of a level */
    int64_t most;              /* vectors that are coded at once */
    pl_real *vectors;          /* room for the caller: [most, size] */
    int32_t *codes;            /* and [most, places, levels] */
};

/* How many a coder of this codebook takes at once. */
int64_t pl_coder_most(const struct pl_vq *vq);

/* search: vectors will be coded, not only decoded.  The codebook stays as it is until release. */
enum pl_status pl_coder_init(struct pl_context *context, struct pl_coder *coder,
                             const struct pl_vq *vq, bool search) PL_MUST_CHECK;
void pl_coder_release(struct pl_coder *coder);

/* codes [rows, places, levels] of vectors [rows, size]; rows at most coder->most. */
enum pl_status pl_coder_encode(struct pl_context *context, struct pl_coder *coder,
                               const pl_real *vectors, int64_t rows, int32_t *codes) PL_MUST_CHECK;
/* vectors [rows, size] of codes [rows, places, levels of the codebook], each in 0..K-1; of the
 * first `levels` of each place alone, at least one. */
enum pl_status pl_coder_decode(struct pl_context *context, struct pl_coder *coder,
                               const int32_t *codes, int64_t rows, int64_t levels,
                               pl_real *vectors) PL_MUST_CHECK;

#endif
