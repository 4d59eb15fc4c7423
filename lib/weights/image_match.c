/* Matching and mending classifiers of pictures by what they do on data.
 * SPDX-License-Identifier: MIT */
#include "weights/image_match.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "linalg/assignment.h"
#include "models/image_score.h"
#include "tensor/real.h"
#include "weights/repair.h"
#include "weights/straight.h"

enum { SITES_MOST = 1024, NAME_SIZE = 96, BATCH = 100 };

/* What a pass shows: the layers with an activation behind them, in order. */
struct site {
    char name[NAME_SIZE];
    const struct pl_variable *before, *after;
};

struct sites {
    struct site items[SITES_MOST];
    int count;
};

static void watch(void *user, const char *name, struct pl_variable *before,
                  struct pl_variable *after)
{
    struct sites *sites = user;
    if (sites->count == SITES_MOST || !before || !after)
        return;
    struct site *site = &sites->items[sites->count++];
    snprintf(site->name, sizeof site->name, "%s", name);
    site->before = before;
    site->after = after;
}

/* One batch through a net; what it shows lives until the tape's reset. */
static enum pl_status show(struct pl_tape *tape, const struct pl_image_net *net,
                           const struct pl_pictures *pictures, int64_t first, int64_t count,
                           struct sites *sites)
{
    struct pl_image_pass pass = {.tape = tape, .net = net, .watch = watch, .user = sites};
    sites->count = 0;
    return pl_image_logits(&pass, pictures, first, count) ? PL_OK : tape->context->status;
}

/* ---- Activations ------------------------------------------------------------------------- */

/* The group of a layer's outputs; of a residual block those of its last convolution. */
static int64_t group_of(const struct pl_permutation_spec *spec, const char *site)
{
    static const char *const ends[] = {".weight", ".conv3.weight", ".conv2.weight"};
    char name[NAME_SIZE + 32];
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(name, sizeof name, "%s%s", site, ends[i]);
        const int64_t tensor = pl_spec_find_tensor(spec, name);
        if (tensor >= 0)
            return spec->tensors[tensor].axes[0].group;
    }
    return -1;
}

static double *widen(struct pl_tape *tape, const struct pl_variable *variable)
{
    double *out = pl_tape_take(tape, variable->count, sizeof *out);
    for (int64_t i = 0; out && i < variable->count; i++)
        out[i] = (double)variable->value[i];
    return out;
}

struct comparison {
    struct pl_tape tape;
    struct sites *sites;             /* [2] */
    struct pl_activation_sums *sums; /* [groups] */
};

static enum pl_status add_site(struct comparison *comparison,
                               const struct pl_permutation_spec *spec, int index)
{
    const struct site *a = &comparison->sites[0].items[index];
    const struct site *b = &comparison->sites[1].items[index];
    const int64_t group = group_of(spec, a->name);
    if (group < 0)
        return PL_OK;
    const int64_t units = pl_variable_width(a->after);
    struct pl_activation_sums *sums = &comparison->sums[group];
    if (units != spec->groups[group].size)
        return PL_OK;
    if (!sums->a && pl_activation_init(comparison->tape.context, sums, units))
        return comparison->tape.context->status;
    const double *of_a = widen(&comparison->tape, a->after);
    const double *of_b = widen(&comparison->tape, b->after);
    if (!of_a || !of_b)
        return comparison->tape.context->status;
    pl_activation_add(sums, of_a, of_b, pl_variable_rows(a->after));
    return PL_OK;
}

static enum pl_status compare_nets(const struct pl_permutation_spec *spec,
                                   const struct pl_image_net *a, const struct pl_image_net *b,
                                   const struct pl_pictures *pictures, int64_t count,
                                   struct comparison *comparison)
{
    enum pl_status status = PL_OK;
    for (int64_t done = 0; done < count && !status; done += BATCH) {
        const int64_t batch = count - done < BATCH ? count - done : BATCH;
        status = show(&comparison->tape, a, pictures, done, batch, &comparison->sites[0]);
        if (!status)
            status = show(&comparison->tape, b, pictures, done, batch, &comparison->sites[1]);
        for (int i = 0; i < comparison->sites[0].count && !status; i++)
            status = add_site(comparison, spec, i);
        pl_tape_reset(&comparison->tape);
    }
    return status;
}

static enum pl_status assign_group(struct pl_context *context,
                                   const struct pl_activation_sums *sums,
                                   enum pl_activation_statistic statistic, int64_t *permutation)
{
    double *scores = pl_new(context, (size_t)(sums->units * sums->units), sizeof *scores);
    if (!scores)
        return context->status;
    pl_activation_scores(sums, statistic, scores);
    enum pl_status status =
        pl_assign(context, PL_ASSIGN_MOST, scores, sums->units, permutation, NULL, NULL, NULL);
    free(scores);
    return status;
}

