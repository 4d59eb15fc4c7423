/* A decoder-only transformer as checkpoints describe it: its sizes, its parameters and their names.
 * SPDX-License-Identifier: MIT
 *
 * Readers of checkpoints fill a struct pl_checkpoint, which becomes a model stream of type
 * `transformer`, and the exporter makes one of such a stream.  The parameters are those of
 * models/lm.c and models/softmax.c. */
#ifndef PL_FORMATS_CHECKPOINT_H
#define PL_FORMATS_CHECKPOINT_H

#include "stream/writer.h"

struct pl_checkpoint {
    int64_t vocabulary, dim, layers, heads, kv_heads, head_dim, mlp;
    int64_t sequence;  /* rows it was trained on; 0: not told */
    int64_t window;    /* rows a row sees; 0: all before */
    int64_t positions; /* learned ones; 0: rotary, in Llama's body instead of GPT-2's */
    double norm_eps;
    bool tie, qk_norm, qkv_bias, out_bias;
    double rope_base;
    const char *rope_scaling; /* a word of PL_ROPE_SCALINGS (nn/attention.h) */
    double rope_factor, rope_low, rope_high, rope_amplitude;
    int64_t rope_original;
};

/* With the defaults of Llama where zero is none. */
void pl_checkpoint_init(struct pl_checkpoint *model);

/* `meta: stream` and `meta: model`: what stands before the parameters. */
enum pl_status pl_checkpoint_write(struct pl_context *context, const struct pl_checkpoint *model,
                                   struct pl_writer *writer) PL_MUST_CHECK;
/* The reverse, from the document; PL_BAD_DATA for another type than transformer. */
enum pl_status pl_checkpoint_read(struct pl_context *context, struct pl_checkpoint *model,
                                  const struct pl_meta_node *document) PL_MUST_CHECK;

enum pl_checkpoint_part {
    PL_PART_START, /* none yet */
    PL_PART_EMBEDDINGS,
    PL_PART_POSITIONS,
    PL_PART_MIX_NORM, /* from here on of each layer */
    PL_PART_MIX_NORM_BIAS,
    PL_PART_Q,
    PL_PART_K,
    PL_PART_V,
    PL_PART_OUT,
    PL_PART_Q_BIAS,
    PL_PART_K_BIAS,
    PL_PART_V_BIAS,
    PL_PART_OUT_BIAS,
    PL_PART_Q_NORM,
    PL_PART_K_NORM,
    PL_PART_MLP_NORM,
    PL_PART_MLP_NORM_BIAS,
    PL_PART_GATE,
    PL_PART_UP,
    PL_PART_UP_BIAS,
    PL_PART_DOWN,
    PL_PART_DOWN_BIAS, /* up to here */
    PL_PART_NORM,
    PL_PART_NORM_BIAS,
    PL_PART_HEAD,
    PL_PARTS
};

struct pl_checkpoint_tensor {
    enum pl_checkpoint_part part;
    int64_t layer; /* 0 where there is none */
    char name[64]; /* in a model stream */
    int rank;
    int64_t dims[2]; /* [out, in] of maps */
};

/* From one parameter to the next, from a zeroed tensor to the first; false behind the last. */
bool pl_checkpoint_next(const struct pl_checkpoint *model, struct pl_checkpoint_tensor *tensor);

/* How the elements of a parameter lie in a checkpoint. */
enum pl_layout {
    PL_LAYOUT_ROWS,    /* row by row */
    PL_LAYOUT_COLUMNS, /* [in, out] instead of [out, in] */
    PL_LAYOUT_PAIRS    /* rows of a head in pairs (2i, 2i + 1) instead of (i, i + head_dim / 2) */
};

struct pl_checkpoint_elements {
    const uint8_t *data; /* the first element */
    enum pl_dtype dtype;
    enum pl_layout layout;
    int64_t stride;   /* of PL_LAYOUT_COLUMNS: elements from one row of the source to the next */
    int64_t head_dim; /* of PL_LAYOUT_PAIRS */
};

/* Writes a parameter row by row, whatever its layout, holding no more of it than a few rows. */
enum pl_status pl_checkpoint_copy(struct pl_context *context,
                                  const struct pl_checkpoint_tensor *tensor,
                                  const struct pl_checkpoint_elements *elements,
                                  struct pl_writer *writer) PL_MUST_CHECK;

#endif
