/* Symmetric positive definite systems, over LAPACK.
 * SPDX-License-Identifier: MIT
 *
 * Matrices are dense, row-major and full on entry (both triangles). */
#ifndef PL_LINALG_SYMMETRIC_H
#define PL_LINALG_SYMMETRIC_H

#include <stdint.h>

#include "base/context.h"

/* Factors a[n,n] in place (dpotrf).  PL_NUMERIC when it is not positive definite. */
enum pl_status pl_cholesky(struct pl_context *context, double *a, int64_t n) PL_MUST_CHECK;

/* Solves A X = B for the m columns of B stored as rows: b[m,n], each row one right-hand side,
 * overwritten by its solution; factor as left by pl_cholesky. */
enum pl_status pl_cholesky_solve(struct pl_context *context, const double *factor, int64_t n,
                                 double *b, int64_t m) PL_MUST_CHECK;

/* The two halves of pl_cholesky_solve, for Schur complements: with A = L L', forward solves
 * L X = B and backward solves L' X = B, rows as above. */
enum pl_status pl_cholesky_forward(struct pl_context *context, const double *factor, int64_t n,
                                   double *b, int64_t m) PL_MUST_CHECK;
enum pl_status pl_cholesky_backward(struct pl_context *context, const double *factor, int64_t n,
                                    double *b, int64_t m) PL_MUST_CHECK;

#endif
