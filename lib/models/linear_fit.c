/* Fitting linear forecasters: ridge regression in closed form.
 * SPDX-License-Identifier: MIT
 *
 * Every model of the family is an affine map of the window.  linear (and dlinear, whose two maps
 * of a moving average and the rest can be added up to one) leaves it free.  nlinear and mean take
 * a reference value rho of the window (its last value, or its mean) from the target's lags and
 * from y before the map and add it back after, so that the map follows the level of the series.
 * In statistics that is a change of variables: with s = 1 for a target's lag and 0 for any other
 * regressor, and S( , ) for sums of products,
 *
 *     S(x - s rho, y - rho) = S(x, y) - s S(rho, y) - S(x, rho) + s S(rho, rho)
 *
 * and rho is itself a lag, or a mean of lags, so all terms are in the Gram matrix already.  After
 * that all models are fitted by one solver and folded to one form.
 *
 * The intercept is not penalised: sums are centred, Sc = S - n mu mu'.  Lag regressors are the
 * same for every step h, so their matrix A = Sc_xx + ridge is factored once, A = L L'.  Future
 * columns differ from step to step; they are eliminated by their Schur complement: with
 * F = L^-1 Sc_xz, g = L^-1 Sc_xy (one triangular solve for many steps),
 *
 *     (Sc_zz + ridge - F' F) v = Sc_zy - F' g,      L' w = g - F v
 *
 * which stays accurate when a future column is nearly a combination of lags, as an hour of the day
 * is.  Blocks of steps are independent and run in parallel.
 *
 * The error of a fitted map on other windows is a quadratic form in their statistics, so a ridge is
 * chosen on a validation Gram without touching data: P^2 H operations each. */
#include "models/linear.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "linalg/symmetric.h"
#include "tensor/blas.h"

enum { STEPS = 48 /* of the horizon, in one block of work */ };

static const double JITTER_LEAST = 1e-10, JITTER_MOST = 1e-4;

/* A centred sum of squares below this share of the plain one is rounding: the column is constant.
 */
static const double CONSTANT = 1e-13;

const double pl_ridges[PL_RIDGES] = {0, 1e-4, 1e-3, 1e-2, 1e-1, 1};

/* The equations of one fit: what all steps and ridges share. */
struct equations {
    const struct pl_gram *gram;
    int64_t p;     /* regressors */
    bool shifted;  /* nlinear, mean */
    double *lags;  /* [P, P]  Sc_xx of the shifted lags */
    double *size;  /* [P]     what a relative ridge is multiplied by */
    double *x;     /* [P]     mean of the shifted lags */
    double *rho_x; /* [P]     S(rho, x) */
    double *rho_y; /* [H]     S(rho, y) */
    double *rho_z; /* [k, H]  S(rho, z) */
    double rho, rho_rho;
};

static void release_equations(struct equations *equations)
{
    free(equations->lags);
    free(equations->size); /* all vectors are one block */
}

static enum pl_status allocate_equations(struct pl_context *context, struct equations *equations)
{
    int64_t p = equations->p, horizon = equations->gram->horizon, k = equations->gram->future;
    double *vectors = pl_new(context, (size_t)(3 * p + (1 + k) * horizon), sizeof(double));

    equations->lags = pl_new(context, (size_t)(p * p), sizeof(double));
    equations->size = vectors;
    if (!vectors || !equations->lags)
        return context->status;
    equations->x = vectors + p;
    equations->rho_x = vectors + 2 * p;
    equations->rho_y = vectors + 3 * p;
    equations->rho_z = vectors + 3 * p + horizon;
    return PL_OK;
}

static void add_scaled(int64_t count, double scale, const double *restrict from,
                       double *restrict to)
{
    for (int64_t i = 0; i < count; i++)
        to[i] += scale * from[i];
}

/* The sums with rho, a weighted sum of the target's lags. */
static void reference_sums(struct equations *equations, enum pl_linear_kind kind)
{
    const struct pl_gram *gram = equations->gram;
    int64_t p = equations->p, lookback = gram->lookback, horizon = gram->horizon;
    int64_t first = kind == PL_NLINEAR ? lookback - 1 : 0;
    double share = 1 / (double)(lookback - first);

    for (int64_t i = first; i < lookback; i++) {
        equations->rho += share * gram->x[i];
        add_scaled(p, share, gram->xx + i * p, equations->rho_x);
        add_scaled(horizon, share, gram->xy + i * horizon, equations->rho_y);
        for (int64_t c = 0; c < gram->future; c++)
            add_scaled(horizon, share, gram->xz + (c * p + i) * horizon,
                       equations->rho_z + c * horizon);
    }
    for (int64_t i = first; i < lookback; i++)
        equations->rho_rho += share * equations->rho_x[i];
}

