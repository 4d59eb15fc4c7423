/* The model of a tokenizer.json: pieces, added tokens, merges.
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "text/tokenizer_reading.h"

/* ---- Pieces ------------------------------------------------------------------------------- */

static enum pl_status read_id(struct pl_tokenizer_reading *reading, const struct pl_meta_node *node,
                              const char *path, const char *piece, int64_t *id)
{
    *id = -1;
    if (pl_meta_int(reading->context, node, path, id))
        return reading->context->status;
    if (*id < 0 || *id >= reading->most)
        return pl_fail(reading->context, PL_BAD_DATA,
                       "piece '%.100s': its id must be below %" PRId64, piece, reading->most);
    return PL_OK;
}

/* Room for the ids that occur. */
static enum pl_status count_pieces(struct pl_tokenizer_reading *reading,
                                   const struct pl_meta_node *vocabulary,
                                   const struct pl_meta_node *added)
{
    int64_t id, count = 0;
    reading->most = 65536 + 4 * (int64_t)vocabulary->count;
    for (const struct pl_meta_node *node = vocabulary->child; node; node = node->next) {
        if (read_id(reading, node, "", node->key, &id))
            return reading->context->status;
        count = id >= count ? id + 1 : count;
    }
    for (const struct pl_meta_node *node = added ? added->child : NULL; node; node = node->next) {
        if (read_id(reading, node, "id", pl_json_text(node, "content"), &id))
            return reading->context->status;
        count = id >= count ? id + 1 : count;
    }
    if (count == 0)
        return pl_fail(reading->context, PL_BAD_DATA, "its vocabulary is empty");
    struct pl_tokenizer *tokenizer = reading->tokenizer;
    tokenizer->pieces = pl_new(reading->context, (size_t)count, sizeof *tokenizer->pieces);
    tokenizer->name_ids = pl_new(reading->context, vocabulary->count, sizeof *tokenizer->name_ids);
    if (!tokenizer->pieces || !tokenizer->name_ids)
        return reading->context->status;
    tokenizer->count = (size_t)count;
    for (size_t i = 0; i < tokenizer->count; i++)
        tokenizer->pieces[i].name = PL_NO_WORD;
    return PL_OK;
}

/* Appends the bytes that a byte-level name stands for; a name with other characters is itself. */
static enum pl_status add_byte_text(struct pl_tokenizer_reading *reading, const char *name,
                                    size_t size)
{
    struct pl_buffer *texts = &reading->tokenizer->texts;
    size_t before = texts->size, length;
    for (size_t at = 0; at < size; at += length) {
        uint32_t code;
        length = pl_character(name + at, size - at, true, &code);
        int byte = pl_byte_of_symbol(code);
        if (byte < 0) {
            texts->size = before;
            return pl_buffer_append(reading->context, texts, name, size);
        }
        char symbol = (char)byte;
        if (pl_buffer_append(reading->context, texts, &symbol, 1))
            return reading->context->status;
    }
    return PL_OK;
}

/* The same of SentencePiece's: blanks are spaces, <0xNN> is a byte. */
static enum pl_status add_piece_text(struct pl_tokenizer_reading *reading, const char *name,
                                     size_t size)
{
    struct pl_tokenizer *tokenizer = reading->tokenizer;
    int byte = tokenizer->byte_fallback ? pl_byte_of_name(name, size) : -1;
    size_t blank = sizeof PL_BLANK - 1, start = 0;
    if (byte >= 0) {
        char symbol = (char)byte;
        return pl_buffer_append(reading->context, &tokenizer->texts, &symbol, 1);
    }
    for (size_t at = 0; at < size;) {
        if (!tokenizer->blanks || size - at < blank || memcmp(name + at, PL_BLANK, blank) != 0) {
            at++;
            continue;
        }
        if (pl_buffer_append(reading->context, &tokenizer->texts, name + start, at - start) ||
            pl_buffer_append(reading->context, &tokenizer->texts, " ", 1))
            return reading->context->status;
        start = at += blank;
    }
    return pl_buffer_append(reading->context, &tokenizer->texts, name + start, size - start);
}

