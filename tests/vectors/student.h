/* Models made from the trained transformer that vectors of conversions refer to.
 * SPDX-License-Identifier: MIT */
#ifndef PL_TESTS_VECTORS_STUDENT_H
#define PL_TESTS_VECTORS_STUDENT_H

#include "layer.h"

/* The transformer stories260K as a model of that type, with these settings ended by NULL; its new
 * parameters have the values that they start with, and all have gradients.  False with a failure.
 */
bool student_open(struct vectors *vectors, struct pl_lm *lm, const char *type,
                  const char *const *settings);

/* Whether the file has arrays of a layer. */
bool student_has(const struct vectors *vectors, int64_t index);

/* One layer on the array layerN.x of one sequence, through the way out; x is left with a gradient.
 */
struct student_layer {
    struct pl_tape tape;
    struct pl_pass pass;
    struct pl_variable *x;
};
struct pl_variable *student_forward(struct vectors *vectors, struct student_layer *layer,
                                    struct pl_lm *lm, int64_t index);

/* Compares within what a reference in float32 allows: 1e-5, and 1e-4 where this is float. */
void student_compare(struct vectors *vectors, const pl_real *got, int64_t count, const char *format,
                     ...) PL_PRINTF(4, 5);
/* The same for gradients, relative to the largest of them. */
void student_compare_gradient(struct vectors *vectors, const pl_real *got, int64_t count,
                              const char *format, ...) PL_PRINTF(4, 5);

/* The array as [rows, heads width] from [1, heads, rows, width], and the reverse. */
void student_turn(int64_t heads, int64_t rows, int64_t width, const pl_real *from, pl_real *to);

#endif
