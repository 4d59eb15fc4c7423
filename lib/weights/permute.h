/* What wm-permute does: models in, their common order found, models or their mean out.
 * SPDX-License-Identifier: MIT */
#ifndef PL_WEIGHTS_PERMUTE_H
#define PL_WEIGHTS_PERMUTE_H

#include "cli/tool.h"
#include "weights/align.h"
#include "weights/image_match.h"
#include "weights/weights.h"

enum pl_permute_method { PL_PERMUTE_WEIGHTS, PL_PERMUTE_ACTIVATIONS, PL_PERMUTE_STRAIGHT };

struct pl_permute_options {
    const char *spec; /* a YAML file; NULL: derived */
    int64_t heads;
    int64_t sweeps, restarts;
    bool buffers, unlisted;
    const char *init, *apply; /* files of permutations */
    bool inverse;
    double interpolate; /* share of B */
    bool interpolates;
    bool mean;
    const char *shares; /* of the models in the mean; NULL: equal */
    bool analyse;
    int method, statistic; /* enum pl_permute_method, enum pl_activation_statistic */
    const char *data;      /* pictures, for the methods that look at them */
    const char *repair;    /* pictures to mend a merged model with; NULL: it is not mended */
    int64_t samples;       /* most pictures that are looked at */
    int64_t steps, batch;  /* straight-through */
    double rate;
};

struct pl_permute {
    const struct pl_permute_options *options;
    uint64_t seed;
    /* NULL, or are told of every group that was solved, and of every model that was matched. */
    void (*step)(void *user, int64_t sweep, const char *group, double gain, double inner);
    void (*model)(void *user, const char *name, const struct pl_align_report *report);
    void *user;
    /* Kept by the functions */
    struct pl_arena arena;
    struct pl_permutation_spec spec;
    struct pl_weights *weights; /* [count] the operands */
    const struct pl_tensor *const **tensors;
    struct pl_permutations *permutations; /* [count] those of the first are identities */
    struct pl_align_report *reports;      /* [count] of each beside the first */
    double *shares;                       /* [count] in a merged model */
    size_t count;
    double pair_distances;      /* of a mean: sum over pairs of ||A - B||^2 */
    struct pl_image_net mended; /* the merged model, if it is repaired */
};

/* Reads the models and the specification and checks that all fit.
 * PL_USAGE for options that contradict each other, PL_BAD_DATA with all that does not fit. */
enum pl_status pl_permute_open(struct pl_context *context, struct pl_permute *permute,
                               const char *const *paths, size_t count) PL_MUST_CHECK;
/* Finds the permutations, or reads those to apply. */
enum pl_status pl_permute_search(struct pl_context *context,
                                 struct pl_permute *permute) PL_MUST_CHECK;
/* Writes the models but the first, one segment each, or one merged model; run: for the history,
 * NULL: none is written. */
enum pl_status pl_permute_write(struct pl_context *context, struct pl_permute *permute,
                                const struct pl_run *run, struct pl_writer *writer) PL_MUST_CHECK;
/* Writes the permutations, one segment a model; run as above. */
enum pl_status pl_permute_write_permutations(struct pl_context *context,
                                             const struct pl_permute *permute,
                                             const struct pl_run *run,
                                             struct pl_writer *writer) PL_MUST_CHECK;
/* Fills an empty document: merged models, and for each model what was gained. */
enum pl_status pl_permute_report(struct pl_context *context, const struct pl_permute *permute,
                                 struct pl_meta *meta) PL_MUST_CHECK;
void pl_permute_release(struct pl_permute *permute);

#endif
