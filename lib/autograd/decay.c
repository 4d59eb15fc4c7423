/* The log decay of gated delta rules: y = -exp(a_log[h]) softplus(x[h] + step_bias[h]).
 * SPDX-License-Identifier: MIT */
#include "autograd/ops.h"

#include "autograd/kernels.h"

struct decay {
    struct pl_variable *x, *a_log, *bias, *out;
    int64_t rows, heads, block;
    pl_real *partial; /* [blocks, 2, heads]: of the gradients of a_log and bias */
};

PL_CLONES static void forward_rows(const struct decay *decay, int64_t begin, int64_t end)
{
    const pl_real *restrict a_log = decay->a_log->value, *restrict bias = decay->bias->value;
    for (int64_t row = begin; row < end; row++) {
        const pl_real *restrict x = decay->x->value + row * decay->heads;
        pl_real *restrict y = decay->out->value + row * decay->heads;
        for (int64_t h = 0; h < decay->heads; h++)
            y[h] = -pl_real_exp(a_log[h]) * pl_real_softplus(x[h] + bias[h]);
    }
}

static enum pl_status forward_block(struct pl_context *context, void *job, int64_t item)
{
    const struct decay *decay = job;
    struct pl_span span = pl_block_span(item, decay->block, decay->rows);
    (void)context;
    forward_rows(decay, span.begin, span.end);
    return PL_OK;
}

/* da_log = sum dy y;  dbias = dx = -exp(a_log) sigmoid(x + bias) dy */
PL_CLONES static void backward_rows(const struct decay *decay, int64_t begin, int64_t end,
                                    pl_real *restrict da_log, pl_real *restrict dbias)
{
    const pl_real *restrict a_log = decay->a_log->value, *restrict bias = decay->bias->value;
    for (int64_t row = begin; row < end; row++) {
        int64_t at = row * decay->heads;
        const pl_real *restrict x = decay->x->value + at, *restrict y = decay->out->value + at;
        const pl_real *restrict dy = decay->out->gradient + at;
        for (int64_t h = 0; h < decay->heads; h++) {
            da_log[h] += dy[h] * y[h];
            dbias[h] -= pl_real_exp(a_log[h]) * pl_real_sigmoid(x[h] + bias[h]) * dy[h];
        }
        for (int64_t h = 0; decay->x->gradient && h < decay->heads; h++)
            decay->x->gradient[at + h] -=
                pl_real_exp(a_log[h]) * pl_real_sigmoid(x[h] + bias[h]) * dy[h];
    }
}

static enum pl_status backward_block(struct pl_context *context, void *job, int64_t item)
{
    const struct decay *decay = job;
    struct pl_span span = pl_block_span(item, decay->block, decay->rows);
    pl_real *sums = decay->partial + item * 2 * decay->heads;
    (void)context;
    memset(sums, 0, (size_t)(2 * decay->heads) * sizeof *sums);
    backward_rows(decay, span.begin, span.end, sums, sums + decay->heads);
    return PL_OK;
}

static enum pl_status backward(struct pl_tape *tape, void *saved)
{
    struct decay *decay = saved;
    int64_t blocks = pl_block_count(decay->rows, decay->block), stride = 2 * decay->heads;
    decay->partial = pl_tape_take(tape, blocks * stride, sizeof *decay->partial);
    if (!decay->partial || pl_parallel(tape->context, blocks, backward_block, decay))
        return tape->context->status;
    if (decay->a_log->gradient)
        pl_join_blocks(blocks, stride, decay->heads, decay->partial, decay->a_log->gradient);
    if (decay->bias->gradient)
        pl_join_blocks(blocks, stride, decay->heads, decay->partial + decay->heads,
                       decay->bias->gradient);
    return PL_OK;
}

struct pl_variable *pl_op_decay(struct pl_tape *tape, struct pl_variable *x,
                                struct pl_variable *a_log, struct pl_variable *step_bias)
{
    if (!x || !a_log || !step_bias)
        return NULL;
    struct decay decay = {.x = x, .a_log = a_log, .bias = step_bias};
    decay.rows = pl_variable_rows(x);
    decay.heads = pl_variable_width(x);
    decay.block = pl_block_rows(decay.heads);
    bool wanted = x->gradient || a_log->gradient || step_bias->gradient;
    decay.out = pl_tape_matrix(tape, wanted, decay.rows, decay.heads);
    if (!decay.out ||
        pl_parallel(tape->context, pl_block_count(decay.rows, decay.block), forward_block, &decay))
        return NULL;
    if (decay.out->gradient && pl_tape_note(tape, backward, &decay, sizeof decay))
        return NULL;
    return decay.out;
}
