/* LAPACK's routines, for the files beside this one.
 * SPDX-License-Identifier: MIT */
#ifndef PL_LINALG_LAPACK_H
#define PL_LINALG_LAPACK_H

#include <stdint.h>

#include "base/context.h"

/* Opens the library, checks that sizes n and m fit Fortran's integers, and sets *(void **)function
 * to the routine of that name ("dpotrf_").  PL_SYSTEM when there is none. */
enum pl_status pl_lapack_routine(struct pl_context *context, const char *name, int64_t n, int64_t m,
                                 void *function) PL_MUST_CHECK;

#endif
