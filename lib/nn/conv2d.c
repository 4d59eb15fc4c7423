/* Convolution of pictures.
 * SPDX-License-Identifier: MIT
 *
 * The K = KH KW C inputs of one output pixel are written side by side as a row of a patch matrix P
 * (zeros where the window leaves the picture), and everything is a product:
 *
 *     y = P W' + b        dP = dy W        dW += dy' P        db += sum of the rows of dy
 *
 * where dx gathers dP back to where the patches came from.  Pixels of a window's row lie side by
 * side in the picture, so a patch is KH runs copied; the weights, which come as [O, C, KH, KW], are
 * turned to [O, KH, KW, C] once a pass to match.  P is KH KW times as large as the picture, so it
 * is made strip by strip, each small enough to stay in the second-level cache, and made again on
 * the way back: copying is cheaper than fetching it from memory.
 *
 * Forward, strips are independent.  Backward, patches overlap, and so the pictures are cut into
 * parts that are worked on as a whole; dW and db are summed in each part and the parts joined. */
#include "nn/image.h"

#include "autograd/kernels.h"

enum {
    STRIP = 65536,    /* elements of a strip of P, about */
    STRIP_LEAST = 64, /* rows; fewer make slow products */
    PARTS = 16        /* of the pictures of a batch, on the way back */
};

struct conv2d {
    struct pl_variable *x, *w, *bias, *out;
    int64_t stride, pad;
    int64_t count, height, width, channels; /* of x */
    int64_t rows, columns, filters;         /* of a picture of out */
    int64_t tall, wide, inputs;             /* window, and all it sees: tall wide channels */
    int64_t strip, part;                    /* rows of P; pictures of a part */
    pl_real *weights;                       /* [filters, inputs] */
    pl_real *patches;                       /* [slots, strip, inputs] */
    pl_real *partial;                       /* [parts, filters (inputs + 1)]: dW, then db */
};

int64_t pl_window_count(int64_t size, int64_t kernel, int64_t stride, int64_t pad)
{
    int64_t left = size + 2 * pad - kernel;
    return left < 0 ? 0 : left / stride + 1;
}

/* ---- patches */

/* A run of a patch: elements begin to end - 1 of a window's row lie in the picture, from `from`. */
struct piece {
    int64_t begin, end, from;
};

/* The window row u of output pixel (n, i, j); begin = end when all of it is outside. */
PL_KERNEL struct piece find_piece(const struct conv2d *conv, int64_t n, int64_t i, int64_t j,
                                  int64_t u)
{
    int64_t row = i * conv->stride - conv->pad + u, column = j * conv->stride - conv->pad;
    int64_t first = column < 0 ? -column : 0;
    int64_t last = column + conv->wide > conv->width ? conv->width - column : conv->wide;
    if (row < 0 || row >= conv->height || first >= last)
        return (struct piece){0, 0, 0};
    int64_t from = ((n * conv->height + row) * conv->width + column + first) * conv->channels;
    return (struct piece){first * conv->channels, last * conv->channels, from};
}

/* Output pixels are counted through all pictures. */
struct pixel {
    int64_t n, i, j;
};

static struct pixel pixel_at(const struct conv2d *conv, int64_t index)
{
    int64_t row = index / conv->columns;
    return (struct pixel){row / conv->rows, row % conv->rows, index % conv->columns};
}

static void step(const struct conv2d *conv, struct pixel *at)
{
    if (++at->j < conv->columns)
        return;
    at->j = 0;
    if (++at->i < conv->rows)
        return;
    at->i = 0;
    at->n++;
}

/* Patches of output pixels span.begin to span.end - 1. */
PL_CLONES static void fill_patches(const struct conv2d *conv, struct pl_span span,
                                   pl_real *restrict patches)
{
    const pl_real *restrict x = conv->x->value;
    const int64_t run = conv->wide * conv->channels;
    struct pixel at = pixel_at(conv, span.begin);
    for (int64_t r = span.begin; r < span.end; r++, step(conv, &at))
        for (int64_t u = 0; u < conv->tall; u++, patches += run) {
            struct piece piece = find_piece(conv, at.n, at.i, at.j, u);
            for (int64_t c = 0; c < piece.begin; c++)
                patches[c] = 0;
            for (int64_t c = piece.begin; c < piece.end; c++)
                patches[c] = x[piece.from + c - piece.begin];
            for (int64_t c = piece.end; c < run; c++)
                patches[c] = 0;
        }
}

