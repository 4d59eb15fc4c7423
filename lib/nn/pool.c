/* Pooling of pictures, and their way to rows of numbers.
 * SPDX-License-Identifier: MIT
 *
 * A window's results are one row of channels, and channels lie side by side, so every loop below
 * runs over channels.  Where the largest value stood is kept for the way back, as the number of the
 * pixel in its picture. */
#include "nn/image.h"

#include "autograd/kernels.h"

struct pool {
    struct pl_variable *x, *out;
    int64_t tall, wide, stride, pad;
    int64_t height, width, channels; /* of x */
    int64_t rows, columns;           /* of a picture of out */
    int32_t *where;                  /* of the largest, as out; NULL: the mean is taken */
};

/* Pixels of a picture that a window covers. */
struct box {
    int64_t top, bottom, left, right;
};

static struct box box_at(const struct pool *pool, int64_t i, int64_t j)
{
    struct box box = {i * pool->stride - pool->pad, 0, j * pool->stride - pool->pad, 0};
    box.bottom = box.top + pool->tall < pool->height ? box.top + pool->tall : pool->height;
    box.right = box.left + pool->wide < pool->width ? box.left + pool->wide : pool->width;
    box.top = box.top > 0 ? box.top : 0;
    box.left = box.left > 0 ? box.left : 0;
    return box;
}

static pl_real share(struct box box)
{
    return (pl_real)1 / (pl_real)((box.bottom - box.top) * (box.right - box.left));
}

/* ---- forward: x a picture, out and where one row of the result */

PL_CLONES static void take_largest(const struct pool *pool, struct box box,
                                   const pl_real *restrict x, pl_real *restrict out,
                                   int32_t *restrict where)
{
    const int64_t channels = pool->channels;
    int64_t first = box.top * pool->width + box.left;
    for (int64_t c = 0; c < channels; c++) {
        out[c] = x[first * channels + c];
        where[c] = (int32_t)first;
    }
    for (int64_t row = box.top; row < box.bottom; row++)
        for (int64_t column = box.left; column < box.right; column++) {
            const int32_t at = (int32_t)(row * pool->width + column);
            const pl_real *restrict pixel = x + at * channels;
            for (int64_t c = 0; c < channels; c++) {
                bool more = pixel[c] > out[c] || pixel[c] != pixel[c]; /* NaN stays NaN */
                where[c] = more ? at : where[c];
                out[c] = more ? pixel[c] : out[c];
            }
        }
}

PL_CLONES static void take_mean(const struct pool *pool, struct box box, const pl_real *restrict x,
                                pl_real *restrict out)
{
    const int64_t channels = pool->channels;
    const pl_real weight = share(box);
    memset(out, 0, (size_t)channels * sizeof *out);
    for (int64_t row = box.top; row < box.bottom; row++)
        for (int64_t column = box.left; column < box.right; column++)
            for (int64_t c = 0; c < channels; c++)
                out[c] += x[(row * pool->width + column) * channels + c];
    for (int64_t c = 0; c < channels; c++)
        out[c] *= weight;
}

static enum pl_status forward_picture(struct pl_context *context, void *job, int64_t item)
{
    const struct pool *pool = job;
    const pl_real *x = pool->x->value + item * pool->height * pool->width * pool->channels;
    int64_t to = item * pool->rows * pool->columns * pool->channels;
    (void)context;
    for (int64_t i = 0; i < pool->rows; i++)
        for (int64_t j = 0; j < pool->columns; j++, to += pool->channels)
            if (pool->where)
                take_largest(pool, box_at(pool, i, j), x, pool->out->value + to, pool->where + to);
            else
                take_mean(pool, box_at(pool, i, j), x, pool->out->value + to);
    return PL_OK;
}

/* ---- backward */

static void give_largest(int64_t channels, const int32_t *restrict where,
                         const pl_real *restrict dy, pl_real *restrict dx)
{
    for (int64_t c = 0; c < channels; c++)
        dx[where[c] * channels + c] += dy[c];
}

PL_CLONES static void give_mean(const struct pool *pool, struct box box, const pl_real *restrict dy,
                                pl_real *restrict dx)
{
    const pl_real weight = share(box);
    for (int64_t row = box.top; row < box.bottom; row++)
        for (int64_t column = box.left; column < box.right; column++)
            for (int64_t c = 0; c < pool->channels; c++)
                dx[(row * pool->width + column) * pool->channels + c] += weight * dy[c];
}

static enum pl_status backward_picture(struct pl_context *context, void *job, int64_t item)
{
    const struct pool *pool = job;
    pl_real *dx = pool->x->gradient + item * pool->height * pool->width * pool->channels;
    int64_t from = item * pool->rows * pool->columns * pool->channels;
    (void)context;
    for (int64_t i = 0; i < pool->rows; i++)
        for (int64_t j = 0; j < pool->columns; j++, from += pool->channels)
            if (pool->where)
                give_largest(pool->channels, pool->where + from, pool->out->gradient + from, dx);
            else
                give_mean(pool, box_at(pool, i, j), pool->out->gradient + from, dx);
    return PL_OK;
}

