/* Text to token ids, as it comes: see tokenizer.h.
 * SPDX-License-Identifier: MIT
 *
 * The text is cut three times.  Added tokens are looked for first, the longest at each place; what
 * lies between two is a stretch.  A stretch is cut into words, by the tokenizer's pattern, or in
 * SentencePiece's form wherever no merge can join the two characters.  A word becomes symbols, and
 * symbols are joined (bpe.h).  All cuts depend on the text alone, not on the pieces in which it
 * comes: a word, and an added token, is taken once its end cannot move any more.
 *
 * Most words of a text come again: the ids of short ones are kept in a table of 2 MiB, where a word
 * has one place and drives out the one before it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "text/nfc.h"
#include "text/tokenizer_parts.h"

enum {
    BLOCK = 1 << 16, /* bytes of text that are taken at once */
    CACHE_BITS = 15, /* of the number of places */
    CACHE_WORD = 15, /* longest word that is kept */
    CACHE_IDS = 11,  /* most ids of one */
};

struct cached {
    uint8_t word[CACHE_WORD + 1]; /* zeros behind it; the last byte is its length */
    uint32_t count, ids[CACHE_IDS];
};

struct pl_encoder {
    const struct pl_tokenizer *tokenizer;
    bool bare;
    struct pl_buffer raw;  /* text that is not normalised yet */
    struct pl_buffer text; /* that has come and may still be needed */
    size_t at;             /* in text: what is before it is done */
    size_t clear;          /* in text: no added token begins before it, from `at` on */
    size_t enough;         /* no look at the text before it has so many bytes: see pl_encoder_add */
    int64_t offset;        /* of text.data[0] in the whole text */
    bool begun;            /* the tokens in front are out */
    bool fresh;            /* a stretch starts at `at` */
    bool first;            /* it is the first of the text */
    bool skipping;         /* white space behind an added token that takes it along */
    bool unknown;          /* the last id of this stretch is the unknown token */
    bool warned;
    struct pl_bpe bpe;
    struct cached *cache;
};

static void restart(struct pl_encoder *encoder)
{
    encoder->raw.size = encoder->text.size = encoder->at = encoder->clear = encoder->enough = 0;
    encoder->offset = 0;
    encoder->begun = encoder->skipping = encoder->unknown = false;
    encoder->fresh = encoder->first = true;
}

struct pl_encoder *pl_encoder_new(struct pl_context *context, const struct pl_tokenizer *tokenizer,
                                  bool bare)
{
    struct pl_encoder *encoder = pl_new(context, 1, sizeof *encoder);
    if (!encoder)
        return NULL;
    encoder->tokenizer = tokenizer;
    encoder->bare = bare;
    encoder->cache = pl_new(context, (size_t)1 << CACHE_BITS, sizeof *encoder->cache);
    if (!encoder->cache || pl_buffer_reserve(context, &encoder->text, BLOCK)) {
        pl_encoder_free(encoder);
        return NULL;
    }
    restart(encoder);
    return encoder;
}

void pl_encoder_free(struct pl_encoder *encoder)
{
    if (!encoder)
        return;
    pl_buffer_release(&encoder->raw);
    pl_buffer_release(&encoder->text);
    pl_bpe_release(&encoder->bpe);
    free(encoder->cache);
    free(encoder);
}

/* ---- Words to ids ------------------------------------------------------------------------- */

static enum pl_status no_piece(struct pl_context *context, const struct pl_encoder *encoder,
                               const char *at, size_t size)
{
    int64_t offset = encoder->offset + (at - encoder->text.data);
    unsigned char byte = (unsigned char)*at;
    offset = offset < 0 ? 0 : offset;
    if (size > 1 || (byte >= 0x20 && byte < 0x7f))
        return pl_fail(context, PL_BAD_DATA,
                       "byte %" PRId64 ": the tokenizer has no piece for '%.*s'", offset, (int)size,
                       at);
    return pl_fail(context, PL_BAD_DATA,
                   "byte %" PRId64 ": the tokenizer has no piece for the byte 0x%02x", offset,
                   byte);
}

/* The symbols that a word starts from: one a byte. */
static enum pl_status byte_symbols(struct pl_context *context, struct pl_encoder *encoder,
                                   const char *word, size_t size, size_t *count)
{
    const struct pl_tokenizer *tokenizer = encoder->tokenizer;
    for (size_t i = 0; i < size; i++) {
        uint32_t id = tokenizer->bytes[(unsigned char)word[i]];
        if (id == PL_NO_ID)
            id = tokenizer->unknown;
        if (id == PL_NO_ID)
            return no_piece(context, encoder, word + i, 1);
        encoder->bpe.ids[i] = id;
    }
    *count = size;
    return PL_OK;
}

