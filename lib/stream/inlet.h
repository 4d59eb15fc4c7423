/* Bytes of an input in order, whether mapped, in memory, or read from a pipe.
 * SPDX-License-Identifier: MIT
 *
 * The one place that knows where bytes come from.  Addresses keep the position's remainder by 64,
 * so that what is aligned in the stream is aligned in memory.
 *
 * What passes by, headers and pieces, is read into one block even from a file that is mapped: to
 * copy bytes into memory that stays in the cache costs less than to have pages of the file mapped
 * in, and only what is to be used where it lies is worth that. */
#ifndef PL_STREAM_INLET_H
#define PL_STREAM_INLET_H

#include "base/file.h"

#define PL_PIECE     (1 << 20) /* most bytes handed out or read at a time */
#define PL_PEEK_MOST (1 << 18) /* most bytes that can be asked for in one piece */

struct pl_inlet {
    struct pl_file file;      /* unused (fd -1) for bytes in memory */
    const uint8_t *map;       /* a mapped file or the caller's memory, from offset 0; or NULL */
    uint64_t start, position; /* in the input: where reading began, and the next byte */
    uint64_t size;            /* where the input ends; UINT64_MAX until a pipe has ended */
    uint8_t *block;           /* bytes read and not yet taken: from..to; NULL for memory */
    size_t from, to;
    size_t ahead;      /* of a regular file: most bytes to read at a time, few after a jump */
    uint64_t resident; /* in a mapped file: pages from here on have not been given back */
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

/* Shows the bytes at the position without taking them: at least `least` (<= PL_PEEK_MOST), fewer
 * only where the input ends; *count is how many there are in one piece.  The bytes stay valid
 * until the next call; in memory, until close. */
enum pl_status pl_inlet_peek(struct pl_context *context, struct pl_inlet *inlet, size_t least,
                             const uint8_t **bytes, size_t *count) PL_MUST_CHECK;

/* Takes bytes that were shown; in a mapped file or memory, jumps over any number. */
void pl_inlet_take(struct pl_inlet *inlet, uint64_t size);

/* The bytes at the position, all that are left of them, where they lie: in a mapped file or memory,
 * valid until close; else NULL.  Pages of a file are given back to the system when the position has
 * moved on; they can still be used, and are then mapped in again. */
const uint8_t *pl_inlet_in_place(const struct pl_inlet *inlet);

/* Goes to any offset of a mapped file or memory; false when there is none such. */
bool pl_inlet_seek(struct pl_inlet *inlet, uint64_t offset);

/* For an input that is not mapped: takes size bytes straight into memory; *got is less only where
 * the input ends. */
enum pl_status pl_inlet_read(struct pl_context *context, struct pl_inlet *inlet, void *to,
                             size_t size, size_t *got) PL_MUST_CHECK;

/* Bytes left, or UINT64_MAX when nobody knows. */
uint64_t pl_inlet_left(const struct pl_inlet *inlet);

#endif
