/* How well a codebook is used.
 * SPDX-License-Identifier: MIT */
#ifndef PL_QUANTIZE_USAGE_H
#define PL_QUANTIZE_USAGE_H

#include <stdint.h>

struct pl_usage {
    int64_t used;      /* codes that were hit at least once */
    double share;      /* of all codes, 0..1 */
    double perplexity; /* exp(-sum p ln p), p the share of hits: 1..K; 0 without hits */
    double bits;       /* log2 of it: what an ideal coder of single codes takes for each */
};

/* counts [codes]: hits of each code. */
struct pl_usage pl_usage_of(const int64_t *counts, int64_t codes);

#endif
