/* The linear forecasters as nets: forecasts, gradients, Adam.
 * SPDX-License-Identifier: MIT
 *
 * A batch is two matrix products: forecasts X W' and gradient G = E' X, with X the windows, shifted
 * by their level, and E the errors.  dlinear needs no more: its two maps forecast as the one
 * W = W_s + (W_t - W_s) M with M the moving average, and their gradients are G - G M' and G M', so
 * that M works on the rows of weights, of which there are few, instead of on every window. */
#include "models/linear_net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/simd.h"
#include "tensor/blas.h"

enum pl_status pl_linear_net_init(struct pl_context *context, struct pl_linear_net *net,
                                  enum pl_linear_kind kind, int64_t lookback, int64_t horizon,
                                  int64_t width)
{
    int64_t size;

    *net = (struct pl_linear_net){kind, lookback, horizon, width, 1, {NULL}, {NULL}};
    if (kind == PL_DLINEAR) {
        net->branches = 2;
        if (width < 1 || width % 2 == 0)
            return pl_fail(context, PL_USAGE,
                           "a moving average over %lld rows has no middle; take an odd number",
                           (long long)width);
    }
    if (!pl_mul_int64(lookback, horizon, &size))
        return pl_fail(context, PL_USAGE, "too many weights: lookback %lld, horizon %lld",
                       (long long)lookback, (long long)horizon);
    for (int b = 0; b < net->branches; b++) {
        net->weight[b] = pl_new(context, (size_t)size, sizeof(float));
        net->bias[b] = pl_new(context, (size_t)horizon, sizeof(float));
        if (!net->weight[b] || !net->bias[b]) {
            pl_linear_net_release(net);
            return context->status;
        }
    }
    return PL_OK;
}

void pl_linear_net_release(struct pl_linear_net *net)
{
    for (int b = 0; b < 2; b++) {
        free(net->weight[b]);
        free(net->bias[b]);
        net->weight[b] = net->bias[b] = NULL;
    }
}

void pl_bench_release(struct pl_bench *bench)
{
    free(bench->windows);
    free(bench->level);
    free(bench->out);
    free(bench->folded);
    free(bench->row);
}

enum pl_status pl_bench_init(struct pl_context *context, struct pl_bench *bench,
                             const struct pl_linear_net *net, int64_t m, int64_t steps)
{
    int64_t windows, out;

    *bench = (struct pl_bench){NULL, NULL, NULL, NULL, NULL};
    if (!pl_mul_int64(m, net->lookback, &windows) || !pl_mul_int64(m, steps, &out))
        return pl_fail(context, PL_SYSTEM, "out of memory: %lld windows of %lld rows", (long long)m,
                       (long long)net->lookback);
    bench->windows = pl_new(context, (size_t)windows, sizeof(float));
    bench->level = pl_new(context, (size_t)m, sizeof(float));
    bench->out = pl_new(context, (size_t)out, sizeof(float));
    bench->folded = pl_new(context, (size_t)(steps * net->lookback), sizeof(float));
    bench->row = pl_new(context, (size_t)net->lookback, sizeof(float));
    return bench->windows && bench->level && bench->out && bench->folded && bench->row
               ? PL_OK
               : context->status;
}

void pl_bench_window(const struct pl_bench *bench, const struct pl_linear_net *net, int64_t i,
                     const float *x)
{
    int64_t lookback = net->lookback;
    float *window = bench->windows + i * lookback, level = 0;

    if (net->kind == PL_NLINEAR) {
        level = x[lookback - 1];
    } else if (net->kind == PL_MEAN) {
        double sum = 0;

        for (int64_t j = 0; j < lookback; j++)
            sum += (double)x[j];
        level = (float)(sum / (double)lookback);
    }
    bench->level[i] = level;
    for (int64_t j = 0; j < lookback; j++)
        window[j] = x[j] - level;
}

/* dlinear's rows first .. first + steps - 1 as one map, W_s + (W_t - W_s) M; row is scratch [L]. */
static void fold_rows(const struct pl_linear_net *net, struct pl_net_block block, float *row,
                      float *folded)
{
    int64_t lookback = net->lookback;

    for (int64_t h = 0; h < block.steps; h++) {
        const float *seasonal = net->weight[0] + (block.first + h) * lookback;
        const float *trend = net->weight[1] + (block.first + h) * lookback;
        float *out = folded + h * lookback;

        for (int64_t j = 0; j < lookback; j++)
            row[j] = trend[j] - seasonal[j];
        pl_moving_average_adjoint(lookback, net->width, row, out);
        for (int64_t j = 0; j < lookback; j++)
            out[j] += seasonal[j];
    }
}

static float bias_at(const struct pl_linear_net *net, int64_t h)
{
    return net->branches == 2 ? net->bias[0][h] + net->bias[1][h] : net->bias[0][h];
}

void pl_bench_forecast(const struct pl_linear_net *net, struct pl_net_block block, int64_t m,
                       const struct pl_bench *bench)
{
    int64_t lookback = net->lookback, steps = block.steps;
    const float *weight = net->weight[0] + block.first * lookback;

    if (net->kind == PL_DLINEAR) {
        fold_rows(net, block, bench->row, bench->folded);
        weight = bench->folded;
    }
    for (int64_t i = 0; i < m; i++)
        for (int64_t h = 0; h < steps; h++)
            bench->out[i * steps + h] = bench->level[i] + bias_at(net, block.first + h);
    pl_sgemm(false, true, m, steps, lookback, 1, bench->windows, lookback, weight, lookback, 1,
             bench->out, steps);
}

double pl_bench_error(const struct pl_bench *bench, int64_t i, int64_t steps, const float *y)
{
    float *out = bench->out + i * steps;
    double sum = 0;

    for (int64_t h = 0; h < steps; h++) {
        out[h] -= y[h];
        sum += (double)out[h] * (double)out[h];
    }
    return sum;
}

