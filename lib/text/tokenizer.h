/* Tokenizers: text to token ids and back, as tokenizer.json describes it.
 * SPDX-License-Identifier: MIT
 *
 *     struct pl_tokenizer *tokenizer = pl_tokenizer_load(context, "tokenizer.json");
 *     struct pl_ids ids = {0};
 *     status = pl_tokenizer_encode(context, tokenizer, "Once upon", 9, &ids);
 *     struct pl_decoder decoder = {.tokenizer = tokenizer};
 *     for (size_t i = 0; i < ids.count && !status; i++)
 *         status = pl_decoder_add(context, &decoder, ids.items[i], &text);
 *
 * Byte pair encoding in its two usual forms: byte-level (GPT-2, Llama 3, Qwen: every byte has a
 * symbol, so any bytes at all can be encoded) and SentencePiece's (Llama 2, Mistral: characters,
 * blanks written as U+2581, bytes of unknown characters as <0xNN>).  A tokenizer does not change
 * once it is made: any number of threads may use it, each with an encoder of its own.
 *
 * Ids are those of Hugging Face's tokenizers library for the same file, but for words of more than
 * a mebibyte, which are cut there, and for bytes that are not UTF-8, which that library does not
 * take: byte-level tokenizers encode them like any others, SentencePiece's as <0xNN>. */
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

enum pl_status pl_ids_add(struct pl_context *context, struct pl_ids *ids, const uint32_t *items,
                          size_t count) PL_MUST_CHECK;
void pl_ids_release(struct pl_ids *ids);

/* Reads a tokenizer.json; name is for messages.  PL_BAD_DATA names what is not understood: another
 * model than BPE, an unknown pre-tokenizer or normaliser, merges of pieces that do not exist. */
struct pl_tokenizer *pl_tokenizer_parse(struct pl_context *context, const char *name,
                                        const void *json, size_t size) PL_MUST_CHECK;
/* The same from a file: a tokenizer.json, a tokenizer.model of SentencePiece's BPE, a tokenizer.bin
 * of llama2.c, a folder that holds the first or the second, or a stream with a `tokenizer.json`
 * ("-": standard input).  A tokenizer.bin does not say how many pieces it holds, so that one that
 * is cut between two looks whole: who has the model compares its vocabulary. */
struct pl_tokenizer *pl_tokenizer_load(struct pl_context *context, const char *path) PL_MUST_CHECK;
/* Whether a folder has one of these files. */
bool pl_tokenizer_is_in(const char *folder);
void pl_tokenizer_free(struct pl_tokenizer *tokenizer); /* NULL is harmless */

/* The bytes of its tokenizer.json: as they were read, or made from a .model or .bin.  A tokenizer
 * parsed from them is the same. */
const char *pl_tokenizer_json(const struct pl_tokenizer *tokenizer, size_t *size);

/* For histories: the CRC-32 of the file that it was loaded from, or the end sum of the stream. */
uint32_t pl_tokenizer_sum(const struct pl_tokenizer *tokenizer);

/* The highest id plus one. */
int64_t pl_tokenizer_vocabulary(const struct pl_tokenizer *tokenizer);

/* The id of a piece as it is written in the file ("</s>"), or -1. */
int64_t pl_tokenizer_find(const struct pl_tokenizer *tokenizer, const char *piece);

/* The token that begins a text, which encoding puts in front when the file says so, and the one
 * that ends it, by its usual names; -1 when there is none. */
int64_t pl_tokenizer_begin(const struct pl_tokenizer *tokenizer);
int64_t pl_tokenizer_end(const struct pl_tokenizer *tokenizer);

/* Bytes of text that a token stands for; -1 when there is no such token, 0 for special ones.  What
 * encoding puts in front of a text, a blank, is counted. */
int64_t pl_tokenizer_text_size(const struct pl_tokenizer *tokenizer, uint32_t id);

/* Encodes a text as it comes, piece by piece, to the same ids as in one piece, in memory that does
 * not depend on its length. */
struct pl_encoder; /* opaque */

/* bare: without the tokens that the file puts in front of and behind a text. */
struct pl_encoder *pl_encoder_new(struct pl_context *context, const struct pl_tokenizer *tokenizer,
                                  bool bare) PL_MUST_CHECK;
void pl_encoder_free(struct pl_encoder *encoder); /* NULL is harmless */

/* Appends the ids that are certain after these bytes; a word whose end may not have come waits in
 * the encoder.  What the tokenizer has no piece for, and no unknown token either, is PL_BAD_DATA
 * "byte OFFSET: ...", counted from the start of the text. */
enum pl_status pl_encoder_add(struct pl_context *context, struct pl_encoder *encoder,
                              const char *text, size_t size, struct pl_ids *ids) PL_MUST_CHECK;
/* Nothing follows: appends the rest.  The encoder is ready for another text. */
enum pl_status pl_encoder_end(struct pl_context *context, struct pl_encoder *encoder,
                              struct pl_ids *ids) PL_MUST_CHECK;

/* A whole text at once, with the tokens around it. */
enum pl_status pl_tokenizer_encode(struct pl_context *context, const struct pl_tokenizer *tokenizer,
                                   const char *text, size_t size, struct pl_ids *ids) PL_MUST_CHECK;

/* Decodes ids as they come.  Special tokens leave no text unless `specials` is set. */
struct pl_decoder {
    const struct pl_tokenizer *tokenizer;
    bool specials;
    bool begun; /* text has come out: the blank that encoding puts in front is no more to come */
};

/* Appends the bytes of one token, which may end inside a character; PL_BAD_DATA "token 600 is not
 * in the vocabulary of 512". */
enum pl_status pl_decoder_add(struct pl_context *context, struct pl_decoder *decoder, uint32_t id,
                              struct pl_buffer *text) PL_MUST_CHECK;

#endif