/* 1 where rho is taken from a regressor. */
static double shift_of(const struct equations *equations, int64_t regressor)
{
    return equations->shifted && regressor < equations->gram->lookback ? 1 : 0;
}

/* What a relative ridge refers to: the mean diagonal of a column's block of lags.  A constant
 * column has none; it is held by a ridge as large as its neighbours so that its weights vanish. */
static void ridge_sizes(struct equations *equations)
{
    const struct pl_gram *gram = equations->gram;
    int64_t p = equations->p, lookback = gram->lookback;
    double largest = 0;

    for (int64_t block = 0; block < p; block += lookback) {
        double centred = 0, plain = 0;

        for (int64_t i = block; i < block + lookback; i++) {
            centred += equations->lags[i * p + i];
            plain += gram->xx[i * p + i];
        }
        centred = centred > CONSTANT * plain ? centred / (double)lookback : 0;
        largest = fmax(largest, centred);
        for (int64_t i = block; i < block + lookback; i++)
            equations->size[i] = centred;
    }
    for (int64_t i = 0; i < p; i++)
        if (equations->size[i] == 0)
            equations->lags[i * p + i] += largest > 0 ? largest : 1;
}

static enum pl_status set_up(struct pl_context *context, struct equations *equations,
                             const struct pl_gram *gram, enum pl_linear_kind kind)
{
    int64_t p = pl_gram_regressors(gram);
    enum pl_status status;

    *equations =
        (struct equations){.gram = gram, .p = p, .shifted = kind == PL_NLINEAR || kind == PL_MEAN};
    if (!(gram->count > 0))
        return pl_fail(context, PL_BAD_DATA, "there is no window of %lld + %lld rows to fit",
                       (long long)gram->lookback, (long long)gram->horizon);
    status = allocate_equations(context, equations);
    if (status != PL_OK)
        return status;
    if (equations->shifted)
        reference_sums(equations, kind);
    for (int64_t i = 0; i < p; i++)
        equations->x[i] = (gram->x[i] - shift_of(equations, i) * equations->rho) / gram->count;
    for (int64_t i = 0; i < p; i++) {
        double si = shift_of(equations, i), *row = equations->lags + i * p;

        for (int64_t j = 0; j < p; j++) {
            double sj = shift_of(equations, j);
            row[j] = gram->xx[i * p + j] - si * equations->rho_x[j] - sj * equations->rho_x[i] +
                     si * sj * equations->rho_rho - gram->count * equations->x[i] * equations->x[j];
        }
    }
    ridge_sizes(equations);
    return PL_OK;
}

/* Factors the lags' matrix with the ridge, raised until it can be. */
static enum pl_status factor_lags(struct pl_context *context, const struct equations *equations,
                                  double ridge, double *factor, double *used)
{
    int64_t p = equations->p;
    enum pl_status status;

    *used = fmax(ridge, JITTER_LEAST);
    for (;;) {
        memcpy(factor, equations->lags, (size_t)(p * p) * sizeof *factor);
        for (int64_t i = 0; i < p; i++)
            factor[i * p + i] += *used * equations->size[i];
        status = pl_cholesky(context, factor, p);
        if (status != PL_NUMERIC || *used * 10 > JITTER_MOST * 1.5)
            return status;
        *used *= 10;
    }
}

/* One fit: its blocks of steps run in parallel. */
struct fit {
    const struct equations *equations;
    const double *factor; /* [P, P] */
    double ridge;
    struct pl_linear *linear;
};

/* The right-hand sides of steps first .. first + steps - 1: g[steps, P] = Sc_yx. */
static void target_sides(const struct equations *equations, int64_t first, int64_t steps, double *g)
{
    const struct pl_gram *gram = equations->gram;
    int64_t p = equations->p, horizon = gram->horizon;

    for (int64_t r = 0; r < p; r++) {
        double s = shift_of(equations, r);

        for (int64_t h = 0; h < steps; h++) {
            double side = gram->xy[r * horizon + first + h], mean = gram->y[first + h];

            if (equations->shifted) {
                side +=
                    -s * equations->rho_y[first + h] - equations->rho_x[r] + s * equations->rho_rho;
                mean -= equations->rho;
            }
            g[h * p + r] = side - equations->x[r] * mean;
        }
    }
}

