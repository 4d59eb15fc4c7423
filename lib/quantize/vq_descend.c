/* Codebooks trained by gradients, or by moving averages, on batches drawn at random.
 * SPDX-License-Identifier: MIT
 *
 * All levels and the layers around them are trained together.  What a level quantizes is what the
 * codes before it leave over, held fixed but for the commitment; the sum of the code vectors is
 * what the decoder gets:
 *
 *     loss = mean((decoder(q) - x)^2) + sum over levels of L_vq      (nn/quantize.h)
 *
 * Without encoder nothing goes back into x, and the first term is only the error. */
#include <stdio.h>
#include <stdlib.h>

#include "autograd/ops.h"
#include "base/rng.h"
#include "nn/quantize.h"
#include "quantize/vq_train.h"
#include "train/optimiser.h"

struct level {
    struct pl_variable codebook, basis, map, bias;
    struct pl_nearest nearest;
    double *hits, *sums; /* ema: [K], [K, dim] */
};

struct descent {
    struct pl_vq *vq;
    const struct pl_vq_data *data;
    struct level *levels;
    struct pl_optimiser optimiser;
    struct pl_tape tape;
    struct pl_rng rng;
};

/* ---- How it starts ------------------------------------------------------------------------ */

static enum pl_status open_level(struct pl_context *context, struct descent *descent, int64_t index)
{
    const struct pl_vq *vq = descent->vq;
    struct level *level = &descent->levels[index];
    level->codebook = pl_vq_level(vq, vq->codebook, index);
    if (vq->basis) {
        level->basis = pl_vq_level(vq, vq->basis, index);
        level->map = pl_vq_level(vq, vq->map, index);
        level->bias = pl_vq_level(vq, vq->bias, index);
    }
    return pl_nearest_init(context, &level->nearest, vq->options.codes, vq->options.dim);
}

/* Uniform in +-bound, or normal with that deviation. */
static void fill(struct pl_variable *variable, uint64_t seed, const char *name, bool normal,
                 double size)
{
    struct pl_rng rng = pl_rng_init(seed, name);
    for (int64_t i = 0; variable && i < variable->count; i++)
        variable->value[i] = (pl_real)(size * (normal ? pl_rng_normal(&rng, (uint64_t)i)
                                                      : 2 * pl_rng_uniform(&rng, (uint64_t)i) - 1));
}

/* The map is [dim, dim] of each level, of which dim numbers go into each output. */
static void start_random(struct pl_vq *vq)
{
    const struct pl_vq_options *options = &vq->options;
    bool normal = options->init == PL_VQ_NORMAL;
    double spread = 1 / sqrt((double)options->dim);
    struct pl_variable *codes = vq->basis ? vq->basis : vq->codebook;
    fill(codes, options->seed, "codes", normal, normal ? spread : 1 / (double)options->codes);
    fill(vq->map, options->seed, "map.weight", false, spread);
    fill(vq->bias, options->seed, "map.bias", false, spread);
    pl_vq_layers_start(&vq->layers, options->seed);
}

/* Takes off vectors [count, dim] what one level says of them. */
static enum pl_status take_off(struct pl_context *context, struct level *level, pl_real *vectors,
                               int64_t count, int64_t dim)
{
    int32_t *found = pl_new(context, (size_t)count, sizeof *found);
    enum pl_status status = found ? PL_OK : context->status;
    pl_nearest_set(&level->nearest, level->codebook.value);
    if (status == PL_OK)
        status = pl_nearest_find(context, &level->nearest, vectors, count, found);
    for (int64_t i = 0; i < count * dim && status == PL_OK; i++)
        vectors[i] -= level->codebook.value[found[i / dim] * dim + i % dim];
    free(found);
    return status;
}

/* The codebook becomes the basis, which the map leaves as it is. */
static void leave_as_is(struct level *level, int64_t codes, int64_t dim)
{
    memcpy(level->basis.value, level->codebook.value, (size_t)(codes * dim) * sizeof(pl_real));
    memset(level->map.value, 0, (size_t)(dim * dim) * sizeof(pl_real));
    memset(level->bias.value, 0, (size_t)dim * sizeof(pl_real));
    for (int64_t i = 0; i < dim; i++)
        level->map.value[i * dim + i] = 1;
}

/* Codes are vectors of the data, for each level others, less what the levels before it say of
 * them. */
