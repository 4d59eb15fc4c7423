/* A classifier of pictures as a stream of kind `model`.
 * SPDX-License-Identifier: MIT
 *
 * Records as in model_stream.h.  Running averages of norms are among the parameters. */
#ifndef PL_MODELS_IMAGE_STREAM_H
#define PL_MODELS_IMAGE_STREAM_H

#include "models/image_net.h"
#include "stream/writer.h"

/* True when `meta: model` names a classifier of pictures of the registry. */
bool pl_image_is(const struct pl_bundle *bundle);

/* Everything but history and end.  training: NULL, or a map that is kept in the model document as
 * `training`. */
enum pl_status pl_image_write(struct pl_context *context, const struct pl_image_net *net,
                              const struct pl_meta_node *training,
                              struct pl_writer *writer) PL_MUST_CHECK;

/* Reads what pl_image_write wrote.  PL_BAD_DATA for what is no classifier, and lists all parameters
 * that do not fit.  The bundle may be released afterwards. */
enum pl_status pl_image_read(struct pl_context *context, struct pl_image_net *net,
                             const struct pl_bundle *bundle) PL_MUST_CHECK;

#endif
