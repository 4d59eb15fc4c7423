/* Several models in one order, and their mean.
 * SPDX-License-Identifier: MIT
 *
 * Matching all models to the first leaves them unmatched among each other.  Here each is matched to
 * the mean of the others, again and again, as k-means moves points and centres.  The mean is kept
 * in double: it decides which order is better. */
#include "weights/merge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "weights/gather.h"
#include "weights/permutation.h"

/* Distances that fall by less have not fallen. */
static const double least_fall = 1e-12;

/* Adds share times the model's tensor, in its order, to sum. */
static enum pl_status add_tensor(struct pl_context *context, const struct pl_merge *merge,
                                 size_t model, size_t tensor, double share, double *sum)
{
    const struct pl_spec_tensor *place = &merge->spec->tensors[tensor];
    const struct pl_tensor *from = merge->models[model].tensors[tensor];
    struct pl_arena arena = {0};
    int64_t *outer, *inner, outer_count, inner_count;
    const int cut = place->rank > 0;
    int64_t *const *permutations = merge->models[model].permutations.items;
    enum pl_status status = pl_gather_offsets(context, &arena, place, from->dims, 0, cut,
                                              permutations, -1, &outer, &outer_count);
    if (!status)
        status = pl_gather_offsets(context, &arena, place, from->dims, cut, place->rank,
                                   permutations, -1, &inner, &inner_count);
    for (int64_t o = 0; !status && o < outer_count; o++)
        for (int64_t i = 0; i < inner_count; i++)
            sum[o * inner_count + i] +=
                share * pl_element(from->data, from->dtype, outer[o] + inner[i]);
    pl_arena_release(&arena);
    return status;
}

enum pl_status pl_merge_tensor(struct pl_context *context, const struct pl_merge *merge,
                               size_t tensor, const double *shares, void *out)
{
    const struct pl_tensor *first = merge->models[0].tensors[tensor];
    const int64_t count = pl_tensor_count(first);
    double *sum = pl_new(context, (size_t)count, sizeof *sum);
    enum pl_status status = sum ? PL_OK : context->status;
    for (size_t m = 0; m < merge->count && !status; m++)
        if (shares[m] != 0)
            status = add_tensor(context, merge, m, tensor, shares[m], sum);
    if (!status)
        status = pl_convert(context, sum, PL_F64, out, first->dtype, count);
    free(sum);
    return status;
}

/* ---- Each to the mean of the others ------------------------------------------------------ */

struct work {
    struct pl_merge *merge;
    struct pl_arena arena;
    struct pl_tensor *mean;         /* [tensors] of f64 */
    const struct pl_tensor **means; /* to them */
    struct pl_permutations order;   /* being found */
};

static enum pl_status prepare(struct pl_context *context, struct work *work)
{
    const struct pl_merge *merge = work->merge;
    const size_t count = merge->spec->tensor_count;
    work->mean = pl_arena_new(context, &work->arena, count, sizeof *work->mean);
    work->means = pl_arena_new(context, &work->arena, count, sizeof *work->means);
    if (!work->mean || !work->means || pl_permutations_init(context, &work->order, merge->spec))
        return context->status;
    for (size_t t = 0; t < count; t++) {
        const struct pl_tensor *like = merge->models[0].tensors[t];
        if (pl_tensor_init(context, &work->mean[t], PL_F64, like->rank, like->dims))
            return context->status;
        work->means[t] = &work->mean[t];
    }
    return PL_OK;
}

static enum pl_status mean_of_others(struct pl_context *context, struct work *work, size_t model)
{
    const struct pl_merge *merge = work->merge;
    const double share = 1 / (double)(merge->count - 1);
    enum pl_status status = PL_OK;
    for (size_t t = 0; t < merge->spec->tensor_count && !status; t++) {
        memset(work->mean[t].data, 0, pl_tensor_bytes(&work->mean[t]));
        for (size_t m = 0; m < merge->count && !status; m++)
            if (m != model)
                status = add_tensor(context, merge, m, t, share, work->mean[t].data);
    }
    return status;
}

