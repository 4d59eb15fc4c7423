/* Reference vectors: arrays that a method's reference implementation produced.
 * SPDX-License-Identifier: MIT
 *
 * A method is one function that takes arrays by name, computes the same with the library, and
 * compares.  Every array of a folder must have been taken when it returns: what nothing reads
 * tests nothing.  Shapes come from the files. */
#ifndef PL_TESTS_VECTORS_H
#define PL_TESTS_VECTORS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/context.h"
#include "base/memory.h"
#include "stream/bundle.h"
#include "tensor/real.h"

/* One file of a folder. */
struct vectors_file {
    char *name; /* "vectors.safetensors" */
    struct pl_bundle bundle;
    bool *taken; /* [bundle.tensor_count] */
};

struct vectors {
    struct pl_context context;
    const char *folder;
    struct pl_arena arena; /* of all that is handed out */
    struct vectors_file *files;
    size_t file_count;
    const struct vectors_file *file; /* names are looked up here: the first, or as selected */
    size_t failures;
    char why[256]; /* the first failure */
};

/* Looks up names in that file of the folder from now on. */
void vectors_select(struct vectors *vectors, const char *file);

/* A failure of the method, the first of which is reported. */
void vectors_fail(struct vectors *vectors, const char *format, ...) PL_PRINTF(2, 3);

/* True when the call succeeded, else its message is a failure. */
bool vectors_ok(struct vectors *vectors, enum pl_status status);

/* Zeroed memory that lives as long as the folder is checked; never NULL. */
void *vectors_new(struct vectors *vectors, int64_t count, size_t size);

/* The array, taken; a missing one is a failure and NULL. */
const struct pl_tensor *vectors_tensor(struct vectors *vectors, const char *format, ...)
    PL_PRINTF(2, 3);

/* Its elements as doubles or floats; NULL when it is missing or does not have `count` elements
 * (-1: any number). */
const double *vectors_doubles(struct vectors *vectors, int64_t count, const char *format, ...)
    PL_PRINTF(3, 4);
const float *vectors_floats(struct vectors *vectors, int64_t count, const char *format, ...)
    PL_PRINTF(3, 4);

/* The dimension of an array (not taken by this); 0 when there is no such array or axis. */
int64_t vectors_dim(const struct vectors *vectors, const char *name, int axis);

/* Takes the array and compares: |got - expected| <= absolute + relative * |expected|. */
void vectors_compare(struct vectors *vectors, const double *got, int64_t count, double absolute,
                     double relative, const char *format, ...) PL_PRINTF(6, 7);
void vectors_compare_floats(struct vectors *vectors, const float *got, int64_t count,
                            double absolute, double relative, const char *format, ...)
    PL_PRINTF(6, 7);

/* The same for what is computed in pl_real: largest difference by largest reference, at most 1e-9
 * in the double build; in float 2e-4, and 1e-3 where errors of many terms add up. */
enum vectors_kind {
    VECTORS_OUTPUT,
    VECTORS_GRADIENT,
    VECTORS_TRAINED /* after optimiser steps: 1e-7 and 1e-3 */
};
void vectors_compare_real(struct vectors *vectors, const pl_real *got, int64_t count,
                          enum vectors_kind kind, const char *format, ...) PL_PRINTF(5, 6);

/* A size or option from the file's metadata, as text; NULL when it is not told. */
const char *vectors_option(struct vectors *vectors, const char *key);

/* The methods, one file each. */
#define METHOD(name, check, real) void check(struct vectors *vectors);
#include "methods.h"
#undef METHOD

#endif