static enum pl_status read_piece(struct pl_tokenizer_reading *reading,
                                 const struct pl_meta_node *node)
{
    struct pl_tokenizer *tokenizer = reading->tokenizer;
    size_t size = strlen(node->key), first_size;
    int64_t id;
    uint32_t name;
    if (read_id(reading, node, "", node->key, &id) ||
        pl_words_add(reading->context, &tokenizer->names, node->key, size, &name))
        return reading->context->status;
    struct pl_piece *piece = &tokenizer->pieces[id];
    if (piece->kind != PL_PIECE_ABSENT) {
        const char *first = pl_words_item(&tokenizer->names, piece->name, &first_size);
        return pl_fail(reading->context, PL_BAD_DATA,
                       "pieces '%.*s' and '%.100s' share id %" PRId64,
                       (int)(first_size < 100 ? first_size : 100), first, node->key, id);
    }
    *piece =
        (struct pl_piece){.kind = PL_PIECE_NORMAL, .name = name, .start = tokenizer->texts.size};
    tokenizer->name_ids[name] = (uint32_t)id;
    enum pl_status status = tokenizer->byte_level ? add_byte_text(reading, node->key, size)
                                                  : add_piece_text(reading, node->key, size);
    piece->text_size = tokenizer->texts.size - piece->start;
    return status;
}

/* The ids that single bytes have. */
static void find_bytes(struct pl_tokenizer *tokenizer)
{
    for (int byte = 0; byte < 256; byte++) {
        char name[8];
        size_t size = tokenizer->byte_level
                          ? pl_utf8_put(name, pl_byte_symbol(byte))
                          : (size_t)snprintf(name, sizeof name, "<0x%02X>", (unsigned)byte);
        uint32_t word = tokenizer->byte_level || tokenizer->byte_fallback
                            ? pl_words_find(&tokenizer->names, name, size)
                            : PL_NO_WORD;
        tokenizer->bytes[byte] = word == PL_NO_WORD ? PL_NO_ID : tokenizer->name_ids[word];
    }
}

/* ---- Added tokens ------------------------------------------------------------------------- */

/* That the id of an added token is free, or that of the piece with its name. */
static enum pl_status check_added_id(struct pl_tokenizer_reading *reading,
                                     const struct pl_meta_node *content, int64_t id)
{
    const struct pl_tokenizer *tokenizer = reading->tokenizer;
    const struct pl_piece *piece = &tokenizer->pieces[id];
    if (piece->kind == PL_PIECE_SPECIAL || piece->kind == PL_PIECE_ADDED)
        return pl_fail(reading->context, PL_BAD_DATA,
                       "added tokens '%.*s' and '%.100s' share id %" PRId64,
                       (int)(piece->text_size < 100 ? piece->text_size : 100),
                       tokenizer->texts.data + piece->start, content->text, id);
    if (piece->name == PL_NO_WORD)
        return PL_OK;
    size_t size;
    const char *name = pl_words_item(&tokenizer->names, piece->name, &size);
    if (size == content->text_size && memcmp(name, content->text, size) == 0)
        return PL_OK;
    return pl_fail(reading->context, PL_BAD_DATA, "added token '%.100s' has the id of piece '%.*s'",
                   content->text, (int)(size < 100 ? size : 100), name);
}

static enum pl_status read_added_token(struct pl_tokenizer_reading *reading,
                                       const struct pl_meta_node *node)
{
    struct pl_tokenizer *tokenizer = reading->tokenizer;
    const struct pl_meta_node *content = pl_meta_find(node, "content");
    int64_t id;
    if (!content || content->kind != PL_META_SCALAR || content->text_size == 0)
        return pl_fail(reading->context, PL_BAD_DATA, "an added token without content");
    if (pl_json_true(node, "single_word", false))
        return pl_fail(reading->context, PL_BAD_DATA,
                       "added token '%.100s' is for single words, which is not supported",
                       content->text);
    if (read_id(reading, node, "id", content->text, &id) || check_added_id(reading, content, id))
        return reading->context->status;
    struct pl_piece *piece = &tokenizer->pieces[id];
    piece->kind = pl_json_true(node, "special", false) ? PL_PIECE_SPECIAL : PL_PIECE_ADDED;
    piece->start = tokenizer->texts.size;
    piece->text_size = content->text_size;
    char *copy = pl_copy_bytes(reading->context, content->text, content->text_size);
    if (!copy)
        return reading->context->status;
    tokenizer->added[tokenizer->added_count++] = (struct pl_added){
        .content = copy,
        .size = content->text_size,
        .id = (uint32_t)id,
        .left = pl_json_true(node, "lstrip", false),
        .right = pl_json_true(node, "rstrip", false),
    };
    tokenizer->starts[(unsigned char)copy[0]] = true;
    tokenizer->any_left |= pl_json_true(node, "lstrip", false);
    return pl_buffer_append(reading->context, &tokenizer->texts, copy, content->text_size);
}

