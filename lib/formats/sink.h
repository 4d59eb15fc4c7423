/* An output file in another format, written in large blocks.
 * SPDX-License-Identifier: MIT */
#ifndef PL_FORMATS_SINK_H
#define PL_FORMATS_SINK_H

#include "base/buffer.h"
#include "base/file.h"

struct pl_sink {
    struct pl_output output;
    struct pl_buffer pending;
    uint64_t written; /* bytes so far, pending ones included */
};

/* "-" or NULL is standard output; a file appears whole at commit, or not at all. */
enum pl_status pl_sink_open(struct pl_context *context, struct pl_sink *sink,
                            const char *path) PL_MUST_CHECK;
enum pl_status pl_sink_write(struct pl_context *context, struct pl_sink *sink, const void *bytes,
                             size_t size) PL_MUST_CHECK;
/* Pushes out what is pending. */
enum pl_status pl_sink_flush(struct pl_context *context, struct pl_sink *sink) PL_MUST_CHECK;

/* Ends the output: whole, or, after a failure, removed.  Returns status, or what failed now. */
enum pl_status pl_sink_close(struct pl_context *context, struct pl_sink *sink,
                             enum pl_status status) PL_MUST_CHECK;

#endif
