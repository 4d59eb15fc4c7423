/* Several models in one order, and their mean.
 * SPDX-License-Identifier: MIT */
#ifndef PL_WEIGHTS_MERGE_H
#define PL_WEIGHTS_MERGE_H

#include "weights/match.h"

/* One of several models: its tensors in the order of the specification, and how its units have been
 * reordered so far. */
struct pl_merge_model {
    const struct pl_tensor *const *tensors; /* as they came */
    struct pl_permutations permutations;
};

struct pl_merge {
    const struct pl_permutation_spec *spec;
    struct pl_merge_model *models;
    size_t count;
    bool buffers;
    int64_t most; /* sweeps, over the models as within a matching */
    /* Fills visits[0..count) for that sweep; NULL: the models as they stand. */
    void (*order)(void *user, int64_t sweep, int64_t *visits, int64_t count);
    /* NULL, or is told after every sweep: the sum of squared distances of all pairs. */
    void (*step)(void *user, int64_t sweep, double sum);
    void *user;
    int64_t sweeps; /* the last one, without gain, included */
};

/* Reorders the models until each is matched to the mean of the others: sweep after sweep, every
 * model is matched to that mean and takes the new order if it comes nearer; ends when no model of a
 * sweep does.  The sum of squared distances of all pairs never grows.  The result is left in the
 * models' permutations, which begin as identities.  (Ainsworth et al., algorithm 3: MergeMany.) */
enum pl_status pl_merge_many(struct pl_context *context, struct pl_merge *merge) PL_MUST_CHECK;

/* Sum over unordered pairs of ||A - B||^2, each in its present order. */
enum pl_status pl_merge_distances(struct pl_context *context, const struct pl_merge *merge,
                                  double *sum) PL_MUST_CHECK;

/* sum_m shares[m] (model m in its order), tensor by tensor: out is of the first model's dtype, sums
 * are in double.  Buffers of integers are not of the specification. */
enum pl_status pl_merge_tensor(struct pl_context *context, const struct pl_merge *merge,
                               size_t tensor, const double *shares, void *out) PL_MUST_CHECK;

#endif
