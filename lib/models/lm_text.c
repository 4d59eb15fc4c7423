/* Text in and out of a language model: see lm_text.h.
 * SPDX-License-Identifier: MIT */
#include "models/lm_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"

enum { BYTES = 256 };

/* Ids of a tokenizer may have holes. */
static enum pl_status find_known(struct pl_context *context, struct pl_lm_text *text)
{
    int64_t count = 0;
    text->known = pl_new(context, (size_t)text->tokens, sizeof *text->known);
    if (!text->known)
        return context->status;
    for (int64_t id = 0; id < text->tokens; id++) {
        text->known[id] = pl_tokenizer_text_size(text->tokenizer, (uint32_t)id) >= 0;
        count += text->known[id];
    }
    if (count == text->tokens) {
        free(text->known);
        text->known = NULL;
    }
    return PL_OK;
}

enum pl_status pl_lm_text_init(struct pl_context *context, struct pl_lm_text *text,
                               const struct pl_lm *lm)
{
    const int64_t vocabulary = pl_lm_options(lm)->vocabulary;
    *text = (struct pl_lm_text){.tokens = vocabulary, .end = -1};
    if (!lm->tokenizer) {
        text->symbols = vocabulary == BYTES ? PL_LM_BYTES : PL_LM_NUMBERS;
        return PL_OK;
    }
    text->symbols = PL_LM_PIECES;
    text->tokenizer = pl_tokenizer_parse(context, "the model's tokenizer.json", lm->tokenizer,
                                         lm->tokenizer_size);
    if (!text->tokenizer)
        return context->status;
    text->decoder.tokenizer = text->tokenizer;
    text->tokens = pl_tokenizer_vocabulary(text->tokenizer);
    text->end = pl_tokenizer_end(text->tokenizer);
    if (text->tokens > vocabulary)
        return pl_fail(context, PL_BAD_DATA,
                       "the model's tokenizer has %lld tokens, the model %lld",
                       (long long)text->tokens, (long long)vocabulary);
    return find_known(context, text);
}

void pl_lm_text_release(struct pl_lm_text *text)
{
    pl_tokenizer_free(text->tokenizer);
    free(text->known);
    *text = (struct pl_lm_text){0};
}

static enum pl_status encode_numbers(struct pl_context *context, const struct pl_lm_text *text,
                                     const char *bytes, size_t size, struct pl_ids *ids)
{
    static const char blanks[] = " \t\r\n";
    for (size_t at = 0, end; at < size; at = end + 1) {
        for (end = at; end < size && !strchr(blanks, bytes[end]);)
            end++;
        int64_t number;
        if (end == at)
            continue;
        if (!pl_parse_int64(bytes + at, end - at, &number) || number < 0)
            return pl_fail(context, PL_BAD_DATA,
                           "byte %zu: not a token: the model knows no text, tokens are numbers",
                           at);
        if (number >= text->tokens)
            return pl_fail(context, PL_BAD_DATA,
                           "byte %zu: token %lld is not in the vocabulary of %lld", at,
                           (long long)number, (long long)text->tokens);
        const uint32_t id = (uint32_t)number;
        if (pl_ids_add(context, ids, &id, 1))
            return context->status;
    }
    return PL_OK;
}

static enum pl_status encode_pieces(struct pl_context *context, const struct pl_lm_text *text,
                                    const char *bytes, size_t size, bool first, struct pl_ids *ids)
{
    struct pl_encoder *encoder = pl_encoder_new(context, text->tokenizer, !first);
    enum pl_status status =
        encoder ? pl_encoder_add(context, encoder, bytes, size, ids) : context->status;
    if (!status)
        status = pl_encoder_end(context, encoder, ids);
    pl_encoder_free(encoder);
    return status;
}

enum pl_status pl_lm_text_encode(struct pl_context *context, const struct pl_lm_text *text,
                                 const char *bytes, size_t size, bool first, struct pl_ids *ids)
{
    if (text->symbols == PL_LM_NUMBERS)
        return encode_numbers(context, text, bytes, size, ids);
    if (text->symbols == PL_LM_PIECES)
        return encode_pieces(context, text, bytes, size, first, ids);
    for (size_t i = 0; i < size; i++) {
        const uint32_t id = (unsigned char)bytes[i];
        if (pl_ids_add(context, ids, &id, 1))
            return context->status;
    }
    return PL_OK;
}

static enum pl_status begin_behind_newline(struct pl_context *context,
                                           const struct pl_lm_text *text, struct pl_ids *ids)
{
    enum pl_status status = pl_lm_text_encode(context, text, "\n", 1, true, ids);
    if (status == PL_BAD_DATA)
        return pl_fail(context, PL_USAGE,
                       "the tokenizer has no token that begins a text and no "
                       "piece for a newline: --prompt is needed");
    return status;
}

enum pl_status pl_lm_text_begin(struct pl_context *context, const struct pl_lm_text *text,
                                struct pl_ids *ids)
{
    if (text->symbols == PL_LM_NUMBERS)
        return pl_fail(context, PL_USAGE,
                       "tokens are numbers, of which none begins a text: --prompt is needed");
    int64_t begin = text->tokenizer ? pl_tokenizer_begin(text->tokenizer) : -1;
    begin = begin < 0 ? text->end : begin;
    if (begin < 0)
        return begin_behind_newline(context, text, ids);
    const uint32_t id = (uint32_t)begin;
    return pl_ids_add(context, ids, &id, 1);
}

enum pl_status pl_lm_text_decode(struct pl_context *context, struct pl_lm_text *text, int32_t id,
                                 struct pl_buffer *out)
{
    if (text->symbols == PL_LM_PIECES)
        return pl_decoder_add(context, &text->decoder, (uint32_t)id, out);
    if (text->symbols == PL_LM_NUMBERS)
        return pl_buffer_printf(context, out, "%ld\n", (long)id);
    const char byte = (char)id;
    return pl_buffer_append(context, out, &byte, 1);
}
