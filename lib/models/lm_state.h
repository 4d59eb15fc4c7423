/* The state of a language model as a stream of kind `state`: a text that can be gone on with.
 * SPDX-License-Identifier: MIT
 *
 * The document `state` has the type and the configuration of the model, sum: the end sum of its
 * stream, position: how many tokens were taken in, and pending: the last token of the text, which
 * is not among them yet.
 *
 * Each item of the state for one text follows as a tensor of f32: layer.0.S and so on. */
#ifndef PL_MODELS_LM_STATE_H
#define PL_MODELS_LM_STATE_H

#include "models/lm.h"
#include "stream/bundle.h"
#include "stream/writer.h"

/* Everything but history and end. */
enum pl_status pl_lm_state_write(struct pl_context *context, const struct pl_lm *lm, uint32_t sum,
                                 const struct pl_state *state, int32_t pending,
                                 struct pl_writer *writer) PL_MUST_CHECK;

/* Reads what pl_lm_state_write wrote into a state without items.  PL_BAD_DATA names the first field
 * in which the configuration is another than the model's, and lists all items that are missing,
 * unknown or of another shape; other weights (sum) are worth a warning. */
enum pl_status pl_lm_state_read(struct pl_context *context, const struct pl_lm *lm, uint32_t sum,
                                const struct pl_bundle *bundle, struct pl_state *state,
                                int32_t *pending) PL_MUST_CHECK;

#endif
