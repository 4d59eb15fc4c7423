/* Singular values, over LAPACK.
 * SPDX-License-Identifier: MIT */
#ifndef PL_LINALG_SVD_H
#define PL_LINALG_SVD_H

#include <stdint.h>

#include "base/context.h"

/* The thin decomposition A = U diag(s) V' of a row-major matrix a [m, n], which is overwritten:
 * u [m, k], s [k] from the largest to the least, vt [k, n] the rows of V', k = min(m, n).  u and vt
 * may both be NULL: values alone.  PL_NUMERIC when it does not converge or a is not finite. */
enum pl_status pl_svd(struct pl_context *context, double *a, int64_t m, int64_t n, double *u,
                      double *s, double *vt) PL_MUST_CHECK;

#endif
