/* Symmetric positive definite systems, over LAPACK.
 * SPDX-License-Identifier: MIT
 *
 * LAPACK stores columns one after another, we store rows.  A symmetric matrix is its own
 * transpose, so no copy is needed: what LAPACK calls the lower triangle of A is the upper triangle
 * of our rows, and its factor L with A = L L' is our upper triangle read as rows.  A block of
 * right-hand sides stored one per row is, to LAPACK, a matrix with one per column, which is what it
 * wants.  All of Fortran's arguments are pointers, and the lengths of the letters follow. */
#include "linalg/symmetric.h"

#include <math.h>

#include "linalg/lapack.h"

typedef void potrf_fn(const char *triangle, const int *n, double *a, const int *lda, int *info,
                      size_t);
typedef void trsm_fn(const char *side, const char *triangle, const char *transpose,
                     const char *diagonal, const int *m, const int *n, const double *alpha,
                     const double *a, const int *lda, double *b, const int *ldb, size_t, size_t,
                     size_t, size_t);

enum pl_status pl_cholesky(struct pl_context *context, double *a, int64_t n)
{
    potrf_fn *potrf;
    int order = (int)n, lda = n > 1 ? (int)n : 1, info = 0;
    enum pl_status status = pl_lapack_routine(context, "dpotrf_", n, 0, &potrf);

    if (status != PL_OK)
        return status;
    potrf("L", &order, a, &lda, &info, 1);
    /* A pivot that is not a number passes dpotrf's test for > 0 in some releases. */
    if (info == 0 && n > 0 && !isfinite(a[n * n - 1]))
        info = (int)n;
    if (info != 0)
        return pl_fail(context, PL_NUMERIC,
                       "matrix of order %lld is not positive definite (pivot %d)", (long long)n,
                       info);
    return PL_OK;
}

static enum pl_status triangular(struct pl_context *context, const char *transpose,
                                 const double *factor, int64_t n, double *b, int64_t m)
{
    trsm_fn *trsm;
    const double one = 1;
    int order = (int)n, columns = (int)m, lda = n > 1 ? (int)n : 1;
    enum pl_status status = pl_lapack_routine(context, "dtrsm_", n, m, &trsm);

    if (status == PL_OK)
        trsm("L", "L", transpose, "N", &order, &columns, &one, factor, &lda, b, &lda, 1, 1, 1, 1);
    return status;
}

enum pl_status pl_cholesky_forward(struct pl_context *context, const double *factor, int64_t n,
                                   double *b, int64_t m)
{
    return triangular(context, "N", factor, n, b, m);
}

enum pl_status pl_cholesky_backward(struct pl_context *context, const double *factor, int64_t n,
                                    double *b, int64_t m)
{
    return triangular(context, "T", factor, n, b, m);
}

enum pl_status pl_cholesky_solve(struct pl_context *context, const double *factor, int64_t n,
                                 double *b, int64_t m)
{
    enum pl_status status = pl_cholesky_forward(context, factor, n, b, m);

    return status == PL_OK ? pl_cholesky_backward(context, factor, n, b, m) : status;
}
