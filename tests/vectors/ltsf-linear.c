/* Vectors of the linear forecasters: forward, gradients, Adam, scaling, and the closed form.
 * SPDX-License-Identifier: MIT */
#include "vectors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/linear_adam.h"
#include "series/scaler.h"
#include "series/split.h"
#include "tensor/blas.h"

enum { WIDTH = 25 /* the reference's moving average */ };

static const char *const names[] = {"linear", "nlinear", "dlinear"};
static const enum pl_linear_kind kinds[] = {PL_LINEAR, PL_NLINEAR, PL_DLINEAR};

/* The batch, reordered to one row a window and channel: row = b * C + c. */
struct batch {
    int64_t windows, lookback, horizon, channels, rows;
    const float *x, *y; /* [rows, L], [rows, H] */
};

/* [B, T, C] to [B, C, T] */
static float *by_channel(struct vectors *vectors, const float *from, int64_t batch, int64_t time,
                         int64_t channels)
{
    float *to = vectors_new(vectors, batch * time * channels, sizeof *to);

    for (int64_t b = 0; b < batch; b++)
        for (int64_t t = 0; t < time; t++)
            for (int64_t c = 0; c < channels; c++)
                to[(b * channels + c) * time + t] = from[(b * time + t) * channels + c];
    return to;
}

/* and back */
static float *by_time(struct vectors *vectors, const float *from, int64_t batch, int64_t time,
                      int64_t channels)
{
    return by_channel(vectors, from, batch, channels, time);
}

static bool load_batch(struct vectors *vectors, struct batch *batch)
{
    const float *x, *y;

    batch->windows = vectors_dim(vectors, "x", 0);
    batch->lookback = vectors_dim(vectors, "x", 1);
    batch->channels = vectors_dim(vectors, "x", 2);
    batch->horizon = vectors_dim(vectors, "y", 1);
    batch->rows = batch->windows * batch->channels;
    x = vectors_floats(vectors, batch->rows * batch->lookback, "x");
    y = vectors_floats(vectors, batch->rows * batch->horizon, "y");
    if (!x || !y)
        return false;
    batch->x = by_channel(vectors, x, batch->windows, batch->lookback, batch->channels);
    batch->y = by_channel(vectors, y, batch->windows, batch->horizon, batch->channels);
    return true;
}

static void check_average(struct vectors *vectors, const struct batch *batch)
{
    int64_t rows = batch->rows, lookback = batch->lookback;
    float *trend = vectors_new(vectors, rows * lookback, sizeof *trend);
    float *rest = vectors_new(vectors, rows * lookback, sizeof *rest);

    for (int64_t r = 0; r < rows; r++)
        pl_moving_average(lookback, WIDTH, batch->x + r * lookback, trend + r * lookback);
    for (int64_t i = 0; i < rows * lookback; i++)
        rest[i] = batch->x[i] - trend[i];
    vectors_compare_floats(vectors,
                           by_time(vectors, trend, batch->windows, lookback, batch->channels),
                           rows * lookback, 1e-5, 0, "decomp.trend");
    vectors_compare_floats(vectors,
                           by_time(vectors, rest, batch->windows, lookback, batch->channels),
                           rows * lookback, 1e-5, 0, "decomp.seasonal");
}

/* "Linear", "Linear_Seasonal.2": the reference's name of a branch, of one channel's or of all. */
static const char *branch_name(struct vectors *vectors, enum pl_linear_kind kind, int branch,
                               int64_t channel)
{
    char *name = vectors_new(vectors, 40, 1);
    const char *base = kind != PL_DLINEAR ? "Linear" : branch ? "Linear_Trend" : "Linear_Seasonal";

    if (channel < 0)
        snprintf(name, 40, "%s", base);
    else
        snprintf(name, 40, "%s.%lld", base, (long long)channel);
    return name;
}

static void load_net(struct vectors *vectors, struct pl_linear_net *net, const char *prefix,
                     int64_t channel)
{
    for (int b = 0; b < net->branches; b++) {
        const char *name = branch_name(vectors, net->kind, b, channel);
        int64_t size = net->horizon * net->lookback;
        const float *weight = vectors_floats(vectors, size, "%s.param.%s.weight", prefix, name);
        const float *bias = vectors_floats(vectors, net->horizon, "%s.param.%s.bias", prefix, name);

        if (weight && bias) {
            memcpy(net->weight[b], weight, (size_t)size * sizeof *weight);
            memcpy(net->bias[b], bias, (size_t)net->horizon * sizeof *bias);
        }
    }
}

