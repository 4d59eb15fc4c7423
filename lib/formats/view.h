/* A stream shown as text while it is written: CSV, or a table for people.
 * SPDX-License-Identifier: MIT
 *
 * The writer feeds a pipe; a thread at its other end writes the text, row by row for CSV.  So a
 * tool makes its result one way, whatever it is shown as. */
#ifndef PL_FORMATS_VIEW_H
#define PL_FORMATS_VIEW_H

#include <signal.h>

#include "stream/writer.h"

struct pl_view {
    struct pl_writer *writer;
    struct pl_viewer *viewer;
    sigset_t signals; /* the caller's mask: SIGPIPE is blocked while the view is open */
};

/* table: an aligned table of a series, whole at the end; else CSV.  path as for pl_output_open. */
enum pl_status pl_view_open(struct pl_context *context, struct pl_view *view, const char *path,
                            bool table) PL_MUST_CHECK;

/* Ends the text.  status is how the writing went: its failure, or that of the text, is returned. */
enum pl_status pl_view_close(struct pl_context *context, struct pl_view *view,
                             enum pl_status status) PL_MUST_CHECK;

#endif
