/* Times training steps of a language model on random tokens.
 * usage: lm MODEL DIM HEADS LAYERS MLP VOCABULARY BATCH LENGTH STEPS [KEY=VALUE]...
 *        lm peak
 * Prints the median seconds of a step (forward, backward, clipping, AdamW), and the GFLOP of its
 * matrix products by weights: 6 FLOP for each weight of a matrix and token.  peak: GFLOP/s of a
 * large matrix product on all threads, the machine's limit.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/rng.h"
#include "models/lm.h"
#include "tensor/blas.h"
#include "train/optimiser.h"

enum { OPERANDS = 9, WARM_UP = 2, MOST_SETTINGS = 32 };

struct job {
    struct pl_context context;
    struct pl_tape tape;
    struct pl_lm lm;
    struct pl_optimiser optimiser;
    int64_t batch, length;
    int32_t *ids, *targets;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static enum pl_status step(struct job *job)
{
    struct pl_context *context = &job->context;
    struct pl_pass pass = {.tape = &job->tape, .lm = &job->lm};
    struct pl_head_score score = {0};
    double norm;
    pl_tape_reset(&job->tape);
    pl_parameters_clear(&job->lm.parameters);
    if (pl_rows_even(&job->tape, job->batch, job->length, &pass.rows))
        return context->status;
    struct pl_variable *loss = pl_op_head_loss(&job->tape, pl_lm_forward(&pass, job->ids),
                                               job->lm.head, job->targets, &score);
    if (!loss || pl_tape_backward(&job->tape, loss, 1) ||
        pl_optimiser_norm(context, &job->optimiser, &norm))
        return context->status;
    return pl_optimiser_step(context, &job->optimiser, 1e-3, pl_clip_scale(norm, 1));
}

static enum pl_status prepare(struct job *job, char **values, const char *const *settings,
                              size_t count)
{
    const struct pl_optimiser_options options = {PL_ADAMW, 0.01, 0.9, 0.95, 1e-8, 0};
    struct pl_context *context = &job->context;
    const struct pl_model_type *type = pl_model_find(values[0]);
    const int64_t vocabulary = atoll(values[5]);
    if (!type || type->family != PL_FAMILY_LANGUAGE)
        return pl_fail(context, PL_USAGE, "no language model '%s'", values[0]);
    job->batch = atoll(values[6]);
    job->length = atoll(values[7]);
    const int64_t rows = job->batch * job->length;
    job->ids = pl_new(context, (size_t)rows + 1, sizeof *job->ids);
    job->tape = (struct pl_tape){.context = context, .recording = true};
    if (!job->ids || pl_blas_open(context) ||
        pl_lm_init(context, &job->lm, type, settings, count, vocabulary) ||
        pl_parameters_start(context, &job->lm.parameters, 1, 0.02) ||
        pl_optimiser_init(context, &job->optimiser, &job->lm.parameters, &options))
        return context->status;
    struct pl_rng rng = pl_rng_init(1, "tokens");
    for (int64_t i = 0; i <= rows; i++)
        job->ids[i] = (int32_t)pl_rng_below(&rng, (uint64_t)i, (uint64_t)vocabulary);
    job->targets = job->ids + 1;
    return PL_OK;
}

/* Weights that are multiplied by every token. */
static double products(const struct pl_lm *lm)
{
    double sum = 0;
    for (size_t i = 0; i < lm->parameters.count; i++)
        if (lm->parameters.items[i]->variable.rank == 2 &&
            &lm->parameters.items[i]->variable != lm->embeddings)
            sum += (double)lm->parameters.items[i]->variable.count;
    return sum;
}

static int print_peak(struct pl_context *context)
{
    enum { SIDE = 1536, TIMES = 5 };
    pl_real *a = calloc(3 * (size_t)SIDE * SIDE, sizeof *a), *b = a + SIDE * SIDE;
    double best = 1e9;
    if (!a || pl_blas_open(context))
        return PL_SYSTEM;
    for (int i = 0; i < 2 * SIDE * SIDE; i++)
        a[i] = (pl_real)(i % 7);
    for (int i = 0; i < TIMES; i++) {
        double started = now();
        if (pl_gemm_blocks(context, false, true, SIDE, SIDE, SIDE, 1, a, SIDE, b, SIDE, 0,
                           b + SIDE * SIDE, SIDE))
            return (int)context->status;
        best = fmin(best, now() - started);
    }
    printf("%.1f\n", 2e-9 * SIDE * SIDE * SIDE / best);
    free(a);
    return 0;
}

int main(int argc, char **argv)
{
    static const char *const keys[] = {"dim", "heads", "layers", "mlp", "vocabulary"};
    struct job job = {0};
    char texts[5][32];
    const char *settings[MOST_SETTINGS];
    size_t count = 0;
    if (argc == 2 && strcmp(argv[1], "peak") == 0)
        return print_peak(&job.context);
    if (argc < 1 + OPERANDS) {
        fprintf(stderr, "usage: lm MODEL DIM HEADS LAYERS MLP VOCABULARY BATCH LENGTH STEPS\n");
        return PL_USAGE;
    }
    for (; count < 5; count++) {
        snprintf(texts[count], sizeof texts[count], "%s=%s", keys[count], argv[2 + count]);
        settings[count] = texts[count];
    }
    for (int i = 1 + OPERANDS; i < argc && count < MOST_SETTINGS; i++)
        settings[count++] = argv[i];
    const int steps = atoi(argv[OPERANDS]) + WARM_UP;
    double *times = calloc((size_t)steps, sizeof *times);
    enum pl_status status = times ? prepare(&job, argv + 1, settings, count) : PL_SYSTEM;
    for (int i = 0; i < steps && !status; i++) {
        double started = now();
        status = step(&job);
        times[i] = now() - started;
    }
    if (status) {
        fprintf(stderr, "lm: %s\n", job.context.message);
        return (int)status;
    }
    qsort(times + WARM_UP, (size_t)(steps - WARM_UP), sizeof *times, by_size);
    printf("%.6f %.4f\n", times[WARM_UP + (steps - WARM_UP) / 2],
           6e-9 * products(&job.lm) * (double)(job.batch * job.length));
    pl_optimiser_release(&job.optimiser);
    pl_lm_release(&job.lm);
    pl_tape_release(&job.tape);
    free(times);
    free(job.ids);
    return 0;
}
