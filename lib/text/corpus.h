/* What language models read: a text, or a stream of tokens, as ids at any place.
 * SPDX-License-Identifier: MIT
 *
 *     struct pl_corpus corpus;
 *     status = pl_corpus_open(context, &corpus, "text.txt", tokenizer);
 *     status = pl_corpus_read(context, &corpus, at, length + 1, ids);
 *     pl_corpus_close(&corpus);
 *
 * A stream of kind tokens or task, a stream or an NPY, NPZ or safetensors file with one unsigned
 * tensor of rank 1 or 2, of whatever name, is tokens.  Every other file is a text (of gzip, what is
 * inside): its bytes are the tokens, vocabulary 256, or what a tokenizer makes of them.  Nothing is
 * loaded that can be mapped; pipes and encoded texts are kept in unlinked temporary files.
 *
 * A text has no alphabet of its own: all 256 bytes are tokens, so that a model can be asked about
 * any other text.  Who wants the symbols that occur and no more makes a tokenizer of them
 * (tok-train --alphabet).
 *
 * A stream of tokens says in `meta: tokens` how many there are (vocabulary) and, with
 * `symbols: bytes`, that they are the bytes of a text; `tokenizer.json` u8 is what made them. */
#ifndef PL_TEXT_CORPUS_H
#define PL_TEXT_CORPUS_H

#include "formats/input.h"
#include "stream/history.h"
#include "text/tokenizer.h"

struct pl_corpus {
    char *name;           /* for messages */
    int64_t count;        /* of tokens: rows * length */
    int64_t rows, length; /* rank 2; else one row of all */
    bool cut;             /* rank 2: a row does not continue the one before */
    bool task;            /* there are targets: only what they say is scored */
    /* Ids are below.  Said by the stream or the tokenizer; 256 for bytes; else the largest id plus
     * one.  Who reads for a model sets it to the model's: pl_corpus_expect. */
    int64_t vocabulary;
    /* Makes text of the tokens: the one given, or the stream's own; NULL: bytes, or unknown. */
    const struct pl_tokenizer *tokenizer;
    bool bytes;                    /* tokens are the bytes of a text */
    bool text;                     /* it was read from a text, not from tokens */
    struct pl_corpus_parts *parts; /* where the tokens are */
};

/* Opens the one segment of a path ("-": standard input).  tokenizer (may be NULL) is for texts and
 * must outlive the corpus.  PL_BAD_DATA "expected tokens, found a model" and the like. */
enum pl_status pl_corpus_open(struct pl_context *context, struct pl_corpus *corpus,
                              const char *path, const struct pl_tokenizer *tokenizer) PL_MUST_CHECK;
void pl_corpus_close(struct pl_corpus *corpus); /* zeroed: harmless */

/* Sets the vocabulary to a model's.  PL_BAD_DATA when the corpus was made by another tokenizer than
 * json[0..size) (NULL: the model has none). */
enum pl_status pl_corpus_expect(struct pl_context *context, struct pl_corpus *corpus,
                                int64_t vocabulary, const void *json, size_t size) PL_MUST_CHECK;

/* Tokens at .. at + count - 1, which must lie inside, as ids; several threads may read at once,
 * each with a context of its own.  PL_BAD_DATA "row 3, offset 17: token 999 is not below the
 * vocabulary, 256" (without rows: "token 1234: 999 ..."). */
enum pl_status pl_corpus_read(struct pl_context *context, const struct pl_corpus *corpus,
                              int64_t at, int64_t count, int32_t *ids) PL_MUST_CHECK;
/* The same of the targets of a task, -1 where nothing is scored. */
enum pl_status pl_corpus_targets(struct pl_context *context, const struct pl_corpus *corpus,
                                 int64_t at, int64_t count, int32_t *targets) PL_MUST_CHECK;

/* Bytes of text that the ids stand for, for bits per byte; -1 when that is unknown.  A blank that a
 * tokenizer puts in front of a text is one of them. */
int64_t pl_corpus_text_size(const struct pl_corpus *corpus, const int32_t *ids, int64_t count);

/* What tells it from others: the sum of its end record, or the CRC-32 of a text's bytes. */
uint32_t pl_corpus_sum(const struct pl_corpus *corpus);

/* Adds the corpus to the history of what is made from it. */
enum pl_status pl_corpus_history(struct pl_context *context, const struct pl_corpus *corpus,
                                 struct pl_history *history) PL_MUST_CHECK;

#endif