/* The piece of one character, or PL_NO_ID. */
static uint32_t character_id(const struct pl_tokenizer *tokenizer, const char *text, size_t size)
{
    bool blank = tokenizer->blanks && *text == ' ';
    uint32_t name = pl_words_find(&tokenizer->names, blank ? PL_BLANK : text,
                                  blank ? sizeof PL_BLANK - 1 : size);
    return name == PL_NO_WORD ? PL_NO_ID : tokenizer->name_ids[name];
}

/* Whether each of the bytes has a piece <0xNN>. */
static bool have_bytes(const struct pl_tokenizer *tokenizer, const char *text, size_t size)
{
    bool all = tokenizer->byte_fallback;
    for (size_t i = 0; i < size && all; i++)
        all = tokenizer->bytes[(unsigned char)text[i]] != PL_NO_ID;
    return all;
}

/* One a character, or <0xNN> for each of its bytes, or the unknown token. */
static enum pl_status character_symbols(struct pl_context *context, struct pl_encoder *encoder,
                                        const char *word, size_t size, size_t *count)
{
    const struct pl_tokenizer *tokenizer = encoder->tokenizer;
    uint32_t *ids = encoder->bpe.ids;
    size_t length;
    *count = 0;
    for (size_t at = 0; at < size; at += length) {
        uint32_t code;
        length = pl_character(word + at, size - at, true, &code);
        uint32_t id = character_id(tokenizer, word + at, length);
        if (id == PL_NO_ID && have_bytes(tokenizer, word + at, length)) {
            for (size_t i = 0; i < length; i++)
                ids[(*count)++] = tokenizer->bytes[(unsigned char)word[at + i]];
            continue;
        }
        if (id == PL_NO_ID)
            id = tokenizer->unknown;
        if (id == PL_NO_ID)
            return no_piece(context, encoder, word + at, length);
        bool again = id == tokenizer->unknown && tokenizer->fuse_unknown && *count > 0 &&
                     ids[*count - 1] == id;
        if (!again)
            ids[(*count)++] = id;
    }
    return PL_OK;
}

/* The piece that is the whole word, PL_NO_ID when there is none. */
static enum pl_status whole_word(struct pl_context *context, const struct pl_tokenizer *tokenizer,
                                 const char *word, size_t size, uint32_t *id)
{
    struct pl_buffer name = {0};
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < size && !status; i++) {
        char symbol[4] = {word[i]};
        size_t length =
            tokenizer->byte_level ? pl_utf8_put(symbol, pl_byte_symbol((unsigned char)word[i])) : 1;
        bool blank = tokenizer->blanks && word[i] == ' ';
        status = blank ? pl_buffer_text(context, &name, PL_BLANK)
                       : pl_buffer_append(context, &name, symbol, length);
    }
    uint32_t found = status ? PL_NO_WORD : pl_words_find(&tokenizer->names, name.data, name.size);
    *id = found == PL_NO_WORD ? PL_NO_ID : tokenizer->name_ids[found];
    pl_buffer_release(&name);
    return status;
}

/* Leaves the ids of a word in encoder->bpe.ids. */
static enum pl_status join_word(struct pl_context *context, struct pl_encoder *encoder,
                                const char *word, size_t size, size_t *count)
{
    const struct pl_tokenizer *tokenizer = encoder->tokenizer;
    if (pl_bpe_reserve(context, &encoder->bpe, size))
        return context->status;
    if (tokenizer->ignore_merges) {
        uint32_t id;
        if (whole_word(context, tokenizer, word, size, &id))
            return context->status;
        if (id != PL_NO_ID) {
            encoder->bpe.ids[0] = id;
            *count = 1;
            return PL_OK;
        }
    }
    enum pl_status status = tokenizer->byte_level
                                ? byte_symbols(context, encoder, word, size, count)
                                : character_symbols(context, encoder, word, size, count);
    if (!status)
        *count = pl_bpe_join(&encoder->bpe, &tokenizer->merges, *count);
    return status;
}

