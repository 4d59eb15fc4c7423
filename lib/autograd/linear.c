/* y = x W' + b.
 * SPDX-License-Identifier: MIT
 *
 * Forward and backward are one product each:
 *
 *     y = x W' + b        dx += dy W        dW += dy' x        db += sum of the rows of dy
 *
 * Each is cut into blocks of the result, which never share an element, so nothing has to be joined
 * (tensor/real.h).  Decoding has one row, or a few, and is another matter: every weight is used
 * once, the work is to stream W from memory, and a product routine that first packs W into tiles
 * reads and writes all of it before it starts.  There plain dot products are the faster way. */
#include "autograd/ops.h"

#include "autograd/kernels.h"

struct linear {
    struct pl_variable *x, *w, *bias, *out;
    int64_t rows, in, width; /* width: of the output */
    int64_t block;           /* rows, or in few_block outputs, of a block */
    pl_real *partial;        /* [blocks, width]: sums of the rows of dy */
};

enum {
    ROWS_FEW = 16,            /* up to so many rows, dot products are the faster way */
    PRODUCTS_SMALL = 1000000, /* up to so many multiplications, OpenBLAS does not pack */
    BLOCK_PRODUCTS = 1 << 18, /* multiplications of a block of dot products */
    PREFETCH = 1024,          /* elements of W that are asked for ahead of time */
    TILE = 4                  /* rows of W that a row of x is multiplied with at once */
};

/* y[row][o] for `rows` rows of x (1 or 2) and `outputs` rows of W (1 or TILE).  Every sum runs in
 * the same order, whatever the tile. */
PL_KERNEL void multiply_tile(const struct linear *job, int64_t row, int rows, int64_t o,
                             int outputs)
{
    const int64_t in = job->in;
    const pl_real *x = job->x->value + row * in, *w = job->w->value + o * in;
    pl_lanes lanes[2][TILE] = {0};
    int64_t i = 0;
    for (; i + PL_LANES <= in; i += PL_LANES)
        for (int r = 0; r < rows; r++)
            for (int j = 0; j < outputs; j++)
                lanes[r][j] +=
                    *(const pl_lanes *)(x + r * in + i) * *(const pl_lanes *)(w + j * in + i);
    for (int r = 0; r < rows; r++) {
        double sums[TILE];
        pl_lanes_sums(lanes[r], sums);
        for (int j = 0; j < outputs; j++) {
            double sum = sums[j];
            if (i < in)
                sum += pl_real_dot_rest(in - i, x + r * in + i, w + j * in + i);
            if (job->bias)
                sum += (double)job->bias->value[o + j];
            job->out->value[(row + r) * job->width + o + j] = (pl_real)sum;
        }
    }
}

/* The same for one row of x and `outputs` rows of W, one behind the other: one stream from memory
 * that is asked for ahead of time.  Several at once, as above, are half as fast where W does come
 * from memory. */
PL_KERNEL void multiply_stream(const struct linear *job, int64_t o, int outputs)
{
    const int64_t in = job->in, whole = in - in % PL_LANES;
    const pl_real *x = job->x->value, *w = job->w->value + o * in;
    pl_lanes lanes[TILE] = {0};
    for (int j = 0; j < outputs; j++) {
        const pl_real *row = w + j * in;
        pl_lanes lane = {0};
        for (int64_t i = 0; i < whole; i += PL_LANES) {
            __builtin_prefetch(row + i + PREFETCH);
            lane += *(const pl_lanes *)(x + i) * *(const pl_lanes *)(row + i);
        }
        lanes[j] = lane;
    }
    double sums[TILE];
    pl_lanes_sums(lanes, sums);
    for (int j = 0; j < outputs; j++) {
        double sum = sums[j];
        if (whole < in)
            sum += pl_real_dot_rest(in - whole, x + whole, w + j * in + whole);
        if (job->bias)
            sum += (double)job->bias->value[o + j];
        job->out->value[o + j] = (pl_real)sum;
    }
}

PL_CLONES static void one_row(const struct linear *job, int64_t begin, int64_t end)
{
    int64_t o = begin;
    for (; o + TILE <= end; o += TILE)
        multiply_stream(job, o, TILE);
    for (; o < end; o++)
        multiply_stream(job, o, 1);
}

/* Outputs begin to end - 1 of all rows. */
PL_CLONES static void few_outputs(const struct linear *job, int64_t begin, int64_t end)
{
    int64_t o = begin;
    for (; o + TILE <= end; o += TILE) {
        int64_t row = 0;
        for (; row + 2 <= job->rows; row += 2)
            multiply_tile(job, row, 2, o, TILE);
        if (row < job->rows)
            multiply_tile(job, row, 1, o, TILE);
    }
    for (; o < end; o++)
        for (int64_t row = 0; row < job->rows; row++)
            multiply_tile(job, row, 1, o, 1);
}

static enum pl_status few_block(struct pl_context *context, void *job, int64_t item)
{
    const struct linear *linear = job;
    struct pl_span span = pl_block_span(item, linear->block, linear->width);
    (void)context;
    if (linear->rows == 1)
        one_row(linear, span.begin, span.end);
    else
        few_outputs(linear, span.begin, span.end);
    return PL_OK;
}

static enum pl_status fill_bias(struct pl_context *context, void *job, int64_t item)
{
    const struct linear *linear = job;
    struct pl_span span = pl_block_span(item, linear->block, linear->rows);
    (void)context;
    for (int64_t row = span.begin; row < span.end; row++)
        memcpy(linear->out->value + row * linear->width, linear->bias->value,
               (size_t)linear->width * sizeof(pl_real));
    return PL_OK;
}

