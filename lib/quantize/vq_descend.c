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
#include <stdlib.h>

#include "autograd/ops.h"
#include "base/rng.h"
#include "nn/quantize.h"
#include "quantize/vq_train.h"

struct level {
    struct pl_variable codebook, basis, map, bias;
    struct pl_nearest nearest;
    double *hits, *sums; /* ema: [K], [K, dim], in the descent's */
};

struct descent {
    struct pl_vq *vq;
    const struct pl_vq_data *data;
    struct level *levels;
    double *hits, *sums; /* ema: [levels, K], [levels, K, dim]; else NULL */
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

/* ---- Averages ------------------------------------------------------------------------------ */

static enum pl_status open_averages(struct pl_context *context, struct descent *descent)
{
    const struct pl_vq_options *options = &descent->vq->options;
    const int64_t codes = options->codes, rows = options->levels * codes;
    descent->hits = pl_new(context, (size_t)rows, sizeof *descent->hits);
    descent->sums = pl_new(context, (size_t)(rows * options->dim), sizeof *descent->sums);
    if (!descent->hits || !descent->sums)
        return context->status;
    for (int64_t i = 0; i < options->levels; i++) {
        descent->levels[i].hits = descent->hits + i * codes;
        descent->levels[i].sums = descent->sums + i * codes * options->dim;
    }
    return PL_OK;
}

/* As if each code had been hit once. */
static void start_averages(struct descent *descent)
{
    const struct pl_variable *codebook = descent->vq->codebook;
    for (int64_t i = 0; i < codebook->count; i++)
        descent->sums[i] = (double)codebook->value[i];
    for (int64_t j = 0; j < pl_variable_rows(codebook); j++)
        descent->hits[j] = 1;
}

/* In a checkpoint: average.hits [levels K], average.sums [levels K, dim], f64. */
struct average {
    const char *name;
    struct pl_tensor tensor;
};

static void list_averages(const struct descent *descent, struct average averages[2])
{
    const int64_t dims[] = {pl_variable_rows(descent->vq->codebook), descent->vq->options.dim};
    averages[0] = (struct average){"average.hits", pl_tensor_view(PL_F64, 1, dims, descent->hits)};
    averages[1] = (struct average){"average.sums", pl_tensor_view(PL_F64, 2, dims, descent->sums)};
}

static enum pl_status write_averages(struct pl_context *context,
                                     const struct pl_vq_training *training,
                                     struct pl_writer *writer)
{
    const struct descent *descent = training->state;
    struct average averages[2];
    enum pl_status status = PL_OK;
    list_averages(descent, averages);
    for (int i = 0; i < 2 && descent->hits && !status; i++)
        status =
            pl_writer_tensor(context, writer, averages[i].name, &averages[i].tensor, PL_CODEC_RAW);
    return status;
}

static enum pl_status read_averages(struct pl_context *context, struct descent *descent,
                                    const struct pl_bundle *checkpoint)
{
    struct average averages[2];
    list_averages(descent, averages);
    for (int i = 0; i < 2; i++) {
        struct pl_tensor *into = &averages[i].tensor;
        const struct pl_tensor *tensor = pl_bundle_tensor(checkpoint, averages[i].name);
        if (!tensor)
            return pl_fail(context, PL_BAD_DATA, "%s: no tensor '%s'", checkpoint->source,
                           averages[i].name);
        if (pl_tensor_expect(context, tensor, averages[i].name, PL_F64, into->rank, into->dims))
            return pl_fail_at(context, "%s", checkpoint->source);
        memcpy(into->data, tensor->data, (size_t)pl_tensor_count(tensor) * sizeof(double));
    }
    return PL_OK;
}

/* ---- Opening ------------------------------------------------------------------------------- */

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

static enum pl_status start(struct pl_context *context, struct descent *descent,
                            const struct pl_bundle *checkpoint)
{
    enum pl_status status = PL_OK;
    if (!checkpoint && descent->vq->options.init == PL_VQ_DATA)
        status = start_at_data(context, descent);
    else if (!checkpoint)
        start_random(descent->vq);
    if (descent->vq->options.method != PL_VQ_EMA || status)
        return status;
    if (open_averages(context, descent))
        return context->status;
    if (checkpoint)
        return read_averages(context, descent, checkpoint);
    start_averages(descent);
    return PL_OK;
}

static enum pl_status open_descent(struct pl_context *context, struct pl_vq_training *training,
                                   const struct pl_bundle *checkpoint)
{
    struct pl_vq *vq = training->vq;
    struct descent *descent = pl_new(context, 1, sizeof *descent);
    training->state = descent;
    if (!descent)
        return context->status;
    descent->vq = vq;
    descent->data = &training->data;
    descent->rng = pl_rng_init(vq->options.seed, "batches");
    descent->levels = pl_new(context, (size_t)vq->options.levels, sizeof *descent->levels);
    freeze(vq);
    if (!descent->levels || pl_parameters_gradients(context, &vq->parameters))
        return context->status;
    for (int64_t i = 0; i < vq->options.levels; i++)
        if (open_level(context, descent, i))
            return context->status;
    return start(context, descent, checkpoint);
}

static void close_descent(struct pl_vq_training *training)
{
    struct descent *descent = training->state;
    for (int64_t i = 0; descent->levels && i < descent->vq->options.levels; i++)
        pl_nearest_release(&descent->levels[i].nearest);
    free(descent->levels);
    free(descent->hits);
    free(descent->sums);
    free(descent);
}

/* ---- A step ------------------------------------------------------------------------------- */

/* Vectors drawn at random, with replacement. */
static struct pl_variable *draw(struct pl_tape *tape, struct descent *descent, int64_t step)
{
    const struct pl_vq_data *data = descent->data;
    int64_t batch = descent->vq->options.batch;
    struct pl_variable *x = pl_tape_matrix(tape, false, batch, data->size);
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
static struct pl_variable *quantize(struct pl_tape *tape, struct descent *descent,
                                    struct pl_variable *z, struct pl_variable **sum)
{
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

static struct pl_variable *step_loss(struct pl_vq_training *training, struct pl_tape *tape,
                                     int64_t step)
{
    struct descent *descent = training->state;
    const struct pl_vq *vq = training->vq;
    struct pl_variable *x = draw(tape, descent, step), *sum = NULL;
    struct pl_variable *z = pl_vq_layers_encode(tape, &vq->layers, x);
    struct pl_variable *total = z ? quantize(tape, descent, z, &sum) : NULL;
    if (!total || vq->layers.kind == PL_VQ_NONE)
        return total;
    struct pl_variable *q = vq->options.gradient == PL_VQ_ROTATION
                                ? pl_op_rotate(tape, z, sum)
                                : pl_op_straight_through(tape, z, sum);
    struct pl_variable *error =
        pl_op_mean_square(tape, pl_vq_layers_decode(tape, &vq->layers, q), x->value);
    return pl_op_add(tape, total, error, 1);
}

const struct pl_vq_way pl_vq_descent = {open_descent, step_loss, NULL, write_averages,
                                        close_descent};
