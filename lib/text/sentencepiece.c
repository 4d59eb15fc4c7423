/* SentencePiece's tokenizer.model and llama2.c's tokenizer.bin, told as a tokenizer.json.
 * SPDX-License-Identifier: MIT
 *
 * A .model is a protobuf message: field 1 the pieces (1 their text, 2 a score, 3 a type), field 2
 * how they were trained (3 the kind: 1 unigram, 2 BPE, absent: unigram), field 3 the normaliser (2
 * a table of characters, 3 whether a blank is put in front, 4 whether runs of blanks are squeezed;
 * absent: yes).  A .bin is a largest length u32, and for each piece a score f32, a length u32 and
 * bytes.
 *
 * Both join the adjacent pair whose joint has the highest score.  A tokenizer.json lists pairs by
 * rank instead: all ways to cut every piece into two that are there, in falling order of its score;
 * several ways to cut one piece stand next to each other and are of one rank (tokenizer_json.c). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "text/tokenizer_parts.h"
#include "text/tokenizer_write.h"

enum piece_type { NORMAL = 1, UNKNOWN, CONTROL, WHOLE, UNUSED, BYTE };

enum {
    PIECE_MOST = 1024, /* bytes of one piece */
    KIND_BPE = 2
};

/* What the file says. */
struct model {
    struct pl_context *context;
    struct pl_tokenizer_draft draft;
    float *scores;           /* by id */
    uint8_t *types;          /* by id: enum piece_type */
    size_t capacity;         /* of both */
    struct pl_merge *merges; /* rank: where the left piece ends */
    size_t merge_count, merge_capacity;
    uint64_t kind;
    bool squeezes, characters; /* normalisation by a table */
};

static enum pl_status bad(struct model *model, const char *what)
{
    return pl_fail(model->context, PL_BAD_DATA, "piece %" PRIu32 ": %s", model->draft.pieces.count,
                   what);
}

static enum pl_status add_piece(struct model *model, const char *name, size_t size, float score,
                                enum piece_type type)
{
    struct pl_words *pieces = &model->draft.pieces;
    uint32_t id;
    if (size == 0 || size > PIECE_MOST)
        return bad(model, size ? "longer than 1024 bytes" : "empty");
    if (pl_utf8_valid(name, size) < size || memchr(name, 0, size) || score != score)
        return bad(model, score != score ? "its score is not a number" : "not UTF-8");
    if (pieces->count >= PL_VOCABULARY_MOST)
        return bad(model, "too many pieces");
    if (pieces->count >= model->capacity) {
        size_t capacity = 2 * model->capacity + 1024;
        float *scores = pl_resize(model->context, model->scores, capacity, sizeof *scores);
        model->scores = scores ? scores : model->scores;
        uint8_t *types = scores ? pl_resize(model->context, model->types, capacity, 1) : NULL;
        if (!types)
            return model->context->status;
        model->types = types;
        model->capacity = capacity;
    }
    uint32_t count = pieces->count;
    if (pl_words_add(model->context, pieces, name, size, &id))
        return model->context->status;
    if (id != count)
        return pl_fail(model->context, PL_BAD_DATA,
                       "pieces %" PRIu32 " and %" PRIu32 " are the same: '%.*s'", id, count,
                       (int)(size < 100 ? size : 100), name);
    model->scores[id] = score;
    model->types[id] = (uint8_t)type;
    return PL_OK;
}

/* ---- Protobuf ----------------------------------------------------------------------------- */

struct message {
    const uint8_t *at, *end;
};

struct field {
    uint64_t number, value; /* value: of a varint */
    struct message inside;  /* of bytes */
    float real;             /* of 32 bits */
};

