/* Where a tool's result goes: a stream, or text that is made of it as it is written.
 * SPDX-License-Identifier: MIT
 *
 * For text the writer feeds a pipe, and a thread at its other end writes CSV row by row, or a table
 * for people.  So a tool makes its result one way, whatever it is shown as. */
#ifndef PL_FORMATS_VIEW_H
#define PL_FORMATS_VIEW_H

#include <signal.h>

#include "stream/writer.h"

enum pl_view_form {
    PL_VIEW_STREAM,
    PL_VIEW_CSV,
    PL_VIEW_TABLE /* an aligned table of every series, each whole at its end */
};

struct pl_view {
    struct pl_writer *writer;
    struct pl_viewer *viewer; /* NULL for a stream */
    sigset_t signals;         /* the caller's mask: SIGPIPE is blocked while the view is open */
};

/* path as for pl_output_open. */
enum pl_status pl_view_open(struct pl_context *context, struct pl_view *view, const char *path,
                            enum pl_view_form form) PL_MUST_CHECK;

/* Commits the result, or with a status that is a failure takes it back; a stream tells its reader
 * that `tool` failed.  Returns the failure, or that of the text: PL_USAGE for a table of what is no
 * series. */
enum pl_status pl_view_close(struct pl_context *context, struct pl_view *view,
                             enum pl_status status, const char *tool) PL_MUST_CHECK;

#endif
