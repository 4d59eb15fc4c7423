/* The linear assignment problem: one column for every row, of largest total score.
 * SPDX-License-Identifier: MIT */
#ifndef PL_LINALG_ASSIGNMENT_H
#define PL_LINALG_ASSIGNMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/context.h"

enum pl_assignment_goal { PL_ASSIGN_LEAST, PL_ASSIGN_MOST };

/* Finds the permutation column[0..n) for which sum_i scores[i, column[i]] is least or most;
 * scores [n, n] row-major, any sign.  *value (may be NULL) is that sum.  row_price and
 * column_price [n] (both may be NULL) prove it: for PL_ASSIGN_LEAST row_price[i] + column_price[j]
 * <= scores[i, j] for all i and j up to rounding, with equality at j = column[i]; for
 * PL_ASSIGN_MOST the same with >=.  The result depends on the scores alone.  O(n^3) at worst,
 * nearer to n^2 where rows have clear favourites; memory O(n).
 *
 * PL_NUMERIC names the first score that is not finite.  (Jonker, Volgenant: A Shortest Augmenting
 * Path Algorithm for Dense and Sparse Linear Assignment Problems, Computing 38, 1987.) */
enum pl_status pl_assign(struct pl_context *context, enum pl_assignment_goal goal,
                         const double *scores, int64_t n, int64_t *column, double *value,
                         double *row_price, double *column_price) PL_MUST_CHECK;

#endif
