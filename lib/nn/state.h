/* What a sequence model carries from one token to the next.
 * SPDX-License-Identifier: MIT
 *
 * A state is a list of named arrays, made by the layers themselves in the first pass that is given
 * an empty state, and read and overwritten by every later one.  Recurrent layers keep a fixed
 * number of numbers (`layer.0.S`, `layer.0.conv_q`), attention keeps rows that grow with the text.
 * A state belongs to inference: no gradient flows through it. */
#ifndef PL_NN_STATE_H
#define PL_NN_STATE_H

#include "autograd/tape.h"

struct pl_state_item {
    const char *name;
    struct pl_variable variable; /* no gradient; dims[0]: the batch, or memories times it */
    int64_t room;                /* of a growing item: rows a sequence has memory for, else 0 */
};

struct pl_state {
    struct pl_state_item *items; /* memory of its own each: pl_state_release */
    size_t count, room;
    size_t next;      /* where the next look-up begins: passes ask for items in the same order */
    int64_t batch;    /* sequences side by side */
    int64_t position; /* tokens taken in so far, the same for all */
};

/* The item of that name, made zeroed with these dims (ended by 0) if there is none.  NULL with
 * PL_BAD_DATA when there is one of another shape: the state is another model's. */
struct pl_variable *pl_state_get(struct pl_context *context, struct pl_state *state,
                                 const int64_t *dims, const char *format, ...)
    PL_PRINTF(4, 5) PL_MUST_CHECK;

/* A growing item [batch, rows, width]: like pl_state_get, for `position` rows from earlier passes
 * and those of this one, rows in all.  Sequence i has its rows at i * *room * width: there is room
 * for more than are in use, so that growing is rare. */
struct pl_variable *pl_state_grow(struct pl_context *context, struct pl_state *state, int64_t rows,
                                  int64_t width, int64_t *room, const char *format, ...)
    PL_PRINTF(6, 7) PL_MUST_CHECK;

void pl_state_release(struct pl_state *state);

#endif