static int by_bytes(const void *first, const void *second)
{
    const struct pl_added *a = first, *b = second;
    int order = memcmp(a->content, b->content, a->size < b->size ? a->size : b->size);
    return order ? order : (a->size > b->size) - (a->size < b->size);
}

static enum pl_status read_added(struct pl_tokenizer_reading *reading,
                                 const struct pl_meta_node *list)
{
    struct pl_tokenizer *tokenizer = reading->tokenizer;
    if (pl_json_null(list))
        return PL_OK;
    tokenizer->added = pl_new(reading->context, list->count, sizeof *tokenizer->added);
    if (!tokenizer->added)
        return reading->context->status;
    for (const struct pl_meta_node *node = list->child; node; node = node->next)
        if (read_added_token(reading, node))
            return reading->context->status;
    if (tokenizer->added_count > 1)
        qsort(tokenizer->added, tokenizer->added_count, sizeof *tokenizer->added, by_bytes);
    return PL_OK;
}

/* ---- Merges ------------------------------------------------------------------------------- */

/* The two names of a merge, "a b" or ["a", "b"]; false when it is neither. */
static bool merge_names(const struct pl_meta_node *node, const char *names[2], size_t sizes[2])
{
    const struct pl_meta_node *first = node->kind == PL_META_LIST ? node->child : NULL;
    if (node->kind == PL_META_SCALAR) {
        const char *space = memchr(node->text, ' ', node->text_size);
        names[0] = node->text;
        sizes[0] = space ? (size_t)(space - node->text) : 0;
        names[1] = space ? space + 1 : "";
        sizes[1] = space ? node->text_size - sizes[0] - 1 : 0;
        return space && !memchr(names[1], ' ', sizes[1]);
    }
    if (!first || node->count != 2 || first->kind != PL_META_SCALAR ||
        first->next->kind != PL_META_SCALAR)
        return false;
    names[0] = first->text;
    sizes[0] = first->text_size;
    names[1] = first->next->text;
    sizes[1] = first->next->text_size;
    return true;
}

/* Lets words run on where the merge joins. */
static enum pl_status add_junction(struct pl_tokenizer_reading *reading, uint32_t left,
                                   uint32_t right)
{
    struct pl_tokenizer *tokenizer = reading->tokenizer;
    const struct pl_piece *first = &tokenizer->pieces[left], *second = &tokenizer->pieces[right];
    const char *text = tokenizer->texts.data + first->start;
    size_t at = 0, length;
    uint32_t before = 0, after = 0;
    for (; at < first->text_size; at += length)
        length = pl_character(text + at, first->text_size - at, true, &before);
    if (second->text_size > 0)
        pl_character(tokenizer->texts.data + second->start, second->text_size, true, &after);
    return pl_merges_put(reading->context, &tokenizer->junctions,
                         (struct pl_merge){.left = before, .right = after});
}

/* One merge.  `joined` is working memory. */
static enum pl_status read_merge(struct pl_tokenizer_reading *reading,
                                 const struct pl_meta_node *node, struct pl_buffer *joined,
                                 struct pl_merge *merge)
{
    struct pl_tokenizer *tokenizer = reading->tokenizer;
    const char *names[2];
    size_t sizes[2];
    uint32_t words[3];
    if (!merge_names(node, names, sizes))
        return pl_fail(reading->context, PL_BAD_DATA, "it is not two pieces");
    joined->size = 0;
    if (pl_buffer_append(reading->context, joined, names[0], sizes[0]) ||
        pl_buffer_append(reading->context, joined, names[1], sizes[1]))
        return reading->context->status;
    words[0] = pl_words_find(&tokenizer->names, names[0], sizes[0]);
    words[1] = pl_words_find(&tokenizer->names, names[1], sizes[1]);
    words[2] = pl_words_find(&tokenizer->names, joined->data, joined->size);
    for (int i = 0; i < 3; i++)
        if (words[i] == PL_NO_WORD)
            return pl_fail(reading->context, PL_BAD_DATA, "no such piece: '%.*s'",
                           i < 2 ? (int)sizes[i] : (int)joined->size,
                           i < 2 ? names[i] : joined->data);
    uint32_t result = tokenizer->name_ids[words[2]];
    /* Two ways to one piece next to each other have one score in SentencePiece, and one rank. */
    merge->rank += merge->rank == UINT32_MAX || tokenizer->byte_level || merge->result != result;
    merge->left = tokenizer->name_ids[words[0]];
    merge->right = tokenizer->name_ids[words[1]];
    merge->result = result;
    if (!tokenizer->byte_level && add_junction(reading, merge->left, merge->right))
        return reading->context->status;
    return pl_merges_put(reading->context, &tokenizer->merges, *merge);
}

