/* Reading a tokenizer.json.
 * SPDX-License-Identifier: MIT
 *
 * The file is a pipeline: a normaliser changes the text, a pre-tokenizer cuts it into words, the
 * model makes pieces of a word, a post-processor puts tokens around, and a decoder goes back.  Each
 * stage has a type, or is a Sequence of such.  What is known here is what byte-level and
 * SentencePiece-like BPE are made of; anything else would change ids, and is refused by name. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "text/tokenizer_parts.h"

/* What one reading works on. */
struct reading {
    struct pl_context *context;
    struct pl_tokenizer *tokenizer;
    const struct pl_meta_node *root, *model;
    int64_t most;    /* ids are below: memory follows from the size of the file */
    bool pattern;    /* a Split has come */
    bool strip_said; /* the decoder says whether to drop the blank in front */
};

static bool is_null(const struct pl_meta_node *node)
{
    return !node || node->kind == PL_META_NULL;
}

/* The text at a path, "" when there is none. */
static const char *text_at(const struct pl_meta_node *node, const char *path)
{
    const struct pl_meta_node *value = pl_meta_find(node, path);
    return value && value->kind == PL_META_SCALAR ? value->text : "";
}

static bool is_true(const struct pl_meta_node *node, const char *path, bool otherwise)
{
    const struct pl_meta_node *value = pl_meta_find(node, path);
    if (is_null(value) || value->kind != PL_META_SCALAR)
        return otherwise;
    return strcmp(value->text, "true") == 0;
}

static enum pl_status unsupported(struct reading *reading, const char *stage,
                                  const struct pl_meta_node *node)
{
    return pl_fail(reading->context, PL_BAD_DATA, "%s '%s' is not supported", stage,
                   text_at(node, "type"));
}

/* A stage, or one of a Sequence. */
typedef enum pl_status stage_fn(struct reading *reading, const struct pl_meta_node *node,
                                const char *type);

static enum pl_status read_stage(struct reading *reading, const struct pl_meta_node *node,
                                 const char *members, stage_fn *read)
{
    enum pl_status status = PL_OK;
    if (is_null(node))
        return PL_OK;
    const char *type = text_at(node, "type");
    if (strcmp(type, "Sequence") != 0)
        return read(reading, node, type);
    const struct pl_meta_node *list = pl_meta_find(node, members);
    for (const struct pl_meta_node *child = list ? list->child : NULL; child && !status;
         child = child->next)
        status = read(reading, child, text_at(child, "type"));
    return status;
}

/* ---- Before the model --------------------------------------------------------------------- */

static enum pl_status read_normaliser(struct reading *reading, const struct pl_meta_node *node,
                                      const char *type)
{
    struct pl_tokenizer *tokenizer = reading->tokenizer;
    if (strcmp(type, "Prepend") == 0 && strcmp(text_at(node, "prepend"), PL_BLANK) == 0)
        tokenizer->prefix = PL_PREFIX_EVERY;
    else if (strcmp(type, "Replace") == 0 && strcmp(text_at(node, "pattern.String"), " ") == 0 &&
             strcmp(text_at(node, "content"), PL_BLANK) == 0)
        tokenizer->blanks = true;
    else if (strcmp(type, "NFC") == 0)
        tokenizer->composes = true;
    else
        return unsupported(reading, "normalizer", node);
    return PL_OK;
}

static enum pl_status read_split(struct reading *reading, const struct pl_meta_node *node)
{
    const char *pattern = text_at(node, "pattern.Regex"), *behavior = text_at(node, "behavior");
    bool inverted = is_true(node, "invert", false);
    if (strcmp(behavior, inverted ? "Removed" : "Isolated") != 0 || reading->pattern)
        return unsupported(reading, "pre_tokenizer", node);
    for (int i = 0; i < PL_SPLITTERS; i++) {
        if (strcmp(pattern, pl_splitter_pattern((enum pl_splitter)i)) == 0) {
            reading->tokenizer->splitter = (enum pl_splitter)i;
            reading->pattern = true;
            return PL_OK;
        }
    }
    return pl_fail(reading->context, PL_BAD_DATA,
                   "pre_tokenizer: pattern '%.200s' is not supported: those of GPT-2, Llama 3 and "
                   "Qwen 2 are",
                   pattern);
}