static enum pl_status start_at_data(struct pl_context *context, struct descent *descent)
{
    const struct pl_vq *vq = descent->vq;
    const struct pl_vq_data *data = descent->data;
    int64_t codes = vq->options.codes, dim = vq->options.dim;
    struct pl_rng rng = pl_rng_init(vq->options.seed, "codes");
    int64_t *order = pl_new(context, (size_t)data->count, sizeof *order);
    enum pl_status status = order ? PL_OK : context->status;
    if (order)
        pl_rng_shuffle(&rng, order, data->count);
    for (int64_t l = 0; l < vq->options.levels && status == PL_OK; l++) {
        struct level *level = &descent->levels[l];
        pl_real *values = level->codebook.value;
        for (int64_t j = 0; j < codes; j++)
            memcpy(values + j * dim, data->vectors + order[(l * codes + j) % data->count] * dim,
                   (size_t)dim * sizeof *values);
        for (int64_t before = 0; before < l && status == PL_OK; before++)
            status = take_off(context, &descent->levels[before], values, codes, dim);
        if (vq->basis)
            leave_as_is(level, codes, dim);
    }
    free(order);
    return status;
}

/* The averages start as if each code had been hit once. */
static enum pl_status start_averages(struct pl_context *context, struct level *level, int64_t codes,
                                     int64_t dim)
{
    level->hits = pl_new(context, (size_t)codes, sizeof *level->hits);
    level->sums = pl_new(context, (size_t)(codes * dim), sizeof *level->sums);
    if (!level->hits || !level->sums)
        return context->status;
    for (int64_t i = 0; i < codes * dim; i++)
        level->sums[i] = (double)level->codebook.value[i];
    for (int64_t j = 0; j < codes; j++)
        level->hits[j] = 1;
    return PL_OK;
}

static enum pl_status start(struct pl_context *context, struct descent *descent)
{
    struct pl_vq *vq = descent->vq;
    enum pl_status status = PL_OK;
    if (vq->options.init == PL_VQ_DATA)
        status = start_at_data(context, descent);
    else
        start_random(vq);
    for (int64_t i = 0; i < vq->options.levels && status == PL_OK; i++)
        if (vq->options.method == PL_VQ_EMA)
            status =
                start_averages(context, &descent->levels[i], vq->options.codes, vq->options.dim);
    return status;
}

/* What is not trained has no gradient. */
static void freeze(struct pl_vq *vq)
{
    enum pl_vq_method method = (enum pl_vq_method)vq->options.method;
    pl_parameter_find(&vq->parameters, "codebook")->frozen = method != PL_VQ_VANILLA;
    if (vq->basis)
        pl_parameter_find(&vq->parameters, "basis")->frozen = !vq->options.both;
    if (vq->mean)
        pl_parameter_find(&vq->parameters, "mean")->frozen =
            pl_parameter_find(&vq->parameters, "scale")->frozen = true;
}

static enum pl_status open_descent(struct pl_context *context, struct descent *descent,
                                   struct pl_vq *vq, const struct pl_vq_data *data)
{
    static const struct pl_optimiser_options adam = {
        .kind = PL_ADAMW, .beta1 = 0.5, .beta2 = 0.9, .eps = 1e-8};
    *descent = (struct descent){.vq = vq,
                                .data = data,
                                .tape = {.context = context, .recording = true},
                                .rng = pl_rng_init(vq->options.seed, "batches")};
    descent->levels = pl_new(context, (size_t)vq->options.levels, sizeof *descent->levels);
    if (!descent->levels || pl_blas_open(context))
        return context->status;
    freeze(vq);
    if (pl_optimiser_init(context, &descent->optimiser, &vq->parameters, &adam))
        return context->status;
    for (int64_t i = 0; i < vq->options.levels; i++)
        if (open_level(context, descent, i))
            return context->status;
    return start(context, descent);
}

static void close_descent(struct descent *descent)
{
    for (int64_t i = 0; descent->levels && i < descent->vq->options.levels; i++) {
        pl_nearest_release(&descent->levels[i].nearest);
        free(descent->levels[i].hits);
        free(descent->levels[i].sums);
    }
    free(descent->levels);
    pl_optimiser_release(&descent->optimiser);
    pl_tape_release(&descent->tape);
}

/* ---- A step ------------------------------------------------------------------------------- */

/* Vectors drawn at random, with replacement. */
static struct pl_variable *draw(struct descent *descent, int64_t step)
{
    const struct pl_vq_data *data = descent->data;
    int64_t batch = descent->vq->options.batch;
    struct pl_variable *x = pl_tape_matrix(&descent->tape, false, batch, data->size);
    for (int64_t i = 0; i < batch && x; i++) {
        uint64_t row =
            pl_rng_below(&descent->rng, (uint64_t)(step * batch + i), (uint64_t)data->count);
        memcpy(x->value + i * data->size, data->vectors + (int64_t)row * data->size,
               (size_t)data->size * sizeof *x->value);
    }
    return x;
}