enum pl_status pl_match_activations(struct pl_context *context,
                                    const struct pl_permutation_spec *spec, struct pl_image_net *a,
                                    struct pl_image_net *b, const struct pl_pictures *pictures,
                                    int64_t count, enum pl_activation_statistic statistic,
                                    struct pl_permutations *permutations)
{
    struct comparison comparison = {.tape = {.context = context}};
    comparison.sites = pl_new(context, 2, sizeof *comparison.sites);
    comparison.sums = pl_new(context, spec->group_count, sizeof *comparison.sums);
    enum pl_status status = comparison.sites && comparison.sums ? pl_blas_open(context) : PL_SYSTEM;
    if (!status)
        status = compare_nets(spec, a, b, pictures, count, &comparison);
    for (size_t g = 0; g < spec->group_count && !status; g++)
        if (comparison.sums[g].rows > 1)
            status = assign_group(context, &comparison.sums[g], statistic, permutations->items[g]);
    for (size_t g = 0; comparison.sums && g < spec->group_count; g++)
        pl_activation_release(&comparison.sums[g]);
    pl_tape_release(&comparison.tape);
    free(comparison.sums);
    free(comparison.sites);
    return status;
}

/* ---- Straight-through -------------------------------------------------------------------- */

/* Pictures in another order, and where the next batch begins. */
struct batches {
    const struct pl_permutation_spec *spec;
    struct pl_image_loss image;
    struct pl_pictures shuffled;
    int64_t next;
};

static enum pl_status shuffle(struct pl_context *context, struct pl_arena *arena,
                              const struct pl_pictures *pictures, uint64_t seed,
                              struct pl_pictures *out)
{
    const int64_t size = pictures->height * pictures->width * pictures->channels;
    const int64_t count = pictures->count;
    const struct pl_rng rng = pl_rng_init(seed, "straight-through batches");
    int64_t *order = pl_arena_new(context, arena, (size_t)count, sizeof *order);
    uint8_t *pixels = pl_arena_take(context, arena, (size_t)(count * size), 1);
    int32_t *labels = pl_arena_take(context, arena, (size_t)count, sizeof *labels);
    if (!order || !pixels || !labels)
        return context->status;
    for (int64_t i = 0; i < count; i++)
        order[i] = i;
    pl_rng_shuffle(&rng, order, count);
    for (int64_t i = 0; i < count; i++) {
        memcpy(pixels + i * size, pictures->pixels + order[i] * size, (size_t)size);
        labels[i] = pictures->labels[order[i]];
    }
    *out = *pictures;
    out->pixels = pixels;
    out->labels = labels;
    return PL_OK;
}

/* The net's parameters, and its gradients, are those that the specification names. */
static enum pl_status batch_loss(struct pl_context *context, void *user,
                                 const struct pl_tensor *merged, struct pl_tensor *gradients,
                                 double *loss)
{
    struct batches *batches = user;
    struct pl_parameters *parameters = &batches->image.net->parameters;
    const struct pl_permutation_spec *spec = batches->spec;
    enum pl_status status = pl_parameters_gradients(context, parameters);
    if (status)
        return status;
    pl_parameters_clear(parameters);
    for (size_t t = 0; t < spec->tensor_count; t++)
        memcpy(pl_parameter_find(parameters, spec->tensors[t].name)->variable.value, merged[t].data,
               pl_tensor_bytes(&merged[t]));
    batches->image.first = batches->next;
    batches->next += batches->image.count;
    if (batches->next + batches->image.count > batches->shuffled.count)
        batches->next = 0;
    status = pl_image_loss_here(context, &batches->image, true, loss, NULL);
    for (size_t t = 0; t < spec->tensor_count && !status; t++) {
        const struct pl_variable *variable =
            &pl_parameter_find(parameters, spec->tensors[t].name)->variable;
        if (variable->gradient)
            memcpy(gradients[t].data, variable->gradient, pl_tensor_bytes(&gradients[t]));
    }
    return status;
}

