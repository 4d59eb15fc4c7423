/* Rows of several sequences.
 * SPDX-License-Identifier: MIT */
#include "nn/rows.h"

enum pl_status pl_rows_even(struct pl_tape *tape, int64_t count, int64_t length,
                            struct pl_rows *rows)
{
    int64_t *starts = pl_tape_take(tape, count + 1, sizeof *starts);
    if (!starts)
        return tape->context->status;
    for (int64_t i = 0; i <= count; i++)
        starts[i] = i * length;
    *rows = (struct pl_rows){count, starts};
    return PL_OK;
}

/* The last sequence that starts at or before the row: those that are empty start where it does. */
int64_t pl_rows_find(const struct pl_rows *rows, int64_t row)
{
    int64_t low = 0, high = rows->count;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (rows->starts[middle] <= row)
            low = middle;
        else
            high = middle;
    }
    return low;
}
