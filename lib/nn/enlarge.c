/* Pictures enlarged: every pixel a block of equal ones.
 * SPDX-License-Identifier: MIT */
#include "nn/image.h"

#include "autograd/kernels.h"

struct enlarge {
    struct pl_variable *x, *out;
    int64_t tall, wide;
    int64_t height, width, channels; /* of x */
};

static enum pl_status forward_picture(struct pl_context *context, void *job, int64_t item)
{
    const struct enlarge *e = job;
    const int64_t row = e->width * e->channels, out_row = row * e->wide;
    const pl_real *x = e->x->value + item * e->height * row;
    pl_real *out = e->out->value + item * e->height * e->tall * out_row;
    (void)context;
    for (int64_t i = 0; i < e->height * e->tall; i++)
        for (int64_t j = 0; j < e->width * e->wide; j++)
            memcpy(out + i * out_row + j * e->channels,
                   x + i / e->tall * row + j / e->wide * e->channels,
                   (size_t)e->channels * sizeof *out);
    return PL_OK;
}

PL_CLONES static void add_pixel(int64_t channels, const pl_real *restrict dy, pl_real *restrict dx)
{
    for (int64_t c = 0; c < channels; c++)
        dx[c] += dy[c];
}

static enum pl_status backward_picture(struct pl_context *context, void *job, int64_t item)
{
    const struct enlarge *e = job;
    const int64_t row = e->width * e->channels, out_row = row * e->wide;
    const pl_real *dy = e->out->gradient + item * e->height * e->tall * out_row;
    pl_real *dx = e->x->gradient + item * e->height * row;
    (void)context;
    for (int64_t i = 0; i < e->height * e->tall; i++)
        for (int64_t j = 0; j < e->width * e->wide; j++)
            add_pixel(e->channels, dy + i * out_row + j * e->channels,
                      dx + i / e->tall * row + j / e->wide * e->channels);
    return PL_OK;
}

static enum pl_status backward(struct pl_tape *tape, void *saved)
{
    struct enlarge *enlarge = saved;
    return pl_parallel(tape->context, enlarge->x->dims[0], backward_picture, enlarge);
}

struct pl_variable *pl_op_enlarge(struct pl_tape *tape, struct pl_variable *x, int64_t tall,
                                  int64_t wide)
{
    if (!x)
        return NULL;
    struct enlarge job = {.x = x,
                          .tall = tall,
                          .wide = wide,
                          .height = x->dims[1],
                          .width = x->dims[2],
                          .channels = x->dims[3]};
    const int64_t dims[] = {x->dims[0], job.height * tall, job.width * wide, job.channels};
    job.out = pl_tape_variable(tape, x->gradient != NULL, 4, dims);
    if (!job.out || pl_parallel(tape->context, x->dims[0], forward_picture, &job))
        return NULL;
    if (job.out->gradient && pl_tape_note(tape, backward, &job, sizeof job))
        return NULL;
    return job.out;
}
