/* The log of a training: a CSV table, a row a step, for ts-plot and spreadsheets.
 * SPDX-License-Identifier: MIT
 *
 * It is appended to while the training runs, so that it can be followed.  A resumed run cuts off
 * the rows of steps behind its checkpoint, which it does again. */
#ifndef PL_TRAIN_LOG_H
#define PL_TRAIN_LOG_H

#include <stdint.h>

#include "base/context.h"

struct pl_train_log {
    int fd; /* -1: there is none */
    const char *path;
};

struct pl_train_row {
    int64_t step, units; /* done with it; units: tokens, samples */
    double loss, rate, norm;
    double validation; /* NaN: not measured at this step */
    double seconds;    /* since the run began */
};

/* Starts the table, or goes on with it behind the row of `step` (0: anew).  path NULL: no log.
 * PL_BAD_DATA, and nothing is written, when the file holds anything but a log. */
enum pl_status pl_train_log_open(struct pl_context *context, struct pl_train_log *log,
                                 const char *path, int64_t step) PL_MUST_CHECK;
enum pl_status pl_train_log_add(struct pl_context *context, const struct pl_train_log *log,
                                const struct pl_train_row *row) PL_MUST_CHECK;
void pl_train_log_close(struct pl_train_log *log);

#endif
