/* What a tokenizer is made of.
 * SPDX-License-Identifier: MIT */
#ifndef PL_TEXT_TOKENIZER_PARTS_H
#define PL_TEXT_TOKENIZER_PARTS_H

#include "text/bpe.h"
#include "text/splitter.h"
#include "text/tokenizer.h"
#include "text/words.h"

#define PL_NO_ID           UINT32_MAX
#define PL_VOCABULARY_MOST (1 << 22)      /* 16 times the largest in use */
#define PL_BLANK           "\xe2\x96\x81" /* U+2581: SentencePiece's blank */

enum pl_piece_kind { PL_PIECE_ABSENT, PL_PIECE_NORMAL, PL_PIECE_ADDED, PL_PIECE_SPECIAL };

struct pl_piece {
    enum pl_piece_kind kind;
    uint32_t name;           /* of the vocabulary, in names; PL_NO_WORD: only added */
    size_t start, text_size; /* the bytes that it stands for, in texts */
};

/* A piece that is looked for in the text itself, before anything else. */
struct pl_added {
    const char *content;
    size_t size;
    uint32_t id;
    bool left, right; /* takes the white space on that side along */
};

/* Where a blank is put in front. */
enum pl_prefix {
    PL_PREFIX_NONE,
    PL_PREFIX_FIRST, /* of the text */
    PL_PREFIX_EVERY  /* of every stretch between added tokens */
};

#define PL_AROUND_MOST 8 /* tokens in front of a text, and behind it */

struct pl_tokenizer {
    char *json;
    size_t json_size;
    uint32_t sum; /* of the file */
    /* The pieces by id, and the ids of their names. */
    struct pl_piece *pieces;
    size_t count;
    struct pl_words names;
    uint32_t *name_ids;
    struct pl_buffer texts;
    struct pl_merges merges;
    uint32_t bytes[256]; /* byte-level: the symbol of each; else <0xNN>, or PL_NO_ID */
    uint32_t unknown;    /* PL_NO_ID: none */
    bool fuse_unknown;   /* a run of unknown characters is one token */
    bool byte_level, byte_fallback, ignore_merges;
    bool composes;             /* texts are brought to normalisation form C first */
    enum pl_splitter splitter; /* byte-level */
    bool blanks;               /* else: a space is written U+2581 */
    bool split_blanks;         /* and starts a word */
    enum pl_prefix prefix;
    bool prefix_once; /* none where a space stands already */
    bool strips;      /* decoding drops the blank in front */
    /* Characters (last of the left piece, first of the right one) that a merge may join: between
     * all others a word ends, which changes nothing but makes words short. */
    struct pl_merges junctions;
    struct pl_added *added; /* sorted by their bytes */
    size_t added_count;
    bool starts[256]; /* bytes that an added token begins with */
    bool any_left;    /* one of them takes white space in front */
    uint32_t front[PL_AROUND_MOST], behind[PL_AROUND_MOST];
    size_t front_count, behind_count;
    bool squeezes; /* a .model that asks for single spaces, which encoding does not do */
};

/* Byte-level names: each byte is written as a printable character, 33-126, 161-172 and 174-255 as
 * themselves, the others from U+0100 on. */
uint32_t pl_byte_symbol(int byte);
/* The byte, or -1. */
int pl_byte_of_symbol(uint32_t code);

/* The byte of a name <0xNN>, or -1. */
int pl_byte_of_name(const char *name, size_t size);

/* Appends the tokenizer.json that says the same as a tokenizer.model or a tokenizer.bin, whichever
 * it is.  *squeezes as in the tokenizer. */
enum pl_status pl_sentencepiece_json(struct pl_context *context, const char *name,
                                     const void *bytes, size_t size, bool *squeezes,
                                     struct pl_buffer *json) PL_MUST_CHECK;

#endif
