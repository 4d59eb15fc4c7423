/* Decoding: a language model that has taken in some tokens and says what may come next.
 * SPDX-License-Identifier: MIT
 *
 *     struct pl_lm_decoder decoder;
 *     pl_lm_decoder_init(&decoder, &lm);
 *     status = pl_lm_decoder_take(context, &decoder, ids, count);
 *     next = pl_sampler_draw(&sampler, decoder.logits, decoder.state.position);
 *
 * What was taken in is in the state alone, which has a fixed size in all models but transformers: a
 * token costs the same time and memory however many came before it.  Many tokens at once go through
 * the chunkwise form, pieces of a bounded size one behind the other; one token is a step of the
 * recurrence.  After the first steps a step asks for no memory. */
#ifndef PL_MODELS_LM_DECODE_H
#define PL_MODELS_LM_DECODE_H

#include "models/lm.h"

struct pl_lm_decoder {
    const struct pl_lm *lm;
    struct pl_tape tape;
    struct pl_state state;
    const pl_real *logits; /* [vocabulary], of the token behind those taken in, until the next call;
                              NULL before any was */
};

void pl_lm_decoder_init(struct pl_lm_decoder *decoder, const struct pl_lm *lm);
void pl_lm_decoder_release(struct pl_lm_decoder *decoder);

/* Takes in count >= 0 more tokens, each in [0, vocabulary).  PL_NUMERIC when the logits are not
 * finite. */
enum pl_status pl_lm_decoder_take(struct pl_context *context, struct pl_lm_decoder *decoder,
                                  const int32_t *ids, int64_t count) PL_MUST_CHECK;

#endif
