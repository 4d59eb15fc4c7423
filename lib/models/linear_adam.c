/* The linear forecasters trained with mini-batches and Adam.
 * SPDX-License-Identifier: MIT
 *
 * The recipe is that of Zeng et al.: start weights uniform in +-1/sqrt(L); the training windows
 * shuffled in every epoch, the last partial batch left out; mean squared error over batch, steps
 * and channels; after each epoch the error on all validation windows, of which the best weights
 * are kept; the learning rate lr0 in epochs 1 and 2, then halved each epoch (their schedule is set
 * after epoch e to lr0 * 0.5^(e-1), which leaves epoch 2 at lr0).
 *
 * One observation makes it fast.  Row h of the weights forecasts step h and nothing else, and its
 * gradient needs only the errors of step h.  So the net is cut into blocks of STEPS rows that
 * train side by side, each going through the whole epoch by itself on the same batches, with no
 * meeting point but the end of the epoch, where losses are added in order.  Within a block a batch
 * is two matrix products: forecasts F W' and gradient E' F, with F the windows of the batch
 * gathered from the columns (shifted, or split into a moving average and the rest) and E the
 * errors.  All windows together never exist. */
#include "models/linear_adam.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "base/simd.h"
#include "tensor/blas.h"

enum {
    STEPS = 48,  /* rows of the weights in one block */
    ROWS = 1024, /* windows of one matrix product, all channels counted */
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

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

/* What the weights see of m windows: one matrix a branch, and what is added back to forecasts. */
struct features {
    float *branch[2]; /* [m, L] */
    float *level;     /* [m] */
};

static enum pl_status features_init(struct pl_context *context, struct features *features,
                                    const struct pl_linear_net *net, int64_t m)
{
    size_t size;

    *features = (struct features){{NULL}, NULL};
    if (!pl_mul_size((size_t)m, (size_t)net->lookback, &size))
        return pl_fail(context, PL_SYSTEM, "out of memory: %lld windows of %lld rows", (long long)m,
                       (long long)net->lookback);
    features->level = pl_new(context, (size_t)m, sizeof(float));
    for (int b = 0; b < net->branches; b++)
        features->branch[b] = pl_new(context, size, sizeof(float));
    return features->level && features->branch[0] && (features->branch[1] || net->branches < 2)
               ? PL_OK
               : context->status;
}

static void features_release(struct features *features)
{
    free(features->branch[0]);
    free(features->branch[1]);
    free(features->level);
}

/* Row i of the features from the window x[L]. */
static void features_set(const struct features *features, const struct pl_linear_net *net,
                         int64_t i, const float *x)
{
    int64_t lookback = net->lookback;
    float *first = features->branch[0] + i * lookback, level = 0;

    if (net->kind == PL_NLINEAR) {
        level = x[lookback - 1];
    } else if (net->kind == PL_MEAN) {
        double sum = 0;

        for (int64_t j = 0; j < lookback; j++)
            sum += (double)x[j];
        level = (float)(sum / (double)lookback);
    }
    features->level[i] = level;
    if (net->kind == PL_DLINEAR) {
        float *trend = features->branch[1] + i * lookback;

        pl_moving_average(lookback, net->width, x, trend);
        for (int64_t j = 0; j < lookback; j++)
            first[j] = x[j] - trend[j];
    } else {
        for (int64_t j = 0; j < lookback; j++)
            first[j] = x[j] - level;
    }
}

/* A block of rows of a net. */
struct block {
    int64_t first, steps;
};

/* out[m, steps] */
static void block_forecast(const struct pl_linear_net *net, struct block block,
                           const struct features *features, int64_t m, float *out)
{
    int64_t lookback = net->lookback;

    for (int64_t i = 0; i < m; i++)
        for (int64_t h = 0; h < block.steps; h++) {
            float bias = net->bias[0][block.first + h];

            if (net->branches == 2)
                bias += net->bias[1][block.first + h];
            out[i * block.steps + h] = bias + features->level[i];
        }
    for (int b = 0; b < net->branches; b++)
        pl_sgemm(false, true, m, block.steps, lookback, 1, features->branch[b], lookback,
                 net->weight[b] + block.first * lookback, lookback, 1, out, block.steps);
}

/* Adds 2 scale E' F and 2 scale E' 1 of errors[m, steps] to the block's rows of the gradient, or
 * sets them. */
static void block_gradient(const struct pl_linear_net *gradient, struct block block,
                           const struct features *features, int64_t m, const float *errors,
                           double scale, bool add)
{
    int64_t lookback = gradient->lookback;

    for (int b = 0; b < gradient->branches; b++) {
        pl_sgemm(true, false, block.steps, lookback, m, (float)(2 * scale), errors, block.steps,
                 features->branch[b], lookback, add ? 1 : 0,
                 gradient->weight[b] + block.first * lookback, lookback);
        for (int64_t h = 0; h < block.steps; h++) {
            float *bias = gradient->bias[b] + block.first + h;
            double sum = 0;

            for (int64_t i = 0; i < m; i++)
                sum += (double)errors[i * block.steps + h];
            *bias = (float)((add ? (double)*bias : 0) + 2 * scale * sum);
        }
    }
}

/* out[m, steps] of forecasts becomes their errors; returns the sum of squares. */
static double errors_of_row(int64_t steps, float *out, const float *y)
{
    double sum = 0;

    for (int64_t h = 0; h < steps; h++) {
        out[h] -= y[h];
        sum += (double)out[h] * (double)out[h];
    }
    return sum;
}

enum pl_status pl_linear_net_forecast(struct pl_context *context, const struct pl_linear_net *net,
                                      int64_t m, const float *x, float *out)
{
    struct features features;
    enum pl_status status = pl_blas_open(context);

    if (status != PL_OK)
        return status;
    status = features_init(context, &features, net, m);
    if (status == PL_OK) {
        for (int64_t i = 0; i < m; i++)
            features_set(&features, net, i, x + i * net->lookback);
        block_forecast(net, (struct block){0, net->horizon}, &features, m, out);
    }
    features_release(&features);
    return status;
}

enum pl_status pl_linear_net_gradient(struct pl_context *context, const struct pl_linear_net *net,
                                      int64_t m, const float *x, const float *y, double scale,
                                      double *loss, struct pl_linear_net *gradient)
{
    struct block whole = {0, net->horizon};
    struct features features = {{NULL}, NULL};
    float *out = pl_new(context, (size_t)(m * net->horizon), sizeof *out);
    enum pl_status status = out ? pl_blas_open(context) : context->status;

    if (status == PL_OK)
        status = features_init(context, &features, net, m);
    if (status == PL_OK) {
        *loss = 0;
        for (int64_t i = 0; i < m; i++)
            features_set(&features, net, i, x + i * net->lookback);
        block_forecast(net, whole, &features, m, out);
        for (int64_t i = 0; i < m; i++)
            *loss += errors_of_row(net->horizon, out + i * net->horizon, y + i * net->horizon);
        block_gradient(gradient, whole, &features, m, out, scale, false);
    }
    features_release(&features);
    free(out);
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
    enum pl_status status = pl_linear_init(context, linear, lookback, horizon, 0, 0);

    if (status != PL_OK)
        return status;
    if (net->kind == PL_DLINEAR) {
        pl_dlinear_fold(net->width, net->weight[0], net->bias[0], net->weight[1], net->bias[1],
                        linear);
        return PL_OK;
    }
    for (int64_t i = 0; i < horizon * lookback; i++)
        linear->weight[i] = (double)net->weight[0][i];
    for (int64_t h = 0; h < horizon; h++)
        linear->bias[h] = (double)net->bias[0][h];
    pl_linear_unshift(linear, net->kind);
    return PL_OK;
}

/* A part of the data in single precision. */
struct part {
    const struct pl_windows *windows;
    float *values; /* [channels, rows] */
};

/* A net in training. */
struct student {
    struct pl_linear_net net, gradient, first, second, best;
};

struct school {
    const struct pl_recipe *recipe;
    struct part training, validation;
    struct student *students; /* [count]: one, or one a channel */
    int64_t count, blocks;    /* students; blocks of steps of each */
    int64_t batches;          /* in an epoch */
    int64_t epoch;            /* from 1 */
    double rate;
    int64_t *order; /* [training windows] */
    double *losses; /* [items] sums of squared errors */
};

static enum pl_status part_init(struct pl_context *context, struct part *part,
                                const struct pl_windows *windows)
{
    int64_t size;

    *part = (struct part){windows, NULL};
    if (!pl_mul_int64(windows->channels, windows->rows, &size))
        return pl_fail(context, PL_SYSTEM, "out of memory: %lld channels of %lld rows",
                       (long long)windows->channels, (long long)windows->rows);
    part->values = pl_new(context, (size_t)size, sizeof *part->values);
    if (!part->values)
        return context->status;
    for (int64_t c = 0; c < windows->channels; c++)
        for (int64_t t = 0; t < windows->rows; t++)
            part->values[c * windows->rows + t] = (float)windows->columns[c][t];
    return PL_OK;
}

/* Row `i` of a run of windows: all channels of a window follow each other; one student of several
 * sees one channel. */
static const float *window_at(const struct part *part, const struct school *school, int64_t student,
                              const int64_t *order, int64_t i)
{
    int64_t channels = school->count > 1 ? 1 : part->windows->channels;
    int64_t channel = school->count > 1 ? student : i % channels, window = i / channels;

    return part->values + channel * part->windows->rows +
           part->windows->starts[order ? order[window] : window];
}

/* What a thread works in. */
struct bench {
    struct features features;
    float *out; /* [rows, steps] */
};

static enum pl_status bench_init(struct pl_context *context, struct bench *bench,
                                 const struct pl_linear_net *net, int64_t rows, int64_t steps)
{
    enum pl_status status = features_init(context, &bench->features, net, rows);

    bench->out = status == PL_OK ? pl_new(context, (size_t)(rows * steps), sizeof(float)) : NULL;
    return bench->out ? PL_OK : context->status;
}

static void bench_release(struct bench *bench)
{
    features_release(&bench->features);
    free(bench->out);
}

/* Errors of rows first .. first + m - 1, left in bench->out; returns their sum of squares. */
static double run_rows(const struct school *school, const struct part *part, int64_t student,
                       const int64_t *order, int64_t first, int64_t m, struct block block,
                       const struct bench *bench)
{
    const struct pl_linear_net *net = &school->students[student].net;
    double loss = 0;

    for (int64_t i = 0; i < m; i++)
        features_set(&bench->features, net, i, window_at(part, school, student, order, first + i));
    block_forecast(net, block, &bench->features, m, bench->out);
    for (int64_t i = 0; i < m; i++)
        loss += errors_of_row(block.steps, bench->out + i * block.steps,
                              window_at(part, school, student, order, first + i) + net->lookback +
                                  block.first);
    return loss;
}

static void update_block(const struct school *school, int64_t student, struct block block,
                         int64_t step)
{
    struct student *s = &school->students[student];
    int64_t lookback = s->net.lookback, at = block.first * lookback;

    for (int b = 0; b < s->net.branches; b++) {
        pl_adam_step(block.steps * lookback, s->net.weight[b] + at, s->gradient.weight[b] + at,
                     s->first.weight[b] + at, s->second.weight[b] + at, school->rate, step);
        pl_adam_step(block.steps, s->net.bias[b] + block.first, s->gradient.bias[b] + block.first,
                     s->first.bias[b] + block.first, s->second.bias[b] + block.first, school->rate,
                     step);
    }
}

/* One block of steps of one student through one epoch. */
static enum pl_status train_block(struct pl_context *context, void *job, int64_t item)
{
    const struct school *school = job;
    int64_t student = item / school->blocks, first = item % school->blocks * STEPS;
    const struct student *s = &school->students[student];
    struct block block = {first, least(STEPS, s->net.horizon - first)};
    int64_t channels = school->training.windows->channels, batch = school->recipe->batch;
    int64_t rows = batch * (school->count > 1 ? 1 : channels);
    double scale = 1 / ((double)(batch * channels) * (double)s->net.horizon), loss = 0;
    struct bench bench;
    enum pl_status status = bench_init(context, &bench, &s->net, least(rows, ROWS), block.steps);