/* 2 scale E' X and 2 scale E' 1, in the first branch */
void pl_bench_gradient(const struct pl_linear_net *gradient, struct pl_net_block block, int64_t m,
                       const struct pl_bench *bench, double scale, bool add)
{
    int64_t lookback = gradient->lookback, steps = block.steps;
    float *bias = gradient->bias[0] + block.first;

    pl_sgemm(true, false, steps, lookback, m, (float)(2 * scale), bench->out, steps, bench->windows,
             lookback, add ? 1 : 0, gradient->weight[0] + block.first * lookback, lookback);
    for (int64_t h = 0; h < steps; h++) {
        double sum = 0;

        for (int64_t i = 0; i < m; i++)
            sum += (double)bench->out[i * steps + h];
        bias[h] = (float)((add ? (double)bias[h] : 0) + 2 * scale * sum);
    }
}

/* dlinear: the gradient G of the one map as those of the two, G - G M' and G M'. */
void pl_bench_split(const struct pl_linear_net *gradient, struct pl_net_block block)
{
    int64_t lookback = gradient->lookback;

    if (gradient->kind != PL_DLINEAR)
        return;
    for (int64_t h = block.first; h < block.first + block.steps; h++) {
        float *seasonal = gradient->weight[0] + h * lookback;
        float *trend = gradient->weight[1] + h * lookback;

        pl_moving_average(lookback, gradient->width, seasonal, trend);
        for (int64_t j = 0; j < lookback; j++)
            seasonal[j] -= trend[j];
        gradient->bias[1][h] = gradient->bias[0][h];
    }
}

enum pl_status pl_linear_net_forecast(struct pl_context *context, const struct pl_linear_net *net,
                                      int64_t m, const float *x, float *out)
{
    struct pl_net_block whole = {0, net->horizon};
    struct pl_bench bench = {NULL, NULL, NULL, NULL, NULL};
    enum pl_status status = pl_blas_open(context);

    if (status == PL_OK)
        status = pl_bench_init(context, &bench, net, m, net->horizon);
    if (status == PL_OK) {
        for (int64_t i = 0; i < m; i++)
            pl_bench_window(&bench, net, i, x + i * net->lookback);
        pl_bench_forecast(net, whole, m, &bench);
        memcpy(out, bench.out, (size_t)(m * net->horizon) * sizeof *out);
    }
    pl_bench_release(&bench);
    return status;
}

enum pl_status pl_linear_net_gradient(struct pl_context *context, const struct pl_linear_net *net,
                                      int64_t m, const float *x, const float *y, double scale,
                                      double *loss, struct pl_linear_net *gradient)
{
    struct pl_net_block whole = {0, net->horizon};
    struct pl_bench bench = {NULL, NULL, NULL, NULL, NULL};
    enum pl_status status = pl_blas_open(context);

    if (status == PL_OK)
        status = pl_bench_init(context, &bench, net, m, net->horizon);
    if (status == PL_OK) {
        *loss = 0;
        for (int64_t i = 0; i < m; i++)
            pl_bench_window(&bench, net, i, x + i * net->lookback);
        pl_bench_forecast(net, whole, m, &bench);
        for (int64_t i = 0; i < m; i++)
            *loss += pl_bench_error(&bench, i, net->horizon, y + i * net->horizon);
        pl_bench_gradient(gradient, whole, m, &bench, scale, false);
        pl_bench_split(gradient, whole);
    }
    pl_bench_release(&bench);
    return status;
}

static const double BETA1 = 0.9, BETA2 = 0.999, EPSILON = 1e-8;

PL_CLONES static void adam(int64_t count, float *restrict weight, const float *restrict gradient,
                           float *restrict first, float *restrict second, float step_size,
                           float correction)
{
    const float b1 = (float)BETA1, b2 = (float)BETA2, c1 = (float)(1 - BETA1),
                c2 = (float)(1 - BETA2), epsilon = (float)EPSILON;

    for (int64_t i = 0; i < count; i++) {
        first[i] = b1 * first[i] + c1 * gradient[i];
        second[i] = b2 * second[i] + c2 * gradient[i] * gradient[i];
        weight[i] -= step_size * first[i] / (sqrtf(second[i]) * correction + epsilon);
    }
}

void pl_adam_step(int64_t count, float *weight, const float *gradient, float *first, float *second,
                  double rate, int64_t step)
{
    double left1 = 1 - pow(BETA1, (double)step), left2 = 1 - pow(BETA2, (double)step);

    adam(count, weight, gradient, first, second, (float)(rate / left1), (float)(1 / sqrt(left2)));
}

enum pl_status pl_linear_net_fold(struct pl_context *context, const struct pl_linear_net *net,
                                  struct pl_linear *linear)
{
    int64_t lookback = net->lookback, horizon = net->horizon;
    float *row = pl_new(context, (size_t)(2 * lookback), sizeof *row);
    enum pl_status status =
        row ? pl_linear_init(context, linear, lookback, horizon, 0, 0) : context->status;

    for (int64_t h = 0; h < horizon && status == PL_OK; h++) {
        const float *weight = net->weight[0] + h * lookback;

        if (net->kind == PL_DLINEAR) {
            fold_rows(net, (struct pl_net_block){h, 1}, row, row + lookback);
            weight = row + lookback;
        }
        for (int64_t j = 0; j < lookback; j++)
            linear->weight[h * lookback + j] = (double)weight[j];
        linear->bias[h] = (double)bias_at(net, h);
    }
    if (status == PL_OK)
        pl_linear_unshift(linear, net->kind);
    free(row);
    return status;
}
