/* Gated linear attention (Yang, Wang, Shen, Panda, Kim: Gated Linear Attention Transformers with
 * Hardware-Efficient Training, ICML 2024, arXiv 2312.06635).
 * SPDX-License-Identifier: MIT
 *
 * Per head, with the log decay g <= 0 of each key channel and s = key_dim^-1/2:
 *   S_t = diag(exp g_t) S_{t-1} + k_t' v_t        o_t = s q_t S_t */
#ifndef PL_NN_GLA_H
#define PL_NN_GLA_H

#include "nn/rows.h"

struct pl_gla {
    int64_t heads;    /* of q and o */
    int64_t kv_heads; /* of k, v and g: divides heads; head h reads kv head h * kv_heads / heads */
    int64_t key_dim, value_dim; /* of one head */
    int64_t chunk;              /* rows worked on at once; any value gives the same result */
};

/* q [N, heads key_dim], k and g [N, kv_heads key_dim], v [N, kv_heads value_dim] -> o
 * [N, heads value_dim].  entry: the states before the first rows, [sequences, heads, key_dim,
 * value_dim], NULL: zero.  final: NULL, or where the states after the last rows are left as a
 * variable; it has a gradient if the tape records.  PL_BAD_DATA when some g is above 0. */
struct pl_variable *pl_op_gla(struct pl_tape *tape, const struct pl_gla *gla,
                              const struct pl_rows *rows, struct pl_variable *q,
                              struct pl_variable *k, struct pl_variable *v, struct pl_variable *g,
                              struct pl_variable *entry, struct pl_variable **final);

/* The same for decoding: without gradients, and state, [sequences, heads, key_dim, value_dim], is
 * overwritten with what it is after the last rows. */
struct pl_variable *pl_op_gla_carry(struct pl_tape *tape, const struct pl_gla *gla,
                                    const struct pl_rows *rows, struct pl_variable *q,
                                    struct pl_variable *k, struct pl_variable *v,
                                    struct pl_variable *g, struct pl_variable *state);

#endif
