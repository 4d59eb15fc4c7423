/* Permutations of units.
 * SPDX-License-Identifier: MIT
 *
 * A permutation p of n units is the list of where each comes from: new[i] = old[p[i]]. */
#ifndef PL_WEIGHTS_PERMUTATION_H
#define PL_WEIGHTS_PERMUTATION_H

#include <stdbool.h>
#include <stdint.h>

void pl_permutation_identity(int64_t *p, int64_t n);
bool pl_permutation_is_identity(const int64_t *p, int64_t n);
/* True when each of 0..n-1 is there once; seen: [n], scratch. */
bool pl_permutation_is_valid(const int64_t *p, int64_t n, bool *seen);

/* inverse[p[i]] = i */
void pl_permutation_invert(const int64_t *p, int64_t n, int64_t *inverse);

/* First p, then next: out[i] = p[next[i]].  out is neither of the two. */
void pl_permutation_compose(const int64_t *p, const int64_t *next, int64_t n, int64_t *out);

#endif
