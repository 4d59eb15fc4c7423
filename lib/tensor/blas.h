/* The one door to BLAS and LAPACK.
 * SPDX-License-Identifier: MIT
 *
 * OpenBLAS chooses its kernels when it is loaded, from a table of processors that a released
 * version cannot know to the end: a newer one silently gets SSE3 kernels, a third of the speed.
 * OPENBLAS_CORETYPE mends it, but only if set before loading.  So the library is opened at first
 * use: the core type is put right from what the processor can do (unless the user has set it),
 * its own threads are turned off, and a small product is compared with a plain loop before
 * anything is trusted to it.  Tools without algebra never load it. */
#ifndef PL_TENSOR_BLAS_H
#define PL_TENSOR_BLAS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/context.h"

/* Row-major products over contiguous rows: C[m,n] = alpha op(A) op(B) + beta C.  One thread. */
void pl_dgemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, double alpha,
              const double *a, int64_t lda, const double *b, int64_t ldb, double beta, double *c,
              int64_t ldc);
void pl_sgemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha,
              const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
              int64_t ldc);
double pl_ddot(int64_t n, const double *a, const double *b);

/* Opens the library (once a process, thread-safe); every algorithm that will call the functions
 * above or those of linalg/ calls this first.  PL_SYSTEM with the package to install when it is
 * missing, PL_NUMERIC when its results are wrong for this core type. */
enum pl_status pl_blas_open(struct pl_context *context) PL_MUST_CHECK;

/* "OpenBLAS 0.3.21, SkylakeX (chosen by plumbline), 91 GFLOP/s" measured now. */
enum pl_status pl_blas_describe(struct pl_context *context, char *out, int size) PL_MUST_CHECK;

/* A LAPACK routine by its Fortran name ("dpotrf_"), for linalg/. NULL when absent. */
void *pl_blas_symbol(const char *name);

#endif
