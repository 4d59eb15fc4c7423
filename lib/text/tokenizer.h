/* Tokenizers: text to token ids and back, as tokenizer.json describes it.
 * SPDX-License-Identifier: MIT
 *
 * Byte pair encoding in its two usual forms: byte-level (GPT-2, Llama 3, Qwen: every byte has a
 * symbol, so any bytes at all can be encoded) and SentencePiece's (Llama 2, Mistral: characters,
 * blanks written as U+2581, bytes of unknown characters as <0xNN>).  A tokenizer does not change
 * once it is made: any number of threads may use it. */
#ifndef PL_TEXT_TOKENIZER_H
#define PL_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/context.h"

struct pl_tokenizer; /* opaque */

/* A growing run of token ids. */
struct pl_ids {
    uint32_t *items;
    size_t count, capacity;
};

void pl_ids_release(struct pl_ids *ids);

/* Reads a tokenizer.json; name is for messages.  PL_BAD_DATA names what is not understood: another
 * model than BPE, an unknown pre-tokenizer or normaliser, merges of pieces that do not exist. */
struct pl_tokenizer *pl_tokenizer_parse(struct pl_context *context, const char *name,
                                        const void *json, size_t size) PL_MUST_CHECK;
/* The same from a file: a tokenizer.json, or a tokenizer.model of SentencePiece's BPE. */
struct pl_tokenizer *pl_tokenizer_load(struct pl_context *context, const char *path) PL_MUST_CHECK;
void pl_tokenizer_free(struct pl_tokenizer *tokenizer); /* NULL is harmless */

/* The bytes of its tokenizer.json, as they were read. */
const char *pl_tokenizer_json(const struct pl_tokenizer *tokenizer, size_t *size);

/* The highest id plus one. */
int64_t pl_tokenizer_vocabulary(const struct pl_tokenizer *tokenizer);

/* The id of a piece as it is written in the file ("</s>"), or -1. */
int64_t pl_tokenizer_find(const struct pl_tokenizer *tokenizer, const char *piece);

/* Bytes of text that a token stands for; -1 when there is no such token, 0 for special ones. */
int64_t pl_tokenizer_text_size(const struct pl_tokenizer *tokenizer, uint32_t id);

/* Encodes a text as it comes, piece by piece, to the same ids as in one piece. */
struct pl_encoder; /* opaque */

struct pl_encoder *pl_encoder_new(struct pl_context *context,
                                  const struct pl_tokenizer *tokenizer) PL_MUST_CHECK;
void pl_encoder_free(struct pl_encoder *encoder); /* NULL is harmless */

/* Appends the ids of text[0..*used); what is left, the start of a word whose end has not come, is
 * to be given again in front of what follows.  `last` tells that nothing follows: all is used.
 * Bytes that the tokenizer has no piece for are PL_BAD_DATA "byte OFFSET: ...", counted from the
 * start of the text. */
enum pl_status pl_encoder_add(struct pl_context *context, struct pl_encoder *encoder,
                              const char *text, size_t size, bool last, size_t *used,
                              struct pl_ids *ids) PL_MUST_CHECK;

/* A whole text at once. */
enum pl_status pl_tokenizer_encode(struct pl_context *context, const struct pl_tokenizer *tokenizer,
                                   const char *text, size_t size, struct pl_ids *ids) PL_MUST_CHECK;

/* Decodes ids as they come.  Special tokens leave no text unless `specials` is set. */
struct pl_decoder {
    const struct pl_tokenizer *tokenizer;
    bool specials;
    bool begun; /* text has come out: the blank that encoding puts in front is no more to come */
};

/* Appends the bytes of one token; PL_BAD_DATA "unknown token 600; ..." */
enum pl_status pl_decoder_add(struct pl_context *context, struct pl_decoder *decoder, uint32_t id,
                              struct pl_buffer *text) PL_MUST_CHECK;

#endif
