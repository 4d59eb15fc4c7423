/* What codes make of a codebook, and what they lose.
 * SPDX-License-Identifier: MIT */
#ifndef PL_QUANTIZE_STATS_H
#define PL_QUANTIZE_STATS_H

#include "quantize/transcode.h"
#include "quantize/usage.h"

/* Over all segments that were added. */
struct pl_vq_stats {
    int64_t vectors;  /* that were quantized: with an encoder, rows of z */
    int64_t *counts;  /* [levels, codes] */
    double *squares;  /* [levels]: of the error when only the levels up to this one are decoded */
    int64_t numbers;  /* that were compared; 0: there was no original */
    double low, high; /* of the original's values */
    bool full_scale;  /* pictures or sound: the peak is 1 */
};

enum pl_status pl_vq_stats_init(struct pl_context *context, struct pl_vq_stats *stats,
                                const struct pl_vq *vq) PL_MUST_CHECK;
void pl_vq_stats_release(struct pl_vq_stats *stats);

/* Adds a segment of codes.  original: NULL, or the segment that was encoded: errors are those of
 * the decoded tensors, rounded as they are written, of pictures and sound on the scale on which the
 * full range is 1.  Memory does not grow with the segment. */
enum pl_status pl_vq_stats_add(struct pl_context *context, struct pl_vq_stats *stats,
                               struct pl_vq_book *book, struct pl_vector_source *codes,
                               struct pl_vector_source *original) PL_MUST_CHECK;

/* Mean square error with so many levels, and 10 log10(peak^2 / mse), infinite for none; NAN without
 * original.  The peak of other data is the span of its values. */
double pl_vq_stats_mse(const struct pl_vq_stats *stats, int64_t levels);
double pl_vq_stats_psnr(const struct pl_vq_stats *stats, int64_t levels);

#endif
