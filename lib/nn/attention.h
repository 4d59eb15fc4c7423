/* Causal softmax attention with rotary positions: the baseline that linear models are set beside.
 * SPDX-License-Identifier: MIT */
#ifndef PL_NN_ATTENTION_H
#define PL_NN_ATTENTION_H

#include "nn/rows.h"

struct pl_attention {
    int64_t heads, kv_heads; /* head h reads kv head h * kv_heads / heads */
    int64_t head_dim;
    int64_t window; /* rows a row sees, itself included; 0: all before */
};

/* Keys and values of earlier rows, when decoding: sequence i has `past` rows at rows i * room of
 * [.., kv_heads head_dim] arrays, and room for those of this pass, which are written behind. */
struct pl_attention_cache {
    pl_real *keys, *values;
    int64_t room, past;
};

/* Turns each pair of channels of a head by position * base^(-2i / head_dim): pairs are (i, i +
 * head_dim / 2).  x [N, heads head_dim]; row t of a sequence stands at position first + t.  (Su and
 * others: RoFormer, 2021, arXiv 2104.09864) */
struct pl_variable *pl_op_rope(struct pl_tape *tape, const struct pl_rows *rows,
                               struct pl_variable *x, int64_t head_dim, int64_t first, double base);

/* softmax(q k' / sqrt(head_dim)) v over the rows of each sequence up to the row itself, in blocks
 * with a running maximum: memory is linear in the rows.  q [N, heads head_dim], k and v [N,
 * kv_heads head_dim]; cache may be NULL. */
struct pl_variable *pl_op_attention(struct pl_tape *tape, const struct pl_attention *attention,
                                    const struct pl_rows *rows, struct pl_variable *q,
                                    struct pl_variable *k, struct pl_variable *v,
                                    struct pl_attention_cache *cache);

#endif
