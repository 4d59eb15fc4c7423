/* What wm-permute does: the common order of the models.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "weights/merge.h"
#include "weights/permutation.h"
#include "weights/permutation_stream.h"
#include "weights/permute.h"
#include "weights/permute_pictures.h"

static enum pl_status read_permutations(struct pl_context *context, struct pl_permute *permute,
                                        const char *path, struct pl_permutations *permutations)
{
    struct pl_weights file = {0};
    enum pl_status status = pl_weights_open(context, &file, path);
    if (!status)
        status = pl_permutations_read(context, &file.bundle, &permute->spec, permutations);
    pl_weights_close(&file);
    return status;
}

static enum pl_status apply(struct pl_context *context, struct pl_permute *permute)
{
    struct pl_permutations *to = &permute->permutations[0], read = {0};
    enum pl_status status = pl_permutations_init(context, &read, &permute->spec);
    if (!status)
        status = read_permutations(context, permute, permute->options->apply, &read);
    for (size_t g = 0; g < permute->spec.group_count && !status; g++) {
        if (permute->options->inverse)
            pl_permutation_invert(read.items[g], permute->spec.groups[g].size, to->items[g]);
        else
            memcpy(to->items[g], read.items[g],
                   (size_t)permute->spec.groups[g].size * sizeof **read.items);
    }
    pl_permutations_release(&read);
    return status;
}

static struct pl_align_options search_options(const struct pl_permute *permute)
{
    const struct pl_permute_options *options = permute->options;
    return (struct pl_align_options){.sweeps = options->sweeps,
                                     .restarts = options->restarts,
                                     .seed = permute->seed,
                                     .buffers = options->buffers,
                                     .analyse = options->analyse,
                                     .step = permute->step,
                                     .user = permute->user};
}

static struct pl_matching pair(const struct pl_permute *permute, size_t model)
{
    return (struct pl_matching){.spec = &permute->spec,
                                .a = permute->tensors[0],
                                .b = permute->tensors[model],
                                .buffers = permute->options->buffers};
}

static void tell(const struct pl_permute *permute, size_t model)
{
    if (permute->model)
        permute->model(permute->user, permute->weights[model].bundle.source,
                       &permute->reports[model]);
}

/* Matches one model to the first by what they do on the pictures. */
static enum pl_status match_by_data(struct pl_context *context, struct pl_permute *permute,
                                    size_t model, const struct pl_permute_pictures *pictures)
{
    const struct pl_permute_options *options = permute->options;
    const struct pl_matching matching = pair(permute, model);
    const struct pl_straight_options straight = {options->steps, options->batch, options->sweeps,
                                                 options->rate, permute->seed};
    struct pl_image_net a = {0}, b = {0};
    enum pl_status status = pl_permute_read_net(context, permute, 0, pictures, &a);
    if (!status)
        status = pl_permute_read_net(context, permute, model, pictures, &b);
    if (!status && options->method == PL_PERMUTE_ACTIVATIONS)
        status = pl_match_activations(
            context, &permute->spec, &a, &b, &pictures->all, pictures->count,
            (enum pl_activation_statistic)options->statistic, &permute->permutations[model]);
    else if (!status)
        status = pl_match_straight(context, &matching, &b, &pictures->all, &straight,
                                   &permute->permutations[model]);
    pl_image_release(&a);
    pl_image_release(&b);
    return status;
}

static enum pl_status look_at_data(struct pl_context *context, struct pl_permute *permute)
{
    const struct pl_align_options options = search_options(permute);
    struct pl_permute_pictures pictures = {.count = 0};
    enum pl_status status =
        pl_permute_open_pictures(context, permute, permute->options->data,
                                 permute->options->method == PL_PERMUTE_STRAIGHT, &pictures);
    for (size_t m = 1; m < permute->count && !status; m++) {
        const struct pl_matching matching = pair(permute, m);
        status = match_by_data(context, permute, m, &pictures);
        if (!status)
            status = pl_align_measure(context, &matching, &options, &permute->permutations[m],
                                      &permute->reports[m]);
        if (!status)
            tell(permute, m);
    }
    pl_permute_close_pictures(&pictures);
    return status;
}

