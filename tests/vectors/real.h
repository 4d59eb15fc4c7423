/* Reference arrays as variables of a tape, in the precision that this program was built in.
 * SPDX-License-Identifier: MIT */
#ifndef PL_TESTS_VECTORS_REAL_H
#define PL_TESTS_VECTORS_REAL_H

#include "autograd/tape.h"
#include "vectors.h"

/* How near arrays must be: max |difference| / max |reference|. */
enum real_kind {
    REAL_VALUES,   /* 1e-9 in double, 2e-4 in float */
    REAL_GRADIENTS /* 1e-9 in double, 1e-3 in float */
};

/* A variable with the array's shape and values and a zeroed gradient, taken; NULL when missing. */
struct pl_variable *real_variable(struct vectors *vectors, const char *format, ...) PL_PRINTF(2, 3);

/* Zeroes its gradient; NULL is left alone. */
void real_clear(struct pl_variable *variable);

/* The array's values, taken. */
void real_copy(struct vectors *vectors, pl_real *to, int64_t count, const char *format, ...)
    PL_PRINTF(4, 5);

/* Takes the array and compares. */
void real_compare(struct vectors *vectors, const pl_real *got, int64_t count, enum real_kind kind,
                  const char *format, ...) PL_PRINTF(5, 6);

/* Goes back from gradients that were set by hand. */
enum pl_status real_backward(struct pl_tape *tape);

#endif
