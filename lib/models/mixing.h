/* What mixers are made of: projections behind short convolutions, delta rules, the way out.
 * SPDX-License-Identifier: MIT
 *
 * All take NULL as "failed before", like operations.  With a state in the pass they go on from its
 * items and leave them for the next pass; an item's name is PREFIX.NAME. */
#ifndef PL_MODELS_MIXING_H
#define PL_MODELS_MIXING_H

#include "models/lm.h"
#include "models/lm_options.h"
#include "nn/delta.h"

/* ---- Widths --------------------------------------------------------------------------------- */

/* dim times expand, the width of all heads together; 0: it is no whole number. */
int64_t pl_mixing_width(const struct pl_lm_options *lm, double expand);

/* Fails unless dim is divisible by heads; unless dim times expand, which option `name` gave, is
 * too; unless a head's keys, head_dim wide (0: dim / heads), times expand_v is a whole number. */
enum pl_status pl_mixing_check_heads(struct pl_context *context,
                                     const struct pl_lm_options *lm) PL_MUST_CHECK;
enum pl_status pl_mixing_check_width(struct pl_context *context, const struct pl_lm_options *lm,
                                     const char *name, double expand) PL_MUST_CHECK;
enum pl_status pl_mixing_check_head_dim(struct pl_context *context, const struct pl_lm_options *lm,
                                        int64_t head_dim, double expand_v) PL_MUST_CHECK;

/* ---- Parameters that several kinds have ------------------------------------------------------ */

/* Of the short convolutions of queries, keys and values; NULL: they have none. */
struct pl_filters {
    struct pl_variable *q, *k, *v;
};

/* Declares PREFIX.{q,k,v}_conv1d.weight, of `taps` rows for so many channels; none if taps is 0. */
bool pl_filters_declare(struct pl_context *context, struct pl_parameters *parameters,
                        const char *prefix, int64_t taps, int64_t q, int64_t k, int64_t v,
                        struct pl_filters *filters) PL_MUST_CHECK;

/* The constants of the decay of a gated delta rule, one of each a head; NULL: it has none. */
struct pl_fading {
    struct pl_variable *a_log, *step;
};

/* The option for how fast heads forget at the start.  A token's log decay is
 * -A softplus(x W + dt_bias).  As published, A is drawn from (0, 16) and the softplus from 0.001 to
 * 0.1, by which half of all heads have kept less than e^-3 of what they were told 50 tokens ago; a
 * small model all of whose heads do never finds out that there was something to recall. */
#define PL_FADING_OPTION(type, field)                                                           \
    PL_REAL(type, field, "half-life", 0, "0", 0, 1e9, "TOKENS",                                 \
            "what a layer's slowest head starts by forgetting half in, the others in less; 0: " \
            "all draw their rates, as published",                                               \
            "64")

/* Fails unless a half-life is 0 or at least 1, and 0 without option `gate`. */
enum pl_status pl_fading_check(struct pl_context *context, bool gated, const char *gate,
                               double half_life) PL_MUST_CHECK;

/* Declares PREFIX.A_log and PREFIX.dt_bias. */
bool pl_fading_declare(struct pl_context *context, struct pl_parameters *parameters,
                       const char *prefix, int64_t heads, double half_life,
                       struct pl_fading *fading) PL_MUST_CHECK;

/* ---- Forward -------------------------------------------------------------------------------- */

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

/* Queries or keys for a delta rule: x behind its convolution and SiLU, each head of that width made
 * of length 1. */
struct pl_variable *pl_mixing_unit(const struct pl_mixing *mixing, struct pl_variable *x,
                                   struct pl_variable *filter, int64_t width, const char *name);

/* pl_op_delta, or with a state pl_op_delta_carry on its item "S".  decay, linear in the layer's
 * input, becomes log decays by the constants of fading; where these were not declared, nothing is
 * forgotten and decay is not looked at. */
struct pl_variable *pl_mixing_delta(const struct pl_mixing *mixing, const struct pl_delta *delta,
                                    struct pl_variable *q, struct pl_variable *k,
                                    struct pl_variable *v, struct pl_variable *beta,
                                    const struct pl_fading *fading, struct pl_variable *decay);

/* Each head's o normalised, times SiLU(W_gate x) unless gate is NULL, and mapped to the width of
 * the model. */
struct pl_variable *pl_mixing_out(struct pl_pass *pass, struct pl_variable *x,
                                  struct pl_variable *o, struct pl_variable *norm,
                                  struct pl_variable *gate, struct pl_variable *out);

#endif