/* f[steps, k, P] = Sc_zx */
static void future_sides(const struct equations *equations, int64_t first, int64_t steps, double *f)
{
    const struct pl_gram *gram = equations->gram;
    int64_t p = equations->p, horizon = gram->horizon, k = gram->future;

    for (int64_t c = 0; c < k; c++)
        for (int64_t r = 0; r < p; r++) {
            double s = shift_of(equations, r);
            const double *xz = gram->xz + (c * p + r) * horizon + first;

            for (int64_t h = 0; h < steps; h++)
                f[(h * k + c) * p + r] = xz[h] - s * equations->rho_z[c * horizon + first + h] -
                                         equations->x[r] * gram->z[c * horizon + first + h];
        }
}

/* The Schur complement of one step: v from f = L^-1 Sc_xz [k, P] and g = L^-1 Sc_xy [P], which
 * becomes g - F v.  schur is scratch [k, k]. */
static enum pl_status solve_future(struct pl_context *context, const struct fit *fit, int64_t h,
                                   const double *f, double *g, double *schur, double *v)
{
    const struct equations *equations = fit->equations;
    const struct pl_gram *gram = equations->gram;
    int64_t p = equations->p, horizon = gram->horizon, k = gram->future;
    double n = gram->count, mean_y = gram->y[h] - (equations->shifted ? equations->rho : 0);
    enum pl_status status;

    for (int64_t c = 0; c < k; c++) {
        const double z = gram->z[c * horizon + h];

        for (int64_t d = 0; d < k; d++)
            schur[c * k + d] =
                gram->zz[(c * k + d) * horizon + h] - z * gram->z[d * horizon + h] / n;
        double *diagonal = schur + c * k + c;
        if (*diagonal <= CONSTANT * gram->zz[(c * k + c) * horizon + h])
            *diagonal = n; /* constant: held so that its weight vanishes */
        else
            *diagonal *= 1 + fit->ridge;
        v[c] = gram->zy[c * horizon + h] - z * mean_y / n;
        if (equations->shifted)
            v[c] -= equations->rho_z[c * horizon + h];
    }
    pl_dgemm(false, true, k, k, p, -1, f, p, f, p, 1, schur, k);
    pl_dgemm(false, true, k, 1, p, -1, f, p, g, p, 1, v, 1);
    status = pl_cholesky(context, schur, k);
    if (status == PL_OK)
        status = pl_cholesky_solve(context, schur, k, v, 1);
    if (status == PL_OK)
        pl_dgemm(false, false, 1, p, k, -1, v, k, f, p, 1, g, p);
    return status;
}

/* b = mean y - W mean x - V mean z */
static void intercept(const struct fit *fit, int64_t h)
{
    const struct equations *equations = fit->equations;
    const struct pl_gram *gram = equations->gram;
    const double *weight = fit->linear->weight + h * equations->p;
    double bias = gram->y[h] - (equations->shifted ? equations->rho : 0);

    for (int64_t c = 0; c < gram->future; c++)
        bias -= fit->linear->future_weight[h * gram->future + c] * gram->z[c * gram->horizon + h];
    fit->linear->bias[h] = bias / gram->count - pl_ddot(equations->p, weight, equations->x);
}

static enum pl_status fit_block(struct pl_context *context, void *job, int64_t item)
{
    const struct fit *fit = job;
    const struct equations *equations = fit->equations;
    int64_t p = equations->p, k = equations->gram->future, first = item * STEPS;
    int64_t left = equations->gram->horizon - first, steps = left < STEPS ? left : STEPS;
    double *g = fit->linear->weight + first * p, *f = NULL, *schur = NULL;
    enum pl_status status;

    target_sides(equations, first, steps, g);
    status = pl_cholesky_forward(context, fit->factor, p, g, steps);
    if (status == PL_OK && k > 0) {
        f = pl_new(context, (size_t)(steps * k * p), sizeof *f);
        schur = pl_new(context, (size_t)(k * k), sizeof *schur);
        if (!f || !schur) {
            status = context->status;
        } else {
            future_sides(equations, first, steps, f);
            status = pl_cholesky_forward(context, fit->factor, p, f, steps * k);
        }
        for (int64_t h = 0; h < steps && status == PL_OK; h++)
            status = solve_future(context, fit, first + h, f + h * k * p, g + h * p, schur,
                                  fit->linear->future_weight + (first + h) * k);
    }
    if (status == PL_OK)
        status = pl_cholesky_backward(context, fit->factor, p, g, steps);
    if (status == PL_OK)
        for (int64_t h = 0; h < steps; h++)
            intercept(fit, first + h);
    free(f);
    free(schur);
    return status;
}

