/* Vector quantisation with a codebook that is trained by gradients.
 * SPDX-License-Identifier: MIT
 *
 * Van den Oord, Vinyals, Kavukcuoglu: Neural Discrete Representation Learning, NeurIPS 2017.  SimVQ
 * is the same on the codebook C W' + b (pl_op_linear) with C frozen: Zhu, Li, Xin, Xia, Xu:
 * Addressing Representation Collapse in Vector Quantized Models with One Linear Layer, ICCV 2025.
 * A vector that no z is nearest to gets no gradient, and stays where it is: codebooks die.  With
 * one map for all, every gradient moves every code.
 *
 * See autograd/tape.h for failures. */
#ifndef PL_NN_QUANTIZE_H
#define PL_NN_QUANTIZE_H

#include "autograd/tape.h"
#include "nn/nearest.h"

struct pl_quantize {
    double beta; /* weight of the commitment, 0.25 */
    bool legacy; /* the weight is on the codebook's half of the loss instead */
};

struct pl_quantized {
    int32_t *codes;              /* [N], until the tape is reset */
    struct pl_variable *vectors; /* q [N, D]: the nearest code vectors; without gradient */
    struct pl_variable *loss;    /* one element, see below */
};

/* Finds the nearest code of every row of z [N, D] in the codebook [K, D].  With sg() for what no
 * gradient goes through,
 *
 *     loss = beta mean((sg(q) - z)^2) + mean((q - sg(z))^2)         over all N D elements
 *
 * or, legacy, mean((sg(q) - z)^2) + beta mean((q - sg(z))^2): the same value, other gradients.
 * nearest: made for K codes of width D; it is set to the codebook. */
enum pl_status pl_op_quantize(struct pl_tape *tape, const struct pl_quantize *quantize,
                              struct pl_nearest *nearest, struct pl_variable *z,
                              struct pl_variable *codebook,
                              struct pl_quantized *quantized) PL_MUST_CHECK;

/* The value of q with the gradient of z: z + sg(q - z). */
struct pl_variable *pl_op_straight_through(struct pl_tape *tape, struct pl_variable *z,
                                           struct pl_variable *q);

/* The value of q as z turned and scaled onto it, both held fixed: with e = z / |z|, h = q / |q|,
 * w = (e + h) / |e + h|, s = |q| / |z| a gradient g goes to z as s (g - 2 (g.w) w + 2 (g.h) e).
 * Rows where that is not defined (zero, or opposite vectors) pass it straight through.
 * Fifty, Junkins, Duan, Iger, Liu, Amid, Thrun, Re: Restructuring Vector Quantization with the
 * Rotation Trick, ICLR 2025. */
struct pl_variable *pl_op_rotate(struct pl_tape *tape, struct pl_variable *z,
                                 struct pl_variable *q);

#endif
