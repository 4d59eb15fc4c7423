/* Straight-through matching.
 * SPDX-License-Identifier: MIT */
#include "weights/straight.h"

#include <math.h>
#include <string.h>

#include "tensor/real.h"
#include "weights/gather.h"

/* Zeroed tensors of pl_real with the shapes of A's. */
static struct pl_tensor *like_a(struct pl_context *context, struct pl_straight *straight)
{
    const size_t count = straight->spec->tensor_count;
    struct pl_tensor *list = pl_arena_new(context, &straight->arena, count, sizeof *list);
    for (size_t t = 0; list && t < count; t++) {
        const struct pl_tensor *a = straight->a[t];
        void *data =
            pl_arena_new(context, &straight->arena, (size_t)pl_tensor_count(a), sizeof(pl_real));
        if (!data)
            return NULL;
        list[t] = pl_tensor_view(PL_REAL_DTYPE, a->rank, a->dims, data);
    }
    return list;
}

enum pl_status pl_straight_init(struct pl_context *context, struct pl_straight *straight)
{
    const size_t count = straight->spec->tensor_count;
    straight->least = INFINITY;
    straight->latent = like_a(context, straight);
    straight->velocity = straight->latent ? like_a(context, straight) : NULL;
    straight->merged = straight->velocity ? like_a(context, straight) : NULL;
    straight->gradients = straight->merged ? like_a(context, straight) : NULL;
    straight->latents = pl_arena_new(context, &straight->arena, count, sizeof *straight->latents);
    if (!straight->gradients || !straight->latents ||
        pl_permutations_init(context, &straight->now, straight->spec) ||
        pl_permutations_init(context, &straight->best, straight->spec))
        return context->status;
    for (size_t t = 0; t < count; t++) {
        straight->latents[t] = &straight->latent[t];
        if (pl_convert(context, straight->a[t]->data, straight->a[t]->dtype,
                       straight->latent[t].data, PL_REAL_DTYPE, pl_tensor_count(straight->a[t])))
            return pl_fail_at(context, "'%s'", straight->spec->tensors[t].name);
    }
    return PL_OK;
}

void pl_straight_release(struct pl_straight *straight)
{
    pl_permutations_release(&straight->now);
    pl_permutations_release(&straight->best);
    pl_arena_release(&straight->arena);
}

/* merged = (A + P B) / 2 */
static enum pl_status merge(struct pl_context *context, struct pl_straight *straight, size_t tensor)
{
    const struct pl_tensor *a = straight->a[tensor], *b = straight->b[tensor];
    const struct pl_spec_tensor *place = &straight->spec->tensors[tensor];
    struct pl_arena arena = {0};
    const int64_t count = pl_tensor_count(a);
    void *ordered = pl_arena_new(context, &arena, (size_t)count, pl_dtype_size(b->dtype));
    pl_real *merged = straight->merged[tensor].data;
    enum pl_status status =
        ordered ? pl_gather_tensor(context, place, b, straight->now.items, ordered) : PL_SYSTEM;
    for (int64_t i = 0; i < count && !status; i++)
        merged[i] =
            (pl_real)((pl_element(a->data, a->dtype, i) + pl_element(ordered, b->dtype, i)) / 2);
    pl_arena_release(&arena);
    return status;
}

static void move_latent(struct pl_straight *straight, size_t tensor)
{
    const pl_real *gradient = straight->gradients[tensor].data;
    pl_real *latent = straight->latent[tensor].data, *velocity = straight->velocity[tensor].data;
    const int64_t count = pl_tensor_count(&straight->latent[tensor]);
    for (int64_t i = 0; i < count; i++) {
        velocity[i] = (pl_real)straight->momentum * velocity[i] + gradient[i] / 2;
        latent[i] -= (pl_real)straight->rate * velocity[i];
    }
}

enum pl_status pl_straight_step(struct pl_context *context, struct pl_straight *straight,
                                double *loss)
{
    struct pl_matching matching = {
        .spec = straight->spec, .a = straight->latents, .b = straight->b, .most = straight->most};
    enum pl_status status = pl_match_weights(context, &matching, &straight->now);
    for (size_t t = 0; t < straight->spec->tensor_count && !status; t++) {
        status = merge(context, straight, t);
        memset(straight->gradients[t].data, 0, pl_tensor_bytes(&straight->gradients[t]));
    }
    if (!status)
        status =
            straight->loss(context, straight->user, straight->merged, straight->gradients, loss);
    if (!status && !isfinite(*loss))
        status = pl_fail(context, PL_NUMERIC, "the loss half-way between the models is %g", *loss);
    if (status)
        return status;
    if (*loss < straight->least) {
        straight->least = *loss;
        pl_permutations_copy(&straight->best, &straight->now, straight->spec);
    }
    for (size_t t = 0; t < straight->spec->tensor_count; t++)
        move_latent(straight, t);
    return PL_OK;
}
