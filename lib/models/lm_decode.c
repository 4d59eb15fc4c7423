/* Decoding: see lm_decode.h.
 * SPDX-License-Identifier: MIT */
#include "models/lm_decode.h"

enum { PIECE = 1024 }; /* most tokens of a pass */

void pl_lm_decoder_init(struct pl_lm_decoder *decoder, const struct pl_lm *lm)
{
    *decoder = (struct pl_lm_decoder){.lm = lm, .state.batch = 1};
}

void pl_lm_decoder_release(struct pl_lm_decoder *decoder)
{
    pl_tape_release(&decoder->tape);
    pl_state_release(&decoder->state);
}

/* The logits behind the last of count hidden rows. */
static enum pl_status take_logits(struct pl_context *context, struct pl_lm_decoder *decoder,
                                  struct pl_pass *pass, const struct pl_variable *hidden,
                                  int64_t count)
{
    const int64_t width = pl_variable_width(hidden);
    struct pl_variable last = {.rank = 2,
                               .dims = {1, width},
                               .count = width,
                               .value = hidden->value + (count - 1) * width};
    const struct pl_variable *logits = pl_lm_logits(pass, &last);
    if (!logits)
        return context->status;
    for (int64_t i = 0; i < logits->count; i++)
        if (!isfinite(logits->value[i]))
            return pl_fail(context, PL_NUMERIC, "the logits behind token %lld are not finite",
                           (long long)decoder->state.position);
    decoder->logits = logits->value;
    return PL_OK;
}

enum pl_status pl_lm_decoder_take(struct pl_context *context, struct pl_lm_decoder *decoder,
                                  const int32_t *ids, int64_t count)
{
    struct pl_tape *tape = &decoder->tape;
    struct pl_pass pass = {.tape = tape, .lm = decoder->lm, .state = &decoder->state};
    tape->context = context;
    if (pl_blas_open(context))
        return context->status;
    for (int64_t done = 0, piece; done < count; done += piece) {
        piece = count - done < PIECE ? count - done : PIECE;
        pl_tape_reset(tape);
        if (pl_rows_even(tape, 1, piece, &pass.rows))
            return context->status;
        const struct pl_variable *hidden = pl_lm_forward(&pass, ids + done);
        if (!hidden ||
            (done + piece == count && take_logits(context, decoder, &pass, hidden, piece)))
            return context->status;
    }
    return PL_OK;
}
