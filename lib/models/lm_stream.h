/* A language model as a stream of kind `model`.
 * SPDX-License-Identifier: MIT
 *
 *     meta: model       type; configuration: the options of the type; sequence; parameters
 *     tokenizer.json    u8, when it has a tokenizer
 *     NAME              f32, each parameter */
#ifndef PL_MODELS_LM_STREAM_H
#define PL_MODELS_LM_STREAM_H

#include "models/lm.h"
#include "stream/bundle.h"
#include "stream/writer.h"

/* True when `meta: model` names a language model of the registry. */
bool pl_lm_is(const struct pl_bundle *bundle);

/* Everything but history and end. training: NULL, or a map that is kept in the model document as
 * `training`. */
enum pl_status pl_lm_write(struct pl_context *context, const struct pl_lm *lm,
                           const struct pl_meta_node *training,
                           struct pl_writer *writer) PL_MUST_CHECK;

/* `meta: model` alone. */
enum pl_status pl_lm_write_document(struct pl_context *context, const struct pl_lm *lm,
                                    const struct pl_meta_node *training,
                                    struct pl_writer *writer) PL_MUST_CHECK;
/* The model that such a document describes, with its parameters declared and no values. */
enum pl_status pl_lm_declare(struct pl_context *context, struct pl_lm *lm,
                             const struct pl_meta_node *model) PL_MUST_CHECK;

/* Reads what pl_lm_write wrote, parameters of any float dtype; records named `optim.*` are left
 * alone.  PL_BAD_DATA lists all parameters that are missing, unknown or of the wrong shape, and
 * names the first that is not finite.  The bundle may be released afterwards. */
enum pl_status pl_lm_read(struct pl_context *context, struct pl_lm *lm,
                          const struct pl_bundle *bundle) PL_MUST_CHECK;

#endif
