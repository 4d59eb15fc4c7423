/* Training a codebook: what goes before and what comes after.
 * SPDX-License-Identifier: MIT
 *
 * Training sees vectors of mean 0.  Without encoder their deviation is 1/sqrt(D), that of the codes
 * at the start, so that a map need not grow first; an encoder has inputs of deviation 1.  So the
 * rate suits any data.  Distances keep their order when all vectors are moved and scaled alike:
 * afterwards the code vectors, through the map if there is one, are brought to the units of the
 * data, and coding knows nothing of it.  Layers go on seeing what they were trained on. */
#include "quantize/vq_train.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "quantize/coder.h"
#include "quantize/usage.h"
#include "tensor/blas.h"

/* ---- To one mean and deviation ------------------------------------------------------------- */

static enum pl_status find_moments(struct pl_context *context, struct pl_vq_data *data)
{
    double square = 0;
    data->mean = pl_new(context, (size_t)data->size, sizeof *data->mean);
    data->scale = 1;
    if (!data->mean)
        return context->status;
    for (int64_t i = 0; i < data->count; i++)
        for (int64_t k = 0; k < data->size; k++)
            data->mean[k] += (double)data->vectors[i * data->size + k] / (double)data->count;
    for (int64_t i = 0; i < data->count; i++)
        for (int64_t k = 0; k < data->size; k++) {
            double x = (double)data->vectors[i * data->size + k] - data->mean[k];
            square += x * x;
        }
    data->scale = sqrt(square / (double)(data->count * data->size));
    if (!isfinite(data->scale))
        return pl_fail(context, PL_BAD_DATA, "the vectors are too large for single precision");
    return PL_OK;
}

static bool all_same(const struct pl_vq_data *data)
{
    for (int64_t i = data->size; i < data->count * data->size; i++)
        if (data->vectors[i] != data->vectors[i % data->size])
            return false;
    return true;
}

static void normalise(const struct pl_vq_data *data)
{
    for (int64_t i = 0; i < data->count; i++)
        for (int64_t k = 0; k < data->size; k++) {
            pl_real *x = &data->vectors[i * data->size + k];
            *x = (pl_real)(((double)*x - data->mean[k]) / data->scale);
        }
}

/* rows [count, width] times scale, plus the mean */
static void move_rows(struct pl_variable *rows, double scale, const double *mean, int64_t count,
                      int64_t width)
{
    for (int64_t i = 0; i < count * width; i++)
        rows->value[i] = (pl_real)((double)rows->value[i] * scale + (mean ? mean[i % width] : 0));
}

/* Codebook, or map and bias, in the units of the data: the mean goes to the first level. */
static void restore_codebook(struct pl_vq *vq, const struct pl_vq_data *data)
{
    int64_t dim = vq->options.dim, levels = vq->options.levels, codes = vq->options.codes;
    if (!vq->map) {
        move_rows(vq->codebook, data->scale, NULL, levels * codes, dim);
        move_rows(vq->codebook, 1, data->mean, codes, dim);
        return;
    }
    move_rows(vq->map, data->scale, NULL, levels * dim, dim);
    move_rows(vq->bias, data->scale, NULL, levels, dim);
    move_rows(vq->bias, 1, data->mean, 1, dim);
}

/* Layers keep theirs: the zeros around a picture are in their units. */
static void keep_moments(struct pl_vq *vq, const struct pl_vq_data *data)
{
    for (int64_t k = 0; k < vq->size; k++)
        vq->mean->value[k] = (pl_real)data->mean[k];
    vq->scale->value[0] = (pl_real)data->scale;
}

/* ---- Warnings ----------------------------------------------------------------------------- */