static enum pl_status read_merges(struct pl_tokenizer_reading *reading,
                                  const struct pl_meta_node *list)
{
    struct pl_buffer joined = {0};
    struct pl_merge merge = {.rank = UINT32_MAX}; /* the one before the first */
    enum pl_status status = PL_OK;
    int64_t number = 0;
    if (pl_json_null(list))
        return PL_OK;
    for (const struct pl_meta_node *node = list->child; node && !status; node = node->next) {
        status = read_merge(reading, node, &joined, &merge);
        if (status)
            pl_fail_at(reading->context, "model.merges.%" PRId64, number);
        number++;
    }
    pl_buffer_release(&joined);
    return status;
}

/* ---- The model ---------------------------------------------------------------------------- */

static enum pl_status read_unknown(struct pl_tokenizer_reading *reading)
{
    struct pl_tokenizer *tokenizer = reading->tokenizer;
    const struct pl_meta_node *name = pl_meta_find(reading->model, "unk_token");
    tokenizer->unknown = PL_NO_ID;
    tokenizer->fuse_unknown = pl_json_true(reading->model, "fuse_unk", false);
    if (pl_json_null(name))
        return PL_OK;
    int64_t id = name->kind == PL_META_SCALAR ? pl_tokenizer_find(tokenizer, name->text) : -1;
    if (id < 0)
        return pl_fail(reading->context, PL_BAD_DATA, "model.unk_token is not in the vocabulary");
    tokenizer->unknown = (uint32_t)id;
    return PL_OK;
}

enum pl_status pl_tokenizer_check_model(struct pl_tokenizer_reading *reading)
{
    static const char *const absent[] = {"dropout", "continuing_subword_prefix",
                                         "end_of_word_suffix"};
    const struct pl_meta_node *model = reading->model;
    if (!model || model->kind != PL_META_MAP)
        return pl_fail(reading->context, PL_BAD_DATA, "not a tokenizer.json: it has no model");
    if (pl_meta_find(model, "type") && strcmp(pl_json_text(model, "type"), "BPE") != 0)
        return pl_fail(reading->context, PL_BAD_DATA, "model '%s' is not supported: BPE is",
                       pl_json_text(model, "type"));
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        const struct pl_meta_node *node = pl_meta_find(model, absent[i]);
        if (!pl_json_null(node) && (node->kind != PL_META_SCALAR || node->text_size > 0))
            return pl_fail(reading->context, PL_BAD_DATA, "model.%s is not supported", absent[i]);
    }
    return PL_OK;
}

enum pl_status pl_tokenizer_read_model(struct pl_tokenizer_reading *reading)
{
    const struct pl_meta_node *added = pl_meta_find(reading->root, "added_tokens");
    const struct pl_meta_node *vocabulary = pl_meta_find(reading->model, "vocab");
    const struct pl_meta_node *merges = pl_meta_find(reading->model, "merges");
    struct pl_tokenizer *tokenizer = reading->tokenizer;
    tokenizer->byte_fallback =
        !tokenizer->byte_level && pl_json_true(reading->model, "byte_fallback", false);
    tokenizer->ignore_merges = pl_json_true(reading->model, "ignore_merges", false);
    if (!vocabulary || vocabulary->kind != PL_META_MAP ||
        (!pl_json_null(merges) && merges->kind != PL_META_LIST) ||
        (!pl_json_null(added) && added->kind != PL_META_LIST))
        return pl_fail(reading->context, PL_BAD_DATA,
                       "model.vocab must be a map, model.merges and added_tokens lists");
    if (count_pieces(reading, vocabulary, added))
        return reading->context->status;
    for (const struct pl_meta_node *node = vocabulary->child; node; node = node->next)
        if (read_piece(reading, node))
            return reading->context->status;
    find_bytes(tokenizer);
    if (read_merges(reading, merges) || read_added(reading, added))
        return reading->context->status;
    return read_unknown(reading);
}