static void compare_net(struct vectors *vectors, const struct pl_linear_net *net,
                        const char *prefix, int64_t channel, double tolerance)
{
    for (int b = 0; b < net->branches; b++) {
        const char *name = branch_name(vectors, net->kind, b, channel);

        vectors_compare_floats(vectors, net->weight[b], net->horizon * net->lookback, tolerance,
                               tolerance, "%s.%s.weight", prefix, name);
        vectors_compare_floats(vectors, net->bias[b], net->horizon, tolerance, tolerance,
                               "%s.%s.bias", prefix, name);
    }
}

static bool new_net(struct vectors *vectors, struct pl_linear_net *net, enum pl_linear_kind kind,
                    const struct batch *batch)
{
    return vectors_ok(vectors, pl_linear_net_init(&vectors->context, net, kind, batch->lookback,
                                                  batch->horizon, WIDTH));
}

/* The gradient in x through the map as it is applied, the level held constant: dx = dout W. */
static void input_gradient(struct vectors *vectors, const struct pl_linear_net *net,
                           const float *out, const float *y, double scale, float *gradient)
{
    struct pl_linear_net plain = *net;
    struct pl_linear linear;

    plain.kind = net->kind == PL_DLINEAR ? PL_DLINEAR : PL_LINEAR;
    if (!vectors_ok(vectors, pl_linear_net_fold(&vectors->context, &plain, &linear)))
        return;
    for (int64_t j = 0; j < net->lookback; j++) {
        double sum = 0;

        for (int64_t h = 0; h < net->horizon; h++)
            sum +=
                2 * scale * ((double)out[h] - (double)y[h]) * linear.weight[h * net->lookback + j];
        gradient[j] = (float)sum;
    }
    pl_linear_release(&linear);
}

/* What one net does with its rows of the batch; returns its share of the loss. */
static double run_net(struct vectors *vectors, const struct batch *batch, enum pl_linear_kind kind,
                      const char *prefix, int64_t channel, float *pred, float *input)
{
    int64_t lookback = batch->lookback, horizon = batch->horizon;
    int64_t first = channel < 0 ? 0 : channel, step = channel < 0 ? 1 : batch->channels;
    int64_t rows = batch->rows / step;
    double scale = 1 / (double)(batch->rows * horizon), loss = 0;
    float *x = vectors_new(vectors, rows * lookback, sizeof *x);
    float *y = vectors_new(vectors, rows * horizon, sizeof *y);
    float *out = vectors_new(vectors, rows * horizon, sizeof *out);
    struct pl_linear_net net, gradient;
    char name[80];

    if (!new_net(vectors, &net, kind, batch) || !new_net(vectors, &gradient, kind, batch))
        return NAN;
    load_net(vectors, &net, prefix, channel);
    for (int64_t r = 0; r < rows; r++) {
        memcpy(x + r * lookback, batch->x + (first + r * step) * lookback,
               (size_t)lookback * sizeof *x);
        memcpy(y + r * horizon, batch->y + (first + r * step) * horizon,
               (size_t)horizon * sizeof *y);
    }
    vectors_ok(vectors, pl_linear_net_forecast(&vectors->context, &net, rows, x, out));
    vectors_ok(vectors, pl_linear_net_gradient(&vectors->context, &net, rows, x, y, scale, &loss,
                                               &gradient));
    snprintf(name, sizeof name, "%s.grad", prefix);
    compare_net(vectors, &gradient, name, channel, 1e-5);
    for (int64_t r = 0; r < rows; r++) {
        int64_t to = first + r * step;

        memcpy(pred + to * horizon, out + r * horizon, (size_t)horizon * sizeof *pred);
        input_gradient(vectors, &net, out + r * horizon, y + r * horizon, scale,
                       input + to * lookback);
    }
    pl_linear_net_release(&net);
    pl_linear_net_release(&gradient);
    return loss * scale;
}

static void check_net(struct vectors *vectors, const struct batch *batch, int which,
                      bool individual)
{
    float *pred = vectors_new(vectors, batch->rows * batch->horizon, sizeof *pred);
    float *input = vectors_new(vectors, batch->rows * batch->lookback, sizeof *input);
    double loss = 0;
    char prefix[40];

    snprintf(prefix, sizeof prefix, "%s.%s", names[which], individual ? "individual" : "shared");
    for (int64_t c = individual ? 0 : -1; c < (individual ? batch->channels : 0); c++)
        loss += run_net(vectors, batch, kinds[which], prefix, c, pred, input);
    vectors_compare(vectors, &loss, 1, 1e-5, 1e-5, "%s.loss", prefix);
    vectors_compare_floats(vectors,
                           by_time(vectors, pred, batch->windows, batch->horizon, batch->channels),
                           batch->rows * batch->horizon, 1e-5, 1e-5, "%s.pred", prefix);
    vectors_compare_floats(
        vectors, by_time(vectors, input, batch->windows, batch->lookback, batch->channels),
        batch->rows * batch->lookback, 1e-5, 1e-5, "%s.grad_x", prefix);
}

