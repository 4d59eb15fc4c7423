/* LAPACK's routines, for the files beside this one.
 * SPDX-License-Identifier: MIT */
#include "linalg/lapack.h"

#include <limits.h>

#include "tensor/blas.h"

enum pl_status pl_lapack_routine(struct pl_context *context, const char *name, int64_t n, int64_t m,
                                 void *function)
{
    enum pl_status status = pl_blas_open(context);

    if (status != PL_OK)
        return status;
    if (n > INT_MAX || m > INT_MAX)
        return pl_fail(context, PL_USAGE, "a matrix of order %lld is too large for LAPACK",
                       (long long)(n > m ? n : m));
    *(void **)function = pl_blas_symbol(name);
    if (!*(void **)function)
        return pl_fail(context, PL_SYSTEM,
                       "the OpenBLAS found has no LAPACK routine '%s' (on Debian: apt install "
                       "libopenblas0-pthread)",
                       name);
    return PL_OK;
}
