/* Arrays of other formats on their way into a stream.
 * SPDX-License-Identifier: MIT */
#ifndef PL_FORMATS_ELEMENTS_H
#define PL_FORMATS_ELEMENTS_H

#include "formats/bytes.h"
#include "stream/writer.h"

/* An array as another format describes it. */
struct pl_array {
    char name[PL_NAME_MAX + 1];
    enum pl_dtype dtype;
    int rank;
    int64_t dims[PL_MAX_RANK];
    bool swapped; /* elements are big-endian */
    bool fortran; /* the first index runs fastest */
};

/* Copies the array that lies ahead, little-endian and row by row, as a solid tensor.  Of an input
 * whose size is known nothing is written when it is too short. */
enum pl_status pl_array_copy(struct pl_context *context, struct pl_bytes *bytes,
                             const struct pl_array *array, struct pl_writer *writer) PL_MUST_CHECK;

/* Puts elements of `size` bytes into the other byte order, in place or not. */
void pl_swap_elements(void *to, const void *from, size_t count, size_t size);

/* A tensor's name: the given one, or the file's without folder and suffixes (x for a/x.npy.gz), or
 * "data" for standard input. */
void pl_array_name(const struct pl_bytes *bytes, const char *given, char out[PL_NAME_MAX + 1]);

#endif