/* Adds patches to where they came from. */
PL_CLONES static void add_patches(const struct conv2d *conv, struct pl_span span,
                                  const pl_real *restrict patches, pl_real *restrict dx)
{
    const int64_t run = conv->wide * conv->channels;
    struct pixel at = pixel_at(conv, span.begin);
    for (int64_t r = span.begin; r < span.end; r++, step(conv, &at))
        for (int64_t u = 0; u < conv->tall; u++, patches += run) {
            struct piece piece = find_piece(conv, at.n, at.i, at.j, u);
            for (int64_t c = piece.begin; c < piece.end; c++)
                dx[piece.from + c - piece.begin] += patches[c];
        }
}

/* ---- forward */

static enum pl_status forward_strip(struct pl_context *context, void *job, int64_t item)
{
    const struct conv2d *conv = job;
    struct pl_span span =
        pl_block_span(item, conv->strip, conv->count * conv->rows * conv->columns);
    pl_real *patches = conv->patches + context->slot * conv->strip * conv->inputs;
    pl_real *out = conv->out->value + span.begin * conv->filters;
    const int64_t rows = span.end - span.begin, filters = conv->filters;
    fill_patches(conv, span, patches);
    for (int64_t r = 0; conv->bias && r < rows; r++)
        memcpy(out + r * filters, conv->bias->value, (size_t)filters * sizeof *out);
    pl_gemm(false, true, rows, filters, conv->inputs, 1, patches, conv->inputs, conv->weights,
            conv->inputs, conv->bias ? 1 : 0, out, filters);
    return PL_OK;
}

/* [O, C, KH, KW] -> [O, KH KW, C] */
static enum pl_status turn_weights(struct pl_tape *tape, struct conv2d *conv)
{
    const int64_t window = conv->tall * conv->wide;
    conv->weights = pl_tape_take(tape, conv->w->count, sizeof *conv->weights);
    for (int64_t o = 0; conv->weights && o < conv->filters; o++)
        pl_real_transpose(conv->channels, window, conv->w->value + o * conv->inputs, window,
                          conv->weights + o * conv->inputs, conv->channels);
    return conv->weights ? PL_OK : tape->context->status;
}

/* ---- backward */

/* One strip of a part: dW and db into their sums, dx where it belongs. */
static void backward_strip(const struct conv2d *conv, struct pl_span span, pl_real *patches,
                           pl_real *dw)
{
    const int64_t rows = span.end - span.begin, filters = conv->filters, inputs = conv->inputs;
    const pl_real *dy = conv->out->gradient + span.begin * filters;
    if (dw) {
        pl_real *db = dw + filters * inputs;
        fill_patches(conv, span, patches);
        pl_gemm(true, false, filters, inputs, rows, 1, dy, filters, patches, inputs, 1, dw, inputs);
        for (int64_t r = 0; r < rows; r++)
            for (int64_t o = 0; o < filters; o++)
                db[o] += dy[r * filters + o];
    }
    if (conv->x->gradient) {
        pl_gemm(false, false, rows, inputs, filters, 1, dy, filters, conv->weights, inputs, 0,
                patches, inputs);
        add_patches(conv, span, patches, conv->x->gradient);
    }
}

static enum pl_status backward_part(struct pl_context *context, void *job, int64_t item)
{
    const struct conv2d *conv = job;
    const int64_t pixels = conv->rows * conv->columns, sums = conv->filters * (conv->inputs + 1);
    struct pl_span pictures = pl_block_span(item, conv->part, conv->count);
    pl_real *patches = conv->patches + context->slot * conv->strip * conv->inputs;
    pl_real *dw = conv->partial ? conv->partial + item * sums : NULL;
    if (dw)
        memset(dw, 0, (size_t)sums * sizeof *dw);
    for (int64_t r = pictures.begin * pixels; r < pictures.end * pixels; r += conv->strip) {
        int64_t end = r + conv->strip, last = pictures.end * pixels;
        backward_strip(conv, (struct pl_span){r, end < last ? end : last}, patches, dw);
    }
    return PL_OK;
}

