/* Weight matching by coordinate ascent.
 * SPDX-License-Identifier: MIT
 *
 * J is a product of many permutations, and to find the best of all at once is as hard as a
 * quadratic assignment.  With all groups fixed but one, J is linear in that one: every tensor axis
 * that carries the group adds W_A W_B' to a matrix of scores, where the rows of W_A are A's units
 * and those of W_B are B's with all other axes in their present order.  The best permutation is
 * then a linear assignment.  Groups are visited in turn; J never falls, and when a whole sweep
 * gains nothing it is at an optimum for each group by itself.  A network with one hidden layer has
 * only one group, and its optimum is the best there is.
 *
 * A group whose neighbours have not changed since it was solved is left out.
 *
 * (Ainsworth, Hayase, Srinivasa: Git Re-Basin, ICLR 2023, arXiv 2209.04836, algorithm 1.) */
#include "weights/match.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/rng.h"
#include "linalg/assignment.h"
#include "weights/gather.h"
#include "weights/permutation.h"

/* A gain below this share of the score is rounding. */
static const double least_gain = 1e-12;

/* ---- Orders, permutations and tensors ---------------------------------------------------- */

void pl_restart_order(void *user, int64_t sweep, int64_t *order, int64_t count)
{
    const struct pl_restart *restart = user;
    char name[64];
    if (restart->index == 0)
        return;
    snprintf(name, sizeof name, "%s %lld sweep %lld", restart->what, (long long)restart->index,
             (long long)sweep);
    const struct pl_rng rng = pl_rng_init(restart->seed, name);
    pl_rng_shuffle(&rng, order, count);
}

enum pl_status pl_permutations_init(struct pl_context *context,
                                    struct pl_permutations *permutations,
                                    const struct pl_permutation_spec *spec)
{
    *permutations = (struct pl_permutations){.count = spec->group_count};
    permutations->items =
        pl_arena_new(context, &permutations->arena, spec->group_count, sizeof *permutations->items);
    for (size_t g = 0; permutations->items && g < spec->group_count; g++) {
        size_t size = (size_t)spec->groups[g].size;
        permutations->items[g] =
            pl_arena_new(context, &permutations->arena, size, sizeof **permutations->items);
        if (!permutations->items[g])
            return context->status;
        pl_permutation_identity(permutations->items[g], spec->groups[g].size);
    }
    return permutations->items ? PL_OK : context->status;
}

void pl_permutations_release(struct pl_permutations *permutations)
{
    pl_arena_release(&permutations->arena);
    *permutations = (struct pl_permutations){0};
}

void pl_permutations_copy(struct pl_permutations *to, const struct pl_permutations *from,
                          const struct pl_permutation_spec *spec)
{
    for (size_t g = 0; g < spec->group_count; g++)
        memcpy(to->items[g], from->items[g], (size_t)spec->groups[g].size * sizeof **to->items);
}

enum pl_status pl_match_tensors(struct pl_context *context, struct pl_arena *arena,
                                const struct pl_permutation_spec *spec,
                                const struct pl_bundle *model,
                                const struct pl_tensor *const **tensors)
{
    const struct pl_tensor **list = pl_arena_new(context, arena, spec->tensor_count, sizeof *list);
    if (!list)
        return context->status;
    for (size_t t = 0; t < spec->tensor_count; t++) {
        list[t] = pl_bundle_tensor(model, spec->tensors[t].name);
        const int64_t count = pl_tensor_count(list[t]);
        for (int64_t i = 0; i < count; i++) {
            double value = pl_element(list[t]->data, list[t]->dtype, i);
            if (!isfinite(value))
                return pl_fail(context, PL_BAD_DATA, "%s: '%s': element %lld is %g", model->source,
                               spec->tensors[t].name, (long long)i, value);
        }
    }
    *tensors = list;
    return PL_OK;
}

bool pl_match_includes(const struct pl_matching *matching, size_t tensor)
{
    return matching->buffers || !matching->spec->tensors[tensor].buffer;
}

/* ---- Measures ---------------------------------------------------------------------------- */

struct measure {
    const struct pl_matching *matching;
    int64_t *const *permutations;
    struct pl_match_sums *sums; /* [tensors] */
};

