/* Two variables blended by a share that may be learned: y = (1 - m) a + m scale b.
 * SPDX-License-Identifier: MIT
 *
 *     da = (1 - m) dy,    db = m scale dy,    dm = sum dy (scale b - a)
 *
 * The sum of dm runs by blocks, which are joined in their order in double precision. */
#include "autograd/ops.h"

#include "autograd/kernels.h"

struct blend {
    struct pl_variable *a, *b, *share, *out;
    pl_real scale;
    double *sums; /* [blocks] */
};

PL_CLONES static void blend_forward(const struct blend *job, int64_t begin, int64_t end)
{
    const pl_real *restrict a = job->a->value, *restrict b = job->b->value;
    const pl_real share = job->share->value[0], rest = 1 - share, factor = share * job->scale;
    pl_real *restrict y = job->out->value;
    for (int64_t i = begin; i < end; i++)
        y[i] = rest * a[i] + factor * b[i];
}

PL_CLONES static double share_sum(const struct blend *job, int64_t begin, int64_t end)
{
    const pl_real *dy = job->out->gradient + begin;
    return (double)job->scale * pl_real_dot(end - begin, dy, job->b->value + begin) -
           pl_real_dot(end - begin, dy, job->a->value + begin);
}

static enum pl_status forward_block(struct pl_context *context, void *job, int64_t item)
{
    const struct blend *blend = job;
    struct pl_span span = pl_block_span(item, PL_BLOCK_ELEMENTS, blend->out->count);
    (void)context;
    blend_forward(blend, span.begin, span.end);
    return PL_OK;
}

static enum pl_status backward_block(struct pl_context *context, void *job, int64_t item)
{
    const struct blend *blend = job;
    struct pl_span span = pl_block_span(item, PL_BLOCK_ELEMENTS, blend->out->count);
    const int64_t count = span.end - span.begin;
    const pl_real share = blend->share->value[0], *dy = blend->out->gradient + span.begin;
    (void)context;
    if (blend->a->gradient)
        pl_real_add_scaled(count, 1 - share, dy, blend->a->gradient + span.begin);
    if (blend->b->gradient)
        pl_real_add_scaled(count, share * blend->scale, dy, blend->b->gradient + span.begin);
    if (blend->share->gradient)
        blend->sums[item] = share_sum(blend, span.begin, span.end);
    return PL_OK;
}

static enum pl_status backward(struct pl_tape *tape, void *saved)
{
    struct blend *blend = saved;
    const int64_t blocks = pl_block_count(blend->out->count, PL_BLOCK_ELEMENTS);
    double sum = 0;
    blend->sums = pl_tape_new(tape, blocks, sizeof *blend->sums);
    if (!blend->sums || pl_parallel(tape->context, blocks, backward_block, blend))
        return tape->context->status;
    for (int64_t i = 0; i < blocks; i++)
        sum += blend->sums[i];
    if (blend->share->gradient)
        blend->share->gradient[0] += (pl_real)sum;
    return PL_OK;
}

struct pl_variable *pl_op_blend(struct pl_tape *tape, struct pl_variable *a, struct pl_variable *b,
                                double scale, struct pl_variable *share)
{
    if (!a || !b || !share)
        return NULL;
    struct blend blend = {.a = a, .b = b, .share = share, .scale = (pl_real)scale};
    bool wanted = a->gradient || b->gradient || share->gradient;
    blend.out = pl_tape_variable(tape, wanted, a->rank, a->dims);
    if (!blend.out ||
        pl_parallel(tape->context, pl_block_count(blend.out->count, PL_BLOCK_ELEMENTS),
                    forward_block, &blend))
        return NULL;
    if (blend.out->gradient && pl_tape_note(tape, backward, &blend, sizeof blend))
        return NULL;
    return blend.out;
}
