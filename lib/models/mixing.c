/* What mixers are made of.
 * SPDX-License-Identifier: MIT */
#include "models/mixing.h"

#include <stdio.h>

#include "nn/conv.h"

struct pl_mixing pl_mixing_of(struct pl_pass *pass, int64_t layer)
{
    struct pl_mixing mixing = {pass, pass->rows, ""};
    snprintf(mixing.prefix, sizeof mixing.prefix, "layer.%lld", (long long)layer);
    return mixing;
}

struct pl_variable *pl_mixing_conv(const struct pl_mixing *mixing, struct pl_variable *x,
                                   struct pl_variable *filter, bool silu, const char *name)
{
    struct pl_pass *pass = mixing->pass;
    struct pl_variable *cache = NULL;
    if (!filter)
        return silu ? pl_op_activate(pass->tape, x, PL_SILU, 1) : x;
    if (pass->state) {
        const int64_t *dims = PL_DIMS(mixing->rows.count, filter->dims[0], filter->dims[2]);
        cache = pl_state_get(pass->tape->context, pass->state, dims, "%s.%s", mixing->prefix, name);
        if (!cache)
            return NULL;
    }
    return pl_op_short_conv(pass->tape, &mixing->rows, x, filter, silu, cache);
}

struct pl_variable *pl_mixing_delta(const struct pl_mixing *mixing, const struct pl_delta *delta,
                                    struct pl_variable *q, struct pl_variable *k,
                                    struct pl_variable *v, struct pl_variable *beta,
                                    struct pl_variable *g)
{
    struct pl_pass *pass = mixing->pass;
    const struct pl_rows *rows = &mixing->rows;
    if (!pass->state)
        return pl_op_delta(pass->tape, delta, rows, q, k, v, beta, g, NULL, NULL);
    const int64_t *dims =
        PL_DIMS(rows->count, delta->value_heads, delta->key_dim, delta->value_dim);
    struct pl_variable *state =
        pl_state_get(pass->tape->context, pass->state, dims, "%s.S", mixing->prefix);
    return pl_op_delta_carry(pass->tape, delta, rows, q, k, v, beta, g, state);
}

struct pl_variable *pl_mixing_out(struct pl_pass *pass, struct pl_variable *x,
                                  struct pl_variable *o, struct pl_variable *norm,
                                  struct pl_variable *gate, struct pl_variable *out)
{
    struct pl_tape *tape = pass->tape;
    double eps = pl_lm_options(pass->lm)->norm_eps;
    if (gate)
        o = pl_op_gated_norm(tape, o, norm, pl_op_linear(tape, x, gate, NULL), eps);
    else
        o = pl_op_rms_norm(tape, o, norm, eps);
    return pl_op_linear(tape, o, out, NULL);
}