/* Finds the moments that vectors are normalised by, and warns of what is likely wrong. */
static enum pl_status check_data(struct pl_context *context, const struct pl_vq *vq,
                                 struct pl_vq_data *data)
{
    const struct pl_vq_options *options = &vq->options;
    double norm = 0;
    if (data->count == 0)
        return pl_fail(context, PL_BAD_DATA, "there are no vectors to train on");
    if (find_moments(context, data))
        return context->status;
    if (options->codes > data->count * pl_vq_places(vq))
        pl_warn(context, "%lld codes for %lld vectors: there are more codes than can be used",
                (long long)options->codes, (long long)(data->count * pl_vq_places(vq)));
    if (all_same(data)) {
        pl_warn(context, "all vectors are the same: one code will stand for them all");
        data->scale = 1;
    }
    for (int64_t k = 0; k < data->size; k++)
        norm += data->mean[k] * data->mean[k];
    norm = sqrt(norm + data->scale * data->scale * (double)data->size);
    if (!options->normalise && vq->layers.kind == PL_VQ_NONE && options->method != PL_VQ_KMEANS &&
        norm > 1e3)
        pl_warn(context,
                "the vectors are %.0f times as long as codes start: they may all fall to a few "
                "(leave out --no-normalise)",
                norm);
    if (vq->layers.kind == PL_VQ_NONE)
        data->scale *= sqrt((double)data->size);
    if (!options->normalise) {
        memset(data->mean, 0, (size_t)data->size * sizeof *data->mean);
        data->scale = 1;
    }
    return PL_OK;
}

static void warn_of_collapse(struct pl_context *context, double usage, int64_t used)
{
    if (usage < 0.05)
        pl_warn(context,
                "only %lld codes (%.1f %%) are used: codes of another size than the vectors, too "
                "high a --lr and too small a --batch are the usual causes",
                (long long)used, 100 * usage);
}

/* ---- What came of it ---------------------------------------------------------------------- */

struct score {
    int64_t *counts; /* [levels, codes] */
    double square;
};

static enum pl_status score_rows(struct pl_context *context, struct pl_coder *coder,
                                 const pl_real *vectors, int64_t rows, struct score *score)
{
    const struct pl_vq *vq = coder->vq;
    int64_t levels = vq->options.levels;
    if (pl_coder_encode(context, coder, vectors, rows, coder->codes) ||
        pl_coder_decode(context, coder, coder->codes, rows, levels, coder->vectors))
        return context->status;
    for (int64_t i = 0; i < rows * pl_vq_places(vq) * levels; i++)
        score->counts[i % levels * vq->options.codes + coder->codes[i]]++;
    for (int64_t i = 0; i < rows; i++)
        score->square +=
            pl_square_distance(vq->size, vectors + i * vq->size, coder->vectors + i * vq->size);
    return PL_OK;
}

static enum pl_status find_score(struct pl_context *context, const struct pl_vq *vq,
                                 const pl_real *vectors, int64_t count, struct score *score)
{
    struct pl_coder coder;
    enum pl_status status = pl_coder_init(context, &coder, vq, true);
    for (int64_t row = 0; row < count && status == PL_OK; row += coder.most) {
        int64_t rows = count - row < coder.most ? count - row : coder.most;
        status = score_rows(context, &coder, vectors + row * vq->size, rows, score);
    }
    if (coder.vq)
        pl_coder_release(&coder);
    return status;
}

/* Codes all vectors with what was trained. */
static enum pl_status report(struct pl_context *context, const struct pl_vq *vq,
                             const struct pl_vq_data *data, struct pl_vq_result *result)
{
    int64_t levels = vq->options.levels, codes = vq->options.codes, used = 0;
    struct score score = {
        .counts = pl_new(context, (size_t)(levels * codes), sizeof *score.counts),
    };
    enum pl_status status = score.counts ? PL_OK : context->status;
    if (status == PL_OK)
        status = find_score(context, vq, data->vectors, data->count, &score);
    *result = (struct pl_vq_result){0};
    for (int64_t level = 0; level < levels && status == PL_OK; level++) {
        struct pl_usage usage = pl_usage_of(score.counts + level * codes, codes);
        used += usage.used;
        result->usage += usage.share / (double)levels;
        result->perplexity += usage.perplexity / (double)levels;
    }
    result->mse = score.square / (double)(data->count * data->size) * data->scale * data->scale;
    if (status == PL_OK)
        warn_of_collapse(context, result->usage, used);
    free(score.counts);
    return status;
}

