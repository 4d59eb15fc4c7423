/* Weight matching: the order of B's hidden units in which its weights come nearest to A's.
 * SPDX-License-Identifier: MIT
 *
 * Largest is J(P) = sum over tensors <A, P B>, which is the same as least ||A - P B||, since
 * reordering changes no norm.  See match.c for the method. */
#ifndef PL_WEIGHTS_MATCH_H
#define PL_WEIGHTS_MATCH_H

#include "weights/permutation_spec.h"

/* One permutation for each group of a specification, [groups][size]. */
struct pl_permutations {
    struct pl_arena arena;
    int64_t **items;
    size_t count;
};

/* Identities.  The specification has been through pl_spec_lint. */
enum pl_status pl_permutations_init(struct pl_context *context,
                                    struct pl_permutations *permutations,
                                    const struct pl_permutation_spec *spec) PL_MUST_CHECK;
void pl_permutations_release(struct pl_permutations *permutations);
void pl_permutations_copy(struct pl_permutations *to, const struct pl_permutations *from,
                          const struct pl_permutation_spec *spec);

/* Two models, seen through a specification. */
struct pl_matching {
    const struct pl_permutation_spec *spec;
    const struct pl_tensor *const *a, *const *b; /* [tensors of spec], of any float dtype */
    bool buffers;                                /* buffers take part, too */
    int64_t most;                                /* sweeps */
    /* Fills order[0..parts) for that sweep; NULL: the order of the specification. */
    void (*order)(void *user, int64_t sweep, int64_t *order, int64_t parts);
    /* NULL, or is told of every part that was solved: gain of J, and J itself. */
    void (*step)(void *user, int64_t sweep, const char *group, double gain, double inner);
    void *user;
    /* Results */
    int64_t sweeps; /* the last one, without gain, included */
    double inner;   /* J */
};

/* One of several searches: the first visits all in their order, the others in orders of chance. */
struct pl_restart {
    uint64_t seed;
    const char *what; /* goes into the random orders, beside the seed */
    int64_t index;
};
/* As `order` in struct pl_matching; user: a struct pl_restart, or what begins with one. */
void pl_restart_order(void *user, int64_t sweep, int64_t *order, int64_t count);

/* The tensors of a model in the order of the specification; in the arena.  PL_BAD_DATA names the
 * first element that is not finite. */
enum pl_status pl_match_tensors(struct pl_context *context, struct pl_arena *arena,
                                const struct pl_permutation_spec *spec,
                                const struct pl_bundle *model,
                                const struct pl_tensor *const **tensors) PL_MUST_CHECK;

/* Improves permutations until a whole sweep finds nothing or `most` sweeps are done.  J never
 * falls.  pl_blas_open is called here. */
enum pl_status pl_match_weights(struct pl_context *context, struct pl_matching *matching,
                                struct pl_permutations *permutations) PL_MUST_CHECK;

/* Whether a tensor has a say in the order. */
bool pl_match_includes(const struct pl_matching *matching, size_t tensor);

/* scores[i, j]: what J gains from unit j of B standing at place i of the group, all other groups
 * as in permutations.  [size, size] */
enum pl_status pl_match_scores(struct pl_context *context, const struct pl_matching *matching,
                               int64_t *const *permutations, int64_t group,
                               double *scores) PL_MUST_CHECK;

/* ||A||^2, ||B||^2, J and ||A - P B||^2, over all tensors that take part, in double. */
struct pl_match_sums {
    double a, b, inner, distance;
};
enum pl_status pl_match_measure(struct pl_context *context, const struct pl_matching *matching,
                                int64_t *const *permutations,
                                struct pl_match_sums *sums) PL_MUST_CHECK;

/* The best permutations of an attention layer's heads and of channels inside them, from the scores
 * of its groups (those of groups that it does not have are not looked at); see match_heads.c.
 * *value: the sum of their scores.  pairs: NULL, or [kv_heads, kv_heads], the best score of each
 * pair of heads. */
enum pl_status pl_match_heads(struct pl_context *context, const struct pl_permutation_spec *spec,
                              const struct pl_spec_heads *heads,
                              double *const scores[PL_HEADS_GROUPS],
                              int64_t *const permutations[PL_HEADS_GROUPS], double *value,
                              double *pairs) PL_MUST_CHECK;

#endif
