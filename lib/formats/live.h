/* Inputs of any format read as they come, not when they have ended.
 * SPDX-License-Identifier: MIT
 *
 * A stream is read directly.  Anything else is imported by a thread into a pipe whose other end
 * the caller reads, so that rows appended to a CSV arrive one by one and memory stays bounded. */
#ifndef PL_FORMATS_LIVE_H
#define PL_FORMATS_LIVE_H

#include "formats/input.h"

struct pl_live {
    struct pl_reader *reader;
    struct pl_live_import *import; /* NULL: a stream */
};

/* path: "-" is standard input; import may be NULL. */
enum pl_status pl_live_open(struct pl_context *context, struct pl_live *live, const char *path,
                            const struct pl_import *import) PL_MUST_CHECK;

/* Closes the reader.  status is how the reading ended: after PL_OK or a failure that came through
 * the pipe, the importer's own failure, which tells more, takes its place; after any other the
 * importer may still be waiting for input and is left to die with the process. */
enum pl_status pl_live_close(struct pl_context *context, struct pl_live *live,
                             enum pl_status status) PL_MUST_CHECK;

#endif
