/* Lloyd's algorithm: every vector to its nearest code, every code to the mean of its vectors.
 * SPDX-License-Identifier: MIT
 *
 * Stuart P. Lloyd: Least squares quantization in PCM, IEEE Transactions on Information Theory 28
 * (1982).  Codes start at vectors drawn at random.  A code that no vector is nearest to is put on
 * the vector that is farthest from its own, so that all are used.  With several levels the first is
 * trained on the vectors, the second on what it leaves over, and so on. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "nn/nearest.h"
#include "quantize/vq_train.h"

struct lloyd {
    int64_t count, codes, dim; /* vectors, code vectors, numbers of each */
    int64_t level;             /* that is trained */
    bool changed;              /* by the last pass of this level */
    double error;              /* of that pass: mean square over all numbers */
    pl_real *vectors;          /* [count, dim]; what is left over at this level, a copy */
    pl_real *codebook;         /* [codes, dim] */
    struct pl_nearest nearest;
    int32_t *found;  /* [count] */
    double *sums;    /* [codes, dim] */
    int64_t *hits;   /* [codes] */
    double *squares; /* [count]: distance of each vector to its code */
};

static enum pl_status take_memory(struct pl_context *context, struct lloyd *lloyd)
{
    const size_t count = (size_t)lloyd->count, codes = (size_t)lloyd->codes,
                 dim = (size_t)lloyd->dim;
    lloyd->vectors = pl_new(context, count, dim * sizeof *lloyd->vectors);
    lloyd->found = pl_new(context, count, sizeof *lloyd->found);
    lloyd->squares = pl_new(context, count, sizeof *lloyd->squares);
    lloyd->hits = pl_new(context, codes, sizeof *lloyd->hits);
    lloyd->sums = pl_new(context, codes, dim * sizeof *lloyd->sums);
    if (!lloyd->vectors || !lloyd->found || !lloyd->squares || !lloyd->hits || !lloyd->sums)
        return context->status;
    return pl_nearest_init(context, &lloyd->nearest, lloyd->codes, lloyd->dim);
}

/* What a checkpoint holds of earlier levels is enough: what they leave over is found again. */
static enum pl_status open_lloyd(struct pl_context *context, struct pl_vq_training *training,
                                 const struct pl_bundle *checkpoint)
{
    const struct pl_vq_data *data = &training->data;
    struct lloyd *lloyd = pl_new(context, 1, sizeof *lloyd);
    (void)checkpoint;
    training->state = lloyd;
    if (!lloyd)
        return context->status;
    *lloyd = (struct lloyd){.count = data->count,
                            .codes = training->vq->options.codes,
                            .dim = data->size,
                            .changed = true};
    for (size_t i = 0; i < training->vq->parameters.count; i++)
        training->vq->parameters.items[i]->frozen = true;
    if (take_memory(context, lloyd))
        return context->status;
    memcpy(lloyd->vectors, data->vectors,
           (size_t)(lloyd->count * lloyd->dim) * sizeof *lloyd->vectors);
    return PL_OK;
}

static void close_lloyd(struct pl_vq_training *training)
{
    struct lloyd *lloyd = training->state;
    pl_nearest_release(&lloyd->nearest);
    free(lloyd->vectors);
    free(lloyd->found);
    free(lloyd->squares);
    free(lloyd->hits);
    free(lloyd->sums);
    free(lloyd);
}

static void set_code(struct lloyd *lloyd, int64_t code, int64_t vector)
{
    memcpy(lloyd->codebook + code * lloyd->dim, lloyd->vectors + vector * lloyd->dim,
           (size_t)lloyd->dim * sizeof *lloyd->codebook);
}

/* Vectors drawn without replacement, over again when there are fewer than codes. */
static enum pl_status draw(struct pl_context *context, struct lloyd *lloyd, uint64_t seed,
                           int64_t level)
{
    char name[32];
    int64_t *order = pl_new(context, (size_t)lloyd->count, sizeof *order);
    if (!order)
        return context->status;
    snprintf(name, sizeof name, "kmeans.%lld", (long long)level);
    struct pl_rng rng = pl_rng_init(seed, name);
    pl_rng_shuffle(&rng, order, lloyd->count);
    for (int64_t j = 0; j < lloyd->codes; j++)
        set_code(lloyd, j, order[j % lloyd->count]);
    free(order);
    return PL_OK;
}