/* ---- A training ----------------------------------------------------------------------------- */

/* From here on vectors are as training sees them. */
static enum pl_status open_data(struct pl_context *context, struct pl_vq_training *training)
{
    struct pl_vq *vq = training->vq;
    struct pl_vq_cost cost;
    pl_vq_cost(vq, training->data.count, &cost);
    if (pl_memory_check(context, cost.bytes, "training the codes") ||
        pl_parameters_values(context, &vq->parameters) || check_data(context, vq, &training->data))
        return context->status;
    normalise(&training->data);
    return pl_blas_open(context);
}

enum pl_status pl_vq_training_open(struct pl_context *context, struct pl_vq_training *training,
                                   struct pl_vq *vq, pl_real *vectors, int64_t count,
                                   const struct pl_bundle *checkpoint)
{
    *training = (struct pl_vq_training){
        .vq = vq,
        .data = {.vectors = vectors, .count = count, .size = vq->size},
        .way = vq->options.method == PL_VQ_KMEANS ? &pl_vq_lloyd : &pl_vq_descent,
    };
    if (open_data(context, training))
        return context->status;
    if (checkpoint && pl_vq_read_values(context, vq, checkpoint))
        return pl_fail_at(context, "%s", checkpoint->source);
    if (vq->mean) { /* the data are normalised here */
        memset(vq->mean->value, 0, (size_t)vq->size * sizeof *vq->mean->value);
        vq->scale->value[0] = 1;
    }
    return training->way->open(context, training, checkpoint);
}

void pl_vq_training_close(struct pl_vq_training *training)
{
    if (training->state)
        training->way->close(training);
    free(training->data.mean);
}

void pl_vq_training_plan(const struct pl_vq_training *training, struct pl_objective *objective,
                         struct pl_loop_options *options)
{
    const struct pl_vq_options *vq = &training->vq->options;
    const bool kmeans = vq->method == PL_VQ_KMEANS;
    objective->parameters = &training->vq->parameters;
    objective->units = kmeans ? training->data.count : vq->batch;
    objective->most_loss = DBL_MAX;
    options->steps = pl_vq_steps(vq) * (kmeans ? vq->levels : 1);
    options->accumulate = 1;
    options->clip = vq->clip;
    options->schedule = (struct pl_schedule){
        .kind = PL_SCHEDULE_CONSTANT,
        .peak = kmeans ? 0 : vq->rate,
        .warmup = pl_schedule_warmup(vq->warmup, options->steps),
        .steps = options->steps,
    };
    options->optimiser =
        (struct pl_optimiser_options){.kind = PL_ADAMW, .beta1 = 0.5, .beta2 = 0.9, .eps = 1e-8};
}

struct pl_variable *pl_vq_training_loss(struct pl_vq_training *training, struct pl_tape *tape,
                                        int64_t step)
{
    return training->way->loss(training, tape, step);
}

int64_t pl_vq_training_next(const struct pl_vq_training *training, int64_t step)
{
    return training->way->next ? training->way->next(training, step) : step;
}

enum pl_status pl_vq_training_write(struct pl_context *context,
                                    const struct pl_vq_training *training,
                                    const struct pl_meta_node *document, struct pl_writer *writer)
{
    if (training->finished)
        return pl_vq_write(context, training->vq, NULL, writer);
    if (pl_vq_write(context, training->vq, document, writer))
        return context->status;
    return training->way->write ? training->way->write(context, training, writer) : PL_OK;
}

enum pl_status pl_vq_training_finish(struct pl_context *context, struct pl_vq_training *training,
                                     struct pl_vq_result *result)
{
    struct pl_vq *vq = training->vq;
    training->way->close(training);
    training->state = NULL;
    if (pl_vq_settle(context, vq) || report(context, vq, &training->data, result))
        return context->status;
    if (!isfinite(result->mse))
        return pl_fail(context, PL_NUMERIC, "diverged in the last step: the codes are no numbers");
    if (vq->mean)
        keep_moments(vq, &training->data);
    else
        restore_codebook(vq, &training->data);
    training->finished = true;
    return pl_vq_settle(context, vq);
}
