/* Learning a byte-level BPE vocabulary from text.
 * SPDX-License-Identifier: MIT
 *
 *     struct pl_bpe_corpus corpus = {0};
 *     status = pl_bpe_count(context, &corpus, text, size);       once for each text
 *     status = pl_bpe_learn(context, &corpus, 512, false, &draft, &tokens);
 *     status = pl_tokenizer_write(context, &draft, &json); */
#ifndef PL_TEXT_BPE_TRAIN_H
#define PL_TEXT_BPE_TRAIN_H

#include "text/tokenizer_write.h"

/* The words of texts, cut by GPT-2's pattern, and how often each came.  Zeroed: none. */
struct pl_bpe_corpus {
    struct pl_words words;
    int64_t *counts; /* by number */
    size_t capacity; /* of counts */
    int64_t bytes;   /* of all texts */
};

/* Adds the words of a text.  Time in proportion to its length, memory to the words that are new. */
enum pl_status pl_bpe_count(struct pl_context *context, struct pl_bpe_corpus *corpus,
                            const char *text, size_t size) PL_MUST_CHECK;
void pl_bpe_corpus_release(struct pl_bpe_corpus *corpus);

#define PL_BPE_BYTES 0 /* as `most`: the bytes alone */

/* Fills the draft with the 256 bytes, or those that occur (`alphabet`), in their order, and then
 * with what comes of joining the most frequent pair of neighbours again and again: of several the
 * one with the lower left piece, then the lower right one.  Ends when there are `most` pieces, or
 * no pair comes twice.  *tokens: the pieces that the texts now take.  The draft, which was zeroed,
 * is the caller's to release.  PL_USAGE when `most` is less than the bytes. */
enum pl_status pl_bpe_learn(struct pl_context *context, const struct pl_bpe_corpus *corpus,
                            int64_t most, bool alphabet, struct pl_tokenizer_draft *draft,
                            int64_t *tokens) PL_MUST_CHECK;
void pl_tokenizer_draft_release(struct pl_tokenizer_draft *draft);

#endif
