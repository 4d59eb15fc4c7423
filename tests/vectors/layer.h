/* Vectors of single operations and of single layers of token mixing.
 * SPDX-License-Identifier: MIT */
#ifndef PL_TESTS_VECTORS_LAYER_H
#define PL_TESTS_VECTORS_LAYER_H

#include "models/lm.h"
#include "vectors.h"

/* What a file's metadata calls an option, and what the model calls it. */
struct layer_name {
    const char *theirs, *ours;
};

/* Checks a file of one layer (x, y, dy, dx, w.NAME, grad.NAME) against the mixing of that model,
 * at several chunk sizes.  names: ended by {NULL}, beside those that all models have. */
void check_layer(struct vectors *vectors, const char *file, const char *type,
                 const struct layer_name *names);

/* check_lm with the options that lm.safetensors tells of. */
void check_lm_named(struct vectors *vectors, const char *type, const struct layer_name *names);

/* The array as a variable with a gradient; NULL when it is missing. */
struct pl_variable *layer_variable(struct vectors *vectors, const char *format, ...)
    PL_PRINTF(2, 3);

/* The array's values. */
void layer_copy(struct vectors *vectors, pl_real *to, int64_t count, const char *format, ...)
    PL_PRINTF(4, 5);

/* Zeroes a variable's gradient. */
void layer_clear(struct pl_variable *variable);

/* Goes back from gradients that were set by hand. */
enum pl_status layer_backward(struct pl_tape *tape);

#endif
