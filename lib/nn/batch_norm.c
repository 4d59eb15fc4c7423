/* Batch norm.
 * SPDX-License-Identifier: MIT
 *
 * Per channel, over the N rows of a batch, with r = 1 / sqrt(variance + eps) and z = r (x - mean):
 *
 *     y = w z + b        dw = sum dy z        db = sum dy
 *     dx = w r (dy - mean(dy) - z mean(dy z))
 *
 * where the last two terms are there only if mean and variance were those of the batch.  Sums run
 * in double over blocks of rows that are joined in their order.  Those of x and x^2 are taken in
 * one pass, of differences from the first row: for a channel whose values lie close together far
 * from 0 nothing cancels. */
#include "nn/image.h"

#include "autograd/kernels.h"

struct norm {
    struct pl_batch_norm given;
    struct pl_variable *x, *out;
    bool batch; /* statistics are those of the batch */
    int64_t rows, channels, block;
    pl_real *mean, *factor; /* [channels]: mean, r */
    pl_real *pull, *pull_z; /* [channels]: mean(dy), mean(dy z); backward, if batch */
    double *partial;        /* [blocks, 2, channels]: two sums of each block */
};

/* ---- sums: joined into the first block's */

static enum pl_status sum_blocks(struct pl_tape *tape, struct norm *norm, pl_block_fn *block)
{
    int64_t blocks = pl_block_count(norm->rows, norm->block), width = 2 * norm->channels;
    norm->partial = pl_tape_new(tape, blocks * width + width, sizeof *norm->partial);
    if (!norm->partial || pl_parallel(tape->context, blocks, block, norm))
        return tape->context->status;
    for (int64_t i = 1; i < blocks; i++)
        for (int64_t c = 0; c < width; c++)
            norm->partial[c] += norm->partial[i * width + c];
    return PL_OK;
}

PL_CLONES static void sum_rows(const struct norm *norm, struct pl_span span, double *restrict sums)
{
    const int64_t channels = norm->channels;
    const pl_real *restrict first = norm->x->value;
    double *restrict squares = sums + channels;
    for (int64_t row = span.begin; row < span.end; row++) {
        const pl_real *restrict x = norm->x->value + row * channels;
        for (int64_t c = 0; c < channels; c++) {
            double difference = (double)x[c] - (double)first[c];
            sums[c] += difference;
            squares[c] += difference * difference;
        }
    }
}

static enum pl_status sum_block(struct pl_context *context, void *job, int64_t item)
{
    const struct norm *norm = job;
    (void)context;
    sum_rows(norm, pl_block_span(item, norm->block, norm->rows),
             norm->partial + item * 2 * norm->channels);
    return PL_OK;
}

/* The batch's statistics, which the running ones follow. */
static enum pl_status measure(struct pl_tape *tape, struct norm *norm, double momentum)
{
    if (norm->rows < 2)
        return pl_fail(tape->context, PL_BAD_DATA,
                       "batch norm needs two values a channel, and there are %lld: use a larger "
                       "batch",
                       (long long)norm->rows);
    if (sum_blocks(tape, norm, sum_block))
        return tape->context->status;
    const double rows = (double)norm->rows;
    pl_real *running = norm->given.mean->value, *spread = norm->given.variance->value;
    for (int64_t c = 0; c < norm->channels; c++) {
        double shift = norm->partial[c] / rows, mean = (double)norm->x->value[c] + shift;
        double squares = norm->partial[norm->channels + c] - rows * shift * shift;
        squares = squares > 0 ? squares : 0;
        norm->mean[c] = (pl_real)mean;
        norm->factor[c] = (pl_real)(1 / sqrt(squares / rows + norm->given.eps));
        running[c] += (pl_real)(momentum * (mean - (double)running[c]));
        spread[c] += (pl_real)(momentum * (squares / (rows - 1) - (double)spread[c]));
    }
    return PL_OK;
}

static void take_running(struct norm *norm)
{
    for (int64_t c = 0; c < norm->channels; c++) {
        norm->mean[c] = norm->given.mean->value[c];
        norm->factor[c] =
            (pl_real)(1 / sqrt((double)norm->given.variance->value[c] + norm->given.eps));
    }
}

/* ---- forward */

PL_CLONES static void norm_rows(const struct norm *norm, struct pl_span span)
{
    const int64_t channels = norm->channels;
    const pl_real *restrict mean = norm->mean, *restrict factor = norm->factor;
    const pl_real *restrict weight = norm->given.weight->value;
    const pl_real *restrict bias = norm->given.bias->value;
    for (int64_t row = span.begin; row < span.end; row++) {
        const pl_real *restrict x = norm->x->value + row * channels;
        pl_real *restrict y = norm->out->value + row * channels;
        for (int64_t c = 0; c < channels; c++)
            y[c] = (x[c] - mean[c]) * factor[c] * weight[c] + bias[c];
    }
}

