/* The nearest of many code vectors, exactly.
 * SPDX-License-Identifier: MIT */
#ifndef PL_NN_NEAREST_H
#define PL_NN_NEAREST_H

#include "base/context.h"
#include "tensor/real.h"

/* Code vectors prepared for searching. */
struct pl_nearest {
    int64_t count, width;
    const pl_real *codes; /* [count, width], the caller's */
    pl_real *centre;      /* [width]: their mean */
    pl_real *shifted;     /* [count, width + 1]: less the centre; last: minus half their square */
    double radius;        /* largest norm of a shifted code */
    pl_real *scratch;     /* for each thread */
    size_t scratch_size;
    int threads;
};

/* Takes the memory for `count` codes of `width` numbers, and for the context's threads. */
enum pl_status pl_nearest_init(struct pl_context *context, struct pl_nearest *nearest,
                               int64_t count, int64_t width) PL_MUST_CHECK;
void pl_nearest_release(struct pl_nearest *nearest);

/* Prepares for these codes [count, width], which must stay as they are while they are searched. */
void pl_nearest_set(struct pl_nearest *nearest, const pl_real *codes);

/* found[n] = the j with the least |vectors[n] - codes[j]|^2, the lowest of several: what a loop in
 * double precision over all codes finds, whatever the number of threads.  vectors [rows, width],
 * all finite.  2 rows count (width + 1) operations; memory does not grow with rows.
 * pl_blas_open first. */
enum pl_status pl_nearest_find(struct pl_context *context, const struct pl_nearest *nearest,
                               const pl_real *vectors, int64_t rows, int32_t *found) PL_MUST_CHECK;

/* |a - b|^2 in double precision, summed in one fixed order. */
double pl_square_distance(int64_t width, const pl_real *a, const pl_real *b);

#endif
