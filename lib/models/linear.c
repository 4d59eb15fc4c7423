/* Linear forecasters in closed form.
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

enum {
    STEPS = 48,   /* of the horizon, in one block of work */
    WINDOWS = 256 /* forecast in one block of work */
};

static const double JITTER_LEAST = 1e-10, JITTER_MOST = 1e-4;

/* A centred sum of squares below this share of the plain one is rounding: the column is constant.
 */
static const double CONSTANT = 1e-13;

const double pl_ridges[PL_RIDGES] = {0, 1e-4, 1e-3, 1e-2, 1e-1, 1};

enum pl_status pl_linear_init(struct pl_context *context, struct pl_linear *linear,
                              int64_t lookback, int64_t horizon, int64_t past, int64_t future)
{
    int64_t regressors, weights, size;

    *linear = (struct pl_linear){lookback, horizon, past, future, NULL, NULL, NULL};
    if (!pl_add_int64(past, 1, &regressors) || !pl_mul_int64(lookback, regressors, &regressors) ||
        !pl_mul_int64(regressors, horizon, &weights) || !pl_mul_int64(horizon, future, &size))
        return pl_fail(context, PL_USAGE, "too many weights: lookback %lld, horizon %lld",
                       (long long)lookback, (long long)horizon);
    linear->weight = pl_new(context, (size_t)weights, sizeof(double));
    linear->bias = pl_new(context, (size_t)horizon, sizeof(double));
    if (future > 0)
        linear->future_weight = pl_new(context, (size_t)size, sizeof(double));
    if (linear->weight && linear->bias && (linear->future_weight || future == 0))
        return PL_OK;
    pl_linear_release(linear);
    return context->status;
}

void pl_linear_release(struct pl_linear *linear)
{
    free(linear->weight);
    free(linear->bias);
    free(linear->future_weight);
    linear->weight = linear->bias = linear->future_weight = NULL;
}

static int64_t regressor_count(const struct pl_linear *linear)
{
    return linear->lookback * (1 + linear->past);
}

void pl_linear_unshift(struct pl_linear *linear, enum pl_linear_kind kind)
{
    int64_t p = regressor_count(linear), lookback = linear->lookback;

    if (kind != PL_NLINEAR && kind != PL_MEAN)
        return;
    for (int64_t h = 0; h < linear->horizon; h++) {
        double *row = linear->weight + h * p, rest = 1;

        for (int64_t i = 0; i < lookback; i++)
            rest -= row[i];
        if (kind == PL_NLINEAR)
            row[lookback - 1] += rest;
        else
            for (int64_t i = 0; i < lookback; i++)
                row[i] += rest / (double)lookback;
    }
}

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

static int64_t blocks_of(int64_t count, int64_t size)
{
    return (count + size - 1) / size;
}

/* Fits into an initialised map; factor is scratch [P, P]. */
static enum pl_status fit_ridge(struct pl_context *context, const struct equations *equations,
                                enum pl_linear_kind kind, double ridge, double *factor,
                                struct pl_linear *linear, double *used)
{
    struct fit fit = {equations, factor, 0, linear};
    enum pl_status status = factor_lags(context, equations, ridge, factor, &fit.ridge);

    if (status == PL_OK)
        status = pl_parallel(context, blocks_of(linear->horizon, STEPS), fit_block, &fit);
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

struct score {
    const struct pl_gram *gram;
    const struct pl_linear *linear;
    double *mse;
};

/* Sums of squared errors of steps first .. first + steps - 1 over the windows, divided by their
 * number; wt[P, steps] holds the weights transposed, swt = Sxx wt. */
static void score_steps(const struct score *score, int64_t first, int64_t steps, const double *wt,
                        const double *swt)
{
    const struct pl_gram *gram = score->gram;
    int64_t p = pl_gram_regressors(gram), horizon = gram->horizon, k = gram->future;
    double *mse = score->mse + first;
    const double *bias = score->linear->bias + first;

    for (int64_t h = 0; h < steps; h++)
        mse[h] = gram->yy[first + h] + bias[h] * (gram->count * bias[h] - 2 * gram->y[first + h]);
    for (int64_t r = 0; r < p; r++) {
        const double *w = wt + r * steps, *sw = swt + r * steps,
                     *xy = gram->xy + r * horizon + first;

        for (int64_t h = 0; h < steps; h++)
            mse[h] += w[h] * (sw[h] - 2 * xy[h] + 2 * bias[h] * gram->x[r]);
    }
    for (int64_t c = 0; c < k; c++) {
        const double *v = score->linear->future_weight + first * k;

        for (int64_t r = 0; r < p; r++)
            for (int64_t h = 0; h < steps; h++)
                mse[h] += 2 * v[h * k + c] * wt[r * steps + h] *
                          gram->xz[(c * p + r) * horizon + first + h];
        for (int64_t h = 0; h < steps; h++) {
            int64_t at = c * horizon + first + h;
            double sum = 2 * (bias[h] * gram->z[at] - gram->zy[at]);

            for (int64_t d = 0; d < k; d++)
                sum += v[h * k + d] * gram->zz[(c * k + d) * horizon + first + h];
            mse[h] += v[h * k + c] * sum;
        }
    }
    for (int64_t h = 0; h < steps; h++)
        mse[h] = fmax(mse[h] / gram->count, 0);
}

static enum pl_status score_block(struct pl_context *context, void *job, int64_t item)
{
    const struct score *score = job;
    int64_t p = pl_gram_regressors(score->gram), first = item * STEPS;
    int64_t left = score->gram->horizon - first, steps = left < STEPS ? left : STEPS;
    double *wt = pl_new(context, (size_t)(2 * p * steps), sizeof *wt);

