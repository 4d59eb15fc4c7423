/* Aligning one model to another: the search with restarts, and what it gained.
 * SPDX-License-Identifier: MIT */
#include "weights/align.h"

#include <math.h>
#include <stdlib.h>

#include "weights/permutation.h"

/* One of several searches, and who is told of it. */
struct restart {
    struct pl_restart restart;
    const struct pl_align_options *options;
};

static void pass_step(void *user, int64_t sweep, const char *group, double gain, double inner)
{
    const struct restart *restart = user;
    if (restart->options->step)
        restart->options->step(restart->options->user, sweep, group, gain, inner);
}

/* Searches again and again from the same beginning. */
static enum pl_status search(struct pl_context *context, const struct pl_matching *pair,
                             const struct pl_align_options *options,
                             struct pl_permutations *permutations, int64_t *sweeps)
{
    struct pl_permutations begin = {0}, trial = {0};
    double best = -INFINITY;
    enum pl_status status = pl_permutations_init(context, &begin, pair->spec);
    if (!status)
        status = pl_permutations_init(context, &trial, pair->spec);
    if (!status)
        pl_permutations_copy(&begin, permutations, pair->spec);
    for (int64_t r = 0; r < options->restarts && !status; r++) {
        struct restart restart = {{options->seed, "restart", r}, options};
        struct pl_matching matching = *pair;
        matching.most = options->sweeps;
        matching.order = pl_restart_order;
        matching.step = pass_step;
        matching.user = &restart;
        pl_permutations_copy(&trial, &begin, pair->spec);
        status = pl_match_weights(context, &matching, &trial);
        if (!status && matching.inner > best) {
            best = matching.inner;
            *sweeps = matching.sweeps;
            pl_permutations_copy(permutations, &trial, pair->spec);
        }
    }
    pl_permutations_release(&begin);
    pl_permutations_release(&trial);
    return status;
}

static enum pl_status analyse(struct pl_context *context, const struct pl_matching *pair,
                              int64_t *const *permutations, struct pl_alignment *alignment)
{
    *alignment = pl_alignment_default;
    return pl_alignment_measure(context, pair, permutations, permutations != NULL, alignment);
}

enum pl_status pl_align_measure(struct pl_context *context, const struct pl_matching *pair,
                                const struct pl_align_options *options,
                                const struct pl_permutations *permutations,
                                struct pl_align_report *report)
{
    enum pl_status status = pl_match_measure(context, pair, NULL, &report->before);
    if (!status)
        status = pl_match_measure(context, pair, permutations->items, &report->after);
    if (!status && options->analyse)
        status = analyse(context, pair, NULL, &report->alignment_before);
    if (!status && options->analyse)
        status = analyse(context, pair, permutations->items, &report->alignment_after);
    return status;
}

enum pl_status pl_align_weights(struct pl_context *context, const struct pl_matching *pair,
                                const struct pl_align_options *options,
                                struct pl_permutations *permutations,
                                struct pl_align_report *report)
{
    *report = (struct pl_align_report){0};
    enum pl_status status = search(context, pair, options, permutations, &report->sweeps);
    return status ? status : pl_align_measure(context, pair, options, permutations, report);
}

double pl_align_reduction(const struct pl_align_report *report)
{
    return report->before.distance > 0
               ? 1 - sqrt(report->after.distance) / sqrt(report->before.distance)
               : 0;
}

static int64_t count_moved(const int64_t *permutation, int64_t n)
{
    int64_t moved = 0;
    for (int64_t i = 0; i < n; i++)
        moved += permutation[i] != i;
    return moved;
}

static void write_alignment(struct pl_context *context, const struct pl_align_report *report,
                            struct pl_meta *meta, struct pl_meta_node *map)
{
    struct pl_meta_node *list = pl_meta_add_list(context, meta, map, "alignment");
    for (int t = 0; t < report->alignment_after.count; t++) {
        struct pl_meta_node *entry = pl_meta_add_map(context, meta, list, NULL);
        pl_meta_add_real(context, meta, entry, "gamma", report->alignment_after.thresholds[t]);
        pl_meta_add_real(context, meta, entry, "before", report->alignment_before.r[t]);
        pl_meta_add_real(context, meta, entry, "after", report->alignment_after.r[t]);
    }
    pl_meta_add_real(context, meta, map, "singular_value_change", report->alignment_after.worst);
}

void pl_align_write(struct pl_context *context, const struct pl_align_report *report,
                    const struct pl_permutation_spec *spec,
                    const struct pl_permutations *permutations, struct pl_meta *meta,
                    struct pl_meta_node *parent, const char *key)
{
    struct pl_meta_node *map = pl_meta_add_map(context, meta, parent, key);
    pl_meta_add_int(context, meta, map, "sweeps", report->sweeps);
    pl_meta_add_real(context, meta, map, "inner_before", report->before.inner);
    pl_meta_add_real(context, meta, map, "inner", report->after.inner);
    pl_meta_add_real(context, meta, map, "distance_before", sqrt(report->before.distance));
    pl_meta_add_real(context, meta, map, "distance", sqrt(report->after.distance));
    pl_meta_add_real(context, meta, map, "distance_reduction", pl_align_reduction(report));
    if (report->alignment_after.count)
        write_alignment(context, report, meta, map);
    struct pl_meta_node *groups = pl_meta_add_list(context, meta, map, "groups");
    for (size_t g = 0; g < spec->group_count; g++) {
        struct pl_meta_node *entry = pl_meta_add_map(context, meta, groups, NULL);
        pl_meta_add_text(context, meta, entry, "name", spec->groups[g].name);
        pl_meta_add_int(context, meta, entry, "units", spec->groups[g].size);
        pl_meta_add_int(context, meta, entry, "moved",
                        count_moved(permutations->items[g], spec->groups[g].size));
    }
}
