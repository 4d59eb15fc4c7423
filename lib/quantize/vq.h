/* Codebooks: how they are trained, and what is kept of them.
 * SPDX-License-Identifier: MIT
 *
 * A vector z becomes the number of the nearest of K code vectors, with several levels a number at
 * each: a level quantizes what the levels before it have left over.  With an encoder z is what the
 * encoder makes of the vector, one or several, and a decoder makes a vector of the sums of the code
 * vectors. */
#ifndef PL_QUANTIZE_VQ_H
#define PL_QUANTIZE_VQ_H

#include "autograd/parameters.h"
#include "cli/option.h"
#include "nn/nearest.h"
#include "quantize/cut.h"
#include "quantize/layers.h"
#include "stream/bundle.h"
#include "stream/writer.h"

enum pl_vq_method {
    PL_VQ_SIMVQ,   /* frozen random vectors through one trained linear map: nn/quantize.h */
    PL_VQ_VANILLA, /* every code vector trained by itself */
    PL_VQ_EMA,     /* code vectors are moving averages of what is nearest to them */
    PL_VQ_KMEANS   /* Lloyd's algorithm on all vectors */
};
#define PL_VQ_METHODS "simvq|vanilla|ema|kmeans" /* in the order of the enum */

enum pl_vq_init { PL_VQ_NORMAL, PL_VQ_UNIFORM, PL_VQ_DATA };
#define PL_VQ_INITS "normal|uniform|data" /* N(0, 1/d); [-1/K, 1/K]; vectors of the data */

enum pl_vq_gradient { PL_VQ_STRAIGHT, PL_VQ_ROTATION };
#define PL_VQ_GRADIENTS "straight|rotation"

struct pl_vq_options {
    int method; /* enum pl_vq_method */
    int64_t codes, levels;
    int64_t dim;         /* of z; 0: that of the vectors, with an encoder 32 */
    const char *encoder; /* see layers.h; of a codebook that was read, the bundle's */
    int init;            /* enum pl_vq_init, of the code vectors */
    bool both;           /* simvq: train the basis too */
    bool normalise;      /* train on vectors of mean 0 and one deviation */
    int gradient;        /* enum pl_vq_gradient, into the encoder */
    double beta, rate, decay;
    double warmup;        /* steps, or below 1 share of the steps, in which the rate rises */
    double clip;          /* of the norm of a gradient; 0: none */
    int64_t steps, batch; /* steps 0: as many as the method needs */
    uint64_t seed;
};

/* Rows that fill a struct pl_vq_options at field f of the tool's struct s. */
/* clang-format off */
#define PL_VQ_OPTIONS(s, f)                                                                        \
    PL_CHOICE(s, f.method, "method", 'm', "simvq", PL_VQ_METHODS, "METHOD",                        \
              "how the codes are trained"),                                                        \
    PL_INT(s, f.codes, "codes", 0, "1024", 1, 2147483647, "K", "code vectors of a level", "8192"), \
    PL_INT(s, f.levels, "levels", 0, "1", 1, 64, "N",                                              \
           "levels, each of which quantizes what those before it leave over", "4"),                \
    PL_INT(s, f.dim, "dim", 0, "0", 0, 65536, "D",                                                 \
           "numbers of a code vector; 0: those of a vector, with an encoder 32", "16"),            \
    PL_TEXT(s, f.encoder, "encoder", 0, "none", "ENCODER",                                         \
            "what stands before and behind the codes: none, mlp:WIDTH,... or conv:FILTERS,..., "   \
            "trained with them",                                                                   \
            "conv:32,64"),                                                                         \
    PL_CHOICE(s, f.init, "init", 0, "normal", PL_VQ_INITS, "INIT",                                 \
              "code vectors start in N(0, 1/D), in -1/K..1/K, or as vectors of the data"),                                 \
    PL_FLAG(s, f.both, "both", 0, "no", "simvq: train the basis too, not only the map over it"),   \
    PL_FLAG(s, f.normalise, "normalise", 0, "yes", "train on vectors as they are, without bringing them to mean 0 and the deviation of the codes"), \
    PL_CHOICE(s, f.gradient, "gradient", 0, "straight", PL_VQ_GRADIENTS, "FORM",                   \
              "how the gradient passes the codes on its way to the encoder"),                      \
    PL_REAL(s, f.beta, "beta", 0, "0.25", 0, 1e6, "WEIGHT", "weight of the commitment to the codes", "1"), \
    PL_REAL(s, f.rate, "lr", 0, "1e-3", 0, 10, "RATE", "rate of Adam, whose betas are 0.5 and 0.9", "3e-4"), \
    PL_REAL(s, f.warmup, "warmup", 0, "0", 0, 1e12, "SHARE",                                       \
            "share of the steps in which the rate rises, from 1 on their number", "0.1"),          \
    PL_REAL(s, f.clip, "clip", 0, "0", 0, 1e12, "NORM",                                            \
            "gradients are scaled down to this norm; 0: never", "1"),                              \
    PL_REAL(s, f.decay, "decay", 0, "0.99", 0, 1, "SHARE", "ema: what the averages keep at a step", "0.999"), \
    PL_INT(s, f.steps, "steps", 0, "0", 0, 1e9, "N",                                               \
           "steps of training, of kmeans passes over all vectors; 0: 1000, of kmeans 25", "5000"), \
    PL_INT(s, f.batch, "batch", 0, "512", 1, 1e6, "N", "vectors of a step, drawn at random", "2048")
