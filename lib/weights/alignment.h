/* How far the leading singular vectors of two models' weights agree.
 * SPDX-License-Identifier: MIT */
#ifndef PL_WEIGHTS_ALIGNMENT_H
#define PL_WEIGHTS_ALIGNMENT_H

#include "weights/match.h"

#define PL_ALIGNMENT_THRESHOLDS 8

/* R = sum over weights of sum over pairs kept of (u_i^A . u_j^B)(v_i^A . v_j^B), by the sum of the
 * numbers kept, where A = sum_i s_i u_i v_i' and a triple is kept if s_i >= threshold * s_1 (of a
 * pair of weights the smaller number counts).  1 for equal models; near 0 for unrelated ones.
 * Weights are the tensors of rank 2 and more, as [first axis, all others].  (Ito and others:
 * Analysis of Linear Mode Connectivity via Permutation-Based Weight Matching, ICLR 2025, arXiv
 * 2402.04051.) */
struct pl_alignment {
    double thresholds[PL_ALIGNMENT_THRESHOLDS]; /* set by the caller */
    int count;
    double r[PL_ALIGNMENT_THRESHOLDS];
    double worst; /* largest |s_i of B - s_i of P B| / s_1 of B, over all weights */
};

/* Nothing measured; the thresholds of the paper, and one above. */
extern const struct pl_alignment pl_alignment_default;

/* permutations: B's order.  With `check`, the singular values of B as it came are compared, too. */
enum pl_status pl_alignment_measure(struct pl_context *context, const struct pl_matching *matching,
                                    int64_t *const *permutations, bool check,
                                    struct pl_alignment *alignment) PL_MUST_CHECK;

#endif
