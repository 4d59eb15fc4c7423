/* Checked allocation, checked sizes, and arenas.
 * SPDX-License-Identifier: MIT */
#ifndef PL_BASE_MEMORY_H
#define PL_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/context.h"

/* Zeroed memory for count items of size bytes, 64-byte aligned from 4 KiB up; never NULL for a
 * count of 0.  NULL with PL_SYSTEM when the product overflows or memory is short.  Free with
 * free(). */
void *pl_new(struct pl_context *context, size_t count, size_t size) PL_MUST_CHECK;

/* Resizes to count items; the old block stays valid when NULL is returned.  New bytes are not
 * zeroed; alignment is malloc's. */
void *pl_resize(struct pl_context *context, void *block, size_t count, size_t size) PL_MUST_CHECK;

/* A copy of the text, or of its first size bytes with a NUL behind. */
char *pl_copy_text(struct pl_context *context, const char *text) PL_MUST_CHECK;
char *pl_copy_bytes(struct pl_context *context, const void *bytes, size_t size) PL_MUST_CHECK;

/* PL_SYSTEM when so many bytes are more than the machine has.  The system grants such blocks, and
 * kills who fills them: where a size follows from options, it is asked about first.  what: for the
 * message, "the training state". */
enum pl_status pl_memory_check(struct pl_context *context, double bytes,
                               const char *what) PL_MUST_CHECK;

/* Products and sums that say when they overflow: true when *out is right. */
bool pl_mul_size(size_t a, size_t b, size_t *out);
bool pl_add_size(size_t a, size_t b, size_t *out);
bool pl_mul_int64(int64_t a, int64_t b, int64_t *out);
bool pl_add_int64(int64_t a, int64_t b, int64_t *out);

/* An arena hands out memory that is freed all at once.  What belongs to one record, one document
 * or one training step comes from one arena; pl_arena_reset keeps the blocks for the next step. */
struct pl_arena {
    struct pl_arena_block *first, *current;
};

/* 16-byte aligned (64 from 64 bytes up), zeroed.  NULL with PL_SYSTEM when memory is short. */
void *pl_arena_new(struct pl_context *context, struct pl_arena *arena, size_t count,
                   size_t size) PL_MUST_CHECK;
/* As pl_arena_new, but not zeroed: for what is written whole at once. */
void *pl_arena_take(struct pl_context *context, struct pl_arena *arena, size_t count,
                    size_t size) PL_MUST_CHECK;
char *pl_arena_text(struct pl_context *context, struct pl_arena *arena, const char *text,
                    size_t size) PL_MUST_CHECK;
void pl_arena_reset(struct pl_arena *arena);

/* Where an arena stands.  Going back to a mark gives up what was taken since, for what is taken
 * next. */
struct pl_arena_mark {
    struct pl_arena_block *block;
    size_t used;
};
struct pl_arena_mark pl_arena_mark(const struct pl_arena *arena);
void pl_arena_rewind(struct pl_arena *arena, struct pl_arena_mark mark);
void pl_arena_release(struct pl_arena *arena);

#endif
