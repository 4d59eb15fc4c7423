/* Permutations as a stream of kind `permutation`.
 * SPDX-License-Identifier: MIT
 *
 *     meta: permutation   spec: the specification; a, b: end sums of the models
 *     perm.GROUP          i32 [n], new[i] = old[p[i]] */
#ifndef PL_WEIGHTS_PERMUTATION_STREAM_H
#define PL_WEIGHTS_PERMUTATION_STREAM_H

#include "stream/writer.h"
#include "weights/match.h"

/* Everything but history and end. */
enum pl_status pl_permutations_write(struct pl_context *context,
                                     const struct pl_permutation_spec *spec,
                                     const struct pl_permutations *permutations, uint32_t sum_a,
                                     uint32_t sum_b, struct pl_writer *writer) PL_MUST_CHECK;

/* The specification of such a stream. */
enum pl_status pl_permutations_spec(struct pl_context *context, const struct pl_bundle *bundle,
                                    struct pl_permutation_spec *spec) PL_MUST_CHECK;

/* Its permutations, for groups of a linted specification.  PL_BAD_DATA when one is missing, has
 * another size, or is none. */
enum pl_status pl_permutations_read(struct pl_context *context, const struct pl_bundle *bundle,
                                    const struct pl_permutation_spec *spec,
                                    struct pl_permutations *permutations) PL_MUST_CHECK;

#endif