static bool few_rows(const struct linear *linear)
{
    return linear->rows == 1 ||
           (linear->rows <= ROWS_FEW && linear->rows * linear->in * linear->width > PRODUCTS_SMALL);
}

static enum pl_status forward(struct pl_context *context, struct linear *linear)
{
    if (few_rows(linear)) {
        linear->block = BLOCK_PRODUCTS / (linear->in * linear->rows + 1) + 1;
        return pl_parallel(context, pl_block_count(linear->width, linear->block), few_block,
                           linear);
    }
    linear->block = pl_block_rows(linear->width);
    if (linear->bias &&
        pl_parallel(context, pl_block_count(linear->rows, linear->block), fill_bias, linear))
        return context->status;
    return pl_gemm_blocks(context, false, true, linear->rows, linear->width, linear->in, 1,
                          linear->x->value, linear->in, linear->w->value, linear->in,
                          linear->bias ? 1 : 0, linear->out->value, linear->width);
}

static enum pl_status sum_rows(struct pl_context *context, void *job, int64_t item)
{
    const struct linear *linear = job;
    struct pl_span span = pl_block_span(item, linear->block, linear->rows);
    pl_real *sums = linear->partial + item * linear->width;
    (void)context;
    memset(sums, 0, (size_t)linear->width * sizeof *sums);
    for (int64_t row = span.begin; row < span.end; row++)
        for (int64_t o = 0; o < linear->width; o++)
            sums[o] += linear->out->gradient[row * linear->width + o];
    return PL_OK;
}

static enum pl_status bias_gradient(struct pl_tape *tape, struct linear *linear)
{
    linear->block = pl_block_rows(linear->width);
    int64_t blocks = pl_block_count(linear->rows, linear->block);
    linear->partial = pl_tape_take(tape, blocks * linear->width, sizeof *linear->partial);
    if (!linear->partial || pl_parallel(tape->context, blocks, sum_rows, linear))
        return tape->context->status;
    pl_join_blocks(blocks, linear->width, linear->width, linear->partial, linear->bias->gradient);
    return PL_OK;
}

static enum pl_status backward(struct pl_tape *tape, void *saved)
{
    struct linear *linear = saved;
    const pl_real *dy = linear->out->gradient;
    if (linear->x->gradient && pl_gemm_blocks(tape->context, false, false, linear->rows, linear->in,
                                              linear->width, 1, dy, linear->width, linear->w->value,
                                              linear->in, 1, linear->x->gradient, linear->in))
        return tape->context->status;
    if (linear->w->gradient && pl_gemm_blocks(tape->context, true, false, linear->width, linear->in,
                                              linear->rows, 1, dy, linear->width, linear->x->value,
                                              linear->in, 1, linear->w->gradient, linear->in))
        return tape->context->status;
    return linear->bias && linear->bias->gradient ? bias_gradient(tape, linear) : PL_OK;
}

/* Computes linear->out, and notes how to go back. */
static enum pl_status run(struct pl_tape *tape, struct linear *linear)
{
    linear->rows = pl_variable_rows(linear->x);
    linear->in = pl_variable_width(linear->x);
    linear->width = pl_variable_rows(linear->w);
    if (forward(tape->context, linear))
        return tape->context->status;
    return linear->out->gradient ? pl_tape_note(tape, backward, linear, sizeof *linear) : PL_OK;
}

static struct pl_variable *plain(struct pl_tape *tape, struct pl_variable *x, struct pl_variable *w,
                                 struct pl_variable *bias)
{
    if (!x || !w)
        return NULL;
    struct linear linear = {.x = x, .w = w, .bias = bias};
    bool wanted = x->gradient || w->gradient || (bias && bias->gradient);
    linear.out = pl_tape_matrix(tape, wanted, pl_variable_rows(x), pl_variable_rows(w));
    return linear.out && run(tape, &linear) == PL_OK ? linear.out : NULL;
}

struct pl_variable *pl_op_linear(struct pl_tape *tape, struct pl_variable *x, struct pl_variable *w,
                                 struct pl_variable *bias)
{
    struct pl_variable *y = plain(tape, x, w, bias);
    if (!y || !w->adapter)
        return y;
    struct pl_variable *low = plain(tape, x, w->adapter->a, NULL);
    return pl_op_add(tape, y, plain(tape, low, w->adapter->b, NULL), w->adapter->scale);
}

/* Rows of a variable as one of their own, with the same elements. */
static struct pl_variable *rows_of(struct pl_tape *tape, const struct pl_variable *of,
                                   int64_t first, int64_t count)
{
    int64_t width = pl_variable_width(of);
    struct pl_variable *part = pl_tape_view(tape, of, count, width);
    if (!part)
        return NULL;
    part->count = count * width;
    part->value += first * width;
    if (part->gradient)
        part->gradient += first * width;
    return part;
}

enum pl_status pl_op_linear_rows(struct pl_tape *tape, struct pl_variable *x, struct pl_variable *w,
                                 int64_t first, int64_t count, struct pl_variable *out)
{
    if (!x || !w || !out)
        return tape->context->status;
    struct linear linear = {.w = w};
    linear.x = rows_of(tape, x, first, count);
    linear.out = rows_of(tape, out, first, count);
    return linear.x && linear.out ? run(tape, &linear) : tape->context->status;
}
