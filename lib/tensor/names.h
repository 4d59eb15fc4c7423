/* Lists of names, and finding one among many.
 * SPDX-License-Identifier: MIT */
#ifndef PL_TENSOR_NAMES_H
#define PL_TENSOR_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/context.h"
#include "base/memory.h"
#include "tensor/tensor.h"

/* Not owned: the texts live in an arena or in the command line. */
struct pl_names {
    const char *const *items;
    int64_t count;
};

/* "a,b,c" cut at its commas, into the arena. */
enum pl_status pl_names_parse(struct pl_context *context, struct pl_arena *arena, const char *text,
                              struct pl_names *names) PL_MUST_CHECK;

/* NUL-separated names, the form in which streams carry them, from and to a u8 tensor of rank 1.
 * `what` is the tensor's name for messages. */
enum pl_status pl_names_unpack(struct pl_context *context, struct pl_arena *arena,
                               const struct pl_tensor *tensor, const char *what,
                               struct pl_names *names) PL_MUST_CHECK;
enum pl_status pl_names_pack(struct pl_context *context, const struct pl_names *names,
                             struct pl_tensor *tensor) PL_MUST_CHECK;

/* An index for O(log n) look-ups; lives in the arena. */
struct pl_name_index {
    struct pl_names names;
    int64_t *order; /* positions, by name */
};
enum pl_status pl_name_index_make(struct pl_context *context, struct pl_arena *arena,
                                  const struct pl_names *names,
                                  struct pl_name_index *index) PL_MUST_CHECK;

/* The first position of that name; -1: none. */
int64_t pl_name_find(const struct pl_name_index *index, const char *name);

#endif