    for (int64_t i = 0; i < school->batches && status == PL_OK; i++) {
        for (int64_t done = 0; done < rows; done += ROWS) {
            int64_t m = least(ROWS, rows - done);

            loss += run_rows(school, &school->training, student, school->order, i * rows + done, m,
                             block, &bench);
            block_gradient(&s->gradient, block, &bench.features, m, bench.out, scale, done > 0);
        }
        update_block(school, student, block, (school->epoch - 1) * school->batches + i + 1);
    }
    school->losses[item] = loss;
    bench_release(&bench);
    return status;
}

static int64_t validation_runs(const struct school *school)
{
    const struct pl_windows *windows = school->validation.windows;
    int64_t rows = windows->count * (school->count > 1 ? 1 : windows->channels);

    return (rows + ROWS - 1) / ROWS;
}

/* One run of rows of the validation windows, all steps. */
static enum pl_status validate_run(struct pl_context *context, void *job, int64_t item)
{
    const struct school *school = job;
    const struct pl_windows *windows = school->validation.windows;
    int64_t runs = validation_runs(school), student = item / runs, first = item % runs * ROWS;
    int64_t rows = windows->count * (school->count > 1 ? 1 : windows->channels);
    const struct pl_linear_net *net = &school->students[student].net;
    struct block whole = {0, net->horizon};
    struct bench bench;
    int64_t m = least(ROWS, rows - first);
    enum pl_status status = bench_init(context, &bench, net, m, net->horizon);

