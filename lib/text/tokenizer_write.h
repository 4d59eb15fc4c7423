/* Writing a tokenizer.json.
 * SPDX-License-Identifier: MIT */
#ifndef PL_TEXT_TOKENIZER_WRITE_H
#define PL_TEXT_TOKENIZER_WRITE_H

#include "text/bpe.h"
#include "text/tokenizer.h"
#include "text/words.h"

struct pl_tokenizer_draft {
    bool byte_level; /* pieces are bytes, words those of GPT-2; else SentencePiece's, with U+2581 */
    struct pl_words pieces;        /* by id */
    const struct pl_merge *merges; /* in their order; only the pairs matter */
    size_t merge_count;
    struct pl_ids special, whole; /* added tokens: with no text, and with one */
    /* SentencePiece's */
    bool prefix;             /* a blank is put in front of a text */
    bool byte_fallback;      /* there are pieces <0xNN> */
    uint32_t unknown, begin; /* ids, or UINT32_MAX */
};

/* Appends the file, one piece a line.  pieces must be UTF-8 unless they are bytes. */
enum pl_status pl_tokenizer_write(struct pl_context *context,
                                  const struct pl_tokenizer_draft *draft,
                                  struct pl_buffer *json) PL_MUST_CHECK;

#endif
