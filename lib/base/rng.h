/* Counter-based random numbers (Philox4x32-10: Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011), keyed by (seed, name, element).
 * SPDX-License-Identifier: MIT
 *
 * The n-th number of a stream depends on the seed, the stream's name and n alone, so neither the
 * number of threads nor the order in which tensors are filled changes a result. */
#ifndef PL_BASE_RNG_H
#define PL_BASE_RNG_H

#include <stdint.h>

struct pl_rng {
    uint32_t key[2];
    uint32_t salt[2]; /* hash of the name: the upper half of the counter */
};

struct pl_rng pl_rng_init(uint64_t seed, const char *name);

uint64_t pl_rng_bits(const struct pl_rng *rng, uint64_t element);
double pl_rng_uniform(const struct pl_rng *rng, uint64_t element); /* [0, 1) */
double pl_rng_normal(const struct pl_rng *rng, uint64_t element);  /* mean 0, deviation 1 */
uint64_t pl_rng_below(const struct pl_rng *rng, uint64_t element, uint64_t limit); /* unbiased */

/* Fills order[0..count) with a random permutation of 0..count-1 (Fisher-Yates). */
void pl_rng_shuffle(const struct pl_rng *rng, int64_t *order, int64_t count);

#endif