    if (!wt)
        return context->status;
    double *swt = wt + p * steps;
    for (int64_t h = 0; h < steps; h++)
        for (int64_t r = 0; r < p; r++)
            wt[r * steps + h] = score->linear->weight[(first + h) * p + r];
    pl_dgemm(false, false, p, steps, p, 1, score->gram->xx, p, wt, steps, 0, swt, steps);
    score_steps(score, first, steps, wt, swt);
    free(wt);
    return PL_OK;
}

static bool same_shape(const struct pl_gram *gram, const struct pl_linear *linear)
{
    return gram->lookback == linear->lookback && gram->horizon == linear->horizon &&
           gram->past == linear->past && gram->future == linear->future;
}

enum pl_status pl_linear_score(struct pl_context *context, const struct pl_gram *gram,
                               const struct pl_linear *linear, double *mse)
{
    struct score score = {gram, linear, mse};
    enum pl_status status = pl_blas_open(context);

    if (status != PL_OK)
        return status;
    if (!same_shape(gram, linear))
        return pl_fail(context, PL_BAD_DATA, "statistics and model differ in shape");
    if (!(gram->count > 0))
        return pl_fail(context, PL_BAD_DATA, "there is no window to score");
    return pl_parallel(context, blocks_of(gram->horizon, STEPS), score_block, &score);
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

struct forecast {
    const struct pl_linear *linear;
    const struct pl_piece *piece;
    int64_t first, count;
    double *out;
};

static enum pl_status forecast_block(struct pl_context *context, void *job, int64_t item)
{
    const struct forecast *forecast = job;
    const struct pl_linear *linear = forecast->linear;
    int64_t p = regressor_count(linear), lookback = linear->lookback, horizon = linear->horizon;
    int64_t start = item * WINDOWS, left = forecast->count - start;
    int64_t windows = left < WINDOWS ? left : WINDOWS;
    double *x = pl_new(context, (size_t)(windows * p), sizeof *x);
    double *out = forecast->out + start * horizon;

    if (!x)
        return context->status;
    for (int64_t i = 0; i < windows; i++)
        for (int64_t c = 0; c <= linear->past; c++) {
            const double *column = c == 0 ? forecast->piece->target : forecast->piece->past[c - 1];
            memcpy(x + i * p + c * lookback, column + forecast->first + start + i,
                   (size_t)lookback * sizeof *x);
        }
    for (int64_t i = 0; i < windows; i++)
        memcpy(out + i * horizon, linear->bias, (size_t)horizon * sizeof *out);
    pl_dgemm(false, true, windows, horizon, p, 1, x, p, linear->weight, p, 1, out, horizon);
    for (int64_t c = 0; c < linear->future; c++) {
        const double *z = forecast->piece->future[c] + forecast->first + start + lookback;

        for (int64_t i = 0; i < windows; i++)
            for (int64_t h = 0; h < horizon; h++)
                out[i * horizon + h] += linear->future_weight[h * linear->future + c] * z[i + h];
    }
    free(x);
    return PL_OK;
}

enum pl_status pl_linear_forecast(struct pl_context *context, const struct pl_linear *linear,
                                  const struct pl_piece *piece, int64_t first, int64_t count,
                                  double *out)
{
    struct forecast forecast = {linear, piece, first, count, out};
    int64_t rows = linear->lookback + (linear->future > 0 ? linear->horizon : 0);
    enum pl_status status;

    if (count <= 0)
        return PL_OK;
    if (first < 0 || count > piece->rows || first > piece->rows - count ||
        rows - 1 > piece->rows - count - first)
        return pl_fail(context, PL_BAD_DATA,
                       "windows of %lld rows that start at rows %lld to %lld need more than the "
                       "%lld rows there are",
                       (long long)rows, (long long)first, (long long)(first + count - 1),
                       (long long)piece->rows);
    status = pl_blas_open(context);
    if (status != PL_OK)
        return status;
    return pl_parallel(context, blocks_of(count, WINDOWS), forecast_block, &forecast);
}

void pl_moving_average(int64_t rows, int64_t width, const float *x, float *out)
{
    int64_t half = width / 2;
    double sum = 0;

    for (int64_t o = -half; o <= half; o++)
        sum += (double)x[o < 0 ? 0 : o < rows ? o : rows - 1];
    for (int64_t t = 0; t < rows; t++) {
        int64_t in = t + 1 + half, gone = t - half;

        out[t] = (float)(sum / (double)width);
        sum += (double)x[in < rows ? in : rows - 1] - (double)x[gone > 0 ? gone : 0];
    }
}

void pl_dlinear_fold(int64_t width, const float *seasonal, const float *seasonal_bias,
                     const float *trend, const float *trend_bias, struct pl_linear *linear)
{
    int64_t rows = linear->lookback, half = width / 2;

    for (int64_t h = 0; h < linear->horizon; h++) {
        const float *s = seasonal + h * rows, *t = trend + h * rows;
        double *out = linear->weight + h * rows;

        linear->bias[h] += (double)seasonal_bias[h] + (double)trend_bias[h];
        for (int64_t i = 0; i < rows; i++) {
            double share = ((double)t[i] - (double)s[i]) / (double)width;

            out[i] += (double)s[i];
            for (int64_t o = i - half; o <= i + half; o++)
                out[o < 0 ? 0 : o < rows ? o : rows - 1] += share;
        }
    }
}
