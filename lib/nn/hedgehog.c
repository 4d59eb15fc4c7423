/* Hedgehog's features: softmaxes of a learned map of each head and of its negative.
 * SPDX-License-Identifier: MIT
 *
 * With y = softmax(z) and u = softmax(-z), dz = y (dy - dy y) - u (du - du u).  A feature at its
 * least value has no gradient.  The gradient of W is summed in a fixed number of blocks of rows. */
#include "nn/hybrid.h"

#include "autograd/kernels.h"

enum { BLOCKS = 16 }; /* at most: each has a gradient of W of its own */

static const pl_real least = (pl_real)1e-12;

struct job {
    struct pl_variable *x, *w, *out;
    int64_t heads, kv_heads, dim, width; /* width: of z */
    int64_t rows, block;
    pl_real *partial; /* [blocks, heads, dim, width] */
    pl_real *scratch; /* for each slot: z and dz */
};

/* softmax(sign z) of one head, at least 1e-12. */
PL_KERNEL void soften(int64_t width, pl_real sign, const pl_real *restrict z, pl_real *restrict y)
{
    pl_real top = sign * z[0];
    for (int64_t c = 1; c < width; c++)
        top = sign * z[c] > top ? sign * z[c] : top;
    for (int64_t c = 0; c < width; c++)
        y[c] = pl_real_exp(sign * z[c] - top);
    const pl_real factor = (pl_real)(1 / pl_real_sum(width, y));
    for (int64_t c = 0; c < width; c++) {
        const pl_real share = y[c] * factor;
        y[c] = share < least ? least : share;
    }
}

PL_CLONES static void row_forward(const struct job *job, int64_t row, pl_real *restrict z)
{
    const int64_t dim = job->dim, width = job->width;
    pl_real *out = job->out->value + row * job->heads * 2 * width;
    for (int64_t head = 0; head < job->heads; head++, out += 2 * width) {
        const int64_t kv_head = head * job->kv_heads / job->heads;
        const pl_real *restrict x = job->x->value + (row * job->kv_heads + kv_head) * dim;
        const pl_real *restrict w = job->w->value + head * dim * width;
        memset(z, 0, (size_t)width * sizeof *z);
        for (int64_t i = 0; i < dim; i++)
            for (int64_t c = 0; c < width; c++)
                z[c] += x[i] * w[i * width + c];
        soften(width, 1, z, out);
        soften(width, -1, z, out + width);
    }
}

/* dz += sign y (dy - dy y) */
PL_KERNEL void soften_back(int64_t width, pl_real sign, const pl_real *restrict y,
                           const pl_real *restrict dy, pl_real *restrict dz)
{
    pl_real pull = 0;
    for (int64_t c = 0; c < width; c++)
        pull += y[c] > least ? y[c] * dy[c] : 0;
    for (int64_t c = 0; c < width; c++)
        dz[c] += sign * y[c] * ((y[c] > least ? dy[c] : 0) - pull);
}

PL_CLONES static void row_backward(const struct job *job, int64_t row, pl_real *restrict dz,
                                   pl_real *restrict dw)
{
    const int64_t dim = job->dim, width = job->width;
    const int64_t at = row * job->heads * 2 * width;
    for (int64_t head = 0; head < job->heads; head++, dw += dim * width) {
        const int64_t y = at + head * 2 * width;
        const int64_t x = (row * job->kv_heads + head * job->kv_heads / job->heads) * dim;
        const pl_real *restrict w = job->w->value + head * dim * width;
        memset(dz, 0, (size_t)width * sizeof *dz);
        soften_back(width, 1, job->out->value + y, job->out->gradient + y, dz);
        soften_back(width, -1, job->out->value + y + width, job->out->gradient + y + width, dz);
        for (int64_t i = 0; i < dim; i++) {
            const pl_real from = job->x->value[x + i];
            for (int64_t c = 0; c < width; c++)
                dw[i * width + c] += from * dz[c];
            if (job->x->gradient)
                job->x->gradient[x + i] += (pl_real)pl_real_dot(width, dz, w + i * width);
        }
    }
}

static enum pl_status forward_block(struct pl_context *context, void *argument, int64_t item)
{
    const struct job *job = argument;
    struct pl_span span = pl_block_span(item, job->block, job->rows);
    for (int64_t row = span.begin; row < span.end; row++)
        row_forward(job, row, job->scratch + context->slot * job->width);
    return PL_OK;
}

static enum pl_status backward_block(struct pl_context *context, void *argument, int64_t item)
{
    const struct job *job = argument;
    struct pl_span span = pl_block_span(item, job->block, job->rows);
    pl_real *dw = job->partial + item * job->w->count;
    memset(dw, 0, (size_t)job->w->count * sizeof *dw);
    for (int64_t row = span.begin; row < span.end; row++)
        row_backward(job, row, job->scratch + context->slot * job->width, dw);
    return PL_OK;
}

static enum pl_status take_scratch(struct pl_tape *tape, struct job *job)
{
    job->scratch =
        pl_tape_take(tape, pl_parallel_threads(tape->context) * job->width, sizeof *job->scratch);
    return job->scratch ? PL_OK : tape->context->status;
}

static enum pl_status backward(struct pl_tape *tape, void *saved)
{
    struct job *job = saved;
    const int64_t blocks = pl_block_count(job->rows, job->block);
    job->partial = pl_tape_take(tape, blocks * job->w->count, sizeof *job->partial);
    if (!job->partial || take_scratch(tape, job) ||
        pl_parallel(tape->context, blocks, backward_block, job))
        return tape->context->status;
    if (job->w->gradient)
        pl_join_blocks(blocks, job->w->count, job->w->count, job->partial, job->w->gradient);
    return PL_OK;
}

struct pl_variable *pl_op_hedgehog(struct pl_tape *tape, struct pl_variable *x,
                                   struct pl_variable *w)
{
    if (!x || !w)
        return NULL;
    struct job job = {.x = x,
                      .w = w,
                      .heads = w->dims[0],
                      .dim = w->dims[1],
                      .width = w->dims[2],
                      .rows = pl_variable_rows(x)};
    job.kv_heads = pl_variable_width(x) / job.dim;
    job.block = (job.rows + BLOCKS - 1) / BLOCKS;
    job.block = job.block > 0 ? job.block : 1;
    job.out = pl_tape_matrix(tape, x->gradient || w->gradient, job.rows, job.heads * 2 * job.width);
    if (!job.out || take_scratch(tape, &job) ||
        pl_parallel(tape->context, pl_block_count(job.rows, job.block), forward_block, &job))
        return NULL;
    if (job.out->gradient && pl_tape_note(tape, backward, &job, sizeof job))
        return NULL;
    return job.out;
}
