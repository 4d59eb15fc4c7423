/* Singular values, over LAPACK.
 * SPDX-License-Identifier: MIT
 *
 * To LAPACK our rows are columns, so it sees A' = V diag(s) U': what it calls U is V, and its V' is
 * U', which in columns are our rows of U. */
#include "linalg/svd.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "linalg/lapack.h"

typedef void gesdd_fn(const char *job, const int *m, const int *n, double *a, const int *lda,
                      double *s, double *u, const int *ldu, double *vt, const int *ldvt,
                      double *work, const int *work_size, int *integers, int *info, size_t);

static int at_least_one(int64_t n)
{
    return n > 1 ? (int)n : 1;
}

enum pl_status pl_svd(struct pl_context *context, double *a, int64_t m, int64_t n, double *u,
                      double *s, double *vt)
{
    gesdd_fn *gesdd;
    const int64_t k = m < n ? m : n;
    const int rows = (int)n, columns = (int)m, ask = -1;
    const int lda = at_least_one(n), ldu = at_least_one(n), ldvt = at_least_one(k);
    const char *job = u ? "S" : "N";
    double size = 1, none[1];
    int info = 0;
    if (pl_lapack_routine(context, "dgesdd_", n, m, &gesdd))
        return context->status;
    for (int64_t i = 0; i < m * n; i++)
        if (!isfinite(a[i]))
            return pl_fail(context, PL_NUMERIC, "element [%lld, %lld] of a matrix is not finite",
                           (long long)(i / n), (long long)(i % n));
    if (k == 0)
        return PL_OK;
    int *integers = pl_new(context, (size_t)(8 * k), sizeof *integers);
    if (!integers)
        return context->status;
    gesdd(job, &rows, &columns, a, &lda, s, vt ? vt : none, &ldu, u ? u : none, &ldvt, &size, &ask,
          integers, &info, 1);
    const int work_size = (int)size;
    double *work = pl_new(context, (size_t)work_size, sizeof *work);
    if (work)
        gesdd(job, &rows, &columns, a, &lda, s, vt ? vt : none, &ldu, u ? u : none, &ldvt, work,
              &work_size, integers, &info, 1);
    free(integers);
    if (!work)
        return context->status;
    free(work);
    if (info != 0)
        return pl_fail(context, PL_NUMERIC,
                       "the singular values of a matrix of %lld x %lld do not converge",
                       (long long)m, (long long)n);
    return PL_OK;
}