static enum pl_status measure_tensor(struct pl_context *context, void *job, int64_t item)
{
    const struct measure *measure = job;
    const struct pl_spec_tensor *place = &measure->matching->spec->tensors[item];
    const struct pl_tensor *a = measure->matching->a[item], *b = measure->matching->b[item];
    struct pl_match_sums *sums = &measure->sums[item];
    struct pl_arena arena = {0};
    int64_t *outer, *inner, outer_count, inner_count;
    const int cut = place->rank > 0;
    if (!pl_match_includes(measure->matching, (size_t)item))
        return PL_OK;
    if (pl_gather_offsets(context, &arena, place, b->dims, 0, cut, measure->permutations, -1,
                          &outer, &outer_count) ||
        pl_gather_offsets(context, &arena, place, b->dims, cut, place->rank, measure->permutations,
                          -1, &inner, &inner_count)) {
        pl_arena_release(&arena);
        return context->status;
    }
    for (int64_t o = 0; o < outer_count; o++) {
        struct pl_match_sums row = {0};
        for (int64_t i = 0; i < inner_count; i++) {
            double x = pl_element(a->data, a->dtype, o * inner_count + i);
            double y = pl_element(b->data, b->dtype, outer[o] + inner[i]);
            row.a += x * x;
            row.b += y * y;
            row.inner += x * y;
            row.distance += (x - y) * (x - y);
        }
        sums->a += row.a, sums->b += row.b;
        sums->inner += row.inner, sums->distance += row.distance;
    }
    pl_arena_release(&arena);
    return PL_OK;
}

enum pl_status pl_match_measure(struct pl_context *context, const struct pl_matching *matching,
                                int64_t *const *permutations, struct pl_match_sums *sums)
{
    const size_t count = matching->spec->tensor_count;
    struct measure measure = {matching, permutations, pl_new(context, count, sizeof *measure.sums)};
    if (!measure.sums)
        return context->status;
    enum pl_status status = pl_parallel(context, (int64_t)count, measure_tensor, &measure);
    *sums = (struct pl_match_sums){0};
    for (size_t t = 0; t < count; t++) {
        sums->a += measure.sums[t].a, sums->b += measure.sums[t].b;
        sums->inner += measure.sums[t].inner, sums->distance += measure.sums[t].distance;
    }
    free(measure.sums);
    return status;
}

/* ---- Sweeps ------------------------------------------------------------------------------ */

/* What is solved at once: a group, or those of an attention layer. */
struct part {
    int64_t groups[PL_HEADS_GROUPS]; /* -1: there is none */
    int64_t heads;                   /* index in the specification; -1: a single group */
};

struct search {
    struct pl_matching *matching;
    struct pl_permutations *permutations;
    struct pl_arena arena;
    struct part *parts;
    int64_t part_count;
    bool *stale;                     /* [groups] a neighbour has changed since it was solved */
    double *scores[PL_HEADS_GROUPS]; /* of the groups of a part */
    int64_t *found[PL_HEADS_GROUPS];
};

static enum pl_status list_parts(struct pl_context *context, struct search *search)
{
    const struct pl_permutation_spec *spec = search->matching->spec;
    bool *listed = pl_arena_new(context, &search->arena, spec->heads_count, sizeof *listed);
    search->parts = pl_arena_new(context, &search->arena, spec->group_count, sizeof *search->parts);
    search->stale = pl_arena_new(context, &search->arena, spec->group_count, sizeof *search->stale);
    if (!listed || !search->parts || !search->stale)
        return context->status;
    for (size_t g = 0; g < spec->group_count; g++) {
        const int64_t heads = spec->groups[g].heads;
        struct part part = {{(int64_t)g, -1, -1, -1, -1, -1}, heads};
        search->stale[g] = true;
        if (heads >= 0 && listed[heads])
            continue;
        if (heads >= 0) {
            listed[heads] = true;
            memcpy(part.groups, spec->heads[heads].groups, sizeof part.groups);
        }
        search->parts[search->part_count++] = part;
    }
    return PL_OK;
}

/* Scratch for the largest group, and for attention the largest of each kind. */
static enum pl_status take_scratch(struct pl_context *context, struct search *search)
{
    const struct pl_permutation_spec *spec = search->matching->spec;
    for (int i = 0; i < PL_HEADS_GROUPS; i++) {
        size_t most = 0, square;
        for (int64_t p = 0; p < search->part_count; p++) {
            const int64_t group = search->parts[p].groups[i];
            const size_t size = group < 0 ? 0 : (size_t)spec->groups[group].size;
            most = size > most ? size : most;
        }
        if (!pl_mul_size(most, most, &square))
            return pl_fail(context, PL_SYSTEM, "a group of %zu units is too large", most);
        search->scores[i] = pl_arena_take(context, &search->arena, square, sizeof(double));
        search->found[i] = pl_arena_new(context, &search->arena, most, sizeof(int64_t));
        if (!search->scores[i] || !search->found[i])
            return context->status;
    }
    return PL_OK;
}