static enum pl_status norm_block(struct pl_context *context, void *job, int64_t item)
{
    const struct norm *norm = job;
    (void)context;
    norm_rows(norm, pl_block_span(item, norm->block, norm->rows));
    return PL_OK;
}

/* ---- backward */

PL_CLONES static void sum_gradients(const struct norm *norm, struct pl_span span,
                                    double *restrict sums)
{
    const int64_t channels = norm->channels;
    const pl_real *restrict mean = norm->mean, *restrict factor = norm->factor;
    double *restrict products = sums + channels;
    for (int64_t row = span.begin; row < span.end; row++) {
        const pl_real *restrict x = norm->x->value + row * channels;
        const pl_real *restrict dy = norm->out->gradient + row * channels;
        for (int64_t c = 0; c < channels; c++) {
            sums[c] += (double)dy[c];
            products[c] += (double)(dy[c] * ((x[c] - mean[c]) * factor[c]));
        }
    }
}

static enum pl_status gradient_block(struct pl_context *context, void *job, int64_t item)
{
    const struct norm *norm = job;
    (void)context;
    sum_gradients(norm, pl_block_span(item, norm->block, norm->rows),
                  norm->partial + item * 2 * norm->channels);
    return PL_OK;
}

PL_CLONES static void input_rows(const struct norm *norm, struct pl_span span)
{
    const int64_t channels = norm->channels;
    const pl_real *restrict mean = norm->mean, *restrict factor = norm->factor;
    const pl_real *restrict weight = norm->given.weight->value;
    const pl_real *restrict pull = norm->pull, *restrict pull_z = norm->pull_z;
    for (int64_t row = span.begin; row < span.end; row++) {
        const pl_real *restrict x = norm->x->value + row * channels;
        const pl_real *restrict dy = norm->out->gradient + row * channels;
        pl_real *restrict dx = norm->x->gradient + row * channels;
        for (int64_t c = 0; c < channels; c++) {
            pl_real z = (x[c] - mean[c]) * factor[c];
            dx[c] += weight[c] * factor[c] * (dy[c] - pull[c] - z * pull_z[c]);
        }
    }
}

static enum pl_status input_block(struct pl_context *context, void *job, int64_t item)
{
    const struct norm *norm = job;
    (void)context;
    input_rows(norm, pl_block_span(item, norm->block, norm->rows));
    return PL_OK;
}

static enum pl_status backward(struct pl_tape *tape, void *saved)
{
    struct norm *norm = saved;
    const int64_t channels = norm->channels;
    if (sum_blocks(tape, norm, gradient_block))
        return tape->context->status;
    pl_real *dw = norm->given.weight->gradient, *db = norm->given.bias->gradient;
    for (int64_t c = 0; c < channels; c++) {
        if (db)
            db[c] += (pl_real)norm->partial[c];
        if (dw)
            dw[c] += (pl_real)norm->partial[channels + c];
    }
    if (!norm->x->gradient)
        return PL_OK;
    norm->pull = pl_tape_new(tape, 2 * channels, sizeof *norm->pull);
    if (!norm->pull)
        return tape->context->status;
    norm->pull_z = norm->pull + channels;
    for (int64_t c = 0; norm->batch && c < 2 * channels; c++)
        norm->pull[c] = (pl_real)(norm->partial[c] / (double)norm->rows);
    return pl_parallel(tape->context, pl_block_count(norm->rows, norm->block), input_block, norm);
}

struct pl_variable *pl_op_batch_norm(struct pl_tape *tape, struct pl_variable *x,
                                     const struct pl_batch_norm *given, double momentum)
{
    if (!x)
        return NULL;
    struct norm norm = {.given = *given, .x = x, .batch = momentum > 0};
    norm.rows = pl_variable_rows(x);
    norm.channels = pl_variable_width(x);
    norm.block = pl_block_rows(norm.channels);
    bool wanted = x->gradient || given->weight->gradient || given->bias->gradient;
    norm.out = pl_tape_variable(tape, wanted, x->rank, x->dims);
    norm.mean = pl_tape_take(tape, 2 * norm.channels, sizeof *norm.mean);
    if (!norm.out || !norm.mean)
        return NULL;
    norm.factor = norm.mean + norm.channels;
    if (!norm.batch)
        take_running(&norm);
    else if (measure(tape, &norm, momentum))
        return NULL;
    if (pl_parallel(tape->context, pl_block_count(norm.rows, norm.block), norm_block, &norm))
        return NULL;
    if (norm.out->gradient && pl_tape_note(tape, backward, &norm, sizeof norm))
        return NULL;
    return norm.out;
}
