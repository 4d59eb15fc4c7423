/* Differences between two runs of elements: exact, in units in the last place, and by tolerance.
 * SPDX-License-Identifier: MIT */
#ifndef PL_TENSOR_COMPARE_H
#define PL_TENSOR_COMPARE_H

#include "tensor/dtype.h"

/* Positions count elements from 0 over all calls; they mean nothing where the value is 0. */
struct pl_difference {
    double rtol, atol; /* set by the caller: |a - b| <= atol + rtol |b| passes */
    int64_t count;     /* elements compared */
    int64_t unequal;   /* not the same value */
    int64_t outside;   /* of those, beyond the tolerance */
    int64_t nans;      /* of those, where one of the two is NaN: left out of what follows */
    double absolute;   /* largest |a - b| */
    double relative;   /* largest |a - b| / |b|; infinite where b is 0 */
    uint64_t ulp;      /* most representable values between a and b; exact for integers */
    int64_t nan_at, absolute_at, relative_at, ulp_at; /* the first such element's position */
};

/* Compares count further elements of one dtype.  NaN equals NaN, -0 equals 0.  Integers are
 * compared as integers, so beyond 2^53 too; their ulp difference is |a - b| itself. */
void pl_compare(struct pl_difference *difference, const void *a, const void *b, enum pl_dtype dtype,
                int64_t count);

#endif
