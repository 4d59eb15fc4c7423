/* The folded map in single precision.
 * SPDX-License-Identifier: MIT */
#include "models/linear_single.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "tensor/blas.h"

#define WINDOWS 256 /* in one block of work */

static float *to_single(struct pl_context *context, const double *values, int64_t count)
{
    float *out = pl_new(context, (size_t)count, sizeof *out);
    for (int64_t i = 0; out && i < count; i++)
        out[i] = (float)values[i];
    return out;
}

enum pl_status pl_linear_single_make(struct pl_context *context, const struct pl_linear *linear,
                                     struct pl_linear_single *single)
{
    int64_t regressors = linear->lookback * (1 + linear->past);
    *single =
        (struct pl_linear_single){linear->lookback, linear->horizon, linear->past, NULL, NULL};
    single->weight = to_single(context, linear->weight, linear->horizon * regressors);
    single->bias = to_single(context, linear->bias, linear->horizon);
    if (single->weight && single->bias)
        return PL_OK;
    pl_linear_single_release(single);
    return context->status;
}

void pl_linear_single_release(struct pl_linear_single *single)
{
    free(single->weight);
    free(single->bias);
    *single = (struct pl_linear_single){0};
}

struct forecast {
    const struct pl_linear_single *single;
    const struct pl_piece *piece;
    int64_t first, count;
    float *out;
};

static enum pl_status forecast_block(struct pl_context *context, void *job, int64_t item)
{
    const struct forecast *forecast = job;
    const struct pl_linear_single *single = forecast->single;
    int64_t lookback = single->lookback, horizon = single->horizon;
    int64_t p = lookback * (1 + single->past), start = item * WINDOWS;
    int64_t left = forecast->count - start, windows = left < WINDOWS ? left : WINDOWS;
    int64_t rows = windows + lookback - 1; /* that the windows cover */
    float *out = forecast->out + start * horizon;
    float *x = pl_new(context, (size_t)(windows * p + rows), sizeof *x);
    if (!x)
        return context->status;
    float *column = x + windows * p;
    for (int64_t c = 0; c <= single->past; c++) {
        const double *from = c == 0 ? forecast->piece->target : forecast->piece->past[c - 1];
        from += forecast->first + start;
        for (int64_t i = 0; i < rows; i++)
            column[i] = (float)from[i];
        for (int64_t i = 0; i < windows; i++)
            memcpy(x + i * p + c * lookback, column + i, (size_t)lookback * sizeof *x);
    }
    for (int64_t i = 0; i < windows; i++)
        memcpy(out + i * horizon, single->bias, (size_t)horizon * sizeof *out);
    pl_sgemm(false, true, windows, horizon, p, 1, x, p, single->weight, p, 1, out, horizon);
    free(x);
    return PL_OK;
}

enum pl_status pl_linear_single_forecast(struct pl_context *context,
                                         const struct pl_linear_single *single,
                                         const struct pl_piece *piece, int64_t first, int64_t count,
                                         float *out)
{
    struct forecast forecast = {single, piece, first, count, out};
    if (pl_blas_open(context))
        return context->status;
    return pl_parallel(context, (count + WINDOWS - 1) / WINDOWS, forecast_block, &forecast);
}