static void check_adam(struct vectors *vectors, const struct batch *batch, int which)
{
    struct pl_linear_net net, gradient, first, second;
    double scale = 1 / (double)(batch->rows * batch->horizon);
    int64_t steps;
    double *losses;
    char prefix[40], name[80];

    snprintf(prefix, sizeof prefix, "%s.shared", names[which]);
    snprintf(name, sizeof name, "%s.adam5.losses", prefix);
    steps = vectors_dim(vectors, name, 0);
    losses = vectors_new(vectors, steps, sizeof *losses);
    if (!new_net(vectors, &net, kinds[which], batch) ||
        !new_net(vectors, &gradient, kinds[which], batch) ||
        !new_net(vectors, &first, kinds[which], batch) ||
        !new_net(vectors, &second, kinds[which], batch))
        return;
    load_net(vectors, &net, prefix, -1);
    for (int64_t step = 1; step <= steps; step++) {
        vectors_ok(vectors, pl_linear_net_gradient(&vectors->context, &net, batch->rows, batch->x,
                                                   batch->y, scale, &losses[step - 1], &gradient));
        losses[step - 1] *= scale;
        for (int b = 0; b < net.branches; b++) {
            pl_adam_step(net.horizon * net.lookback, net.weight[b], gradient.weight[b],
                         first.weight[b], second.weight[b], 0.005, step);
            pl_adam_step(net.horizon, net.bias[b], gradient.bias[b], first.bias[b], second.bias[b],
                         0.005, step);
        }
    }
    vectors_compare(vectors, losses, steps, 1e-5, 1e-5, "%s", name);
    snprintf(name, sizeof name, "%s.adam5.param", prefix);
    compare_net(vectors, &net, name, -1, 1e-4);
    pl_linear_net_release(&net);
    pl_linear_net_release(&gradient);
    pl_linear_net_release(&first);
    pl_linear_net_release(&second);
}

/* The series, scaled, one column a channel, and its parts. */
struct fixture {
    int64_t rows, channels, lookback, horizon;
    double **columns;
    struct pl_range train, validation, test;
};

/* rows [first channel, end channel) of a part as Gram pieces */
static bool add_part(struct vectors *vectors, const struct fixture *fixture, struct pl_range part,
                     int64_t first, struct pl_gram *gram)
{
    for (int64_t c = first; c < fixture->channels; c++) {
        struct pl_piece piece = {part.end - part.begin, fixture->columns[c] + part.begin, NULL,
                                 NULL};
        if (!vectors_ok(vectors, pl_gram_add(&vectors->context, gram, &piece)))
            return false;
    }
    return true;
}

static void check_split(struct vectors *vectors, struct fixture *fixture)
{
    struct pl_split split;
    struct pl_borders borders;
    int64_t length = fixture->lookback + fixture->horizon;

    if (!vectors_ok(vectors, pl_split_parse(&vectors->context, "0.7,0.1,0.2", &split)) ||
        !vectors_ok(vectors, pl_split_borders(&vectors->context, &split, fixture->rows,
                                              fixture->lookback, &borders)))
        return;
    fixture->train = borders.train;
    fixture->validation = borders.validation;
    fixture->test = borders.test;
    double rows[6] = {(double)borders.train.begin,      (double)borders.train.end,
                      (double)borders.validation.begin, (double)borders.validation.end,
                      (double)borders.test.begin,       (double)borders.test.end};
    double windows[3] = {(double)pl_range_windows(borders.train, length),
                         (double)pl_range_windows(borders.validation, length),
                         (double)pl_range_windows(borders.test, length)};
    vectors_compare(vectors, rows, 6, 0, 0, "split_borders");
    vectors_compare(vectors, windows, 3, 0, 0, "n_windows");
}

