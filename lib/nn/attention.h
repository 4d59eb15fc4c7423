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

/* What the frequencies f_i = base^(-2i / head_dim) are made into for texts longer than those that
 * the model was trained on, `original` rows. */
enum pl_rope_scaling {
    PL_ROPE_PLAIN,   /* left as they are */
    PL_ROPE_LINEAR,  /* f_i / factor (Chen and others: Position Interpolation, arXiv 2306.15595) */
    PL_ROPE_DYNAMIC, /* a base that grows with the rows of a sequence beyond `original` */
    PL_ROPE_LLAMA3,  /* long waves divided by factor, short ones kept, a ramp between (Llama 3.1) */
    PL_ROPE_YARN     /* a ramp over the channels, and sines and cosines scaled (Peng and others:
                        YaRN, arXiv 2309.00071) */
};
#define PL_ROPE_SCALINGS "none|linear|dynamic|llama3|yarn"

struct pl_rope {
    int64_t head_dim;
    double base;
    int scaling; /* enum pl_rope_scaling; the rest belongs to it */
    double factor;
    int64_t original; /* rows */
    double low, high; /* llama3, yarn: turns in `original` rows up to which a frequency is divided,
                         and from which on it is kept */
    double amplitude; /* yarn: of sines and cosines; 0: 0.1 ln(factor) + 1 */
    bool carried;     /* dynamic: sequences come in pieces, how many rows will follow is not known,
                         and the base of a row is that for the rows up to it; else all rows of a
                         sequence have the base for its length */
};

/* Turns each pair of channels of a head by position * f_i: pairs are (i, i + head_dim / 2).  x [N,
 * heads head_dim]; row t of a sequence stands at position first + t.  What a row becomes depends
 * neither on the other sequences nor on where pieces end.  (Su and others: RoFormer, 2021, arXiv
 * 2104.09864) */
struct pl_variable *pl_op_rope(struct pl_tape *tape, const struct pl_rope *rope,
                               const struct pl_rows *rows, struct pl_variable *x, int64_t first);

/* softmax(q k' / sqrt(head_dim)) v over the rows of each sequence up to the row itself, in blocks
 * with a running maximum: memory is linear in the rows.  q [N, heads head_dim], k and v [N,
 * kv_heads head_dim].  cache: NULL, or what comes before (inference only). */
struct pl_variable *pl_op_attention(struct pl_tape *tape, const struct pl_attention *attention,
                                    const struct pl_rows *rows, struct pl_variable *q,
                                    struct pl_variable *k, struct pl_variable *v,
                                    struct pl_attention_cache *cache);

#endif
