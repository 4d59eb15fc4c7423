/* Tensors with their units in another order.
 * SPDX-License-Identifier: MIT */
#ifndef PL_WEIGHTS_GATHER_H
#define PL_WEIGHTS_GATHER_H

#include "tensor/tensor.h"
#include "weights/permutation_spec.h"

/* Where the elements of some axes lie once their units are reordered: for all places on axes
 * first..last-1, row-major, the offset in elements that they add.  permutations [groups], of which
 * that of group `open` counts as identity (-1: none); NULL: all are.  In the arena. */
enum pl_status pl_gather_offsets(struct pl_context *context, struct pl_arena *arena,
                                 const struct pl_spec_tensor *place, const int64_t *dims, int first,
                                 int last, int64_t *const *permutations, int64_t open,
                                 int64_t **offsets, int64_t *count) PL_MUST_CHECK;

/* Copies the tensor's elements to `to` with their units reordered: new[i] = old[p[i]] on every axis
 * that has a group.  Any dtype. */
enum pl_status pl_gather_tensor(struct pl_context *context, const struct pl_spec_tensor *place,
                                const struct pl_tensor *from, int64_t *const *permutations,
                                void *to) PL_MUST_CHECK;

#endif