static enum pl_status backward(struct pl_tape *tape, void *saved)
{
    struct pool *pool = saved;
    return pl_parallel(tape->context, pool->x->dims[0], backward_picture, pool);
}

/* ---- the operations */

static struct pl_variable *apply(struct pl_tape *tape, struct pool pool, bool largest)
{
    struct pl_variable *x = pool.x;
    pool.height = x->dims[1];
    pool.width = x->dims[2];
    pool.channels = x->dims[3];
    pool.rows = pl_window_count(pool.height, pool.tall, pool.stride, pool.pad);
    pool.columns = pl_window_count(pool.width, pool.wide, pool.stride, pool.pad);
    const int64_t dims[] = {x->dims[0], pool.rows, pool.columns, pool.channels};
    pool.out = pl_tape_variable(tape, x->gradient != NULL, 4, dims);
    if (pool.out && largest) {
        pool.where = pl_tape_take(tape, pool.out->count, sizeof *pool.where);
        if (!pool.where)
            return NULL;
    }
    if (!pool.out || pl_parallel(tape->context, x->dims[0], forward_picture, &pool))
        return NULL;
    if (pool.out->gradient && pl_tape_note(tape, backward, &pool, sizeof pool))
        return NULL;
    return pool.out;
}

struct pl_variable *pl_op_max_pool(struct pl_tape *tape, struct pl_variable *x, int64_t size,
                                   int64_t stride, int64_t pad)
{
    struct pool pool = {.x = x, .tall = size, .wide = size, .stride = stride, .pad = pad};
    return x ? apply(tape, pool, true) : NULL;
}

struct pl_variable *pl_op_mean_pool(struct pl_tape *tape, struct pl_variable *x, int64_t size,
                                    int64_t stride, int64_t pad)
{
    struct pool pool = {.x = x, .tall = size, .wide = size, .stride = stride, .pad = pad};
    return x ? apply(tape, pool, false) : NULL;
}

struct pl_variable *pl_op_global_pool(struct pl_tape *tape, struct pl_variable *x)
{
    if (!x)
        return NULL;
    struct pool pool = {.x = x, .tall = x->dims[1], .wide = x->dims[2], .stride = 1};
    return pl_tape_view(tape, apply(tape, pool, false), x->dims[0], x->dims[3]);
}

/* ---- rows of numbers */

struct flatten {
    struct pl_variable *x, *out;
    int64_t pixels, channels;
};

static enum pl_status flatten_picture(struct pl_context *context, void *job, int64_t item)
{
    const struct flatten *flatten = job;
    int64_t at = item * flatten->pixels * flatten->channels;
    (void)context;
    pl_real_transpose(flatten->pixels, flatten->channels, flatten->x->value + at, flatten->channels,
                      flatten->out->value + at, flatten->pixels);
    return PL_OK;
}

static enum pl_status unflatten_picture(struct pl_context *context, void *job, int64_t item)
{
    const struct flatten *flatten = job;
    const int64_t pixels = flatten->pixels, channels = flatten->channels;
    const pl_real *dy = flatten->out->gradient + item * pixels * channels;
    pl_real *dx = flatten->x->gradient + item * pixels * channels;
    (void)context;
    for (int64_t pixel = 0; pixel < pixels; pixel++)
        for (int64_t c = 0; c < channels; c++)
            dx[pixel * channels + c] += dy[c * pixels + pixel];
    return PL_OK;
}

static enum pl_status unflatten(struct pl_tape *tape, void *saved)
{
    struct flatten *flatten = saved;
    return pl_parallel(tape->context, flatten->x->dims[0], unflatten_picture, flatten);
}

struct pl_variable *pl_op_flatten(struct pl_tape *tape, struct pl_variable *x)
{
    if (!x)
        return NULL;
    struct flatten flatten = {.x = x, .pixels = x->dims[1] * x->dims[2], .channels = x->dims[3]};
    int64_t width = flatten.pixels * flatten.channels;
    if (flatten.pixels == 1 || flatten.channels == 1)
        return pl_tape_view(tape, x, x->dims[0], width);
    flatten.out = pl_tape_matrix(tape, x->gradient != NULL, x->dims[0], width);
    if (!flatten.out || pl_parallel(tape->context, x->dims[0], flatten_picture, &flatten))
        return NULL;
    if (flatten.out->gradient && pl_tape_note(tape, unflatten, &flatten, sizeof flatten))
        return NULL;
    return flatten.out;
}