static bool check_scaler(struct vectors *vectors, struct fixture *fixture)
{
    int64_t rows = fixture->rows, channels = fixture->channels;
    const double *series = vectors_doubles(vectors, rows * channels, "series");
    double *scaled = vectors_new(vectors, rows * channels, sizeof *scaled);
    struct pl_scaler scaler;

    if (!series || !vectors_ok(vectors, pl_scaler_init(&vectors->context, &scaler, channels)))
        return false;
    fixture->columns = vectors_new(vectors, channels, sizeof *fixture->columns);
    for (int64_t c = 0; c < channels; c++) {
        double *column = vectors_new(vectors, rows, sizeof *column);

        for (int64_t t = 0; t < rows; t++)
            column[t] = series[t * channels + c];
        pl_scaler_fit_channel(&scaler, c, column + fixture->train.begin,
                              fixture->train.end - fixture->train.begin, PL_SCALE_ZSCORE);
        pl_scaler_apply(&scaler, c, column, column, rows);
        for (int64_t t = 0; t < rows; t++)
            scaled[t * channels + c] = column[t];
        fixture->columns[c] = column;
    }
    vectors_compare(vectors, scaler.mean, channels, 1e-12, 1e-12, "scaler.mean");
    vectors_compare(vectors, scaler.scale, channels, 1e-12, 1e-12, "scaler.scale");
    vectors_compare(vectors, scaled, rows * channels, 1e-12, 1e-12, "series_scaled");
    pl_scaler_release(&scaler);
    return true;
}

/* All K x K sums, of which a model with horizon 1 and lookback K - 1 holds every one. */
static void check_gram(struct vectors *vectors, const struct fixture *fixture)
{
    int64_t k = fixture->lookback + fixture->horizon, p = k - 1;
    double *full = vectors_new(vectors, k * k, sizeof *full), largest = 0;
    double *sums = vectors_new(vectors, k, sizeof *sums);
    struct pl_gram gram;

    if (!vectors_ok(vectors, pl_gram_init(&vectors->context, &gram, p, 1, 0, 0)))
        return;
    if (add_part(vectors, fixture, fixture->train, 0, &gram)) {
        for (int64_t i = 0; i < p; i++) {
            memcpy(full + i * k, gram.xx + i * p, (size_t)p * sizeof *full);
            full[i * k + p] = full[p * k + i] = gram.xy[i];
            sums[i] = gram.x[i];
            largest = fmax(largest, gram.xx[i * p + i]);
        }
        full[p * k + p] = gram.yy[0];
        sums[p] = gram.y[0];
        vectors_compare(vectors, full, k * k, 1e-10 * largest, 1e-10, "ols.gram");
        vectors_compare(vectors, sums, k, 1e-10 * largest, 1e-10, "ols.window_sum");
    }
    pl_gram_release(&gram);
}

static double *forecasts(struct vectors *vectors, const struct fixture *fixture,
                         const struct pl_linear *linear, int64_t first, double error[2])
{
    struct pl_range part = fixture->test;
    int64_t horizon = fixture->horizon;
    int64_t windows = pl_range_windows(part, fixture->lookback + horizon);
    int64_t size = windows * horizon, channels = fixture->channels - first;
    double *out = vectors_new(vectors, size * channels, sizeof *out);

    error[0] = error[1] = 0;
    for (int64_t c = 0; c < channels; c++) {
        const double *column = fixture->columns[first + c] + part.begin;
        struct pl_piece piece = {part.end - part.begin, column, NULL, NULL};

        vectors_ok(vectors, pl_linear_forecast(&vectors->context, linear, &piece, 0, windows,
                                               out + c * size));
        for (int64_t i = 0; i < size; i++) {
            double e = out[c * size + i] - column[i / horizon + fixture->lookback + i % horizon];

            error[0] += e * e / (double)(size * channels);
            error[1] += fabs(e) / (double)(size * channels);
        }
    }
    return out;
}

