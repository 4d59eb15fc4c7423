/* Language models: embedding, layers of token mixing and SwiGLU, head.
 * SPDX-License-Identifier: MIT
 *
 *   h = E[ids];  per layer: h += mix(RMS(h)), h += MLP(RMS(h));  logits = RMS(h) W_head'
 *
 * or, of pretrained models with learned positions P (GPT-2), with LayerNorm for RMS, GELU in the
 * MLP, biases, and h = E[ids] + P[0, 1, ...].
 *
 * What a family of models differs in is the mixing alone.  A mixer is one file in this folder
 * (gla.c, deltanet.c, ...): its options, its parameters, its forward pass, which is also its
 * decoding step when the pass is given a state.  The registry lists them. */
#ifndef PL_MODELS_LM_H
#define PL_MODELS_LM_H

#include "autograd/ops.h"
#include "autograd/parameters.h"
#include "cli/option.h"
#include "models/registry.h"
#include "nn/route.h"
#include "nn/rows.h"
#include "nn/state.h"

/* What all language models are configured by; the mixer's own options follow in its struct. */
struct pl_lm_options {
    int64_t vocabulary; /* 0 until the data or the tokenizer said it */
    int64_t dim, heads, layers;
    int64_t mlp;     /* inner width of SwiGLU; 0: 256 ceil(int(dim 4 2/3) / 256) */
    int64_t chunk;   /* rows that training kernels work on at once */
    bool tie;        /* the head is the embedding */
    double norm_eps; /* of all norms */
    double init;     /* deviation of linear, convolution and embedding weights at the start */
};

struct pl_lm; /* below */

/* One pass over some rows. */
struct pl_pass {
    struct pl_tape *tape;
    const struct pl_lm *lm;
    struct pl_rows rows;
    struct pl_state *state;        /* NULL: sequences start fresh and nobody continues them */
    struct pl_route *routes;       /* [layers], of mixers that route, for the auxiliary loss: they
                                      stay only if the tape records */
    int64_t *routed;               /* NULL, or [layers, memories]: tokens sent to each are added */
    struct pl_variable *auxiliary; /* a further loss that training adds, or NULL; after the pass */
    struct pl_transfer *transfer;  /* NULL, or this is attention transfer, not the model itself */
};

/* Attention transfer: every layer runs as in the model that this one imitates, and beside it its
 * imitation, whose error is gone back through at once, so that one layer is in memory at a time. */
struct pl_transfer {
    double scale;    /* of a layer's mean square error, on the way back; 0: do not go back */
    double *squares; /* [layers]: mean square errors, 0 for layers that imitate nothing */
};

/* A kind of token mixing. options begins with struct pl_lm_options. */
struct pl_mixer {
    size_t options_size;
    /* Checks the configuration: PL_USAGE names the option. */
    enum pl_status (*check)(struct pl_context *context, const void *options);
    /* Declares the parameters of one layer, named PREFIX.q_proj.weight and so on; what it returns
     * is handed to forward.  NULL with a failure. */
    void *(*declare)(struct pl_context *context, struct pl_parameters *parameters,
                     const void *options, int64_t index, const char *prefix);
    /* x [N, dim] -> [N, dim]; state items are named "layer.L.S" and so on. */
    struct pl_variable *(*forward)(struct pl_pass *pass, const void *layer, int64_t index,
                                   struct pl_variable *x);
    /* NULL, or what is left to do after the last layer: from the routes to pass->auxiliary. */
    enum pl_status (*finish)(struct pl_pass *pass);
    /* NULL, or the memories of a layer that its tokens are routed to. */
    int64_t (*memories)(const void *options);
    /* NULL, or the rows that the model has learned positions for: if there are any, its body is
     * that of GPT-2, with LayerNorm, GELU and biases. */
    int64_t (*positions)(const void *options);
    /* NULL, or forward of the model that this one imitates, and *square, the mean square error of
     * the imitation; left alone for a layer that imitates nothing. */
    struct pl_variable *(*imitate)(struct pl_pass *pass, const void *layer, int64_t index,
                                   struct pl_variable *x, struct pl_variable **square);
    /* NULL, or whether a parameter is one that attention transfer trains. */
    bool (*imitates)(const char *name);
};

struct pl_lm_norm {
    struct pl_variable *weight, *bias; /* bias NULL: RMS norm, else LayerNorm */
};

struct pl_lm_layer {
    struct pl_lm_norm mix_norm, mlp_norm;
    struct pl_variable *gate, *up, *down;    /* gate NULL: GELU instead of SwiGLU */
    struct pl_variable *up_bias, *down_bias; /* or NULL */
    void *mix;
};

/* Low-rank adapters beside some of the maps: models/lora.h. */
struct pl_lm_lora {
    int64_t rank; /* 0: there are none */
    double alpha;
    const char *targets; /* "q,k,v" */
};

struct pl_lm {
    const struct pl_model_type *type;
    void *options; /* of type->mixer, begins with struct pl_lm_options */
    struct pl_parameters parameters;
    struct pl_variable *embeddings, *head; /* head: the embeddings when tied */
    struct pl_variable *positions;         /* learned ones, [rows, dim], or NULL */
    struct pl_lm_norm norm;
    struct pl_lm_layer *layers;
    struct pl_lm_lora lora;
    int64_t sequence; /* rows it was trained on at once; 0: not told */
    char *tokenizer;  /* the bytes of its tokenizer.json, its own; NULL: tokens are numbers */
    size_t tokenizer_size;
};

/* Takes KEY=VALUE settings for the options of the type; unset ones keep their defaults.  PL_USAGE
 * for an unknown key or a bad value.  vocabulary: from the data.  The parameters are declared and
 * have no values yet: pl_parameters_start. */
enum pl_status pl_lm_init(struct pl_context *context, struct pl_lm *lm,
                          const struct pl_model_type *type, const char *const *settings,
                          size_t setting_count, int64_t vocabulary) PL_MUST_CHECK;
void pl_lm_release(struct pl_lm *lm);

const struct pl_lm_options *pl_lm_options(const struct pl_lm *lm);

/* Hidden rows after the last norm, [N, dim].  ids [N] must be in [0, vocabulary). */
struct pl_variable *pl_lm_forward(struct pl_pass *pass, const int32_t *ids);
/* Logits of all rows, [N, vocabulary]: for decoding and tests. */
struct pl_variable *pl_lm_logits(struct pl_pass *pass, struct pl_variable *hidden);

#endif