/* Puts the codes without vectors where the error is largest.  Returns how many. */
static int64_t fill_empty(struct lloyd *lloyd)
{
    int64_t moved = 0;
    for (int64_t j = 0; j < lloyd->codes; j++) {
        int64_t farthest = 0;
        if (lloyd->hits[j] > 0)
            continue;
        for (int64_t i = 1; i < lloyd->count; i++)
            farthest = lloyd->squares[i] > lloyd->squares[farthest] ? i : farthest;
        if (lloyd->squares[farthest] <= 0)
            break; /* every vector is a code already */
        set_code(lloyd, j, farthest);
        lloyd->squares[farthest] = 0;
        moved++;
    }
    return moved;
}

/* One pass over all vectors. */
static enum pl_status pass(struct pl_context *context, struct lloyd *lloyd)
{
    int64_t dim = lloyd->dim;
    pl_nearest_set(&lloyd->nearest, lloyd->codebook);
    if (pl_nearest_find(context, &lloyd->nearest, lloyd->vectors, lloyd->count, lloyd->found))
        return context->status;
    memset(lloyd->hits, 0, (size_t)lloyd->codes * sizeof *lloyd->hits);
    memset(lloyd->sums, 0, (size_t)(lloyd->codes * dim) * sizeof *lloyd->sums);
    lloyd->error = 0;
    for (int64_t i = 0; i < lloyd->count; i++) {
        int64_t code = lloyd->found[i];
        const pl_real *vector = lloyd->vectors + i * dim;
        lloyd->squares[i] = pl_square_distance(dim, vector, lloyd->codebook + code * dim);
        lloyd->error += lloyd->squares[i] / (double)(lloyd->count * dim);
        lloyd->hits[code]++;
        for (int64_t k = 0; k < dim; k++)
            lloyd->sums[code * dim + k] += (double)vector[k];
    }
    lloyd->changed = false;
    for (int64_t j = 0; j < lloyd->codes; j++)
        for (int64_t k = 0; k < dim && lloyd->hits[j] > 0; k++) {
            pl_real mean = (pl_real)(lloyd->sums[j * dim + k] / (double)lloyd->hits[j]);
            lloyd->changed = lloyd->changed || mean != lloyd->codebook[j * dim + k];
            lloyd->codebook[j * dim + k] = mean;
        }
    lloyd->changed = fill_empty(lloyd) > 0 || lloyd->changed;
    return PL_OK;
}

/* What the level leaves over. */
static enum pl_status leave_rest(struct pl_context *context, struct lloyd *lloyd)
{
    pl_nearest_set(&lloyd->nearest, lloyd->codebook);
    if (pl_nearest_find(context, &lloyd->nearest, lloyd->vectors, lloyd->count, lloyd->found))
        return context->status;
    for (int64_t i = 0; i < lloyd->count; i++)
        for (int64_t k = 0; k < lloyd->dim; k++)
            lloyd->vectors[i * lloyd->dim + k] -= lloyd->codebook[lloyd->found[i] * lloyd->dim + k];
    return PL_OK;
}

/* Goes on to a level: those before it have been trained. */
static enum pl_status reach(struct pl_context *context, struct lloyd *lloyd, const struct pl_vq *vq,
                            int64_t level)
{
    enum pl_status status = PL_OK;
    for (; lloyd->level < level && !status; lloyd->level++) {
        lloyd->codebook = pl_vq_level(vq, vq->codebook, lloyd->level).value;
        lloyd->changed = true;
        status = leave_rest(context, lloyd);
    }
    lloyd->codebook = pl_vq_level(vq, vq->codebook, level).value;
    return status;
}

/* A step is a pass. */
static struct pl_variable *pass_loss(struct pl_vq_training *training, struct pl_tape *tape,
                                     int64_t step)
{
    struct lloyd *lloyd = training->state;
    const struct pl_vq *vq = training->vq;
    const int64_t passes = pl_vq_steps(&vq->options), level = step / passes;
    struct pl_variable *error = pl_tape_matrix(tape, false, 1, 1);
    if (!error || reach(tape->context, lloyd, vq, level) ||
        (step % passes == 0 && draw(tape->context, lloyd, vq->options.seed, level)) ||
        pass(tape->context, lloyd))
        return NULL;
    error->value[0] = (pl_real)fmin(lloyd->error, FLT_MAX); /* it cannot diverge */
    return error;
}

/* Where nothing changes any more, the first of the next level. */
static int64_t next_pass(const struct pl_vq_training *training, int64_t step)
{
    const struct lloyd *lloyd = training->state;
    const int64_t passes = pl_vq_steps(&training->vq->options);
    return lloyd->changed ? step : (step + passes - 1) / passes * passes;
}

const struct pl_vq_way pl_vq_lloyd = {open_lloyd, pass_loss, next_pass, NULL, close_lloyd};