/* Ridge 0 leaves directions of the weights to the jitter, so forecasts are compared there. */
static void compare_map(struct vectors *vectors, const struct fixture *fixture,
                        struct pl_linear *linear, const char *prefix, int64_t first,
                        bool by_forecast)
{
    int64_t horizon = fixture->horizon, size = horizon * fixture->lookback;
    double error[2], reference_error[2];

    if (by_forecast) {
        const double *weight = vectors_doubles(vectors, size, "%s.W", prefix);
        const double *bias = vectors_doubles(vectors, horizon, "%s.b", prefix);
        struct pl_linear reference = *linear;
        double *ours = forecasts(vectors, fixture, linear, first, error), *theirs, worst = 0;

        if (!weight || !bias)
            return;
        reference.weight = memcpy(vectors_new(vectors, size, sizeof *weight), weight,
                                  (size_t)size * sizeof *weight);
        reference.bias = memcpy(vectors_new(vectors, horizon, sizeof *bias), bias,
                                (size_t)horizon * sizeof *bias);
        theirs = forecasts(vectors, fixture, &reference, first, reference_error);
        size = pl_range_windows(fixture->test, fixture->lookback + horizon) * horizon *
               (fixture->channels - first);
        for (int64_t i = 0; i < size; i++)
            worst = fmax(worst, fabs(ours[i] - theirs[i]));
        if (!(worst <= 1e-6))
            vectors_fail(vectors, "%s: forecasts differ by %g", prefix, worst);
    } else {
        vectors_compare(vectors, linear->weight, size, 1e-7, 1e-7, "%s.W", prefix);
        vectors_compare(vectors, linear->bias, horizon, 1e-7, 1e-7, "%s.b", prefix);
        forecasts(vectors, fixture, linear, first, error);
    }
    if (first == 0)
        vectors_compare(vectors, error, 2, 1e-8, 1e-8, "%s.test_mse_mae", prefix);
}

static void check_closed_form(struct vectors *vectors, const struct fixture *fixture,
                              const struct pl_gram *gram, enum pl_linear_kind kind,
                              const char *prefix, double ridge, int64_t first)
{
    struct pl_linear linear;
    double used;

    if (!vectors_ok(vectors, pl_linear_solve(&vectors->context, gram, kind, ridge, &linear, &used)))
        return;
    compare_map(vectors, fixture, &linear, prefix, first, ridge == 0);
    pl_linear_release(&linear);
}

/* "ols.MODE.ridgeX.W" for any X, and "ols.individual.chC.W" */
static void check_fits(struct vectors *vectors, const struct fixture *fixture)
{
    static const struct {
        const char *name;
        enum pl_linear_kind kind;
    } modes[] = {{"ols", PL_LINEAR}, {"nlinear", PL_NLINEAR}, {"mean", PL_MEAN}};
    const struct pl_bundle *bundle = &vectors->file->bundle;
    int64_t last = fixture->channels - 1;
    struct pl_gram all, alone;
    char prefix[80];

    if (!vectors_ok(vectors, pl_gram_init(&vectors->context, &all, fixture->lookback,
                                          fixture->horizon, 0, 0)) ||
        !vectors_ok(vectors, pl_gram_init(&vectors->context, &alone, fixture->lookback,
                                          fixture->horizon, 0, 0)) ||
        !add_part(vectors, fixture, fixture->train, 0, &all) ||
        !add_part(vectors, fixture, fixture->train, last, &alone))
        return;
    for (size_t i = 0; i < bundle->tensor_count; i++)
        for (int m = 0; m < 3; m++) {
            const char *name = bundle->tensors[i].name;
            size_t size = strlen(name);
            int length = snprintf(prefix, sizeof prefix, "ols.%s.ridge", modes[m].name);

            if (strncmp(name, prefix, (size_t)length) == 0 && strcmp(name + size - 2, ".W") == 0) {
                double ridge = strtod(name + length, NULL);

                snprintf(prefix, sizeof prefix, "%.*s", (int)size - 2, name);
                check_closed_form(vectors, fixture, &all, modes[m].kind, prefix, ridge, 0);
            }
        }
    snprintf(prefix, sizeof prefix, "ols.individual.ch%lld", (long long)last);
    check_closed_form(vectors, fixture, &alone, PL_LINEAR, prefix, 0, last);
    pl_gram_release(&all);
    pl_gram_release(&alone);
}

void check_ltsf_linear(struct vectors *vectors)
{
    struct batch batch;
    struct fixture fixture = {0};

    vectors_select(vectors, "vectors.safetensors");
    if (!vectors_ok(vectors, pl_blas_open(&vectors->context)))
        return;
    if (load_batch(vectors, &batch)) {
        check_average(vectors, &batch);
        for (int which = 0; which < 3; which++) {
            check_net(vectors, &batch, which, false);
            check_net(vectors, &batch, which, true);
            check_adam(vectors, &batch, which);
        }
    }
    fixture.rows = vectors_dim(vectors, "series", 0);
    fixture.channels = vectors_dim(vectors, "series", 1);
    fixture.horizon = vectors_dim(vectors, "ols.ols.ridge0.W", 0);
    fixture.lookback = vectors_dim(vectors, "ols.ols.ridge0.W", 1);
    check_split(vectors, &fixture);
    if (fixture.test.end > 0 && check_scaler(vectors, &fixture)) {
        check_gram(vectors, &fixture);
        check_fits(vectors, &fixture);
    }
}