/* Appends the ids of a word; a run of unknown characters may go on from the word before. */
static enum pl_status add_ids(struct pl_context *context, struct pl_encoder *encoder,
                              const uint32_t *items, size_t count, struct pl_ids *ids)
{
    uint32_t unknown = encoder->tokenizer->unknown;
    bool again = encoder->unknown && encoder->tokenizer->fuse_unknown && items[0] == unknown;
    encoder->unknown = items[count - 1] == unknown && unknown != PL_NO_ID;
    return pl_ids_add(context, ids, items + again, count - again);
}

static enum pl_status encode_word(struct pl_context *context, struct pl_encoder *encoder,
                                  const char *word, size_t size, struct pl_ids *ids)
{
    uint8_t key[CACHE_WORD + 1] = {0};
    struct cached *place = NULL;
    size_t count = 0;
    if (size <= CACHE_WORD) {
        uint64_t halves[2];
        memcpy(key, word, size);
        key[CACHE_WORD] = (uint8_t)size;
        memcpy(halves, key, sizeof halves);
        place = &encoder->cache[pl_mix(pl_mix(halves[0]) ^ halves[1]) >> (64 - CACHE_BITS)];
        if (memcmp(place->word, key, sizeof key) == 0)
            return add_ids(context, encoder, place->ids, place->count, ids);
    }
    if (join_word(context, encoder, word, size, &count))
        return context->status;
    if (place && count <= CACHE_IDS) {
        memcpy(place->word, key, sizeof key);
        memcpy(place->ids, encoder->bpe.ids, count * sizeof *place->ids);
        place->count = (uint32_t)count;
    }
    return add_ids(context, encoder, encoder->bpe.ids, count, ids);
}

/* ---- Stretches to words ------------------------------------------------------------------- */

/* As pl_splitter_word, in SentencePiece's form: up to where no merge joins two characters. */
static size_t joinable(const struct pl_tokenizer *tokenizer, const char *text, size_t size,
                       bool closed)
{
    uint32_t before = 0, code;
    size_t length = 0;
    size_t most = size > PL_WORD_MOST ? PL_WORD_MOST : size;
    for (size_t at = 0; at < most; at += length, before = code) {
        length = pl_character(text + at, size - at, closed, &code);
        if (length == 0)
            return 0;
        if (tokenizer->blanks && code == 0x2581)
            code = ' ';
        if (at > 0 && ((tokenizer->split_blanks && code == ' ') ||
                       !pl_merges_find(&tokenizer->junctions, before, code)))
            return at;
        if (at + length > most)
            return at; /* the longest word there is */
    }
    return closed || size > PL_WORD_MOST ? most : 0;
}

/* Says once that double spaces stay, where a .model wants them squeezed. */
static void look_for_spaces(struct pl_context *context, struct pl_encoder *encoder,
                            const char *text, size_t size)
{
    if (size == 0 || encoder->warned || !encoder->tokenizer->squeezes ||
        !memmem(text, size, "  ", 2))
        return;
    encoder->warned = true;
    pl_warn(context, "the model of this tokenizer asks for runs of spaces to be squeezed, which "
                     "would lose them: they are kept");
}

/* Encodes the words of a stretch that ends at `limit`, for certain if it is closed. */
static enum pl_status encode_words(struct pl_context *context, struct pl_encoder *encoder,
                                   size_t limit, bool closed, struct pl_ids *ids)
{
    const struct pl_tokenizer *tokenizer = encoder->tokenizer;
    const char *text = encoder->text.data;
    look_for_spaces(context, encoder, text + encoder->at, limit - encoder->at);
    while (encoder->at < limit) {
        const char *word = text + encoder->at;
        size_t left = limit - encoder->at;
        size_t size = tokenizer->byte_level
                          ? pl_splitter_word(tokenizer->splitter, word, left, closed)
                          : joinable(tokenizer, word, left, closed);
        if (size == 0)
            break;
        if (encode_word(context, encoder, word, size, ids))
            return context->status;
        encoder->at += size;
    }
    return PL_OK;
}

/* Puts a blank in front of a stretch. */
static enum pl_status put_blank(struct pl_context *context, struct pl_encoder *encoder)
{
    if (encoder->at > 0) { /* what was there is done */
        encoder->text.data[--encoder->at] = ' ';
        return PL_OK;
    }
    if (pl_buffer_append(context, &encoder->text, " ", 1))
        return context->status;
    memmove(encoder->text.data + 1, encoder->text.data, encoder->text.size - 1);
    encoder->text.data[0] = ' ';
    encoder->clear++;
    encoder->offset--;
    return PL_OK;
}