static enum pl_status match_to_first(struct pl_context *context, struct pl_permute *permute)
{
    const struct pl_align_options options = search_options(permute);
    enum pl_status status = PL_OK;
    if (permute->options->init)
        status =
            read_permutations(context, permute, permute->options->init, &permute->permutations[1]);
    for (size_t m = 1; m < permute->count && !status; m++) {
        const struct pl_matching matching = pair(permute, m);
        status = pl_align_weights(context, &matching, &options, &permute->permutations[m],
                                  &permute->reports[m]);
        if (!status)
            tell(permute, m);
    }
    return status;
}

/* ---- Each to the mean of the others ------------------------------------------------------ */

/* From the models as they came. */
static enum pl_status search_once(struct pl_context *context, const struct pl_permute *permute,
                                  struct pl_merge *merge, double *distances)
{
    for (size_t m = 0; m < merge->count; m++)
        for (size_t g = 0; g < permute->spec.group_count; g++)
            pl_permutation_identity(merge->models[m].permutations.items[g],
                                    permute->spec.groups[g].size);
    enum pl_status status = pl_merge_many(context, merge);
    return status ? status : pl_merge_distances(context, merge, distances);
}

/* Searches with the models visited in other orders; those that end nearest to each other count. */
static enum pl_status search_mean(struct pl_context *context, struct pl_permute *permute,
                                  int64_t *sweeps)
{
    const struct pl_permute_options *options = permute->options;
    const size_t count = permute->count;
    struct pl_merge merge = {.spec = &permute->spec,
                             .count = count,
                             .buffers = options->buffers,
                             .most = options->sweeps,
                             .order = pl_restart_order};
    struct pl_restart restart = {permute->seed, "mean", 0};
    double distances;
    permute->pair_distances = INFINITY;
    merge.user = &restart;
    merge.models = pl_arena_new(context, &permute->arena, count, sizeof *merge.models);
    enum pl_status status = merge.models ? PL_OK : context->status;
    for (size_t m = 0; m < count && !status; m++) {
        merge.models[m].tensors = permute->tensors[m];
        status = pl_permutations_init(context, &merge.models[m].permutations, &permute->spec);
    }
    for (; restart.index < options->restarts && !status; restart.index++) {
        status = search_once(context, permute, &merge, &distances);
        if (status || !(distances < permute->pair_distances))
            continue;
        permute->pair_distances = distances;
        *sweeps = merge.sweeps;
        for (size_t m = 0; m < count; m++)
            pl_permutations_copy(&permute->permutations[m], &merge.models[m].permutations,
                                 &permute->spec);
    }
    for (size_t m = 0; merge.models && m < count; m++)
        pl_permutations_release(&merge.models[m].permutations);
    return status;
}

/* Takes the order of the first model back from one of them. */
static enum pl_status take_back(struct pl_context *context, struct pl_permute *permute,
                                size_t model)
{
    for (size_t g = 0; g < permute->spec.group_count; g++) {
        const int64_t size = permute->spec.groups[g].size;
        int64_t *p = permute->permutations[model].items[g],
                *back = pl_new(context, 2 * (size_t)size, sizeof *back);
        if (!back)
            return context->status;
        pl_permutation_invert(permute->permutations[0].items[g], size, back);
        pl_permutation_compose(p, back, size, back + size);
        memcpy(p, back + size, (size_t)size * sizeof *p);
        free(back);
    }
    return PL_OK;
}

/* The first model is left in its place. */
static enum pl_status match_to_mean(struct pl_context *context, struct pl_permute *permute)
{
    const struct pl_align_options options = search_options(permute);
    int64_t sweeps = 0;
    enum pl_status status = search_mean(context, permute, &sweeps);
    for (size_t m = permute->count;
         m-- > 0 && !status;) { /* the first, which is taken back, last */
        const struct pl_matching matching = pair(permute, m);
        status = take_back(context, permute, m);
        permute->reports[m].sweeps = sweeps;
        if (m > 0 && !status)
            status = pl_align_measure(context, &matching, &options, &permute->permutations[m],
                                      &permute->reports[m]);
        if (m > 0 && !status)
            tell(permute, m);
    }
    return status;
}

/* ---- Any method ------------------------------------------------------------------------- */

enum pl_status pl_permute_search(struct pl_context *context, struct pl_permute *permute)
{
    if (permute->options->apply)
        return apply(context, permute);
    if (permute->options->data)
        return look_at_data(context, permute);
    return permute->options->mean ? match_to_mean(context, permute)
                                  : match_to_first(context, permute);
}
