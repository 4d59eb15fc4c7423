/* How tokenizers cut a text into words before they look at pairs: the classes of characters, and
 * the three patterns that are in use, as scanners.
 * SPDX-License-Identifier: MIT
 *
 * The patterns are alternatives that are tried from left to right at the place where the last word
 * ended, each greedy, as GPT-2, Llama 3 and Qwen 2 define them.  A scanner looks at each character
 * about twice and never goes back, so that a text takes time in proportion to its length. */
#ifndef PL_TEXT_SPLITTER_H
#define PL_TEXT_SPLITTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* General categories L and N, the property White_Space, and all else; a byte that is not UTF-8 is a
 * character of its own of the last kind. */
enum pl_class { PL_CLASS_OTHER, PL_CLASS_LETTER, PL_CLASS_NUMBER, PL_CLASS_SPACE };

enum pl_class pl_class_of(uint32_t code);

enum pl_splitter {
    PL_SPLIT_GPT2,
    PL_SPLIT_LLAMA3, /* up to three digits to a word, contractions in any case, ... */
    PL_SPLIT_QWEN2,  /* the same with one digit */
    PL_SPLITTERS
};

/* The regular expression as tokenizer.json has it. */
const char *pl_splitter_pattern(enum pl_splitter splitter);

/* A word never is longer than this: what has no end by then is cut. */
#define PL_WORD_MOST (1 << 20)

/* Bytes of the first word of text[0..size), size > 0.  Unless nothing follows the text (`closed`),
 * 0 when its end depends on what does: then give more, and the whole word again. */
size_t pl_splitter_word(enum pl_splitter splitter, const char *text, size_t size, bool closed);

/* The character at the start of text and its length; 0 when it is cut off and more may follow.  A
 * byte that is not UTF-8 counts as a character: code 0x110000 + the byte. */
size_t pl_character(const char *text, size_t size, bool closed, uint32_t *code);

#endif