/* Fits into an initialised map; factor is scratch [P, P]. */
static enum pl_status fit_ridge(struct pl_context *context, const struct equations *equations,
                                enum pl_linear_kind kind, double ridge, double *factor,
                                struct pl_linear *linear, double *used)
{
    struct fit fit = {equations, factor, 0, linear};
    enum pl_status status = factor_lags(context, equations, ridge, factor, &fit.ridge);

    if (status == PL_OK)
        status = pl_parallel(context, (linear->horizon + STEPS - 1) / STEPS, fit_block, &fit);
    if (status == PL_OK)
        pl_linear_unshift(linear, kind);
    *used = fit.ridge;
    return status;
}

enum pl_status pl_linear_solve(struct pl_context *context, const struct pl_gram *gram,
                               enum pl_linear_kind kind, double ridge, struct pl_linear *linear,
                               double *used)
{
    struct equations equations = {0};
    double *factor = NULL, raised = ridge;
    enum pl_status status =
        pl_linear_init(context, linear, gram->lookback, gram->horizon, gram->past, gram->future);

    if (status == PL_OK)
        status = pl_blas_open(context);
    if (status == PL_OK)
        status = set_up(context, &equations, gram, kind);
    if (status == PL_OK) {
        factor = pl_new(context, (size_t)(equations.p * equations.p), sizeof *factor);
        status = factor ? fit_ridge(context, &equations, kind, ridge, factor, linear, &raised)
                        : context->status;
    }
    if (used)
        *used = raised;
    free(factor);
    release_equations(&equations);
    if (status != PL_OK)
        pl_linear_release(linear);
    return status;
}

static double mean_of(const double *values, int64_t count)
{
    double sum = 0;

    for (int64_t i = 0; i < count; i++)
        sum += values[i];
    return sum / (double)count;
}

/* Fits with each ridge in turn; the best so far stays in *best_map. */
static enum pl_status try_ridges(struct pl_context *context, const struct equations *equations,
                                 enum pl_linear_kind kind, const double *ridges, int count,
                                 const struct pl_gram *validation, double *errors, int *best,
                                 struct pl_linear *best_map, struct pl_linear *map, double *scratch)
{
    double *factor = scratch, *mse = scratch + equations->p * equations->p, used;
    enum pl_status failure = PL_OK;

    *best = -1;
    for (int i = 0; i < count; i++) {
        enum pl_status status = fit_ridge(context, equations, kind, ridges[i], factor, map, &used);

        errors[i] = NAN;
        if (status == PL_OK)
            status = pl_linear_score(context, validation, map, mse);
        if (status != PL_OK && status != PL_NUMERIC)
            return status;
        failure = status == PL_OK ? failure : status;
        if (status == PL_OK)
            errors[i] = mean_of(mse, map->horizon);
        if (isfinite(errors[i]) && (*best < 0 || errors[i] < errors[*best])) {
            struct pl_linear swap = *best_map;

            *best = i;
            *best_map = *map;
            *map = swap;
        }
    }
    return *best >= 0 ? PL_OK
           : failure  ? failure
                      : pl_fail(context, PL_NUMERIC, "no ridge gives a finite validation error");
}

enum pl_status pl_linear_path(struct pl_context *context, const struct pl_gram *gram,
                              enum pl_linear_kind kind, const double *ridges, int count,
                              const struct pl_gram *validation, double *errors, int *best,
                              struct pl_linear *linear)
{
    struct equations equations = {0};
    struct pl_linear other = {0};
    double *scratch = NULL;
    enum pl_status status =
        pl_linear_init(context, linear, gram->lookback, gram->horizon, gram->past, gram->future);

    if (status == PL_OK)
        status = pl_linear_init(context, &other, gram->lookback, gram->horizon, gram->past,
                                gram->future);
    if (status == PL_OK)
        status = pl_blas_open(context);
    if (status == PL_OK)
        status = set_up(context, &equations, gram, kind);
    if (status == PL_OK) {
        scratch =
            pl_new(context, (size_t)(equations.p * equations.p + gram->horizon), sizeof *scratch);
        status = scratch ? try_ridges(context, &equations, kind, ridges, count, validation, errors,
                                      best, linear, &other, scratch)
                         : context->status;
    }
    free(scratch);
    release_equations(&equations);
    pl_linear_release(&other);
    if (status != PL_OK)
        pl_linear_release(linear);
    return status;
}
