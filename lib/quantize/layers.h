/* The layers before and behind the codes, which are trained with them.
 * SPDX-License-Identifier: MIT
 *
 * An encoder makes rows of z, D numbers each, of a vector, and a decoder makes a vector of what the
 * codes leave of them:
 *
 *     none           z is the vector itself
 *     mlp:W,...      one z: linear maps, W and so on numbers wide in between, with ReLU between
 *                    them; the decoder has the same widths in reverse
 *     conv:C,...     a z for each place of a grid: convolutions of 3 x 3 pixels and stride 2, of C
 *                    and so on filters, each with ReLU, then one of stride 1 to D; the decoder has
 *                    them in reverse, and pixels are doubled where the encoder halved the picture
 *
 * A picture for a convolution is a patch; a frame of sound is one that is a pixel wide.  Sides of
 * one pixel are neither halved nor doubled. */
#ifndef PL_QUANTIZE_LAYERS_H
#define PL_QUANTIZE_LAYERS_H

#include "autograd/parameters.h"

enum pl_vq_encoder { PL_VQ_NONE, PL_VQ_MLP, PL_VQ_CONV };

enum { PL_VQ_LAYERS = 8 }; /* widths, at most */

struct pl_vq_layers {
    enum pl_vq_encoder kind;
    int count; /* of widths; there is a layer more, on each side */
    int64_t widths[PL_VQ_LAYERS];
    int64_t height, width, channels; /* of a vector as a picture */
    int64_t size, dim;               /* numbers of a vector and of z */
    int64_t down, across;            /* the grid: down x across rows of z for a vector */
    struct pl_variable *encoder[2 * PL_VQ_LAYERS + 2]; /* weight, bias, weight, ... */
    struct pl_variable *decoder[2 * PL_VQ_LAYERS + 2];
};

/* Reads `encoder` for vectors of height x width pixels and size numbers; dim 0: that of the vectors
 * without encoder, else 32.  PL_USAGE for what is no encoder, or does not fit. */
enum pl_status pl_vq_layers_plan(struct pl_context *context, struct pl_vq_layers *layers,
                                 const char *encoder, int64_t height, int64_t width, int64_t size,
                                 int64_t dim) PL_MUST_CHECK;

/* Declares the parameters encoder.N.weight and so on; they have no values yet. */
enum pl_status pl_vq_layers_declare(struct pl_context *context, struct pl_vq_layers *layers,
                                    struct pl_parameters *parameters) PL_MUST_CHECK;
/* Weights and biases uniform in +-1 / sqrt(inputs of a unit). */
void pl_vq_layers_start(const struct pl_vq_layers *layers, uint64_t seed);

/* z [N places, D] of vectors [N, size], and the way back. */
struct pl_variable *pl_vq_layers_encode(struct pl_tape *tape, const struct pl_vq_layers *layers,
                                        struct pl_variable *vectors);
struct pl_variable *pl_vq_layers_decode(struct pl_tape *tape, const struct pl_vq_layers *layers,
                                        struct pl_variable *z);

/* Operations (a product and a sum are two) of both ways for one vector, and the numbers that they
 * leave on the tape. */
void pl_vq_layers_cost(const struct pl_vq_layers *layers, double *work, double *numbers);

#endif
