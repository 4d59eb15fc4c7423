/* Optimisers.
 * SPDX-License-Identifier: MIT
 *
 * All parameters are cut into blocks of the same size, whatever the number of threads, and a block
 * is one piece of work: its elements are updated, or their squares summed, by one thread.  The
 * sums are joined in the order of the blocks, so a norm, and with it a whole training run, has the
 * same bits for any -j.  An update reads and writes each number once and is bound by memory. */
#include "train/optimiser.h"

#include <math.h>

#include "base/parallel.h"
#include "base/simd.h"

enum { BLOCK = 1 << 14, LANES = 8 };

struct pl_optimiser_block {
    pl_real *value, *gradient, *mean, *square;
    int64_t count;
    bool decays;
    double sum; /* of squares of the gradient */
};

static int64_t blocks_of(int64_t count)
{
    return (count + BLOCK - 1) / BLOCK;
}

static void cut(struct pl_optimiser *optimiser, size_t index)
{
    const struct pl_variable *variable = &optimiser->parameters->items[index]->variable;
    pl_real *mean = optimiser->mean[index], *square = optimiser->square[index];
    for (int64_t start = 0; start < variable->count; start += BLOCK) {
        int64_t rest = variable->count - start;
        optimiser->blocks[optimiser->block_count++] =
            (struct pl_optimiser_block){.value = variable->value + start,
                                        .gradient = variable->gradient + start,
                                        .mean = mean + start,
                                        .square = square ? square + start : NULL,
                                        .count = rest < BLOCK ? rest : BLOCK,
                                        .decays = variable->rank >= 2};
    }
}

static enum pl_status init(struct pl_context *context, struct pl_optimiser *optimiser)
{
    struct pl_parameters *parameters = optimiser->parameters;
    struct pl_arena *arena = &optimiser->arena;
    int64_t blocks = 0;
    if (pl_parameters_gradients(context, parameters))
        return context->status;
    for (size_t i = 0; i < parameters->count; i++)
        blocks += blocks_of(parameters->items[i]->variable.count);
    optimiser->mean = pl_arena_new(context, arena, parameters->count, sizeof(pl_real *));
    optimiser->square = pl_arena_new(context, arena, parameters->count, sizeof(pl_real *));
    optimiser->blocks = pl_arena_new(context, arena, (size_t)blocks, sizeof *optimiser->blocks);
    if (!optimiser->mean || !optimiser->square || !optimiser->blocks)
        return context->status;
    for (size_t i = 0; i < parameters->count; i++) {
        size_t count = (size_t)parameters->items[i]->variable.count;
        if (parameters->items[i]->frozen)
            continue;
        optimiser->mean[i] = pl_arena_new(context, arena, count, sizeof(pl_real));
        if (!optimiser->mean[i])
            return context->status;
        if (optimiser->options.kind == PL_ADAMW) {
            optimiser->square[i] = pl_arena_new(context, arena, count, sizeof(pl_real));
            if (!optimiser->square[i])
                return context->status;
        }
        cut(optimiser, i);
    }
    return PL_OK;
}

enum pl_status pl_optimiser_init(struct pl_context *context, struct pl_optimiser *optimiser,
                                 struct pl_parameters *parameters,
                                 const struct pl_optimiser_options *options)
{
    *optimiser = (struct pl_optimiser){.options = *options, .parameters = parameters};
    enum pl_status status = init(context, optimiser);
    if (status)
        pl_optimiser_release(optimiser);
    return status;
}

void pl_optimiser_release(struct pl_optimiser *optimiser)
{
    pl_arena_release(&optimiser->arena);
    *optimiser = (struct pl_optimiser){0};
}

/* ---- Norm ---------------------------------------------------------------------------------- */

PL_CLONES static double sum_of_squares(const pl_real *values, int64_t count)
{
    double lanes[LANES] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (int lane = 0; lane < LANES; lane++)
            lanes[lane] += (double)values[i + lane] * (double)values[i + lane];
    for (; i < count; i++)
        sum += (double)values[i] * (double)values[i];
    for (int lane = 0; lane < LANES; lane++)
        sum += lanes[lane];
    return sum;
}

