/* What differs between two segments, tensor by tensor.
 * SPDX-License-Identifier: MIT */
#ifndef PL_INSPECT_DIFF_H
#define PL_INSPECT_DIFF_H

#include "stream/store.h"
#include "stream/pattern.h"
#include "tensor/compare.h"

enum pl_diff_state {
    PL_DIFF_EQUAL,
    PL_DIFF_CLOSE, /* unequal, within the tolerance */
    PL_DIFF_VALUES,
    PL_DIFF_ONLY_A,
    PL_DIFF_ONLY_B,
    PL_DIFF_DTYPE,
    PL_DIFF_SHAPE
};

/* One tensor of either segment. */
struct pl_diff_row {
    enum pl_diff_state state;
    const struct pl_directory_entry *a, *b; /* NULL where there is none */
    struct pl_difference difference;        /* where dtype and shape are the same */
};

struct pl_diff {
    double rtol, atol;         /* set by the caller */
    struct pl_patterns ignore; /* set by the caller: excluding patterns */
    struct pl_diff_row *rows;  /* A's tensors in A's order, then those that only B has */
    size_t count, capacity;
    bool differs; /* some row is worse than PL_DIFF_CLOSE */
};

/* Compares the stores' current segments by decoded values: codec, chunks and the order of tensors
 * do not matter.  Documents and tensors named rws.undo.* are left out.  Memory: two pieces. */
enum pl_status pl_diff_segments(struct pl_context *context, struct pl_diff *diff,
                                struct pl_store *a, struct pl_store *b) PL_MUST_CHECK;
void pl_diff_release(struct pl_diff *diff);

/* The rows that differ (all of them, with `all`) as a table or as one JSON object on a line. */
enum pl_status pl_diff_text(struct pl_context *context, const struct pl_diff *diff, bool all,
                            struct pl_buffer *out) PL_MUST_CHECK;
enum pl_status pl_diff_json(struct pl_context *context, const struct pl_diff *diff, bool all,
                            uint64_t segment, struct pl_buffer *out) PL_MUST_CHECK;

#endif