static struct pl_variable *effective(struct pl_tape *tape, struct level *level)
{
    return level->basis.value ? pl_op_linear(tape, &level->basis, &level->map, &level->bias)
                              : &level->codebook;
}

/* Moving averages of hits and sums; a code nobody hits keeps its place:
 *     n <- g n + (1 - g) hits    s <- g s + (1 - g) sum of its vectors    code = s / n
 * (Van den Oord and others 2017, appendix A.1) */
static void average(const struct pl_vq *vq, struct level *level, const struct pl_variable *z,
                    const int32_t *codes)
{
    int64_t dim = vq->options.dim, count = vq->options.codes, rows = pl_variable_rows(z);
    double keep = vq->options.decay;
    for (int64_t j = 0; j < count; j++)
        level->hits[j] *= keep;
    for (int64_t i = 0; i < count * dim; i++)
        level->sums[i] *= keep;
    for (int64_t row = 0; row < rows; row++) {
        double *sums = level->sums + codes[row] * dim;
        level->hits[codes[row]] += 1 - keep;
        for (int64_t i = 0; i < dim; i++)
            sums[i] += (1 - keep) * (double)z->value[row * dim + i];
    }
    for (int64_t j = 0; j < count; j++)
        for (int64_t i = 0; i < dim && level->hits[j] > 1e-12; i++)
            level->codebook.value[j * dim + i] =
                (pl_real)(level->sums[j * dim + i] / level->hits[j]);
}

/* Quantizes z level by level: *sum is the sum of the code vectors, the result the sum of losses. */
static struct pl_variable *quantize(struct descent *descent, struct pl_variable *z,
                                    struct pl_variable **sum)
{
    struct pl_tape *tape = &descent->tape;
    const struct pl_vq *vq = descent->vq;
    const struct pl_quantize options = {.beta = vq->options.beta};
    struct pl_variable *rest = z, *loss = NULL;
    for (int64_t i = 0; i < vq->options.levels; i++) {
        struct level *level = &descent->levels[i];
        struct pl_quantized quantized;
        if (pl_op_quantize(tape, &options, &level->nearest, rest, effective(tape, level),
                           &quantized))
            return NULL;
        if (vq->options.method == PL_VQ_EMA)
            average(vq, level, rest, quantized.codes);
        *sum = i == 0 ? quantized.vectors : pl_op_add(tape, *sum, quantized.vectors, 1);
        loss = i == 0 ? quantized.loss : pl_op_add(tape, loss, quantized.loss, 1);
        if (i + 1 < vq->options.levels)
            rest = pl_op_add(tape, rest, quantized.vectors, -1);
    }
    return loss;
}

static enum pl_status take_step(struct pl_context *context, struct descent *descent, int64_t step,
                                double *loss)
{
    struct pl_tape *tape = &descent->tape;
    struct pl_vq *vq = descent->vq;
    struct pl_variable *x = draw(descent, step), *sum = NULL;
    struct pl_variable *z = pl_vq_layers_encode(tape, &vq->layers, x);
    struct pl_variable *total = z ? quantize(descent, z, &sum) : NULL;
    if (total && vq->layers.kind != PL_VQ_NONE) {
        struct pl_variable *q = vq->options.gradient == PL_VQ_ROTATION
                                    ? pl_op_rotate(tape, z, sum)
                                    : pl_op_straight_through(tape, z, sum);
        struct pl_variable *error =
            pl_op_mean_square(tape, pl_vq_layers_decode(tape, &vq->layers, q), x->value);
        total = pl_op_add(tape, total, error, 1);
    }
    if (!total)
        return context->status;
    *loss = (double)total->value[0];
    if (!isfinite(*loss))
        return pl_fail(context, PL_NUMERIC, "diverged at step %lld: lower --lr",
                       (long long)step + 1);
    pl_parameters_clear(&vq->parameters);
    enum pl_status status = PL_OK;
    if (total->gradient)
        status = pl_tape_backward(tape, total, 1);
    if (!status && total->gradient)
        status = pl_optimiser_step(context, &descent->optimiser, vq->options.rate, 1);
    pl_tape_reset(tape);
    return status;
}

enum pl_status pl_vq_descend(struct pl_context *context, struct pl_vq *vq,
                             const struct pl_vq_data *data, const struct pl_vq_progress *progress)
{
    struct descent descent;
    int64_t steps = pl_vq_steps(&vq->options);
    enum pl_status status = open_descent(context, &descent, vq, data);
    for (int64_t step = 0; step < steps && status == PL_OK; step++) {
        double loss = 0;
        status = take_step(context, &descent, step, &loss);
        if (status == PL_OK && progress && progress->step)
            progress->step(progress->user, step + 1, steps, loss);
    }
    close_descent(&descent);
    return status;
}
