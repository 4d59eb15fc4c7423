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
 * meeting point but the end of the epoch, where losses are added in order.  The windows of a batch
 * are gathered from the columns; all windows together never exist. */
#include "models/linear_adam.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "tensor/blas.h"

enum {
    STEPS = 48, /* rows of the weights in one block */
    ROWS = 1024 /* windows of one matrix product, all channels counted */
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
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

/* Errors of rows first .. first + m - 1, left on the bench; returns their sum of squares. */
static double run_rows(const struct school *school, const struct part *part, int64_t student,
                       const int64_t *order, int64_t first, int64_t m, struct pl_net_block block,
                       const struct pl_bench *bench)
{
    const struct pl_linear_net *net = &school->students[student].net;
    double loss = 0;

    for (int64_t i = 0; i < m; i++)
        pl_bench_window(bench, net, i, window_at(part, school, student, order, first + i));
    pl_bench_forecast(net, block, m, bench);
    for (int64_t i = 0; i < m; i++)
        loss += pl_bench_error(bench, i, block.steps,
                               window_at(part, school, student, order, first + i) + net->lookback +
                                   block.first);
    return loss;
}

static void update_block(const struct school *school, int64_t student, struct pl_net_block block,
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
    struct pl_net_block block = {first, least(STEPS, s->net.horizon - first)};
    int64_t channels = school->training.windows->channels, batch = school->recipe->batch;
    int64_t rows = batch * (school->count > 1 ? 1 : channels);
    double scale = 1 / ((double)(batch * channels) * (double)s->net.horizon), loss = 0;
    struct pl_bench bench;
    enum pl_status status = pl_bench_init(context, &bench, &s->net, least(rows, ROWS), block.steps);

    for (int64_t i = 0; i < school->batches && status == PL_OK; i++) {
        for (int64_t done = 0; done < rows; done += ROWS) {
            int64_t m = least(ROWS, rows - done);

            loss += run_rows(school, &school->training, student, school->order, i * rows + done, m,
                             block, &bench);
            pl_bench_gradient(&s->gradient, block, m, &bench, scale, done > 0);
        }
        pl_bench_split(&s->gradient, block);
        update_block(school, student, block, (school->epoch - 1) * school->batches + i + 1);
    }
    school->losses[item] = loss;
    pl_bench_release(&bench);
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
    struct pl_net_block whole = {0, net->horizon};
    struct pl_bench bench;
    int64_t m = least(ROWS, rows - first);
    enum pl_status status = pl_bench_init(context, &bench, net, m, net->horizon);

    if (status == PL_OK)
        school->losses[item] =
            run_rows(school, &school->validation, student, NULL, first, m, whole, &bench);
    pl_bench_release(&bench);
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
