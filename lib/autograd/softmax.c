/* Softmax of groups of channels: y = e^x / sum e^x, dx = y (dy - sum(dy y)).
 * SPDX-License-Identifier: MIT */
#include "autograd/ops.h"

#include "autograd/kernels.h"

struct softmax {
    struct pl_variable *x, *out;
    int64_t rows, width, block; /* rows: groups */
};

PL_CLONES static void forward_rows(const struct softmax *job, int64_t begin, int64_t end)
{
    const int64_t width = job->width;
    for (int64_t row = begin; row < end; row++) {
        const pl_real *restrict x = job->x->value + row * width;
        pl_real *restrict y = job->out->value + row * width;
        pl_real top = x[0];
        for (int64_t c = 1; c < width; c++)
            top = x[c] > top ? x[c] : top;
        for (int64_t c = 0; c < width; c++)
            y[c] = pl_real_exp(x[c] - top);
        const pl_real factor = (pl_real)(1 / pl_real_sum(width, y));
        for (int64_t c = 0; c < width; c++)
            y[c] *= factor;
    }
}

PL_CLONES static void backward_rows(const struct softmax *job, int64_t begin, int64_t end)
{
    const int64_t width = job->width;
    for (int64_t row = begin; row < end; row++) {
        const pl_real *restrict y = job->out->value + row * width;
        const pl_real *restrict dy = job->out->gradient + row * width;
        pl_real *restrict dx = job->x->gradient + row * width;
        const pl_real pull = (pl_real)pl_real_dot(width, dy, y);
        for (int64_t c = 0; c < width; c++)
            dx[c] += y[c] * (dy[c] - pull);
    }
}

static enum pl_status forward_block(struct pl_context *context, void *job, int64_t item)
{
    const struct softmax *softmax = job;
    struct pl_span span = pl_block_span(item, softmax->block, softmax->rows);
    (void)context;
    forward_rows(softmax, span.begin, span.end);
    return PL_OK;
}

static enum pl_status backward_block(struct pl_context *context, void *job, int64_t item)
{
    const struct softmax *softmax = job;
    struct pl_span span = pl_block_span(item, softmax->block, softmax->rows);
    (void)context;
    backward_rows(softmax, span.begin, span.end);
    return PL_OK;
}

static enum pl_status backward(struct pl_tape *tape, void *saved)
{
    struct softmax *softmax = saved;
    return pl_parallel(tape->context, pl_block_count(softmax->rows, softmax->block), backward_block,
                       softmax);
}

struct pl_variable *pl_op_softmax(struct pl_tape *tape, struct pl_variable *x, int64_t width)
{
    if (!x)
        return NULL;
    struct softmax softmax = {.x = x, .width = width, .rows = x->count / width};
    softmax.block = pl_block_rows(width);
    softmax.out = pl_tape_variable(tape, x->gradient, x->rank, x->dims);
    if (!softmax.out || pl_parallel(tape->context, pl_block_count(softmax.rows, softmax.block),
                                    forward_block, &softmax))
        return NULL;
    if (softmax.out->gradient && pl_tape_note(tape, backward, &softmax, sizeof softmax))
        return NULL;
    return softmax.out;
}
