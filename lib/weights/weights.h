/* The weights of a model on their way through a tool: read in any order, written in their own.
 * SPDX-License-Identifier: MIT */
#ifndef PL_WEIGHTS_WEIGHTS_H
#define PL_WEIGHTS_WEIGHTS_H

#include "formats/input.h"
#include "stream/history.h"
#include "stream/store.h"

/* One segment of an input in any format.  Tensors of a file are views into it, so that memory is
 * the system's to give and take. */
struct pl_weights {
    const char *path;
    struct pl_source source;
    struct pl_reader *input;
    struct pl_store store;
    uint64_t begin; /* of the segment in store.reader */
    struct pl_bundle bundle;
};

/* PL_BAD_DATA when there is a second segment, or no tensor. */
enum pl_status pl_weights_open(struct pl_context *context, struct pl_weights *weights,
                               const char *path) PL_MUST_CHECK;
void pl_weights_close(struct pl_weights *weights); /* zeroed: harmless */

/* Adds it to the history of what is made from it. */
enum pl_status pl_weights_history(struct pl_context *context, const struct pl_weights *weights,
                                  struct pl_history *history) PL_MUST_CHECK;

/* Writes the segment again, all but history and end: every record is copied but for the tensors for
 * which `edit` sets *edited: it writes them, or leaves them out.  For the chunks of a tensor it is
 * asked again, with writer NULL. */
typedef enum pl_status pl_weights_edit(struct pl_context *context, void *user, const char *name,
                                       const struct pl_tensor *tensor, struct pl_writer *writer,
                                       bool *edited);
enum pl_status pl_weights_write(struct pl_context *context, struct pl_weights *weights,
                                struct pl_writer *writer, pl_weights_edit *edit,
                                void *user) PL_MUST_CHECK;

#endif
