/* Softmax attention over a window joined with linear attention over what is before it, in one
 * normalisation, as LoLCATs has them (Zhang, Arora, Chalamala, Wu, Spector, Singhal, Ramesh, Re:
 * LoLCATs: On Low-Rank Linearizing of Large Language Models, ICLR 2025, arXiv 2410.10254).
 * SPDX-License-Identifier: MIT
 *
 * Row t sees the window W(t) and the rows before it, U(t).  With s_ti = q_t k_i / sqrt(head_dim),
 * c_t the largest of them in the window, and features f of queries and keys,
 *
 *     a_ti = sigmoid(factor) e^(s_ti - c_t) in W(t),    f(q_t) f(k_i) in U(t)
 *     o_t = sum a_ti v_i / sum a_ti
 *
 * c_t is a part of the function: it is not given back to the features. */
#ifndef PL_NN_HYBRID_H
#define PL_NN_HYBRID_H

#include "nn/rows.h"

enum pl_hybrid_form {
    PL_HYBRID_TERRACED, /* the window is a block of rows up to the row, and the block before */
    PL_HYBRID_SLIDING,  /* the last `window` rows, the row itself among them */
    PL_HYBRID_LINEAR    /* none: U(t) has all rows up to t */
};
#define PL_HYBRID_FORMS "tk|sw|linear"

struct pl_hybrid {
    int64_t heads, kv_heads; /* head h reads kv head h * kv_heads / heads */
    int64_t head_dim, value_dim;
    int64_t features; /* of a head */
    int form;         /* enum pl_hybrid_form */
    int64_t window;
    bool align_end; /* terraced: the blocks end with the sequence, and the first one is short */
};

/* When decoding, a sequence has `kept` rows of keys, values and key features in front of the new
 * ones, the first of which stands at position `start`; what came before is in the state [sequences,
 * heads, features, value_dim + 1], which is overwritten. */
struct pl_hybrid_cache {
    pl_real *state;
    int64_t start, kept;
};

/* q [N, heads head_dim], k [N, kv_heads head_dim], v [N, kv_heads value_dim], qf and kf [N, heads
 * features], factor [heads] -> [N, heads value_dim].  qf and kf NULL: what is before the window is
 * dropped, and factor with it.  cache: NULL, or for decoding, without gradients: k, v and kf have
 * `kept` more rows a sequence. */
struct pl_variable *pl_op_hybrid(struct pl_tape *tape, const struct pl_hybrid *hybrid,
                                 const struct pl_rows *rows, struct pl_variable *q,
                                 struct pl_variable *k, struct pl_variable *v,
                                 struct pl_variable *qf, struct pl_variable *kf,
                                 struct pl_variable *factor, const struct pl_hybrid_cache *cache);

/* The first position in the window of the row at `position`, of `length` rows (for align_end). */
int64_t pl_hybrid_first(const struct pl_hybrid *hybrid, int64_t position, int64_t length);

/* Hedgehog's features (Zhang, Bhatia, Kumbong, Re: The Hedgehog & the Porcupine, ICLR 2024, arXiv
 * 2402.04347): z = x W of each head, [softmax(z), softmax(-z)], at least 1e-12.  x [N, kv_heads
 * head_dim], w [heads, head_dim, width] -> [N, heads 2 width]. */
struct pl_variable *pl_op_hedgehog(struct pl_tape *tape, struct pl_variable *x,
                                   struct pl_variable *w);

#endif
