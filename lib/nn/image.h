/* Operations on pictures: convolution, pooling, enlarging, batch norm, the way to rows of numbers.
 * SPDX-License-Identifier: MIT
 *
 * Pictures are [N, H, W, C]: the channels of a pixel lie side by side, so that a pixel is a row to
 * the operations of autograd/ops.h, and a run of pixels is one piece of memory. */
#ifndef PL_NN_IMAGE_H
#define PL_NN_IMAGE_H

#include "autograd/tape.h"

/* Places of a window of `kernel` pixels, moved by stride, over size pixels and pad more at each
 * end: (size + 2 pad - kernel) / stride + 1, or 0 when it does not fit. */
int64_t pl_window_count(int64_t size, int64_t kernel, int64_t stride, int64_t pad);

/* y[n, i, j, o] = b[o] + sum of w[o, c, u, v] x[n, i stride - pad + u, j stride - pad + v, c], with
 * zeros outside the picture.  x [N, H, W, C], w [O, C, KH, KW], bias [O] or NULL; the windows fit
 * (the caller has checked). */
struct pl_variable *pl_op_conv2d(struct pl_tape *tape, struct pl_variable *x, struct pl_variable *w,
                                 struct pl_variable *bias, int64_t stride, int64_t pad);

/* The largest, or the mean, of each channel in windows of size x size pixels.  Pixels that padding
 * adds take no part; pad < size. */
struct pl_variable *pl_op_max_pool(struct pl_tape *tape, struct pl_variable *x, int64_t size,
                                   int64_t stride, int64_t pad);
struct pl_variable *pl_op_mean_pool(struct pl_tape *tape, struct pl_variable *x, int64_t size,
                                    int64_t stride, int64_t pad);
/* Mean of each channel of a whole picture: [N, C]. */
struct pl_variable *pl_op_global_pool(struct pl_tape *tape, struct pl_variable *x);

/* Every pixel becomes a block of tall x wide equal ones: [N, H tall, W wide, C]. */
struct pl_variable *pl_op_enlarge(struct pl_tape *tape, struct pl_variable *x, int64_t tall,
                                  int64_t wide);

/* [N, H, W, C] -> [N, C H W], channel after channel as other programs flatten pictures. */
struct pl_variable *pl_op_flatten(struct pl_tape *tape, struct pl_variable *x);

/* Normalisation of each channel over all rows of a batch (Ioffe, Szegedy: Batch Normalization, ICML
 * 2015): y = weight (x - mean) / sqrt(variance + eps) + bias.  All [C]. */
struct pl_batch_norm {
    struct pl_variable *weight, *bias;
    struct pl_variable *mean, *variance; /* running averages, without gradients */
    double eps;
};

/* With a momentum above 0 (training) mean and variance are those of the batch, and the running ones
 * move by that share towards them, the variance with one row less in its divisor.  With momentum 0
 * the running ones are used as they are. */
struct pl_variable *pl_op_batch_norm(struct pl_tape *tape, struct pl_variable *x,
                                     const struct pl_batch_norm *norm, double momentum);

#endif
