/* Synthetic tasks: rows of tokens with targets.
 * SPDX-License-Identifier: MIT
 *
 * Row i depends on the seed, the task and i alone, so that it is the same among any number of
 * rows. targets[t] is what a model should say after tokens 0 .. t, -1 where nothing is scored. */
#ifndef PL_TEXT_TASK_H
#define PL_TEXT_TASK_H

#include "stream/writer.h"
#include "text/group.h"

enum pl_task_kind {
    PL_TASK_MQAR,  /* multi-query associative recall */
    PL_TASK_GROUP, /* running products of group elements */
    PL_TASK_COPY   /* symbols to be repeated after a gap */
};

struct pl_task {
    enum pl_task_kind kind;
    uint64_t seed;
    int64_t length;     /* mqar: tokens of a row; group: factors; copy: symbols to repeat */
    int64_t vocabulary; /* group: set by pl_task_init: the elements and the begin token */
    int64_t pairs;      /* mqar */
    int64_t gap;        /* copy: blanks in between */
    const char *group;  /* its name */
    /* Set by pl_task_init. */
    int64_t width; /* tokens of a row */
    int64_t begin; /* group: the token in front, |G|; else -1 */
    struct pl_group table;
    double *shares; /* mqar: 1 / p(gap), not scaled */
};

/* Checks what the caller set: PL_USAGE says which option does not fit which. */
enum pl_status pl_task_init(struct pl_context *context, struct pl_task *task) PL_MUST_CHECK;
void pl_task_release(struct pl_task *task);

/* Rows first .. first + count - 1, [count, width] each. */
enum pl_status pl_task_rows(struct pl_context *context, const struct pl_task *task, int64_t first,
                            int64_t count, int32_t *tokens, int32_t *targets) PL_MUST_CHECK;

/* A segment of kind `task` but for history and end: `meta: tokens`, `tokens` [rows, width] of the
 * smallest unsigned type, `targets` i32, in memory for a few rows. */
enum pl_status pl_task_write(struct pl_context *context, const struct pl_task *task, int64_t rows,
                             struct pl_writer *writer) PL_MUST_CHECK;

#endif
