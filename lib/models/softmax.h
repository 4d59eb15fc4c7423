/* Softmax attention as pretrained transformers have it: what a transformer and the linear models
 * that are made from one share.
 * SPDX-License-Identifier: MIT
 *
 * Two bodies are known.  Llama's (also Mistral's and Qwen's): RMS norm, SwiGLU, rotary positions,
 * no biases but those of queries, keys and values in some.  GPT-2's: LayerNorm, GELU, biases
 * everywhere, a table of learned positions. */
#ifndef PL_MODELS_SOFTMAX_H
#define PL_MODELS_SOFTMAX_H

#include "models/lm.h"
#include "nn/attention.h"

enum pl_softmax_bias { PL_BIAS_NONE, PL_BIAS_QKV, PL_BIAS_ATTENTION };

struct pl_softmax_options {
    int64_t kv_heads;  /* 0: as many as heads */
    int64_t head_dim;  /* 0: width of the model by heads */
    int64_t window;    /* rows a row sees; 0: all before */
    int64_t positions; /* rows there are learned positions for: the body is GPT-2's; 0: rotary */
    int bias;          /* enum pl_softmax_bias; GPT-2's body has all of them */
    bool qk_norm;      /* queries and keys of each head are RMS-normalised */
    double rope_base;
    int rope_scaling; /* enum pl_rope_scaling, with the rest of struct pl_rope: */
    double rope_factor, rope_low, rope_high, rope_amplitude;
    int64_t rope_original;
};

/* Rows for a struct s with the member f. */
#define PL_SOFTMAX_OPTIONS(s, f)                                                                   \
    PL_INT(s, f.kv_heads, "kv-heads", 0, "0", 0, 4096, "N",                                        \
           "heads of keys and values, shared by equal groups of heads; 0: as many as heads", "2"), \
        PL_INT(s, f.head_dim, "head-dim", 0, "0", 0, 65536, "N",                                   \
               "width of a head; 0: that of the model by its heads", "128"),                       \
        PL_CHOICE(s, f.bias, "bias", 0, "none", "none|qkv|attention", "WHERE",                     \
                  "biases of the maps to queries, keys and values, or of these and the way out"),  \
        PL_FLAG(s, f.qk_norm, "qk-norm", 0, "no",                                                  \
                "RMS norm of each head's queries and keys, before their positions"),               \
        PL_INT(s, f.positions, "positions", 0, "0", 0, 1e9, "ROWS",                                \
               "learned positions for so many rows, with LayerNorm, GELU and biases as in GPT-2; " \
               "0: rotary positions, RMS norm and SwiGLU",                                         \
               "1024"),                                                                            \
        PL_REAL(s, f.rope_base, "rope-base", 0, "10000", 1, 1e12, "X",                             \
                "base of the rotary positions' wavelengths", "500000"),                            \
        PL_CHOICE(s, f.rope_scaling, "rope-scaling", 0, "none", PL_ROPE_SCALINGS, "KIND",          \
                  "how rotary positions are stretched for longer texts"),                          \
        PL_REAL(s, f.rope_factor, "rope-factor", 0, "1", 1, 1e6, "X",                              \
                "rope-scaling: how far they are stretched", "8"),                                  \
        PL_INT(s, f.rope_original, "rope-original", 0, "0", 0, 1e9, "ROWS",                        \
               "rope-scaling: rows that the model was trained on before", "8192"),                 \
        PL_REAL(s, f.rope_low, "rope-low", 0, "1", 0, 1e6, "TURNS",                                \
                "rope-scaling llama3, yarn: turns in the original rows up to which a frequency "   \
                "is divided by the factor",                                                        \
                "1"),                                                                              \
        PL_REAL(s, f.rope_high, "rope-high", 0, "4", 0, 1e6, "TURNS",                              \
                "rope-scaling llama3, yarn: turns from which on a frequency is kept", "32"),       \
        PL_REAL(s, f.rope_amplitude, "rope-amplitude", 0, "0", 0, 1e3, "X",                        \
                "rope-scaling yarn: factor of sines and cosines; 0: 0.1 ln(rope-factor) + 1",      \
                "1.2")

struct pl_softmax_layer {
    struct pl_variable *q, *k, *v, *out;
    struct pl_variable *q_bias, *k_bias, *v_bias, *out_bias; /* or NULL */
    struct pl_variable *q_norm, *k_norm;                     /* or NULL */
};

/* The numbers of heads and their width, with the defaults filled in. */
struct pl_attention pl_softmax_shape(const struct pl_lm_options *lm,
                                     const struct pl_softmax_options *options);

/* PL_USAGE that names the option. */
enum pl_status pl_softmax_check(struct pl_context *context, const struct pl_lm_options *lm,
                                const struct pl_softmax_options *options) PL_MUST_CHECK;

/* Declares PREFIX.q_proj.weight and so on. */
enum pl_status pl_softmax_declare(struct pl_context *context, struct pl_parameters *parameters,
                                  const struct pl_lm_options *lm,
                                  const struct pl_softmax_options *options, const char *prefix,
                                  struct pl_softmax_layer *layer) PL_MUST_CHECK;

/* Queries, keys and values of the rows, without positions. */
struct pl_softmax_heads {
    struct pl_variable *q, *k, *v; /* [N, heads head_dim], [N, kv_heads head_dim] twice */
};
struct pl_softmax_heads pl_softmax_project(struct pl_pass *pass,
                                           const struct pl_softmax_options *options,
                                           const struct pl_softmax_layer *layer,
                                           struct pl_variable *x);

/* Queries and keys turned by their positions; as they are where positions are learned. */
struct pl_softmax_heads pl_softmax_turn(struct pl_pass *pass,
                                        const struct pl_softmax_options *options,
                                        struct pl_softmax_heads heads);

/* Attention of turned heads over the window (0: all rows before), before the way out.  With a
 * state it goes on from the items layer.INDEX.keys and .values: all rows so far, or with a window
 * the last window - 1. */
struct pl_variable *pl_softmax_attend(struct pl_pass *pass,
                                      const struct pl_softmax_options *options, int64_t window,
                                      int64_t index, struct pl_softmax_heads heads);

/* All of it: project, turn, attend over options->window, and the way out. */
struct pl_variable *pl_softmax_forward(struct pl_pass *pass,
                                       const struct pl_softmax_options *options,
                                       const struct pl_softmax_layer *layer, int64_t index,
                                       struct pl_variable *x);

/* The way out alone. */
struct pl_variable *pl_softmax_out(struct pl_pass *pass, const struct pl_softmax_layer *layer,
                                   struct pl_variable *o);

#endif
