/* Norms of groups of channels.
 * SPDX-License-Identifier: MIT
 *
 * A row of the inputs falls into groups of `width` channels; to the kernels a group is a row.  With
 * r = 1 / sqrt(mean x^2 + eps) and a gate g,
 *
 *     y = r x w SiLU(g),    dw = sum over rows of r x dz,    dz = dy SiLU(g),
 *     dx = r (dz w - r^2 x mean(dz w x)),    dg = dy r x w SiLU'(g)
 *
 * r is kept from the way forward, one number a group; the sums run in lanes and are joined in
 * double precision (kernels.h). */
#include "autograd/ops.h"

#include "autograd/kernels.h"

struct norm {
    struct pl_variable *x, *weight, *gate, *out; /* weight, gate: or NULL */
    int64_t rows, width, block;                  /* rows: groups */
    double eps;
    double share;     /* of the sum of squares: 1 / width for a mean, 1 for a sum */
    pl_real *factors; /* [rows]: r, or NULL when not recording */
    pl_real *partial; /* [blocks, 2, width]: gradient of weight; one row of dz w */
};

PL_KERNEL pl_real silu(pl_real x)
{
    return x * pl_real_sigmoid(x);
}

PL_CLONES static void norm_rows(const struct norm *norm, int64_t begin, int64_t end)
{
    const int64_t width = norm->width;
    const pl_real *restrict weight = norm->weight ? norm->weight->value : NULL;
    for (int64_t row = begin; row < end; row++) {
        const pl_real *restrict x = norm->x->value + row * width;
        const pl_real *restrict gate = norm->gate ? norm->gate->value + row * width : NULL;
        pl_real *restrict y = norm->out->value + row * width;
        double squares = pl_real_dot(width, x, x) * norm->share + norm->eps;
        pl_real r = (pl_real)(1 / sqrt(squares));
        if (norm->factors)
            norm->factors[row] = r;
        if (gate)
            for (int64_t c = 0; c < width; c++)
                y[c] = x[c] * r * weight[c] * silu(gate[c]);
        else if (weight)
            for (int64_t c = 0; c < width; c++)
                y[c] = x[c] * r * weight[c];
        else
            for (int64_t c = 0; c < width; c++)
                y[c] = x[c] * r;
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

/* dz w of one row, and what it adds to the gradients of weight and gate (or NULL). */
PL_KERNEL void weigh_row(int64_t width, pl_real r, const pl_real *restrict x,
                         const pl_real *restrict dy, const pl_real *restrict weight,
                         const pl_real *restrict gate, pl_real *restrict dgate,
                         pl_real *restrict dweight, pl_real *restrict dzw)
{
    if (!gate) {
        for (int64_t c = 0; c < width; c++) {
            dzw[c] = dy[c] * weight[c];
            dweight[c] += dy[c] * (x[c] * r);
        }
        return;
    }
    for (int64_t c = 0; c < width; c++) {
        pl_real dz = dy[c] * silu(gate[c]);
        dzw[c] = dz * weight[c];
        dweight[c] += dz * (x[c] * r);
    }
    for (int64_t c = 0; dgate && c < width; c++)
        dgate[c] +=
            dy[c] * (x[c] * r * weight[c]) * pl_real_silu_slope(gate[c], pl_real_sigmoid(gate[c]));
}

PL_CLONES static void back_rows(const struct norm *norm, int64_t begin, int64_t end,
                                pl_real *restrict dweight, pl_real *restrict dzw)
{
    const int64_t width = norm->width;
    for (int64_t row = begin; row < end; row++) {
        const int64_t at = row * width;
        const pl_real *restrict x = norm->x->value + at;
        const pl_real *restrict dz = norm->out->gradient + at;
        const pl_real r = norm->factors[row];
        if (norm->weight) {
            const pl_real *gate = norm->gate ? norm->gate->value + at : NULL;
            pl_real *dgate = gate && norm->gate->gradient ? norm->gate->gradient + at : NULL;
            weigh_row(width, r, x, dz, norm->weight->value, gate, dgate, dweight, dzw);
            dz = dzw;
        }
        if (!norm->x->gradient)
            continue;
        pl_real *restrict dx = norm->x->gradient + at;
        double r2 = (double)r * (double)r;
        pl_real pull = (pl_real)(pl_real_dot(width, dz, x) * norm->share * r2);
        for (int64_t c = 0; c < width; c++)
            dx[c] += r * (dz[c] - x[c] * pull);
    }
}

static enum pl_status back_block(struct pl_context *context, void *job, int64_t item)
{
    const struct norm *norm = job;
    struct pl_span span = pl_block_span(item, norm->block, norm->rows);
    pl_real *dweight = norm->weight ? norm->partial + item * 2 * norm->width : NULL;
    (void)context;
    if (dweight)
        memset(dweight, 0, (size_t)norm->width * sizeof *dweight);
    back_rows(norm, span.begin, span.end, dweight, dweight ? dweight + norm->width : NULL);
    return PL_OK;
}

static enum pl_status backward(struct pl_tape *tape, void *saved)
{
    struct norm *norm = saved;
    int64_t blocks = pl_block_count(norm->rows, norm->block), stride = 2 * norm->width;
    if (norm->weight) {
        norm->partial = pl_tape_take(tape, blocks * stride, sizeof *norm->partial);
        if (!norm->partial)
            return tape->context->status;
    }
    if (pl_parallel(tape->context, blocks, back_block, norm))
        return tape->context->status;
    if (norm->weight && norm->weight->gradient)
        pl_join_blocks(blocks, stride, norm->width, norm->partial, norm->weight->gradient);
    return PL_OK;
}

static struct pl_variable *apply(struct pl_tape *tape, struct norm *norm)
{
    norm->rows = norm->x->count / norm->width;
    norm->block = pl_block_rows(norm->width);
    bool wanted = norm->x->gradient || (norm->weight && norm->weight->gradient) ||
                  (norm->gate && norm->gate->gradient);
    norm->out = pl_tape_variable(tape, wanted, norm->x->rank, norm->x->dims);
    if (!norm->out)
        return NULL;
    if (norm->out->gradient) {
        norm->factors = pl_tape_take(tape, norm->rows, sizeof *norm->factors);
        if (!norm->factors)
            return NULL;
    }
    if (pl_parallel(tape->context, pl_block_count(norm->rows, norm->block), norm_block, norm))
        return NULL;
    if (norm->out->gradient && pl_tape_note(tape, backward, norm, sizeof *norm))
        return NULL;
    return norm->out;
}

struct pl_variable *pl_op_rms_norm(struct pl_tape *tape, struct pl_variable *x,
                                   struct pl_variable *weight, double eps)
{
    if (!x || !weight)
        return NULL;
    struct norm norm = {.x = x, .weight = weight, .width = weight->count, .eps = eps};
    norm.share = 1 / (double)weight->count;
    return apply(tape, &norm);
}

struct pl_variable *pl_op_gated_norm(struct pl_tape *tape, struct pl_variable *x,
                                     struct pl_variable *weight, struct pl_variable *gate,
                                     double eps)
{
    if (!x || !weight || !gate)
        return NULL;
    struct norm norm = {.x = x, .weight = weight, .gate = gate, .width = weight->count, .eps = eps};
    norm.share = 1 / (double)weight->count;
    return apply(tape, &norm);
}

struct pl_variable *pl_op_unit(struct pl_tape *tape, struct pl_variable *x, int64_t width)
{
    if (!x)
        return NULL;
    struct norm norm = {.x = x, .width = width, .eps = 1e-6, .share = 1};
    return apply(tape, &norm);
}