static bool read_varint(struct message *message, uint64_t *value)
{
    *value = 0;
    for (int shift = 0; shift < 64 && message->at < message->end; shift += 7) {
        uint8_t byte = *message->at++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

/* The next field; false when the message is damaged. */
static bool read_field(struct message *message, struct field *field)
{
    uint64_t tag, size;
    *field = (struct field){0};
    if (!read_varint(message, &tag))
        return false;
    field->number = tag >> 3;
    switch (tag & 7) {
    case 0:
        return read_varint(message, &field->value);
    case 1:
        size = 8;
        break;
    case 2:
        if (!read_varint(message, &size))
            return false;
        break;
    case 5:
        size = 4;
        break;
    default:
        return false;
    }
    if (size > (uint64_t)(message->end - message->at))
        return false;
    field->inside = (struct message){message->at, message->at + size};
    if ((tag & 7) == 5)
        memcpy(&field->real, message->at, sizeof field->real);
    message->at += size;
    return true;
}

static enum pl_status damaged(struct model *model)
{
    return pl_fail(model->context, PL_BAD_DATA,
                   "not a tokenizer: neither tokenizer.json nor a whole tokenizer.model or "
                   "tokenizer.bin");
}

static enum pl_status read_piece(struct model *model, struct message message)
{
    struct field field, name = {0};
    float score = 0;
    uint64_t type = NORMAL;
    while (message.at < message.end) {
        if (!read_field(&message, &field))
            return damaged(model);
        if (field.number == 1)
            name = field;
        else if (field.number == 2)
            score = field.real;
        else if (field.number == 3)
            type = field.value;
    }
    if (type < NORMAL || type > BYTE)
        return bad(model, "its type is unknown");
    size_t size = name.inside.at ? (size_t)(name.inside.end - name.inside.at) : 0;
    return add_piece(model, (const char *)name.inside.at, size, score, (enum piece_type)type);
}

/* How it was trained, or the normaliser. */
static enum pl_status read_settings(struct model *model, struct message message, bool normaliser)
{
    struct field field;
    while (message.at < message.end) {
        if (!read_field(&message, &field))
            return damaged(model);
        if (!normaliser && field.number == 3)
            model->kind = field.value;
        else if (normaliser && field.number == 2)
            model->characters = field.inside.end > field.inside.at;
        else if (normaliser && field.number == 3)
            model->draft.prefix = field.value != 0;
        else if (normaliser && field.number == 4)
            model->squeezes = field.value != 0;
    }
    return PL_OK;
}

static enum pl_status read_model(struct model *model, struct message message)
{
    struct field field;
    enum pl_status status = PL_OK;
    model->kind = 1;
    model->squeezes = true;
    while (message.at < message.end && !status) {
        if (!read_field(&message, &field))
            return damaged(model);
        if (field.number == 1)
            status = read_piece(model, field.inside);
        else if (field.number == 2 || field.number == 3)
            status = read_settings(model, field.inside, field.number == 3);
    }
    if (!status && model->kind != KIND_BPE)
        return pl_fail(model->context, PL_BAD_DATA,
                       "a SentencePiece model of kind %" PRIu64
                       "%s, which is not supported: BPE is",
                       model->kind, model->kind == 1 ? " (unigram)" : "");
    if (!status && model->characters)
        return pl_fail(model->context, PL_BAD_DATA,
                       "a SentencePiece model that normalises characters, which is not supported");
    return status;
}

/* ---- llama2.c ----------------------------------------------------------------------------- */

/* A piece of a .bin: spaces are spaces, and the first three are <unk>, <s> and </s>, the latter two
 * between newlines. */
static enum pl_status read_bin_piece(struct model *model, const char *text, size_t size,
                                     float score)
{
    static const char *const names[] = {"<unk>", "\n<s>\n", "\n</s>\n"};
    uint32_t id = model->draft.pieces.count;
    size_t length = id < 3 ? strlen(names[id]) : 0;
    char name[3 * PIECE_MOST];
    size_t used = 0;
    if (size > PIECE_MOST)
        return bad(model, "longer than 1024 bytes");
    if (id == 0 && size == length && memcmp(text, names[0], size) == 0)
        return add_piece(model, text, size, score, UNKNOWN);
    if (length > 0 && size == length && memcmp(text, names[id], size) == 0)
        return add_piece(model, text + 1, size - 2, score, CONTROL);
    if (pl_byte_of_name(text, size) >= 0)
        return add_piece(model, text, size, score, BYTE);
    for (size_t i = 0; i < size; i++) {
        const char *symbol = text[i] == ' ' ? PL_BLANK : text + i;
        size_t width = text[i] == ' ' ? sizeof PL_BLANK - 1 : 1;
        memcpy(name + used, symbol, width);
        used += width;
    }
    return add_piece(model, name, used, score, NORMAL);
}

static enum pl_status read_bin(struct model *model, const char *bytes, size_t size)
{
    size_t at = 4; /* behind the largest length */
    while (at < size) {
        float score;
        uint32_t length;
        if (size - at < 8)
            return damaged(model);
        memcpy(&score, bytes + at, 4);
        memcpy(&length, bytes + at + 4, 4);
        at += 8;
        if (length > size - at)
            return damaged(model);
        if (read_bin_piece(model, bytes + at, length, score))
            return model->context->status;
        at += length;
    }
    return model->draft.pieces.count ? PL_OK : damaged(model);
}

/* ---- To a tokenizer.json ------------------------------------------------------------------ */

/* The ways to cut a piece into two that are there. */
static enum pl_status add_cuts(struct model *model, uint32_t id)
{
    const struct pl_words *pieces = &model->draft.pieces;
    size_t size, length;
    uint32_t code;
    const char *name = pl_words_item(pieces, id, &size);
    for (size_t at = pl_utf8_next(name, size, &code); at < size; at += length) {
        uint32_t left = pl_words_find(pieces, name, at);
        uint32_t right = pl_words_find(pieces, name + at, size - at);
        length = pl_utf8_next(name + at, size - at, &code);
        if (left == PL_NO_WORD || right == PL_NO_WORD || model->types[left] != NORMAL ||
            model->types[right] != NORMAL)
            continue;
        if (model->merge_count >= model->merge_capacity) {
            size_t capacity = 2 * model->merge_capacity + 1024;
            struct pl_merge *merges =
                pl_resize(model->context, model->merges, capacity, sizeof *merges);
            if (!merges)
                return model->context->status;
            model->merges = merges;
            model->merge_capacity = capacity;
        }
        model->merges[model->merge_count++] = (struct pl_merge){left, right, (uint32_t)at, id};
    }
    return PL_OK;
}

/* Before its piece's number, a merge is ordered by the piece's score, highest first. */
static int by_score(const void *first, const void *second, void *scores)
{
    const struct pl_merge *a = first, *b = second;
    const float *score = scores;
    if (score[a->result] != score[b->result])
        return score[a->result] < score[b->result] ? 1 : -1;
    if (a->result != b->result)
        return a->result < b->result ? -1 : 1;
    return a->rank < b->rank ? -1 : a->rank > b->rank;
}

static enum pl_status finish(struct model *model)
{
    struct pl_tokenizer_draft *draft = &model->draft;
    for (uint32_t id = 0; id < draft->pieces.count; id++) {
        uint8_t type = model->types[id];
        draft->byte_fallback |= type == BYTE;
        if (type == UNKNOWN)
            draft->unknown = id;
        if ((type == NORMAL && add_cuts(model, id)) ||
            ((type == UNKNOWN || type == CONTROL) &&
             pl_ids_add(model->context, &draft->special, &id, 1)) ||
            (type == WHOLE && pl_ids_add(model->context, &draft->whole, &id, 1)))
            return model->context->status;
    }
    uint32_t begin = pl_words_find(&draft->pieces, "<s>", 3);
    draft->begin = begin != PL_NO_WORD && model->types[begin] == CONTROL ? begin : PL_NO_ID;
    if (model->merge_count > 1)
        qsort_r(model->merges, model->merge_count, sizeof *model->merges, by_score, model->scores);
    draft->merges = model->merges;
    draft->merge_count = model->merge_count;
    return PL_OK;
}

enum pl_status pl_sentencepiece_json(struct pl_context *context, const char *name,
                                     const void *bytes, size_t size, bool *squeezes,
                                     struct pl_buffer *json)
{
    struct model model = {.context = context,
                          .draft = {.prefix = true, .unknown = PL_NO_ID, .begin = PL_NO_ID}};
    const uint8_t *start = bytes;
    /* A .model starts with field 1, bytes, not empty; a .bin with a small number. */
    bool protobuf = size >= 2 && start[0] == 0x0a && start[1] != 0;
    enum pl_status status = size < 4   ? damaged(&model)
                            : protobuf ? read_model(&model, (struct message){start, start + size})
                                       : read_bin(&model, bytes, size);
    if (!status)
        status = finish(&model);
    if (!status)
        status = pl_tokenizer_write(context, &model.draft, json);
    *squeezes = model.squeezes;
    pl_words_release(&model.draft.pieces);
    pl_ids_release(&model.draft.special);
    pl_ids_release(&model.draft.whole);
    free(model.scores);
    free(model.types);
    free(model.merges);
    return status ? pl_fail_at(context, "%s", name) : PL_OK;
}
