/* A tape of coarse operations, and the gradients they hand back.
 * SPDX-License-Identifier: MIT
 *
 * One training step is: operations on variables, each of which computes its result at once and
 * leaves a note of how to go back; pl_tape_backward, which runs the notes in reverse; the
 * optimiser; pl_tape_reset.  An operation is coarse (a whole linear map, a whole attention over
 * all heads) and its gradient is derived by hand, so a step is a few dozen notes long.
 *
 * Memory is the tape's arena: values, gradients and what operations save live until the reset, and
 * after the first step no memory is asked for.  A tape that does not record (inference) keeps no
 * notes and makes no gradients.
 *
 * Operations return NULL when they fail, and take NULL as "failed before": a model is written as
 * straight-line code and its caller looks once, at the end.  The message is in tape->context. */
#ifndef PL_AUTOGRAD_TAPE_H
#define PL_AUTOGRAD_TAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/context.h"
#include "base/memory.h"
#include "tensor/real.h"
#include "tensor/tensor.h"

/* A low-rank addition to a weight [out, in]: it counts as w + scale b a in linear maps. */
struct pl_adapter {
    struct pl_variable *a, *b; /* [rank, in], [out, rank] */
    double scale;
};

/* Contiguous, row-major.  Operations see [rows, width]: all axes but the last are rows. */
struct pl_variable {
    int rank;
    int64_t dims[PL_MAX_RANK];
    int64_t count;     /* elements */
    pl_real *value;    /* [count] */
    pl_real *gradient; /* [count], of the loss by value, summed up; NULL: nobody wants it */
    const struct pl_adapter *adapter; /* of a weight, or NULL */
};

struct pl_tape {
    struct pl_context *context;
    struct pl_arena arena;
    bool recording;
    struct pl_note *last; /* newest first */
};

/* Goes back through one operation: adds to the gradients of its inputs (those that are not NULL)
 * what the gradients of its outputs say. */
typedef enum pl_status pl_backward_fn(struct pl_tape *tape, void *saved);

/* A zeroed tape with its context set is ready; recording says whether gradients are wanted. */
void pl_tape_reset(struct pl_tape *tape); /* forgets the step, keeps its memory */
void pl_tape_release(struct pl_tape *tape);

/* Memory until the reset, 64-byte aligned from 64 bytes up: _take as it is, _new zeroed. */
void *pl_tape_take(struct pl_tape *tape, int64_t count, size_t size) PL_MUST_CHECK;
void *pl_tape_new(struct pl_tape *tape, int64_t count, size_t size) PL_MUST_CHECK;

/* A result: value not set, gradient zero if wanted and recording (else NULL). */
struct pl_variable *pl_tape_variable(struct pl_tape *tape, bool gradient, int rank,
                                     const int64_t *dims) PL_MUST_CHECK;
/* [rows, width] */
struct pl_variable *pl_tape_matrix(struct pl_tape *tape, bool gradient, int64_t rows,
                                   int64_t width) PL_MUST_CHECK;
/* The same elements in another shape; shares value and gradient. */
struct pl_variable *pl_tape_view(struct pl_tape *tape, const struct pl_variable *of, int64_t rows,
                                 int64_t width) PL_MUST_CHECK;

/* Width of the last axis, and how many rows of it. */
int64_t pl_variable_width(const struct pl_variable *variable);
int64_t pl_variable_rows(const struct pl_variable *variable);

/* Notes how to go back; size bytes of saved are copied.  Does nothing when not recording. */
enum pl_status pl_tape_note(struct pl_tape *tape, pl_backward_fn *backward, const void *saved,
                            size_t size) PL_MUST_CHECK;

/* Gradient of loss (one element) by itself: 1 times scale; then all notes, newest first. */
enum pl_status pl_tape_backward(struct pl_tape *tape, struct pl_variable *loss,
                                pl_real scale) PL_MUST_CHECK;

#endif
