/* Rows of several sequences, one behind the other.
 * SPDX-License-Identifier: MIT */
#ifndef PL_NN_ROWS_H
#define PL_NN_ROWS_H

#include "autograd/tape.h"

/* Sequence i is rows starts[i] to starts[i + 1] - 1 of [rows, width] variables; it may be empty.
 * A batch of B sequences of length T is the case starts[i] = i T.  What mixes rows (convolution,
 * recurrence, attention) never looks from one sequence into another.  starts must stay until the
 * tape is reset. */
struct pl_rows {
    int64_t count;
    const int64_t *starts; /* [count + 1] */
};

/* The sequence that the row is in, which must be one of theirs; O(log count). */
int64_t pl_rows_find(const struct pl_rows *rows, int64_t row);

/* count sequences of length rows each, in the tape's memory; PL_OK or the tape's failure. */
enum pl_status pl_rows_even(struct pl_tape *tape, int64_t count, int64_t length,
                            struct pl_rows *rows) PL_MUST_CHECK;

#endif
