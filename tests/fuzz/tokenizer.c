/* Fuzz target: tokenizer files (tokenizer.json, .model, .bin).  What is read encodes a text, in one
 * piece and byte by byte, to the same ids, and they decode.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "text/tokenizer_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static struct pl_tokenizer *read(struct pl_context *context, const char *bytes, size_t size)
{
    struct pl_buffer json = {0};
    bool squeezes;
    struct pl_tokenizer *tokenizer = NULL;
    if (size > 0 && bytes[0] == '{')
        return pl_tokenizer_parse(context, "fuzz", bytes, size);
    if (pl_sentencepiece_json(context, "fuzz", bytes, size, &squeezes, &json) == PL_OK) {
        tokenizer = pl_tokenizer_parse(context, "fuzz", json.data, json.size);
        if (!tokenizer) /* what was written must be readable */
            abort();
    }
    pl_buffer_release(&json);
    return tokenizer;
}

static void try(struct pl_context *context, const struct pl_tokenizer *tokenizer)
{
    static const char text[] = "<s>ab  abab 'S 123\r\n\xc3\xa9\xe6\xbc\xa2\xff </s> x";
    struct pl_ids whole = {0}, pieces = {0};
    struct pl_buffer back = {0};
    struct pl_decoder decoder = {.tokenizer = tokenizer, .specials = true};
    struct pl_encoder *encoder = pl_encoder_new(context, tokenizer, false);
    if (!encoder)
        abort();
    enum pl_status once = pl_tokenizer_encode(context, tokenizer, text, sizeof text - 1, &whole);
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < sizeof text - 1 && !status; i++)
        status = pl_encoder_add(context, encoder, text + i, 1, &pieces);
    if (!status)
        status = pl_encoder_end(context, encoder, &pieces);
    if (status != once)
        abort();
    if (!status && (whole.count != pieces.count ||
                    (whole.count > 0 &&
                     memcmp(whole.items, pieces.items, whole.count * sizeof *whole.items) != 0)))
        abort();
    for (size_t i = 0; i < whole.count; i++)
        if (pl_decoder_add(context, &decoder, whole.items[i], &back))
            abort();
    pl_encoder_free(encoder);
    pl_ids_release(&whole);
    pl_ids_release(&pieces);
    pl_buffer_release(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct pl_context context = {0};
    char *copy = malloc(size ? size : 1); /* of exactly that size */
    if (!copy)
        abort();
    if (size > 0)
        memcpy(copy, bytes, size);
    struct pl_tokenizer *tokenizer = read(&context, copy, size);
    if (tokenizer)
        try(&context, tokenizer);
    pl_tokenizer_free(tokenizer);
    free(copy);
    return 0;
}