/* Whether the stretch that starts here, and is not empty, gets a blank in front. */
static bool wants_blank(const struct pl_encoder *encoder, size_t limit)
{
    const struct pl_tokenizer *tokenizer = encoder->tokenizer;
    const char *text = encoder->text.data + encoder->at;
    size_t left = limit - encoder->at, blank = sizeof PL_BLANK - 1;
    if (tokenizer->prefix == PL_PREFIX_NONE ||
        (tokenizer->prefix == PL_PREFIX_FIRST && !encoder->first))
        return false;
    bool there =
        *text == ' ' || (tokenizer->blanks && left >= blank && memcmp(text, PL_BLANK, blank) == 0);
    return !tokenizer->prefix_once || !there;
}

/* ---- The text to stretches ---------------------------------------------------------------- */

/* The longest added token that starts at text[0..size), NULL when there is none; *open when more
 * text might make one, or a longer one. */
static const struct pl_added *match_added(const struct pl_tokenizer *tokenizer, const char *text,
                                          size_t size, bool *open)
{
    const struct pl_added *low = tokenizer->added, *high = low + tokenizer->added_count;
    const struct pl_added *longest = NULL;
    for (size_t depth = 0; low < high; depth++) {
        /* low .. high - 1 start with the first `depth` bytes of the text */
        if (low->size == depth)
            longest = low;
        for (; low < high && low->size == depth; low++)
            continue;
        if (depth == size) {
            *open = low < high;
            break;
        }
        size_t less = 0, count = (size_t)(high - low);
        unsigned char byte = (unsigned char)text[depth];
        for (size_t most = count; less < most;) { /* the first that is not below the byte */
            size_t middle = (less + most) / 2;
            if ((unsigned char)low[middle].content[depth] < byte)
                less = middle + 1;
            else
                most = middle;
        }
        size_t same = less;
        for (size_t most = count; same < most;) { /* the first that is above it */
            size_t middle = (same + most) / 2;
            if ((unsigned char)low[middle].content[depth] <= byte)
                same = middle + 1;
            else
                most = middle;
        }
        high = low + same;
        low += less;
    }
    return longest;
}

/* Finds where the stretch ends: at an added token, or (NULL) at the end of what is certain. */
static const struct pl_added *find_added(struct pl_encoder *encoder, bool last, size_t *limit)
{
    const struct pl_tokenizer *tokenizer = encoder->tokenizer;
    size_t at = encoder->clear > encoder->at ? encoder->clear : encoder->at;
    for (; at < encoder->text.size; at++) {
        bool open = false;
        if (!tokenizer->starts[(unsigned char)encoder->text.data[at]])
            continue;
        const struct pl_added *added =
            match_added(tokenizer, encoder->text.data + at, encoder->text.size - at, &open);
        if (open && !last)
            break;
        if (added) {
            encoder->clear = *limit = at;
            return added;
        }
    }
    encoder->clear = *limit = at;
    return NULL;
}

/* Where white space starts that ends at `limit`. */
static size_t before_space(const struct pl_encoder *encoder, size_t limit)
{
    const char *text = encoder->text.data;
    size_t start = limit;
    while (start > encoder->at) {
        size_t at = start - 1;
        uint32_t code;
        while (at > encoder->at && start - at < 4 && ((unsigned char)text[at] & 0xc0) == 0x80)
            at--;
        if (pl_character(text + at, start - at, true, &code) != start - at ||
            pl_class_of(code) != PL_CLASS_SPACE)
            break;
        start = at;
    }
    return start;
}

/* Skips the white space behind an added token; false when there may be more of it. */
static bool skip_space(struct pl_encoder *encoder, bool last)
{
    while (encoder->skipping) {
        size_t left = encoder->text.size - encoder->at;
        uint32_t code;
        if (left == 0)
            return last;
        size_t length = pl_character(encoder->text.data + encoder->at, left, last, &code);
        if (length == 0)
            return false;
        encoder->skipping = pl_class_of(code) == PL_CLASS_SPACE;
        encoder->at += encoder->skipping ? length : 0;
    }
    return true;
}

