/* NumPy's array files: one array behind a header that is a Python literal.
 * SPDX-License-Identifier: MIT */
#ifndef PL_FORMATS_NPY_H
#define PL_FORMATS_NPY_H

#include "formats/elements.h"

/* Takes the header off the input, versions 1 to 3.  Arrays of Python objects, which are pickles,
 * structures, text, times and complex numbers are PL_BAD_DATA that says so. */
enum pl_status pl_npy_take_header(struct pl_context *context, struct pl_bytes *bytes,
                                  struct pl_array *array) PL_MUST_CHECK;

/* Appends the header of a row-major array, as NumPy writes it: a multiple of 64 bytes.  PL_BAD_DATA
 * for a type that NPY does not have (bf16). */
enum pl_status pl_npy_write_header(struct pl_context *context, const char *name,
                                   enum pl_dtype dtype, int rank, const int64_t *dims,
                                   struct pl_buffer *out) PL_MUST_CHECK;

#endif