    if (status == PL_OK)
        school->losses[item] =
            run_rows(school, &school->validation, student, NULL, first, m, whole, &bench);
    bench_release(&bench);
    return status;
}

/* Mean of the items' sums over windows, channels and steps. */
static double mean_loss(const struct school *school, int64_t items, int64_t windows)
{
    double sum = 0;

    for (int64_t i = 0; i < items; i++)
        sum += school->losses[i];
    return sum / ((double)windows * (double)school->training.windows->channels *
                  (double)school->students[0].net.horizon);
}

static void copy_net(struct pl_linear_net *to, const struct pl_linear_net *from)
{
    size_t rows = (size_t)from->horizon;

    for (int b = 0; b < from->branches; b++) {
        memcpy(to->weight[b], from->weight[b], rows * (size_t)from->lookback * sizeof(float));
        memcpy(to->bias[b], from->bias[b], rows * sizeof(float));
    }
}

static enum pl_status run_epoch(struct pl_context *context, struct school *school,
                                double *training_mse, double *validation_mse)
{
    int64_t items = school->count * school->blocks;
    int64_t runs = school->count * validation_runs(school);
    struct pl_rng rng;
    char name[32];
    enum pl_status status;

    snprintf(name, sizeof name, "epoch %lld", (long long)school->epoch);
    rng = pl_rng_init(school->recipe->seed, name);
    pl_rng_shuffle(&rng, school->order, school->training.windows->count);
    school->rate = school->recipe->rate *
                   pow(school->recipe->decay, school->epoch > 2 ? (double)(school->epoch - 2) : 0);
    status = pl_parallel(context, items, train_block, school);
    if (status != PL_OK)
        return status;
    *training_mse = mean_loss(school, items, school->batches * school->recipe->batch);
    *validation_mse = NAN;
    if (runs > 0) {
        status = pl_parallel(context, runs, validate_run, school);
        if (status != PL_OK)
            return status;
        *validation_mse = mean_loss(school, runs, school->validation.windows->count);
    }
    if (!isfinite(*training_mse) || (runs > 0 && !isfinite(*validation_mse)))
        return pl_fail(context, PL_NUMERIC,
                       "training diverged in epoch %lld; try a smaller learning rate than %g",
                       (long long)school->epoch, school->recipe->rate);
    return PL_OK;
}

static enum pl_status attend(struct pl_context *context, struct school *school,
                             void (*progress)(void *user, int64_t epoch, double training_mse,
                                              double validation_mse),
                             void *user, struct pl_adam_report *report)
{
    bool judged = school->validation.windows->count > 0;
    enum pl_status status = PL_OK;

    *report = (struct pl_adam_report){0, 0, NAN};
    for (school->epoch = 1; school->epoch <= school->recipe->epochs; school->epoch++) {
        double training_mse, validation_mse;

        status = run_epoch(context, school, &training_mse, &validation_mse);
        if (status != PL_OK)
            return status;
        if (progress)
            progress(user, school->epoch, training_mse, validation_mse);
        report->epochs = school->epoch;
        if (!judged || report->best_epoch == 0 || validation_mse <= report->validation_mse) {
            report->best_epoch = school->epoch;
            report->validation_mse = validation_mse;
            for (int64_t i = 0; i < school->count; i++)
                copy_net(&school->students[i].best, &school->students[i].net);
        } else if (school->epoch - report->best_epoch >= school->recipe->patience) {
            break;
        }
    }
    return status;
}

static enum pl_status student_init(struct pl_context *context, struct student *student,
                                   const struct pl_linear_net *shape)
{
    struct pl_linear_net *nets[] = {&student->net, &student->gradient, &student->first,
                                    &student->second, &student->best};
    enum pl_status status = PL_OK;

    for (int i = 0; i < 5 && status == PL_OK; i++)
        status = pl_linear_net_init(context, nets[i], shape->kind, shape->lookback, shape->horizon,
                                    shape->width);
    return status;
}

static void student_release(struct student *student)
{
    pl_linear_net_release(&student->net);
    pl_linear_net_release(&student->gradient);
    pl_linear_net_release(&student->first);
    pl_linear_net_release(&student->second);
    pl_linear_net_release(&student->best);
}

/* Weights and biases uniform in +-1/sqrt(L). */
static void start_weights(struct pl_linear_net *net, uint64_t seed, int64_t student)
{
    double bound = 1 / sqrt((double)net->lookback);

    for (int b = 0; b < net->branches; b++) {
        int64_t weights = net->horizon * net->lookback;
        char name[64];

        snprintf(name, sizeof name, "linear %lld %d", (long long)student, b);
        struct pl_rng rng = pl_rng_init(seed, name);
        for (int64_t i = 0; i < weights; i++)
            net->weight[b][i] = (float)(bound * (2 * pl_rng_uniform(&rng, (uint64_t)i) - 1));
        for (int64_t h = 0; h < net->horizon; h++)
            net->bias[b][h] =
                (float)(bound * (2 * pl_rng_uniform(&rng, (uint64_t)(weights + h)) - 1));
    }
}

static enum pl_status school_init(struct pl_context *context, struct school *school,
                                  const struct pl_linear_net *shape,
                                  const struct pl_windows *training,
                                  const struct pl_windows *validation)
{
    enum pl_status status = part_init(context, &school->training, training);
    int64_t items;

    if (status == PL_OK)
        status = part_init(context, &school->validation, validation);
    if (status != PL_OK)
        return status;
    school->blocks = (shape->horizon + STEPS - 1) / STEPS;
    school->batches = training->count / school->recipe->batch;
    items = school->count * (school->blocks + validation_runs(school));
    school->order = pl_new(context, (size_t)training->count, sizeof *school->order);
    school->losses = pl_new(context, (size_t)items, sizeof *school->losses);
    school->students = pl_new(context, (size_t)school->count, sizeof *school->students);
    if (!school->order || !school->losses || !school->students)
        return context->status;
    for (int64_t i = 0; i < school->count && status == PL_OK; i++) {
        status = student_init(context, &school->students[i], shape);
        if (status == PL_OK)
            start_weights(&school->students[i].net, school->recipe->seed, i);
    }
    return status;
}

static void school_release(struct school *school)
{
    for (int64_t i = 0; school->students && i < school->count; i++)
        student_release(&school->students[i]);
    free(school->students);
    free(school->order);
    free(school->losses);
    free(school->training.values);
    free(school->validation.values);
}

enum pl_status pl_linear_adam(struct pl_context *context, enum pl_linear_kind kind,
                              int64_t lookback, int64_t horizon, bool individual,
                              const struct pl_recipe *recipe, const struct pl_windows *training,
                              const struct pl_windows *validation,
                              void (*progress)(void *user, int64_t epoch, double training_mse,
                                               double validation_mse),
                              void *user, struct pl_linear *out, struct pl_adam_report *report)
{
    struct school school = {.recipe = recipe, .count = individual ? training->channels : 1};
    struct pl_linear_net shape = {
        .kind = kind, .lookback = lookback, .horizon = horizon, .width = recipe->moving_average};
    int64_t folded = 0;
    enum pl_status status = pl_blas_open(context);

    if (status == PL_OK && training->count < recipe->batch)
        status = pl_fail(context, PL_BAD_DATA,
                         "%lld training windows do not fill one batch of %lld; lower --batch",
                         (long long)training->count, (long long)recipe->batch);
    if (status == PL_OK)
        status = school_init(context, &school, &shape, training, validation);
    if (status == PL_OK)
        status = attend(context, &school, progress, user, report);
    while (status == PL_OK && folded < school.count) {
        status = pl_linear_net_fold(context, &school.students[folded].best, &out[folded]);
        folded += status == PL_OK;
    }
    for (int64_t i = 0; status != PL_OK && i < folded; i++)
        pl_linear_release(&out[i]);
    school_release(&school);
    return status;
}
