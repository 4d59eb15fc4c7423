/* The folded affine map: what it forecasts, and how wrong it is on given statistics.
 * SPDX-License-Identifier: MIT
 *
 * The squared error of an affine map is a quadratic form in the weights, whose coefficients are
 * the very sums that a fit needs.  For step h, with w, v and b the map's row, n windows,
 *
 *     n mse = w' Sxx w - 2 w' Sxy + Syy + 2 b (w' Sx - Sy) + n b^2
 *             + 2 w' Sxz v + v' Szz v - 2 v' Szy + 2 b v' Sz
 *
 * so a map is scored on any windows whose statistics are at hand, and a ridge is chosen on a
 * validation part, without reading the data again: P^2 operations a step. */
#include "models/linear.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "tensor/blas.h"

enum {
    STEPS = 48,   /* of the horizon, scored in one block of work */
    WINDOWS = 256 /* forecast in one block of work */
};

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

static int64_t blocks_of(int64_t count, int64_t size)
{
    return (count + size - 1) / size;
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

void pl_moving_average_adjoint(int64_t rows, int64_t width, const float *weight, float *out)
{
    int64_t half = width / 2, last = rows - 1;
    double sum = 0, ends[2] = {0, 0};

    if (rows == 1) {
        out[0] = weight[0];
        return;
    }
    for (int64_t i = 0; i < rows && i <= half; i++) {
        ends[0] += (double)(half - i + 1) * (double)weight[i];
        ends[1] += (double)(half - i + 1) * (double)weight[last - i];
        sum += (double)weight[i];
    }
    for (int64_t j = 0; j < rows; j++) {
        out[j] = (float)(sum / (double)width);
        sum += (j + 1 + half < rows ? (double)weight[j + 1 + half] : 0) -
               (j - half >= 0 ? (double)weight[j - half] : 0);
    }
    out[0] = (float)(ends[0] / (double)width);
    out[last] = (float)(ends[1] / (double)width);
}