/* The blank in front that a Metaspace, as pre-tokenizer or decoder, stands for. */
static enum pl_prefix metaspace_prefix(const struct pl_meta_node *node)
{
    const char *scheme = text_at(node, "prepend_scheme");
    if (strcmp(scheme, "first") == 0)
        return PL_PREFIX_FIRST;
    if (strcmp(scheme, "never") == 0 || !is_true(node, "add_prefix_space", true))
        return PL_PREFIX_NONE;
    return PL_PREFIX_EVERY;
}

static enum pl_status read_pre_tokenizer(struct reading *reading, const struct pl_meta_node *node,
                                         const char *type)
{
    struct pl_tokenizer *tokenizer = reading->tokenizer;
    if (strcmp(type, "Split") == 0)
        return read_split(reading, node);
    if (strcmp(type, "ByteLevel") == 0 && !tokenizer->byte_level &&
        is_true(node, "use_regex", true) != reading->pattern) {
        tokenizer->byte_level = true;
        tokenizer->prefix =
            is_true(node, "add_prefix_space", true) ? PL_PREFIX_EVERY : PL_PREFIX_NONE;
        tokenizer->prefix_once = true;
        return PL_OK;
    }
    if (strcmp(type, "Metaspace") == 0 && strcmp(text_at(node, "replacement"), PL_BLANK) == 0) {
        tokenizer->blanks = true;
        tokenizer->split_blanks = is_true(node, "split", true);
        tokenizer->prefix = metaspace_prefix(node);
        tokenizer->prefix_once = true;
        return PL_OK;
    }
    return unsupported(reading, "pre_tokenizer", node);
}

static enum pl_status read_front(struct reading *reading)
{
    struct pl_tokenizer *tokenizer = reading->tokenizer;
    const struct pl_meta_node *root = reading->root;
    if (read_stage(reading, pl_meta_find(root, "normalizer"), "normalizers", read_normaliser) ||
        read_stage(reading, pl_meta_find(root, "pre_tokenizer"), "pretokenizers",
                   read_pre_tokenizer))
        return reading->context->status;
    if (tokenizer->byte_level ? tokenizer->blanks
                              : reading->pattern || (tokenizer->prefix && !tokenizer->blanks))
        return pl_fail(reading->context, PL_BAD_DATA,
                       "its normalizer and pre_tokenizer do not go together: neither byte-level "
                       "BPE nor SentencePiece's");
    return PL_OK;
}

/* ---- Pieces ------------------------------------------------------------------------------- */

