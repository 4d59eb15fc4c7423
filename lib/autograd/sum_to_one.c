/* Groups of channels divided by their sum: y = x / s, dx = (dy - sum(dy y)) / s.
 * SPDX-License-Identifier: MIT */
#include "autograd/ops.h"

#include "autograd/kernels.h"

struct share {
    struct pl_variable *x, *out;
    int64_t rows, width, block; /* rows: groups */
    pl_real *factors;           /* [rows]: 1 / s */
};

/* The first row whose sum is 0, or end. */
PL_CLONES static int64_t forward_rows(const struct share *share, int64_t begin, int64_t end)
{
    for (int64_t row = begin; row < end; row++) {
        const pl_real *restrict x = share->x->value + row * share->width;
        pl_real *restrict y = share->out->value + row * share->width;
        double sum = pl_real_sum(share->width, x);
        if (sum == 0)
            return row;
        pl_real factor = share->factors[row] = (pl_real)(1 / sum);
        for (int64_t c = 0; c < share->width; c++)
            y[c] = x[c] * factor;
    }
    return end;
}

static enum pl_status forward_block(struct pl_context *context, void *job, int64_t item)
{
    const struct share *share = job;
    struct pl_span span = pl_block_span(item, share->block, share->rows);
    int64_t stopped = forward_rows(share, span.begin, span.end);
    if (stopped < span.end)
        return pl_fail(context, PL_NUMERIC,
                       "group %lld of %lld channels has the sum 0 and cannot be brought to 1",
                       (long long)stopped, (long long)share->width);
    return PL_OK;
}

PL_CLONES static void backward_rows(const struct share *share, int64_t begin, int64_t end)
{
    for (int64_t row = begin; row < end; row++) {
        const int64_t at = row * share->width;
        const pl_real *restrict y = share->out->value + at, *restrict dy =
                                                                share->out->gradient + at;
        pl_real *restrict dx = share->x->gradient + at;
        const pl_real factor = share->factors[row];
        const pl_real pull = (pl_real)pl_real_dot(share->width, dy, y);
        for (int64_t c = 0; c < share->width; c++)
            dx[c] += (dy[c] - pull) * factor;
    }
}

static enum pl_status backward_block(struct pl_context *context, void *job, int64_t item)
{
    const struct share *share = job;
    struct pl_span span = pl_block_span(item, share->block, share->rows);
    (void)context;
    backward_rows(share, span.begin, span.end);
    return PL_OK;
}

static enum pl_status backward(struct pl_tape *tape, void *saved)
{
    struct share *share = saved;
    return pl_parallel(tape->context, pl_block_count(share->rows, share->block), backward_block,
                       share);
}

struct pl_variable *pl_op_sum_to_one(struct pl_tape *tape, struct pl_variable *x, int64_t width)
{
    if (!x)
        return NULL;
    struct share share = {.x = x, .width = width, .rows = x->count / width};
    share.block = pl_block_rows(width);
    share.out = pl_tape_variable(tape, x->gradient, x->rank, x->dims);
    share.factors = pl_tape_take(tape, share.rows, sizeof *share.factors);
    if (!share.out || !share.factors ||
        pl_parallel(tape->context, pl_block_count(share.rows, share.block), forward_block, &share))
        return NULL;
    if (share.out->gradient && pl_tape_note(tape, backward, &share, sizeof share))
        return NULL;
    return share.out;
}
