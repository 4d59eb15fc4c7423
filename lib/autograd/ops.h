/* Operations that work on each row by itself.
 * SPDX-License-Identifier: MIT
 *
 * All take and give [rows, width] variables (any rank: the last axis is the width). See tape.h for
 * failures.  Weights are [out, in]: y = x W'. */
#ifndef PL_AUTOGRAD_OPS_H
#define PL_AUTOGRAD_OPS_H

#include "autograd/tape.h"

/* y = x W' + b.  x [N, in], w [out, in], bias [out] or NULL.  With an adapter of w, W stands for
 * w + scale b a. */
struct pl_variable *pl_op_linear(struct pl_tape *tape, struct pl_variable *x, struct pl_variable *w,
                                 struct pl_variable *bias);

/* The same, but for adapters, for rows first to first + count - 1 of x, into those of out [N, out],
 * which has a gradient if it is wanted: other rows may go through other weights. */
enum pl_status pl_op_linear_rows(struct pl_tape *tape, struct pl_variable *x, struct pl_variable *w,
                                 int64_t first, int64_t count,
                                 struct pl_variable *out) PL_MUST_CHECK;

/* Rows of the table: ids [rows], each in [0, rows of table) (the caller has checked). */
struct pl_variable *pl_op_embed(struct pl_tape *tape, const int32_t *ids, int64_t rows,
                                struct pl_variable *table);

/* a + scale b, of equal count */
struct pl_variable *pl_op_add(struct pl_tape *tape, struct pl_variable *a, struct pl_variable *b,
                              double scale);

/* Elementwise. */
enum pl_activation {
    PL_SILU,    /* x sigmoid(x) */
    PL_RELU,    /* max(x, 0) */
    PL_ELU_ONE, /* elu(x) + 1: positive feature map */
    PL_SIGMOID,
    PL_REST, /* 1 - e^x: what is not kept, of a log decay */
    PL_GELU, /* x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), as GPT-2 has it */
    PL_TANH
};
/* scale f(x) */
struct pl_variable *pl_op_activate(struct pl_tape *tape, struct pl_variable *x,
                                   enum pl_activation activation, double scale);
/* SiLU(gate) up: the inside of a SwiGLU layer (Shazeer: GLU Variants Improve Transformer, 2020) */
struct pl_variable *pl_op_swiglu(struct pl_tape *tape, struct pl_variable *gate,
                                 struct pl_variable *up);
/* max(logsigmoid(x) / normaliser, least): the log decay of GLA; least -INFINITY: no bound */
struct pl_variable *pl_op_log_sigmoid(struct pl_tape *tape, struct pl_variable *x,
                                      double normaliser, double least);
/* -exp(a_log[h]) softplus(x[h] + step_bias[h]): the log decay of gated delta rules.  x [N, H] */
struct pl_variable *pl_op_decay(struct pl_tape *tape, struct pl_variable *x,
                                struct pl_variable *a_log, struct pl_variable *step_bias);

/* Each group of `width of weight` channels: x / sqrt(mean x^2 + eps) weight.  (Zhang, Sennrich:
 * Root Mean Square Layer Normalization, 2019) */
struct pl_variable *pl_op_rms_norm(struct pl_tape *tape, struct pl_variable *x,
                                   struct pl_variable *weight, double eps);
/* Each row: (x - mean) / sqrt(variance + eps) weight + bias.  (Ba, Kiros, Hinton: Layer
 * Normalization, 2016, arXiv 1607.06450) */
struct pl_variable *pl_op_layer_norm(struct pl_tape *tape, struct pl_variable *x,
                                     struct pl_variable *weight, struct pl_variable *bias,
                                     double eps);
/* The same as pl_op_rms_norm, times SiLU(gate); gate has the shape of x. */
struct pl_variable *pl_op_gated_norm(struct pl_tape *tape, struct pl_variable *x,
                                     struct pl_variable *weight, struct pl_variable *gate,
                                     double eps);
/* Each group of width channels divided by sqrt(sum x^2 + 1e-6). */
struct pl_variable *pl_op_unit(struct pl_tape *tape, struct pl_variable *x, int64_t width);
/* Softmax of each group of width channels. */
struct pl_variable *pl_op_softmax(struct pl_tape *tape, struct pl_variable *x, int64_t width);
/* (1 - m) a + m scale b; share has the one element m. */
struct pl_variable *pl_op_blend(struct pl_tape *tape, struct pl_variable *a, struct pl_variable *b,
                                double scale, struct pl_variable *share);
/* Each group of width channels divided by its sum; PL_NUMERIC when a sum is 0. */
struct pl_variable *pl_op_sum_to_one(struct pl_tape *tape, struct pl_variable *x, int64_t width);

/* mean((x - target)^2) over all elements, one element; 0 when there are none.  target [count of x]
 * stays until the tape is reset. */
struct pl_variable *pl_op_mean_square(struct pl_tape *tape, struct pl_variable *x,
                                      const pl_real *target);

/* The head of a language model and its loss in one: logits = x W', softmax, mean cross-entropy in
 * nats over the rows whose target is >= 0, in blocks of rows so that the logits of all rows are
 * never in memory at once.  x [N, D], w [V, D], targets [N].  No row to score gives 0. */
struct pl_head_score {
    int64_t scored, right; /* rows with a target; of these, largest logit at the target */
    double nats;           /* sum of -ln p(target) over the scored rows, in double */
    uint8_t *row_right;    /* NULL, or [N]: 1 where right or not scored */
    double *row_nats;      /* NULL, or [N]: -ln p(target), 0 where not scored */
};
struct pl_variable *pl_op_head_loss(struct pl_tape *tape, struct pl_variable *x,
                                    struct pl_variable *w, const int32_t *targets,
                                    struct pl_head_score *score);

/* Softmax and mean cross-entropy in nats of logits z [N, K] that are there already; labels [N],
 * each in [0, K) (the caller has checked). */
struct pl_variable *pl_op_class_loss(struct pl_tape *tape, struct pl_variable *z,
                                     const int32_t *labels, struct pl_head_score *score);

#endif
