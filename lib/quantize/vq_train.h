/* What the ways of training share.
 * SPDX-License-Identifier: MIT
 *
 * Inner header. */
#ifndef PL_QUANTIZE_VQ_TRAIN_H
#define PL_QUANTIZE_VQ_TRAIN_H

#include "quantize/vq.h"

/* Vectors brought to mean 0 and one deviation over all numbers, and the way back. */
struct pl_vq_data {
    pl_real *vectors; /* [count, size] */
    int64_t count, size;
    double *mean; /* [size] */
    double scale; /* what was divided by */
};

/* Each fills the codebook of vq (and the layers around it) for the data as it is. */
enum pl_status pl_vq_descend(struct pl_context *context, struct pl_vq *vq,
                             const struct pl_vq_data *data,
                             const struct pl_vq_progress *progress) PL_MUST_CHECK;
enum pl_status pl_vq_kmeans(struct pl_context *context, struct pl_vq *vq,
                            const struct pl_vq_data *data,
                            const struct pl_vq_progress *progress) PL_MUST_CHECK;

#endif