/* Matches the model to the mean of the others. */
static enum pl_status match_model(struct pl_context *context, struct work *work, size_t model,
                                  bool *progress)
{
    struct pl_merge *merge = work->merge;
    struct pl_permutations *order = &merge->models[model].permutations;
    struct pl_matching matching = {.spec = merge->spec,
                                   .a = work->means,
                                   .b = merge->models[model].tensors,
                                   .buffers = merge->buffers,
                                   .most = merge->most};
    struct pl_match_sums before, after;
    /* From the order it has: the same as matching the reordered model from identity. */
    pl_permutations_copy(&work->order, order, merge->spec);
    enum pl_status status = mean_of_others(context, work, model);
    if (!status)
        status = pl_match_measure(context, &matching, order->items, &before);
    if (!status)
        status = pl_match_weights(context, &matching, &work->order);
    if (!status)
        status = pl_match_measure(context, &matching, work->order.items, &after);
    if (!status && sqrt(after.distance) < sqrt(before.distance) - least_fall) {
        *progress = true;
        pl_permutations_copy(order, &work->order, merge->spec);
    }
    return status;
}

enum pl_status pl_merge_distances(struct pl_context *context, const struct pl_merge *merge,
                                  double *sum)
{
    enum pl_status status = PL_OK;
    struct pl_permutations relative;
    *sum = 0;
    if (pl_permutations_init(context, &relative, merge->spec))
        return context->status;
    for (size_t a = 0; a < merge->count; a++)
        for (size_t b = a + 1; b < merge->count && !status; b++) {
            struct pl_matching pair = {.spec = merge->spec,
                                       .a = merge->models[a].tensors,
                                       .b = merge->models[b].tensors,
                                       .buffers = merge->buffers};
            struct pl_match_sums sums;
            /* B in its order beside A in its own: B beside A after taking A's back. */
            for (size_t g = 0; g < merge->spec->group_count; g++) {
                const int64_t *of_a = merge->models[a].permutations.items[g];
                const int64_t *of_b = merge->models[b].permutations.items[g];
                for (int64_t i = 0; i < merge->spec->groups[g].size; i++)
                    relative.items[g][of_a[i]] = of_b[i];
            }
            status = pl_match_measure(context, &pair, relative.items, &sums);
            *sum += status ? 0 : sums.distance;
        }
    pl_permutations_release(&relative);
    return status;
}

static enum pl_status sweep_models(struct pl_context *context, struct work *work)
{
    struct pl_merge *merge = work->merge;
    int64_t *visits = pl_arena_new(context, &work->arena, merge->count, sizeof *visits);
    bool progress = true;
    enum pl_status status = visits ? PL_OK : context->status;
    for (merge->sweeps = 0; progress && merge->sweeps < merge->most && !status; merge->sweeps++) {
        double sum = 0;
        progress = false;
        pl_permutation_identity(visits, (int64_t)merge->count);
        if (merge->order)
            merge->order(merge->user, merge->sweeps, visits, (int64_t)merge->count);
        for (size_t m = 0; m < merge->count && !status; m++)
            status = match_model(context, work, (size_t)visits[m], &progress);
        if (!status && merge->step) {
            status = pl_merge_distances(context, merge, &sum);
            merge->step(merge->user, merge->sweeps, sum);
        }
    }
    return status;
}

enum pl_status pl_merge_many(struct pl_context *context, struct pl_merge *merge)
{
    struct work work = {.merge = merge};
    enum pl_status status = prepare(context, &work);
    if (!status && merge->count > 1)
        status = sweep_models(context, &work);
    for (size_t t = 0; work.mean && t < merge->spec->tensor_count; t++)
        pl_tensor_release(&work.mean[t]);
    pl_permutations_release(&work.order);
    pl_arena_release(&work.arena);
    return status;
}
