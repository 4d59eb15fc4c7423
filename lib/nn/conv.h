/* The short convolution in front of linear attention.
 * SPDX-License-Identifier: MIT */
#ifndef PL_NN_CONV_H
#define PL_NN_CONV_H

#include "nn/rows.h"

/* Depthwise and causal along each sequence: y_t[c] = sum_j w[c, 0, j] x_{t - (W - 1) + j}[c], zeros
 * (or the cache) before the start; then SiLU if silu.  x [N, C], w [C, 1, W].  cache: NULL, or
 * [sequences, C, W], the last W inputs before the first row, newest last; it is overwritten with
 * those after the last row (inference only). */
struct pl_variable *pl_op_short_conv(struct pl_tape *tape, const struct pl_rows *rows,
                                     struct pl_variable *x, struct pl_variable *w, bool silu,
                                     struct pl_variable *cache);

#endif