static enum pl_status read_id(struct reading *reading, const struct pl_meta_node *node,
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
static enum pl_status count_pieces(struct reading *reading, const struct pl_meta_node *vocabulary,
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
        if (read_id(reading, node, "id", text_at(node, "content"), &id))
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
static enum pl_status add_byte_text(struct reading *reading, const char *name, size_t size)
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
static enum pl_status add_piece_text(struct reading *reading, const char *name, size_t size)
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

static enum pl_status read_piece(struct reading *reading, const struct pl_meta_node *node)
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

static enum pl_status read_added_token(struct reading *reading, const struct pl_meta_node *node)
{
    struct pl_tokenizer *tokenizer = reading->tokenizer;
    const struct pl_meta_node *content = pl_meta_find(node, "content");
    int64_t id;
    if (!content || content->kind != PL_META_SCALAR || content->text_size == 0)
        return pl_fail(reading->context, PL_BAD_DATA, "an added token without content");
    if (is_true(node, "single_word", false))
        return pl_fail(reading->context, PL_BAD_DATA,
                       "added token '%.100s' is for single words, which is not supported",
                       content->text);
    if (read_id(reading, node, "id", content->text, &id))
        return reading->context->status;
    struct pl_piece *piece = &tokenizer->pieces[id];
    size_t size = 0;
    const char *name = piece->name == PL_NO_WORD
                           ? content->text
                           : pl_words_item(&tokenizer->names, piece->name, &size);
    if (piece->name != PL_NO_WORD &&
        (size != content->text_size || memcmp(name, content->text, size) != 0))
        return pl_fail(reading->context, PL_BAD_DATA,
                       "added token '%.100s' has the id of piece '%.*s'", content->text,
                       (int)(size < 100 ? size : 100), name);
    piece->kind = is_true(node, "special", false) ? PL_PIECE_SPECIAL : PL_PIECE_ADDED;
    piece->start = tokenizer->texts.size;
    piece->text_size = content->text_size;
    char *copy = pl_copy_bytes(reading->context, content->text, content->text_size);
    if (!copy)
        return reading->context->status;
    tokenizer->added[tokenizer->added_count++] = (struct pl_added){
        .content = copy,
        .size = content->text_size,
        .id = (uint32_t)id,
        .left = is_true(node, "lstrip", false),
        .right = is_true(node, "rstrip", false),
    };
    tokenizer->starts[(unsigned char)copy[0]] = true;
    tokenizer->any_left |= is_true(node, "lstrip", false);
    return pl_buffer_append(reading->context, &tokenizer->texts, copy, content->text_size);
}

static int by_bytes(const void *first, const void *second)
{
    const struct pl_added *a = first, *b = second;
    int order = memcmp(a->content, b->content, a->size < b->size ? a->size : b->size);
    return order ? order : (a->size > b->size) - (a->size < b->size);
}

static enum pl_status read_added(struct reading *reading, const struct pl_meta_node *list)
{
    struct pl_tokenizer *tokenizer = reading->tokenizer;
    if (is_null(list))
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
static enum pl_status add_junction(struct reading *reading, uint32_t left, uint32_t right)
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
static enum pl_status read_merge(struct reading *reading, const struct pl_meta_node *node,
                                 struct pl_buffer *joined, struct pl_merge *merge)
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

static enum pl_status read_merges(struct reading *reading, const struct pl_meta_node *list)
{
    struct pl_buffer joined = {0};
    struct pl_merge merge = {.rank = UINT32_MAX}; /* the one before the first */
    enum pl_status status = PL_OK;
    int64_t number = 0;
    if (is_null(list))
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

static enum pl_status read_unknown(struct reading *reading)
{
    struct pl_tokenizer *tokenizer = reading->tokenizer;
    const struct pl_meta_node *name = pl_meta_find(reading->model, "unk_token");
    tokenizer->unknown = PL_NO_ID;
    tokenizer->fuse_unknown = is_true(reading->model, "fuse_unk", false);
    if (is_null(name))
        return PL_OK;
    int64_t id = name->kind == PL_META_SCALAR ? pl_tokenizer_find(tokenizer, name->text) : -1;
    if (id < 0)
        return pl_fail(reading->context, PL_BAD_DATA, "model.unk_token is not in the vocabulary");
    tokenizer->unknown = (uint32_t)id;
    return PL_OK;
}

static enum pl_status check_model(struct reading *reading)
{
    static const char *const absent[] = {"dropout", "continuing_subword_prefix",
                                         "end_of_word_suffix"};
    const struct pl_meta_node *model = reading->model;
    if (!model || model->kind != PL_META_MAP)
        return pl_fail(reading->context, PL_BAD_DATA, "not a tokenizer.json: it has no model");
    if (pl_meta_find(model, "type") && strcmp(text_at(model, "type"), "BPE") != 0)
        return pl_fail(reading->context, PL_BAD_DATA, "model '%s' is not supported: BPE is",
                       text_at(model, "type"));
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        const struct pl_meta_node *node = pl_meta_find(model, absent[i]);
        if (!is_null(node) && (node->kind != PL_META_SCALAR || node->text_size > 0))
            return pl_fail(reading->context, PL_BAD_DATA, "model.%s is not supported", absent[i]);
    }
    return PL_OK;
}

static enum pl_status read_model(struct reading *reading)
{
    const struct pl_meta_node *added = pl_meta_find(reading->root, "added_tokens");
    const struct pl_meta_node *vocabulary = pl_meta_find(reading->model, "vocab");
    const struct pl_meta_node *merges = pl_meta_find(reading->model, "merges");
    struct pl_tokenizer *tokenizer = reading->tokenizer;
    tokenizer->byte_fallback =
        !tokenizer->byte_level && is_true(reading->model, "byte_fallback", false);
    tokenizer->ignore_merges = is_true(reading->model, "ignore_merges", false);
    if (!vocabulary || vocabulary->kind != PL_META_MAP ||
        (!is_null(merges) && merges->kind != PL_META_LIST) ||
        (!is_null(added) && added->kind != PL_META_LIST))
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

/* ---- Behind the model --------------------------------------------------------------------- */

/* The tokens of a template, before the text and behind it. */
static enum pl_status read_template(struct reading *reading, const struct pl_meta_node *node)
{
    struct pl_tokenizer *tokenizer = reading->tokenizer;
    const struct pl_meta_node *single = pl_meta_find(node, "single");
    bool behind = false;
    for (const struct pl_meta_node *item = single ? single->child : NULL; item; item = item->next) {
        if (pl_meta_find(item, "Sequence")) {
            behind = true;
            continue;
        }
        const char *name = text_at(item, "SpecialToken.id");
        int64_t id = pl_tokenizer_find(tokenizer, name);
        size_t *count = behind ? &tokenizer->behind_count : &tokenizer->front_count;
        if (id < 0 || *count == PL_AROUND_MOST)
            return pl_fail(reading->context, PL_BAD_DATA,
                           id < 0 ? "post_processor: no such piece: '%.100s'"
                                  : "post_processor: too many tokens around '%.100s'",
                           name);
        (behind ? tokenizer->behind : tokenizer->front)[(*count)++] = (uint32_t)id;
    }
    return PL_OK;
}

static enum pl_status read_post_processor(struct reading *reading, const struct pl_meta_node *node,
                                          const char *type)
{
    if (strcmp(type, "TemplateProcessing") == 0)
        return read_template(reading, node);
    return strcmp(type, "ByteLevel") == 0 ? PL_OK : unsupported(reading, "post_processor", node);
}

static enum pl_status read_decoder(struct reading *reading, const struct pl_meta_node *node,
                                   const char *type)
{
    static const char *const known[] = {"ByteLevel", "Replace", "ByteFallback",
                                        "Fuse",      "Strip",   "Metaspace"};
    bool found = false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        found |= strcmp(type, known[i]) == 0;
    if (!found)
        return unsupported(reading, "decoder", node);
    reading->strip_said = true;
    if (strcmp(type, "Strip") == 0)
        reading->tokenizer->strips |= strcmp(text_at(node, "start"), "0") != 0;
    if (strcmp(type, "Metaspace") == 0)
        reading->tokenizer->strips |= metaspace_prefix(node) != PL_PREFIX_NONE;
    return PL_OK;
}

static enum pl_status read_back(struct reading *reading)
{
    struct pl_tokenizer *tokenizer = reading->tokenizer;
    const struct pl_meta_node *root = reading->root;
    if (read_stage(reading, pl_meta_find(root, "post_processor"), "processors",
                   read_post_processor) ||
        read_stage(reading, pl_meta_find(root, "decoder"), "decoders", read_decoder))
        return reading->context->status;
    if (!reading->strip_said)
        tokenizer->strips = tokenizer->blanks && tokenizer->prefix != PL_PREFIX_NONE;
    return PL_OK;
}

struct pl_tokenizer *pl_tokenizer_parse(struct pl_context *context, const char *name,
                                        const void *json, size_t size)
{
    struct pl_meta meta = {0};
    struct pl_tokenizer *tokenizer = pl_new(context, 1, sizeof *tokenizer);
    if (!tokenizer)
        return NULL;
    struct reading reading = {.context = context, .tokenizer = tokenizer};
    enum pl_status status = pl_json_parse(context, &meta, name, json, size);
    if (!status) {
        reading.root = meta.root;
        reading.model = pl_meta_find(meta.root, "model");
        if (check_model(&reading) || read_front(&reading) || read_model(&reading) ||
            read_back(&reading))
            status = pl_fail_at(context, "%s", name);
    }
    pl_meta_release(&meta);
    tokenizer->json = status ? NULL : pl_copy_bytes(context, json, size);
    tokenizer->json_size = size;
    if (!tokenizer->json) {
        pl_tokenizer_free(tokenizer);
        return NULL;
    }
    return tokenizer;
}
