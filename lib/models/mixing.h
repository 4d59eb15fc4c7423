/* What mixers are made of: projections behind short convolutions, delta rules, the way out.
 * SPDX-License-Identifier: MIT
 *
 * All take NULL as "failed before", like operations.  With a state in the pass they go on from its
 * items and leave them for the next pass; an item's name is PREFIX.NAME. */
#ifndef PL_MODELS_MIXING_H
#define PL_MODELS_MIXING_H

#include "models/lm.h"
#include "nn/delta.h"

/* Where a layer mixes: over these rows, with state items called PREFIX.*. */
struct pl_mixing {
    struct pl_pass *pass;
    struct pl_rows rows;
    char prefix[64]; /* "layer.0" */
};

/* Of all rows of the pass. */
struct pl_mixing pl_mixing_of(struct pl_pass *pass, int64_t layer);

/* x, which is linear in the layer's input, behind its convolution; filter NULL: there is none.
 * Then SiLU if silu.  name: of the convolution's state item, such as "conv_q". */
struct pl_variable *pl_mixing_conv(const struct pl_mixing *mixing, struct pl_variable *x,
                                   struct pl_variable *filter, bool silu, const char *name);

/* pl_op_delta, or with a state pl_op_delta_carry on its item "S". */
struct pl_variable *pl_mixing_delta(const struct pl_mixing *mixing, const struct pl_delta *delta,
                                    struct pl_variable *q, struct pl_variable *k,
                                    struct pl_variable *v, struct pl_variable *beta,
                                    struct pl_variable *g);

/* Each head's o normalised, times SiLU(W_gate x) unless gate is NULL, and mapped to the width of
 * the model. */
struct pl_variable *pl_mixing_out(struct pl_pass *pass, struct pl_variable *x,
                                  struct pl_variable *o, struct pl_variable *norm,
                                  struct pl_variable *gate, struct pl_variable *out);

#endif