static enum pl_status sum_block(struct pl_context *context, void *job, int64_t item)
{
    struct pl_optimiser_block *block = &((struct pl_optimiser *)job)->blocks[item];
    (void)context;
    block->sum = sum_of_squares(block->gradient, block->count);
    return PL_OK;
}

enum pl_status pl_optimiser_norm(struct pl_context *context, struct pl_optimiser *optimiser,
                                 double *norm)
{
    double sum = 0;
    if (pl_parallel(context, optimiser->block_count, sum_block, optimiser))
        return context->status;
    for (int64_t i = 0; i < optimiser->block_count; i++)
        sum += optimiser->blocks[i].sum;
    *norm = sqrt(sum);
    return PL_OK;
}

double pl_clip_scale(double norm, double clip)
{
    return clip > 0 ? fmin(1, clip / (norm + 1e-6)) : 1;
}

/* ---- Step ---------------------------------------------------------------------------------- */

struct step {
    struct pl_optimiser *optimiser;
    pl_real rate, scale;
    pl_real keep;                     /* 1 - rate * decay */
    pl_real mean_scale, square_scale; /* of AdamW: 1 / (1 - beta^t) */
};

PL_CLONES static void step_adamw(const struct pl_optimiser_block *block, const struct step *step)
{
    const struct pl_optimiser_options *options = &step->optimiser->options;
    const pl_real beta1 = (pl_real)options->beta1, rest1 = (pl_real)(1 - options->beta1);
    const pl_real beta2 = (pl_real)options->beta2, rest2 = (pl_real)(1 - options->beta2);
    const pl_real eps = (pl_real)options->eps, keep = block->decays ? step->keep : 1;
    const pl_real rate = step->rate * step->mean_scale, square_scale = step->square_scale;
    const pl_real *restrict gradient = block->gradient;
    pl_real *restrict value = block->value, *restrict mean = block->mean;
    pl_real *restrict square = block->square;
    for (int64_t i = 0; i < block->count; i++) {
        pl_real g = step->scale * gradient[i];
        pl_real m = beta1 * mean[i] + rest1 * g, v = beta2 * square[i] + rest2 * (g * g);
        mean[i] = m;
        square[i] = v;
#ifdef PL_DOUBLE
        pl_real root = sqrt(v * square_scale);
#else
        pl_real root = sqrtf(v * square_scale);
#endif
        value[i] = keep * value[i] - rate * m / (root + eps);
    }
}

PL_CLONES static void step_sgd(const struct pl_optimiser_block *block, const struct step *step)
{
    const pl_real momentum = (pl_real)step->optimiser->options.momentum, rate = step->rate;
    const pl_real keep = block->decays ? step->keep : 1, scale = step->scale;
    const pl_real *restrict gradient = block->gradient;
    pl_real *restrict value = block->value, *restrict mean = block->mean;
    for (int64_t i = 0; i < block->count; i++) {
        mean[i] = momentum * mean[i] + scale * gradient[i];
        value[i] = keep * value[i] - rate * mean[i];
    }
}

static enum pl_status step_block(struct pl_context *context, void *job, int64_t item)
{
    const struct step *step = job;
    const struct pl_optimiser_block *block = &step->optimiser->blocks[item];
    (void)context;
    if (step->optimiser->options.kind == PL_ADAMW)
        step_adamw(block, step);
    else
        step_sgd(block, step);
    return PL_OK;
}

enum pl_status pl_optimiser_step(struct pl_context *context, struct pl_optimiser *optimiser,
                                 double rate, double scale)
{
    const struct pl_optimiser_options *options = &optimiser->options;
    double steps = (double)++optimiser->steps;
    struct step step = {.optimiser = optimiser,
                        .rate = (pl_real)rate,
                        .scale = (pl_real)scale,
                        .keep = (pl_real)(1 - rate * options->decay),
                        .mean_scale = (pl_real)(1 / (1 - pow(options->beta1, steps))),
                        .square_scale = (pl_real)(1 / (1 - pow(options->beta2, steps)))};
    return pl_parallel(context, optimiser->block_count, step_block, &step);
}