/* All groups that share a tensor with this one have to be solved again. */
static void mark_neighbours(struct search *search, int64_t group)
{
    const struct pl_permutation_spec *spec = search->matching->spec;
    for (size_t t = 0; t < spec->tensor_count; t++) {
        const struct pl_spec_tensor *tensor = &spec->tensors[t];
        bool has = false;
        for (int k = 0; k < tensor->rank; k++)
            has |= tensor->axes[k].group == group;
        for (int k = 0; k < tensor->rank && has; k++)
            if (tensor->axes[k].group >= 0 && tensor->axes[k].group != group)
                search->stale[tensor->axes[k].group] = true;
    }
}

static double value_of(const double *scores, const int64_t *permutation, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += scores[i * n + permutation[i]];
    return sum;
}

static bool is_stale(const struct search *search, const struct part *part)
{
    for (int i = 0; i < PL_HEADS_GROUPS; i++)
        if (part->groups[i] >= 0 && search->stale[part->groups[i]])
            return true;
    return false;
}

/* The scores of a part's groups, and what its present order is worth. */
static enum pl_status score_part(struct pl_context *context, struct search *search,
                                 const struct part *part, double *value)
{
    const struct pl_matching *matching = search->matching;
    int64_t *const *items = search->permutations->items;
    enum pl_status status = PL_OK;
    *value = 0;
    for (int i = 0; i < PL_HEADS_GROUPS && !status; i++) {
        const int64_t group = part->groups[i];
        if (group < 0)
            continue;
        search->stale[group] = false;
        status = pl_match_scores(context, matching, items, group, search->scores[i]);
        if (!status)
            *value += value_of(search->scores[i], items[group], matching->spec->groups[group].size);
    }
    return status;
}

static void take_found(struct search *search, const struct part *part)
{
    for (int i = 0; i < PL_HEADS_GROUPS; i++) {
        const int64_t group = part->groups[i];
        if (group < 0)
            continue;
        memcpy(search->permutations->items[group], search->found[i],
               (size_t)search->matching->spec->groups[group].size * sizeof **search->found);
        mark_neighbours(search, group);
    }
}

static enum pl_status solve_part(struct pl_context *context, struct search *search,
                                 const struct part *part, int64_t sweep, bool *progress)
{
    struct pl_matching *matching = search->matching;
    const struct pl_permutation_spec *spec = matching->spec;
    const struct pl_spec_group *group = &spec->groups[part->groups[0]];
    double before, after;
    if (!is_stale(search, part))
        return PL_OK;
    enum pl_status status = score_part(context, search, part, &before);
    if (!status)
        status = part->heads < 0 ? pl_assign(context, PL_ASSIGN_MOST, search->scores[0],
                                             group->size, search->found[0], &after, NULL, NULL)
                                 : pl_match_heads(context, spec, &spec->heads[part->heads],
                                                  search->scores, search->found, &after, NULL);
    if (status)
        return pl_fail_at(context, "group '%s'", group->name);
    if (part->heads < 0 && before == 0 && after == 0 && sweep == 0)
        pl_warn(context, "group '%s': no unit of one model is like any of the other; left as it is",
                group->name);
    double gain = after - before;
    if (gain > least_gain * fmax(1, fabs(before))) {
        *progress = true;
        matching->inner += gain;
        take_found(search, part);
    }
    if (matching->step)
        matching->step(matching->user, sweep, group->name, gain, matching->inner);
    return PL_OK;
}

static enum pl_status sweep_all(struct pl_context *context, struct search *search)
{
    struct pl_matching *matching = search->matching;
    int64_t *order =
        pl_arena_new(context, &search->arena, (size_t)search->part_count, sizeof *order);
    bool progress = true;
    enum pl_status status = order ? PL_OK : context->status;
    for (matching->sweeps = 0; progress && matching->sweeps < matching->most && !status;
         matching->sweeps++) {
        progress = false;
        pl_permutation_identity(order, search->part_count);
        if (matching->order)
            matching->order(matching->user, matching->sweeps, order, search->part_count);
        for (int64_t p = 0; p < search->part_count && !status; p++)
            status =
                solve_part(context, search, &search->parts[order[p]], matching->sweeps, &progress);
    }
    return status;
}

enum pl_status pl_match_weights(struct pl_context *context, struct pl_matching *matching,
                                struct pl_permutations *permutations)
{
    struct search search = {.matching = matching, .permutations = permutations};
    struct pl_match_sums sums;
    enum pl_status status = pl_match_measure(context, matching, permutations->items, &sums);
    matching->inner = status ? 0 : sums.inner;
    if (!status)
        status = list_parts(context, &search);
    if (!status)
        status = take_scratch(context, &search);
    if (!status)
        status = sweep_all(context, &search);
    pl_arena_release(&search.arena);
    return status;
}
