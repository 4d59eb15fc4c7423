/* LayerNorm: rows brought to mean 0 and variance 1, then scaled and shifted by channel.
 * SPDX-License-Identifier: MIT
 *
 * With the mean m and r = 1 / sqrt(variance + eps) of a row, z = (x - m) r:
 *
 *     y = z w + b,    dw = sum over rows of z dy,    db = sum over rows of dy,
 *     dx = r (dy w - mean(dy w) - z mean(dy w z))
 *
 * m and r are kept from the way forward; their sums are joined in double precision. */
#include "autograd/ops.h"

#include "autograd/kernels.h"

struct norm {
    struct pl_variable *x, *weight, *bias, *out;
    int64_t rows, width, block;
    double eps;
    pl_real *means, *factors; /* [rows]: m and r */
    pl_real *partial;         /* [blocks, 4, width]: gradients of weight and bias; dy w and z of a
                                 row */
};

PL_CLONES static void norm_rows(const struct norm *norm, int64_t begin, int64_t end)
{
    const int64_t width = norm->width;
    const pl_real *restrict weight = norm->weight->value, *restrict bias = norm->bias->value;
    for (int64_t row = begin; row < end; row++) {
        const pl_real *restrict x = norm->x->value + row * width;
        pl_real *restrict y = norm->out->value + row * width;
        const pl_real mean = (pl_real)(pl_real_sum(width, x) / (double)width);
        for (int64_t c = 0; c < width; c++)
            y[c] = x[c] - mean;
        const double variance = pl_real_dot(width, y, y) / (double)width;
        const pl_real r = (pl_real)(1 / sqrt(variance + norm->eps));
        norm->means[row] = mean;
        norm->factors[row] = r;
        for (int64_t c = 0; c < width; c++)
            y[c] = y[c] * r * weight[c] + bias[c];
    }
}

static enum pl_status norm_block(struct pl_context *context, void *job, int64_t item)
{
    const struct norm *norm = job;
    struct pl_span span = pl_block_span(item, norm->block, norm->rows);
    (void)context;
    norm_rows(norm, span.begin, span.end);
    return PL_OK;
}

PL_CLONES static void back_rows(const struct norm *norm, int64_t begin, int64_t end,
                                pl_real *restrict partial)
{
    const int64_t width = norm->width;
    const pl_real *restrict weight = norm->weight->value;
    pl_real *restrict dweight = partial, *restrict dbias = partial + width;
    pl_real *restrict dyw = partial + 2 * width, *restrict z = partial + 3 * width;
    for (int64_t row = begin; row < end; row++) {
        const pl_real *restrict x = norm->x->value + row * width;
        const pl_real *restrict dy = norm->out->gradient + row * width;
        const pl_real mean = norm->means[row], r = norm->factors[row];
        for (int64_t c = 0; c < width; c++) {
            z[c] = (x[c] - mean) * r;
            dyw[c] = dy[c] * weight[c];
            dweight[c] += dy[c] * z[c];
            dbias[c] += dy[c];
        }
        if (!norm->x->gradient)
            continue;
        pl_real *restrict dx = norm->x->gradient + row * width;
        const pl_real shift = (pl_real)(pl_real_sum(width, dyw) / (double)width);
        const pl_real pull = (pl_real)(pl_real_dot(width, dyw, z) / (double)width);
        for (int64_t c = 0; c < width; c++)
            dx[c] += r * (dyw[c] - shift - z[c] * pull);
    }
}

static enum pl_status back_block(struct pl_context *context, void *job, int64_t item)
{
    const struct norm *norm = job;
    struct pl_span span = pl_block_span(item, norm->block, norm->rows);
    pl_real *partial = norm->partial + item * 4 * norm->width;
    (void)context;
    memset(partial, 0, (size_t)(2 * norm->width) * sizeof *partial);
    back_rows(norm, span.begin, span.end, partial);
    return PL_OK;
}

static enum pl_status backward(struct pl_tape *tape, void *saved)
{
    struct norm *norm = saved;
    int64_t blocks = pl_block_count(norm->rows, norm->block), stride = 4 * norm->width;
    norm->partial = pl_tape_take(tape, blocks * stride, sizeof *norm->partial);
    if (!norm->partial || pl_parallel(tape->context, blocks, back_block, norm))
        return tape->context->status;
    if (norm->weight->gradient)
        pl_join_blocks(blocks, stride, norm->width, norm->partial, norm->weight->gradient);
    if (norm->bias->gradient)
        pl_join_blocks(blocks, stride, norm->width, norm->partial + norm->width,
                       norm->bias->gradient);
    return PL_OK;
}

struct pl_variable *pl_op_layer_norm(struct pl_tape *tape, struct pl_variable *x,
                                     struct pl_variable *weight, struct pl_variable *bias,
                                     double eps)
{
    if (!x || !weight || !bias)
        return NULL;
    struct norm norm = {.x = x, .weight = weight, .bias = bias, .width = weight->count, .eps = eps};
    norm.rows = x->count / norm.width;
    norm.block = pl_block_rows(norm.width);
    bool wanted = x->gradient || weight->gradient || bias->gradient;
    norm.out = pl_tape_variable(tape, wanted, x->rank, x->dims);
    norm.means = pl_tape_take(tape, norm.rows, sizeof *norm.means);
    norm.factors = pl_tape_take(tape, norm.rows, sizeof *norm.factors);
    if (!norm.out || !norm.means || !norm.factors ||
        pl_parallel(tape->context, pl_block_count(norm.rows, norm.block), norm_block, &norm))
        return NULL;
    if (norm.out->gradient && pl_tape_note(tape, backward, &norm, sizeof norm))
        return NULL;
    return norm.out;
}