/* clang-format on */

/* A codebook: its code vectors in the units of the data, or of z with an encoder, what they were
 * made from, and the layers around them.  With one level the first axis is left out. */
struct pl_vq {
    struct pl_vq_options options; /* dim is never 0 */
    struct pl_cut cut;
    int64_t size; /* numbers of a vector */
    struct pl_parameters parameters;
    struct pl_variable *codebook;           /* [levels, K, dim]: the effective one */
    struct pl_variable *basis, *map, *bias; /* simvq: [levels, K, dim], [levels, dim, dim], [levels,
                                               dim]; else NULL */
    struct pl_vq_layers layers;
    struct pl_variable *mean, *scale; /* with an encoder: it sees (vector - mean) / scale; [size]
                                         and [1]; else NULL */
};

/* Declares the parameters for vectors of `size` numbers; PL_USAGE for options that do not go
 * together.  They have no values yet. */
enum pl_status pl_vq_init(struct pl_context *context, struct pl_vq *vq,
                          const struct pl_vq_options *options, const struct pl_cut *cut,
                          int64_t size) PL_MUST_CHECK;
void pl_vq_release(struct pl_vq *vq);

/* One level of a stacked parameter: [K, dim], [dim, dim] or [dim]. */
struct pl_variable pl_vq_level(const struct pl_vq *vq, const struct pl_variable *stacked,
                               int64_t level);

/* The effective codebook from the basis and its map, where there are such. */
enum pl_status pl_vq_settle(struct pl_context *context, struct pl_vq *vq) PL_MUST_CHECK;

/* Rows of z, and of codes, for a vector. */
int64_t pl_vq_places(const struct pl_vq *vq);

/* z [N places, dim] of vectors [N, size], and vectors of z: the variables themselves without
 * encoder.  Without gradients. */
struct pl_variable *pl_vq_encode(struct pl_tape *tape, const struct pl_vq *vq,
                                 struct pl_variable *vectors);
struct pl_variable *pl_vq_decode(struct pl_tape *tape, const struct pl_vq *vq,
                                 struct pl_variable *z);

/* Steps of training, or passes of kmeans: as given, or what the method needs. */
int64_t pl_vq_steps(const struct pl_vq_options *options);

/* What training on so many vectors takes.  The vectors and what comes of them are counted, not the
 * program and its libraries. */
struct pl_vq_cost {
    int64_t steps;
    double passes; /* over the vectors */
    double work;   /* operations of the products, those of the last look at all vectors included */
    double bytes;  /* at the peak */
};
void pl_vq_cost(const struct pl_vq *vq, int64_t count, struct pl_vq_cost *cost);

/* The codebook as a segment of kind `codebook` but for history and end:
 *
 *     meta: model                        type: vq; configuration; size, patch or frame
 *     codebook                           f32 [K, dim], of several levels [levels, K, dim]
 *     basis, map.weight, map.bias        simvq: codebook = basis map.weight' + map.bias
 *     mean, scale, encoder.*, decoder.*  with an encoder
 *
 * training NULL, or what a checkpoint says of the training: then all is as training sees it. */
enum pl_status pl_vq_write(struct pl_context *context, const struct pl_vq *vq,
                           const struct pl_meta_node *training,
                           struct pl_writer *writer) PL_MUST_CHECK;
/* PL_BAD_DATA for what is no codebook, one that is still in training, or numbers that are not
 * finite. */
enum pl_status pl_vq_read(struct pl_context *context, struct pl_vq *vq,
                          const struct pl_bundle *bundle) PL_MUST_CHECK;
/* The values alone, for parameters that were declared. */
enum pl_status pl_vq_read_values(struct pl_context *context, struct pl_vq *vq,
                                 const struct pl_bundle *bundle) PL_MUST_CHECK;

#endif