/* Joins the parts' sums; dW is turned back to [O, C, KH KW]. */
static void join_parts(const struct conv2d *conv, int64_t parts)
{
    const int64_t sums = conv->filters * (conv->inputs + 1), window = conv->tall * conv->wide;
    pl_join_blocks(parts - 1, sums, sums, conv->partial + sums, conv->partial);
    for (int64_t o = 0; conv->w->gradient && o < conv->filters; o++)
        for (int64_t at = 0; at < window; at++)
            for (int64_t c = 0; c < conv->channels; c++)
                conv->w->gradient[o * conv->inputs + c * window + at] +=
                    conv->partial[o * conv->inputs + at * conv->channels + c];
    if (conv->bias && conv->bias->gradient)
        pl_join_blocks(1, 0, conv->filters, conv->partial + conv->filters * conv->inputs,
                       conv->bias->gradient);
}

static enum pl_status take_patches(struct pl_tape *tape, struct conv2d *conv)
{
    int64_t slots = pl_parallel_threads(tape->context);
    conv->patches = pl_tape_take(tape, slots * conv->strip * conv->inputs, sizeof *conv->patches);
    return conv->patches ? PL_OK : tape->context->status;
}

static enum pl_status backward(struct pl_tape *tape, void *saved)
{
    struct conv2d *conv = saved;
    bool sums = conv->w->gradient || (conv->bias && conv->bias->gradient);
    conv->part = (conv->count + PARTS - 1) / PARTS;
    int64_t parts = conv->count ? pl_block_count(conv->count, conv->part) : 0;
    if (parts == 0)
        return PL_OK;
    if (sums) {
        conv->partial =
            pl_tape_take(tape, parts * conv->filters * (conv->inputs + 1), sizeof *conv->partial);
        if (!conv->partial)
            return tape->context->status;
    }
    if (take_patches(tape, conv) || pl_parallel(tape->context, parts, backward_part, conv))
        return tape->context->status;
    if (sums)
        join_parts(conv, parts);
    return PL_OK;
}

/* ---- the operation */

static struct conv2d shapes(struct pl_variable *x, struct pl_variable *w, int64_t stride,
                            int64_t pad)
{
    struct conv2d conv = {.x = x, .w = w, .stride = stride, .pad = pad};
    conv.count = x->dims[0];
    conv.height = x->dims[1];
    conv.width = x->dims[2];
    conv.channels = x->dims[3];
    conv.filters = w->dims[0];
    conv.tall = w->dims[2];
    conv.wide = w->dims[3];
    conv.inputs = conv.tall * conv.wide * conv.channels;
    conv.rows = pl_window_count(conv.height, conv.tall, stride, pad);
    conv.columns = pl_window_count(conv.width, conv.wide, stride, pad);
    conv.strip = STRIP / conv.inputs > STRIP_LEAST ? STRIP / conv.inputs : STRIP_LEAST;
    return conv;
}

struct pl_variable *pl_op_conv2d(struct pl_tape *tape, struct pl_variable *x, struct pl_variable *w,
                                 struct pl_variable *bias, int64_t stride, int64_t pad)
{
    if (!x || !w)
        return NULL;
    struct conv2d conv = shapes(x, w, stride, pad);
    conv.bias = bias;
    const int64_t dims[] = {conv.count, conv.rows, conv.columns, conv.filters};
    bool wanted = x->gradient || w->gradient || (bias && bias->gradient);
    conv.out = pl_tape_variable(tape, wanted, 4, dims);
    if (!conv.out || turn_weights(tape, &conv) || take_patches(tape, &conv))
        return NULL;
    int64_t strips = pl_block_count(conv.count * conv.rows * conv.columns, conv.strip);
    if (pl_parallel(tape->context, strips, forward_strip, &conv))
        return NULL;
    if (conv.out->gradient && pl_tape_note(tape, backward, &conv, sizeof conv))
        return NULL;
    return conv.out;
}
