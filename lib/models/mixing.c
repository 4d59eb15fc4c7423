/* What mixers are made of.
 * SPDX-License-Identifier: MIT */
#include "models/mixing.h"

#include <math.h>
#include <stdio.h>

#include "nn/conv.h"

/* ---- Widths --------------------------------------------------------------------------------- */

int64_t pl_mixing_width(const struct pl_lm_options *lm, double expand)
{
    double width = (double)lm->dim * expand, whole = floor(width + 0.5);
    return fabs(width - whole) < 1e-6 ? (int64_t)whole : 0;
}

enum pl_status pl_mixing_check_heads(struct pl_context *context, const struct pl_lm_options *lm)
{
    if (lm->dim % lm->heads)
        return pl_fail(context, PL_USAGE,
                       "--set heads=%lld: dim %lld is not divisible by heads %lld",
                       (long long)lm->heads, (long long)lm->dim, (long long)lm->heads);
    return PL_OK;
}

enum pl_status pl_mixing_check_width(struct pl_context *context, const struct pl_lm_options *lm,
                                     const char *name, double expand)
{
    int64_t width = pl_mixing_width(lm, expand);
    if (width <= 0)
        return pl_fail(context, PL_USAGE, "--set %s=%g: dim %lld times %g must be a whole number",
                       name, expand, (long long)lm->dim, expand);
    if (width % lm->heads)
        return pl_fail(context, PL_USAGE, "--set %s=%g: width %lld is not divisible by heads %lld",
                       name, expand, (long long)width, (long long)lm->heads);
    return PL_OK;
}

enum pl_status pl_mixing_check_head_dim(struct pl_context *context, const struct pl_lm_options *lm,
                                        int64_t head_dim, double expand_v)
{
    const long long dim = lm->dim, heads = lm->heads;
    if (head_dim == 0 && dim % heads)
        return pl_fail(context, PL_USAGE,
                       "--set heads=%lld: dim %lld is not divisible by heads %lld; or set head-dim",
                       heads, dim, heads);
    int64_t keys = head_dim ? head_dim : lm->dim / lm->heads;
    double values = (double)keys * expand_v;
    if (values != floor(values) || values < 1)
        return pl_fail(context, PL_USAGE,
                       "--set expand-v=%g: head-dim %lld times %g must be a whole number", expand_v,
                       (long long)keys, expand_v);
    return PL_OK;
}

/* ---- Parameters that several kinds have ------------------------------------------------------ */

bool pl_filters_declare(struct pl_context *context, struct pl_parameters *parameters,
                        const char *prefix, int64_t taps, int64_t q, int64_t k, int64_t v,
                        struct pl_filters *filters)
{
    const struct {
        const char *letter;
        int64_t channels;
        struct pl_variable **to;
    } parts[] = {{"q", q, &filters->q}, {"k", k, &filters->k}, {"v", v, &filters->v}};
    for (size_t i = 0; taps > 0 && i < sizeof parts / sizeof *parts; i++) {
        *parts[i].to = pl_parameter_add(context, parameters, PL_INIT_NORMAL,
                                        PL_DIMS(parts[i].channels, 1, taps), "%s.%s_conv1d.weight",
                                        prefix, parts[i].letter);
        if (!*parts[i].to)
            return false;
    }
    return true;
}

enum pl_status pl_fading_check(struct pl_context *context, bool gated, const char *gate,
                               double half_life)
{
    if (half_life > 0 && !gated)
        return pl_fail(context, PL_USAGE, "--set half-life=%g: nothing is forgotten without %s=yes",
                       half_life, gate);
    if (half_life > 0 && half_life < 1)
        return pl_fail(context, PL_USAGE, "--set half-life=%g: less than a token", half_life);
    return PL_OK;
}

bool pl_fading_declare(struct pl_context *context, struct pl_parameters *parameters,
                       const char *prefix, int64_t heads, double half_life,
                       struct pl_fading *fading)
{
    const bool drawn = half_life <= 0;
    const struct pl_parameter step = {.init = drawn ? PL_INIT_STEP : PL_INIT_HALF_LIVES,
                                      .half_life = half_life};
    fading->a_log = pl_parameter_add(context, parameters, drawn ? PL_INIT_DECAY : PL_INIT_ZERO,
                                     PL_DIMS(heads), "%s.A_log", prefix);
    if (!fading->a_log)
        return false;
    fading->step =
        pl_parameter_add_like(context, parameters, &step, PL_DIMS(heads), "%s.dt_bias", prefix);
    return fading->step != NULL;
}

/* ---- Forward -------------------------------------------------------------------------------- */

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

struct pl_variable *pl_mixing_unit(const struct pl_mixing *mixing, struct pl_variable *x,
                                   struct pl_variable *filter, int64_t width, const char *name)
{
    return pl_op_unit(mixing->pass->tape, pl_mixing_conv(mixing, x, filter, true, name), width);
}

struct pl_variable *pl_mixing_delta(const struct pl_mixing *mixing, const struct pl_delta *delta,
                                    struct pl_variable *q, struct pl_variable *k,
                                    struct pl_variable *v, struct pl_variable *beta,
                                    const struct pl_fading *fading, struct pl_variable *decay)
{
    struct pl_pass *pass = mixing->pass;
    const struct pl_rows *rows = &mixing->rows;
    struct pl_variable *g = NULL;
    if (fading->a_log) {
        g = pl_op_decay(pass->tape, decay, fading->a_log, fading->step);
        if (!g)
            return NULL;
    }
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
