/* A tape of coarse operations.
 * SPDX-License-Identifier: MIT */
#include "autograd/tape.h"

#include <string.h>

/* How to go back through one operation. */
struct pl_note {
    struct pl_note *before;
    pl_backward_fn *backward;
    void *saved;
};

void pl_tape_reset(struct pl_tape *tape)
{
    pl_arena_reset(&tape->arena);
    tape->last = NULL;
}

void pl_tape_release(struct pl_tape *tape)
{
    pl_arena_release(&tape->arena);
    tape->last = NULL;
}

void *pl_tape_take(struct pl_tape *tape, int64_t count, size_t size)
{
    return pl_arena_take(tape->context, &tape->arena, (size_t)count, size);
}

void *pl_tape_new(struct pl_tape *tape, int64_t count, size_t size)
{
    return pl_arena_new(tape->context, &tape->arena, (size_t)count, size);
}

struct pl_variable *pl_tape_variable(struct pl_tape *tape, bool gradient, int rank,
                                     const int64_t *dims)
{
    struct pl_variable *variable = pl_tape_new(tape, 1, sizeof *variable);
    if (!variable)
        return NULL;
    if (!pl_shape_count(rank, dims, &variable->count)) {
        pl_fail(tape->context, PL_SYSTEM, "out of memory: a tensor too large to count");
        return NULL;
    }
    variable->rank = rank;
    memcpy(variable->dims, dims, (size_t)rank * sizeof *dims);
    variable->value = pl_tape_take(tape, variable->count, sizeof *variable->value);
    if (!variable->value)
        return NULL;
    if (gradient && tape->recording) {
        variable->gradient = pl_tape_new(tape, variable->count, sizeof *variable->gradient);
        if (!variable->gradient)
            return NULL;
    }
    return variable;
}

struct pl_variable *pl_tape_matrix(struct pl_tape *tape, bool gradient, int64_t rows, int64_t width)
{
    const int64_t dims[] = {rows, width};
    return pl_tape_variable(tape, gradient, 2, dims);
}

struct pl_variable *pl_tape_view(struct pl_tape *tape, const struct pl_variable *of, int64_t rows,
                                 int64_t width)
{
    struct pl_variable *view = of ? pl_tape_new(tape, 1, sizeof *view) : NULL;
    if (!view)
        return NULL;
    *view = *of;
    view->rank = 2;
    view->dims[0] = rows;
    view->dims[1] = width;
    return view;
}

int64_t pl_variable_width(const struct pl_variable *variable)
{
    return variable->rank ? variable->dims[variable->rank - 1] : 1;
}

int64_t pl_variable_rows(const struct pl_variable *variable)
{
    int64_t rows = 1;
    for (int axis = 0; axis < variable->rank - 1; axis++)
        rows *= variable->dims[axis];
    return rows;
}

enum pl_status pl_tape_note(struct pl_tape *tape, pl_backward_fn *backward, const void *saved,
                            size_t size)
{
    if (!tape->recording)
        return PL_OK;
    struct pl_note *note = pl_tape_new(tape, 1, sizeof *note);
    void *copy = note ? pl_tape_take(tape, 1, size) : NULL;
    if (!copy)
        return tape->context->status;
    memcpy(copy, saved, size);
    *note = (struct pl_note){tape->last, backward, copy};
    tape->last = note;
    return PL_OK;
}

enum pl_status pl_tape_backward(struct pl_tape *tape, struct pl_variable *loss, pl_real scale)
{
    loss->gradient[0] = scale;
    for (struct pl_note *note = tape->last; note; note = note->before)
        if (note->backward(tape, note->saved))
            return tape->context->status;
    return PL_OK;
}
