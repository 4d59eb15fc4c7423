/* Text in and out of a language model: its tokens are bytes, pieces of a tokenizer, or numbers.
 * SPDX-License-Identifier: MIT */
#ifndef PL_MODELS_LM_TEXT_H
#define PL_MODELS_LM_TEXT_H

#include "models/lm.h"
#include "text/tokenizer.h"

enum pl_lm_symbols {
    PL_LM_BYTES,  /* 256 tokens and no tokenizer */
    PL_LM_PIECES, /* of the tokenizer that the model carries */
    PL_LM_NUMBERS /* neither: of a task, or of tokens from elsewhere */
};

struct pl_lm_text {
    enum pl_lm_symbols symbols;
    int64_t tokens;                 /* those with a text are below; at most the vocabulary */
    int64_t end;                    /* the token that ends a text; -1: there is none */
    bool *known;                    /* [tokens]: those that have a piece; NULL: all have one */
    struct pl_tokenizer *tokenizer; /* of pieces, else NULL */
    struct pl_decoder decoder;
};

enum pl_status pl_lm_text_init(struct pl_context *context, struct pl_lm_text *text,
                               const struct pl_lm *lm) PL_MUST_CHECK;
void pl_lm_text_release(struct pl_lm_text *text); /* zeroed: harmless */

/* Appends the tokens of a text; numbers are written in decimal, with blanks between.  first: it is
 * the start of a text, and gets the tokens in front that the tokenizer puts there.  PL_BAD_DATA for
 * what the model has no token for. */
enum pl_status pl_lm_text_encode(struct pl_context *context, const struct pl_lm_text *text,
                                 const char *bytes, size_t size, bool first,
                                 struct pl_ids *ids) PL_MUST_CHECK;

/* The token that stands in front of a text of which nothing is given: the tokenizer's for that, or
 * the one that ends the text before, or a newline.  PL_USAGE where there is none of them. */
enum pl_status pl_lm_text_begin(struct pl_context *context, const struct pl_lm_text *text,
                                struct pl_ids *ids) PL_MUST_CHECK;

/* Appends what a token stands for; a number and a newline for numbers. */
enum pl_status pl_lm_text_decode(struct pl_context *context, struct pl_lm_text *text, int32_t id,
                                 struct pl_buffer *out) PL_MUST_CHECK;

#endif
