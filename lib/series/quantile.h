/* Quantile grids of absolute errors, the memory of conformal intervals.
 * SPDX-License-Identifier: MIT
 *
 * A grid holds the 1 %, 2 %, ..., 100 % quantiles of a sample: entry q - 1 is the value that q %
 * of the sample do not exceed, the ceil(q n / 100)-th smallest.  That is a few hundred bytes for a
 * sample of any size, fine enough for every interval people ask for, and two grids can be joined.
 */
#ifndef PL_SERIES_QUANTILE_H
#define PL_SERIES_QUANTILE_H

#include <stdbool.h>
#include <stdint.h>

#define PL_GRID 100

/* The grid of count >= 1 finite values >= 0; sorts values in place (radix sort, O(count));
 * scratch has count elements. */
void pl_grid_of(float *values, int64_t count, float *scratch, float grid[PL_GRID]);

/* The grid of the union of two samples of the given sizes, from their grids: exact up to one
 * percent in rank.  out may be a or b. */
void pl_grid_join(const float a[PL_GRID], double a_size, const float b[PL_GRID], double b_size,
                  float out[PL_GRID]);

/* The split-conformal half width for coverage `level` (0..1) from a sample of `size`: the
 * quantile at level (size + 1) / size, interpolated in the grid; the largest value known when the
 * sample is too small for the level. */
double pl_grid_at(const float grid[PL_GRID], int64_t size, double level);

#endif