/* Encodes the stretch that starts here as far as it is certain, and an added token behind it. */
static enum pl_status encode_stretch(struct pl_context *context, struct pl_encoder *encoder,
                                     bool last, bool *more, struct pl_ids *ids)
{
    const struct pl_tokenizer *tokenizer = encoder->tokenizer;
    size_t limit;
    *more = false;
    if (!skip_space(encoder, last))
        return PL_OK;
    const struct pl_added *added = find_added(encoder, last, &limit);
    bool left = added ? added->left : tokenizer->any_left && !last;
    size_t end = left ? before_space(encoder, limit) : limit;
    if (encoder->fresh && end > encoder->at) {
        size_t size = encoder->text.size;
        if (wants_blank(encoder, end) && put_blank(context, encoder))
            return context->status;
        end += encoder->text.size - size;
        limit += encoder->text.size - size;
        encoder->fresh = encoder->first = false;
    }
    enum pl_status status = encode_words(context, encoder, end, last || added, ids);
    if (status || !added)
        return status;
    encoder->at = limit + added->size;
    encoder->fresh = true;
    encoder->first = encoder->unknown = false;
    encoder->skipping = added->right;
    *more = true;
    return pl_ids_add(context, ids, &added->id, 1);
}

static enum pl_status advance(struct pl_context *context, struct pl_encoder *encoder, bool last,
                              struct pl_ids *ids)
{
    const struct pl_tokenizer *tokenizer = encoder->tokenizer;
    bool more = true;
    if (!encoder->begun && !encoder->bare &&
        pl_ids_add(context, ids, tokenizer->front, tokenizer->front_count))
        return context->status;
    encoder->begun = true;
    while (more)
        if (encode_stretch(context, encoder, last, &more, ids))
            return context->status;
    return PL_OK;
}

/* Drops what is done from the front of the text. */
static void drop_done(struct pl_encoder *encoder)
{
    size_t left = encoder->text.size - encoder->at;
    memmove(encoder->text.data, encoder->text.data + encoder->at, left);
    encoder->clear = encoder->clear > encoder->at ? encoder->clear - encoder->at : 0;
    encoder->offset += (int64_t)encoder->at;
    encoder->text.size = left;
    encoder->at = 0;
}

/* Moves a block to the text, normalised if the tokenizer wants that. */
static enum pl_status take_block(struct pl_context *context, struct pl_encoder *encoder,
                                 const char *block, size_t size, bool last)
{
    struct pl_buffer *raw = &encoder->raw;
    size_t used;
    if (!encoder->tokenizer->composes)
        return pl_buffer_append(context, &encoder->text, block, size);
    if (pl_buffer_append(context, raw, block, size) ||
        pl_nfc_add(context, raw->data, raw->size, last, &used, &encoder->text))
        return context->status;
    raw->size -= used;
    memmove(raw->data, raw->data + used, raw->size);
    return PL_OK;
}

enum pl_status pl_encoder_add(struct pl_context *context, struct pl_encoder *encoder,
                              const char *text, size_t size, struct pl_ids *ids)
{
    while (size > 0) {
        size_t block = size < BLOCK ? size : BLOCK;
        if (take_block(context, encoder, text, block, false))
            return context->status;
        text += block;
        size -= block;
        if (encoder->text.size < encoder->enough)
            continue;
        if (advance(context, encoder, false, ids))
            return context->status;
        drop_done(encoder);
        /* A word that has no end yet is looked at again when it is half as long again, not byte
         * by byte. */
        encoder->enough = encoder->text.size + encoder->text.size / 2;
    }
    return PL_OK;
}

enum pl_status pl_encoder_end(struct pl_context *context, struct pl_encoder *encoder,
                              struct pl_ids *ids)
{
    const struct pl_tokenizer *tokenizer = encoder->tokenizer;
    enum pl_status status = take_block(context, encoder, "", 0, true);
    if (!status)
        status = advance(context, encoder, true, ids);
    if (!status && !encoder->bare)
        status = pl_ids_add(context, ids, tokenizer->behind, tokenizer->behind_count);
    restart(encoder);
    return status;
}

enum pl_status pl_tokenizer_encode(struct pl_context *context, const struct pl_tokenizer *tokenizer,
                                   const char *text, size_t size, struct pl_ids *ids)
{
    struct pl_encoder *encoder = pl_encoder_new(context, tokenizer, false);
    if (!encoder)
        return context->status;
    enum pl_status status = pl_encoder_add(context, encoder, text, size, ids);
    if (!status)
        status = pl_encoder_end(context, encoder, ids);
    pl_encoder_free(encoder);
    return status;
}