enum pl_status pl_match_straight(struct pl_context *context, const struct pl_matching *pair,
                                 struct pl_image_net *work, const struct pl_pictures *pictures,
                                 const struct pl_straight_options *options,
                                 struct pl_permutations *permutations)
{
    double loss;
    struct pl_arena arena = {0};
    struct batches batches = {.spec = pair->spec};
    struct pl_straight straight = {.spec = pair->spec,
                                   .a = pair->a,
                                   .b = pair->b,
                                   .rate = options->rate,
                                   .momentum = 0.9,
                                   .most = options->sweeps,
                                   .loss = batch_loss,
                                   .user = &batches};
    enum pl_status status = shuffle(context, &arena, pictures, options->seed, &batches.shuffled);
    if (!status)
        status = pl_straight_init(context, &straight);
    batches.image = (struct pl_image_loss){
        .net = work,
        .pictures = &batches.shuffled,
        .count = options->batch < pictures->count ? options->batch : pictures->count};
    for (int64_t step = 0; step < options->steps && !status; step++)
        status = pl_straight_step(context, &straight, &loss);
    if (!status)
        pl_permutations_copy(permutations, &straight.best, pair->spec);
    pl_straight_release(&straight);
    pl_arena_release(&arena);
    return status;
}

/* ---- Repair ------------------------------------------------------------------------------ */

/* Means and deviations of all sites of a net (only == -1), or of one. */
static enum pl_status count_channels(struct pl_context *context, const struct pl_image_net *net,
                                     const struct pl_pictures *pictures, int64_t count, int only,
                                     struct sites *sites, struct pl_channels *channels)
{
    struct pl_tape tape = {.context = context};
    enum pl_status status = PL_OK;
    for (int64_t done = 0; done < count && !status; done += BATCH) {
        const int64_t batch = count - done < BATCH ? count - done : BATCH;
        status = show(&tape, net, pictures, done, batch, sites);
        for (int i = 0; i < sites->count && !status; i++) {
            const struct pl_variable *before = sites->items[i].before;
            if (only >= 0 && i != only)
                continue;
            if (!channels[i].mean)
                status = pl_channels_init(context, &channels[i], pl_variable_width(before));
            if (!status)
                pl_channels_add(&channels[i], before->value, pl_variable_rows(before));
        }
        pl_tape_reset(&tape);
    }
    pl_tape_release(&tape);
    return status;
}

struct repair {
    const struct pl_pictures *pictures;
    int64_t count; /* of pictures */
    const double *shares;
    size_t model_count;
    struct pl_channels *channels; /* [models + 1][SITES_MOST], those of the merged net last */
    struct sites *sites;
};

static enum pl_status repair_site(struct pl_context *context, const struct repair *repair, int site,
                                  struct pl_image_net *merged)
{
    struct pl_channels *of_merged = repair->channels + repair->model_count * SITES_MOST;
    char weight_name[NAME_SIZE + 16], bias_name[NAME_SIZE + 16];
    enum pl_status status = count_channels(context, merged, repair->pictures, repair->count, site,
                                           repair->sites, of_merged);
    if (status)
        return status;
    snprintf(weight_name, sizeof weight_name, "%s.weight", repair->sites->items[site].name);
    snprintf(bias_name, sizeof bias_name, "%s.bias", repair->sites->items[site].name);
    struct pl_parameter *weight = pl_parameter_find(&merged->parameters, weight_name);
    struct pl_parameter *bias = pl_parameter_find(&merged->parameters, bias_name);
    const int64_t channels = of_merged[site].count;
    double *goal = pl_new(context, 2 * (size_t)channels, sizeof *goal);
    if (!goal)
        return context->status;
    for (size_t m = 0; m < repair->model_count; m++)
        pl_repair_goal_add(&repair->channels[m * SITES_MOST + (size_t)site], repair->shares[m],
                           goal, goal + channels);
    if (weight && bias)
        pl_repair_layer(&of_merged[site], goal, goal + channels, weight->variable.value,
                        weight->variable.count / channels, bias->variable.value);
    free(goal);
    return PL_OK;
}

enum pl_status pl_repair_net(struct pl_context *context, struct pl_image_net *const *models,
                             size_t model_count, const double *shares,
                             const struct pl_pictures *pictures, int64_t count,
                             struct pl_image_net *merged)
{
    struct repair repair = {pictures, count, shares, model_count, NULL, NULL};
    if (pl_image_has_statistics(merged))
        return pl_image_reset_norms(context, merged, pictures, count);
    repair.channels = pl_new(context, (model_count + 1) * SITES_MOST, sizeof *repair.channels);
    repair.sites = pl_new(context, 1, sizeof *repair.sites);
    enum pl_status status = repair.channels && repair.sites ? PL_OK : PL_SYSTEM;
    for (size_t m = 0; m < model_count && !status; m++)
        status = count_channels(context, models[m], pictures, count, -1, repair.sites,
                                repair.channels + m * SITES_MOST);
    const int sites = status ? 0 : repair.sites->count;
    for (int i = 0; i < sites && !status; i++)
        status = repair_site(context, &repair, i, merged);
    for (size_t i = 0; repair.channels && i < (model_count + 1) * SITES_MOST; i++)
        pl_channels_release(&repair.channels[i]);
    free(repair.channels);
    free(repair.sites);
    return status;
}
