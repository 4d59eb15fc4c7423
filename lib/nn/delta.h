/* The delta rule, with a gate and with several steps a token (Yang, Wang, Zhang, Shen, Kim:
 * Parallelizing Linear Transformers with the Delta Rule over Sequence Length, NeurIPS 2024, arXiv
 * 2406.06484; Siems, Carstensen, Zela, Hutter, Pontil, Grazzi: DeltaProduct, NeurIPS 2025, arXiv
 * 2502.10297).
 * SPDX-License-Identifier: MIT
 *
 * Per head and token, with s = key_dim^-1/2:
 *   S <- exp(g_t) S;  for j = 1..steps: S <- S + beta_tj k_tj' (v_tj - k_tj S);  o_t = s q_t S */
#ifndef PL_NN_DELTA_H
#define PL_NN_DELTA_H

#include "nn/rows.h"

struct pl_delta {
    int64_t heads;       /* of q and k */
    int64_t value_heads; /* of v, beta, g and o: a multiple of heads; value head h reads q and k of
                            head h * heads / value_heads */
    int64_t key_dim, value_dim; /* of one head */
    int64_t steps;              /* Householder steps a token, n_h */
    int64_t chunk;              /* tokens worked on at once; any value gives the same result */
};

/* q [N, heads key_dim], k [N, steps heads key_dim], v [N, steps value_heads value_dim], beta
 * [N, steps value_heads], g [N, value_heads] or NULL (no decay) -> o [N, value_heads value_dim].
 * k and q are taken as they come: normalise before (pl_op_unit).  entry and final as in gla.h:
 * [sequences, value_heads, key_dim, value_dim].  PL_BAD_DATA when some beta is not in [0, 2] or
 * some g is above 0. */
struct pl_variable *pl_op_delta(struct pl_tape *tape, const struct pl_delta *delta,
                                const struct pl_rows *rows, struct pl_variable *q,
                                struct pl_variable *k, struct pl_variable *v,
                                struct pl_variable *beta, struct pl_variable *g,
                                struct pl_variable *entry, struct pl_variable **final);

/* The same for decoding: without gradients, and state is overwritten with what it is after the
 * last rows. */
struct pl_variable *pl_op_delta_carry(struct pl_tape *tape, const struct pl_delta *delta,
                                      const struct pl_rows *rows, struct pl_variable *q,
                                      struct pl_variable *k, struct pl_variable *v,
                                      struct pl_variable *beta, struct pl_variable *g,
                                      struct pl_variable *state);

#endif
