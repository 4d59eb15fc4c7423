/* Bytes of an input in order, whether in a file, in memory, or from a pipe.
 * SPDX-License-Identifier: MIT
 *
 * The one place that knows where bytes come from.  Bytes that go by are read into a block, also
 * from a mapped file: a read of 256 KiB into warm memory costs a third of the page faults that a
 * mapping of it does, and counts for nothing in the memory used.  A mapping serves only for views,
 * which stay.  Addresses keep the position's remainder by 64, so that what is aligned in the stream
 * is aligned in memory. */
#ifndef PL_STREAM_INLET_H
#define PL_STREAM_INLET_H

#include "base/file.h"

#define PL_PIECE      (1 << 20) /* most bytes read or handed out at a time */
#define PL_FILE_PIECE (1 << 18) /* the same for regular files: what the cache holds */

struct pl_inlet {
    struct pl_file file;      /* unused (fd -1) for bytes in memory */
    const uint8_t *memory;    /* the caller's bytes, else NULL */
    uint64_t start, position; /* in the input: where reading began, and the next byte */
    uint64_t size;            /* where the input ends; UINT64_MAX until a pipe has ended */
    uint8_t *block;           /* bytes read and not yet taken: from..to */
    size_t from, to;
    uint64_t resident; /* of a mapped file: pages from here on may be in memory */
    bool keep;         /* and stay there: views are in use until close */
};

enum pl_status pl_inlet_open(struct pl_context *context, struct pl_inlet *inlet, const char *path,
                             bool map) PL_MUST_CHECK;
/* Takes over fd.  `before` are bytes read from it already; a regular file is wound back instead. */
enum pl_status pl_inlet_open_fd(struct pl_context *context, struct pl_inlet *inlet, int fd,
                                const char *name, const void *before, size_t before_size,
                                bool map) PL_MUST_CHECK;
enum pl_status pl_inlet_open_memory(struct pl_context *context, struct pl_inlet *inlet,
                                    const void *bytes, size_t size, const char *name) PL_MUST_CHECK;
void pl_inlet_close(struct pl_inlet *inlet);

/* Whether one can jump in it: a regular file, or memory. */
bool pl_inlet_is_random(const struct pl_inlet *inlet);

/* Shows the bytes at the position without taking them: at least `least` (<= 8 KiB), fewer only
 * where the input ends; *count is how many there are in one piece.  A file is read `most` bytes at
 * a time, a pipe gives what it has.  The bytes stay valid until the next call. */
enum pl_status pl_inlet_peek(struct pl_context *context, struct pl_inlet *inlet, size_t least,
                             size_t most, const uint8_t **bytes, size_t *count) PL_MUST_CHECK;

/* Takes bytes that were shown; where one can jump, any number. */
void pl_inlet_take(struct pl_inlet *inlet, uint64_t size);

/* Goes to any offset; false when there is none such, or no way there. */
bool pl_inlet_seek(struct pl_inlet *inlet, uint64_t offset);

/* Takes size bytes straight into memory; *got is less only where the input ends. */
enum pl_status pl_inlet_read(struct pl_context *context, struct pl_inlet *inlet, void *to,
                             size_t size, size_t *got) PL_MUST_CHECK;

/* Where the bytes at the position lie, for as long as the inlet is open: in a mapped file or
 * memory; else NULL.  Pages of earlier views are given back to the system, and are mapped in again
 * if somebody looks there, unless they are to be kept. */
const uint8_t *pl_inlet_view(struct pl_inlet *inlet);

/* Bytes left, or UINT64_MAX when nobody knows. */
uint64_t pl_inlet_left(const struct pl_inlet *inlet);

#endif
