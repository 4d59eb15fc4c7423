/* Tokenizers: what they know, and where they come from.  See tokenizer.h.
 * SPDX-License-Identifier: MIT */
#include "text/tokenizer.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "formats/bytes.h"
#include "formats/input.h"
#include "text/tokenizer_parts.h"

/* ---- Bytes as characters ------------------------------------------------------------------ */

static bool is_printable(int byte)
{
    return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

uint32_t pl_byte_symbol(int byte)
{
    uint32_t code = 256;
    if (is_printable(byte))
        return (uint32_t)byte;
    for (int i = 0; i < byte; i++)
        code += !is_printable(i);
    return code;
}

int pl_byte_of_symbol(uint32_t code)
{
    uint32_t next = 256;
    if (code < 256)
        return is_printable((int)code) ? (int)code : -1;
    for (int byte = 0; byte < 256; byte++)
        if (!is_printable(byte) && next++ == code)
            return byte;
    return -1;
}

static int hexadecimal(char digit)
{
    return digit >= '0' && digit <= '9'   ? digit - '0'
           : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                                          : -1;
}

int pl_byte_of_name(const char *name, size_t size)
{
    if (size != 6 || memcmp(name, "<0x", 3) != 0 || name[5] != '>')
        return -1;
    int high = hexadecimal(name[3]), low = hexadecimal(name[4]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* ---- Ids ---------------------------------------------------------------------------------- */

enum pl_status pl_ids_add(struct pl_context *context, struct pl_ids *ids, const uint32_t *items,
                          size_t count)
{
    if (ids->capacity - ids->count < count) {
        size_t capacity = 2 * ids->capacity + count + 16;
        uint32_t *grown = pl_resize(context, ids->items, capacity, sizeof *grown);
        if (!grown)
            return context->status;
        ids->items = grown;
        ids->capacity = capacity;
    }
    for (size_t i = 0; i < count; i++)
        ids->items[ids->count + i] = items[i];
    ids->count += count;
    return PL_OK;
}

void pl_ids_release(struct pl_ids *ids)
{
    free(ids->items);
    *ids = (struct pl_ids){0};
}

/* ---- Questions ---------------------------------------------------------------------------- */

const char *pl_tokenizer_json(const struct pl_tokenizer *tokenizer, size_t *size)
{
    *size = tokenizer->json_size;
    return tokenizer->json;
}

uint32_t pl_tokenizer_sum(const struct pl_tokenizer *tokenizer)
{
    return tokenizer->sum;
}

int64_t pl_tokenizer_vocabulary(const struct pl_tokenizer *tokenizer)
{
    return (int64_t)tokenizer->count;
}

int64_t pl_tokenizer_find(const struct pl_tokenizer *tokenizer, const char *piece)
{
    size_t size = strlen(piece);
    for (size_t i = 0; i < tokenizer->added_count; i++)
        if (tokenizer->added[i].size == size &&
            memcmp(tokenizer->added[i].content, piece, size) == 0)
            return tokenizer->added[i].id;
    uint32_t name = pl_words_find(&tokenizer->names, piece, size);
    return name != PL_NO_WORD ? (int64_t)tokenizer->name_ids[name] : -1;
}

/* The first of the names that is a special token. */
static int64_t find_special(const struct pl_tokenizer *tokenizer, const char *const *names)
{
    for (; *names; names++) {
        int64_t id = pl_tokenizer_find(tokenizer, *names);
        if (id >= 0 && tokenizer->pieces[id].kind == PL_PIECE_SPECIAL)
            return id;
    }
    return -1;
}

int64_t pl_tokenizer_begin(const struct pl_tokenizer *tokenizer)
{
    static const char *const names[] = {"<s>", "<|begin_of_text|>", NULL};
    return tokenizer->front_count > 0 ? tokenizer->front[0] : find_special(tokenizer, names);
}

int64_t pl_tokenizer_end(const struct pl_tokenizer *tokenizer)
{
    static const char *const names[] = {"</s>", "<|end_of_text|>", "<|endoftext|>", NULL};
    return find_special(tokenizer, names);
}

int64_t pl_tokenizer_text_size(const struct pl_tokenizer *tokenizer, uint32_t id)
{
    if (id >= tokenizer->count || tokenizer->pieces[id].kind == PL_PIECE_ABSENT)
        return -1;
    const struct pl_piece *piece = &tokenizer->pieces[id];
    return piece->kind == PL_PIECE_SPECIAL ? 0 : (int64_t)piece->text_size;
}

void pl_tokenizer_free(struct pl_tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    free(tokenizer->json);
    free(tokenizer->pieces);
    pl_words_release(&tokenizer->names);
    free(tokenizer->name_ids);
    pl_buffer_release(&tokenizer->texts);
    pl_merges_release(&tokenizer->merges);
    pl_merges_release(&tokenizer->junctions);
    for (size_t i = 0; i < tokenizer->added_count; i++)
        free((void *)(uintptr_t)tokenizer->added[i].content);
    free(tokenizer->added);
    free(tokenizer);
}

/* ---- Decoding ----------------------------------------------------------------------------- */

enum pl_status pl_decoder_add(struct pl_context *context, struct pl_decoder *decoder, uint32_t id,
                              struct pl_buffer *text)
{
    const struct pl_tokenizer *tokenizer = decoder->tokenizer;
    if (id >= tokenizer->count || tokenizer->pieces[id].kind == PL_PIECE_ABSENT)
        return pl_fail(context, PL_BAD_DATA, "token %" PRIu32 " is not in the vocabulary of %zu",
                       id, tokenizer->count);
    const struct pl_piece *piece = &tokenizer->pieces[id];
    const char *bytes = tokenizer->texts.data + piece->start;
    size_t size = piece->text_size;
    if (piece->kind == PL_PIECE_SPECIAL) {
        if (tokenizer->prefix == PL_PREFIX_EVERY || (int64_t)id == pl_tokenizer_begin(tokenizer))
            decoder->begun = false;
        return decoder->specials ? pl_buffer_append(context, text, bytes, size) : PL_OK;
    }
    if (size == 0)
        return PL_OK;
    bool drop = tokenizer->strips && !decoder->begun && bytes[0] == ' ';
    decoder->begun = true;
    return pl_buffer_append(context, text, bytes + drop, size - drop);
}

/* ---- Files -------------------------------------------------------------------------------- */

/* The tensor tokenizer.json of a stream, which is read to the end of its segment. */
static struct pl_tokenizer *load_stream(struct pl_context *context, struct pl_reader *reader)
{
    const struct pl_record *record = NULL;
    struct pl_tokenizer *tokenizer = NULL;
    enum pl_status status;
    while (!(status = pl_reader_next(context, reader, &record)) && record &&
           record->header.kind != PL_RECORD_END) {
        struct pl_tensor tensor = {0};
        if (record->header.kind != PL_RECORD_TENSOR || tokenizer ||
            strcmp(record->header.name, "tokenizer.json") != 0)
            continue;
        status = pl_reader_tensor(context, reader, &tensor);
        if (!status)
            tokenizer = pl_tokenizer_parse(context, pl_reader_name(reader), tensor.data,
                                           pl_tensor_bytes(&tensor));
        pl_tensor_release(&tensor);
        if (!tokenizer)
            return NULL;
    }
    if (status) {
        pl_tokenizer_free(tokenizer);
        return NULL;
    }
    if (!tokenizer)
        pl_fail(context, PL_BAD_DATA, "%s: holds no tokenizer (tok-train makes one)",
                pl_reader_name(reader));
    else
        tokenizer->sum = pl_reader_sum(reader);
    return tokenizer;
}

static bool is_json(const uint8_t *data, size_t size)
{
    size_t at = 0;
    while (at < size && data[at] && strchr(" \t\r\n", data[at]))
        at++;
    return at < size && data[at] == '{';
}

static struct pl_tokenizer *load_bytes(struct pl_context *context, struct pl_bytes *bytes)
{
    const uint8_t *data;
    size_t size;
    uint32_t sum;
    struct pl_buffer json = {0};
    struct pl_tokenizer *tokenizer = NULL;
    bool squeezes = false;
    if (pl_bytes_rest(context, bytes, &data, &size))
        return NULL;
    pl_bytes_skip(bytes, size);
    if (pl_bytes_sum(context, bytes, &sum))
        return NULL;
    if (is_json(data, size))
        tokenizer = pl_tokenizer_parse(context, bytes->name, data, size);
    else if (!pl_sentencepiece_json(context, bytes->name, data, size, &squeezes, &json))
        tokenizer = pl_tokenizer_parse(context, bytes->name, json.data, json.size);
    pl_buffer_release(&json);
    if (tokenizer) {
        tokenizer->squeezes = squeezes;
        tokenizer->sum = sum;
    }
    return tokenizer;
}

/* The path itself, or the file in a folder; false when the folder has none. */
static bool find_inside(const char *path, char inside[PATH_MAX], const char **found)
{
    static const char *const names[] = {"tokenizer.json", "tokenizer.model"};
    struct stat entry;
    *found = path;
    if (!path || stat(path, &entry) != 0 || !S_ISDIR(entry.st_mode))
        return true;
    *found = inside;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (snprintf(inside, PATH_MAX, "%s/%s", path, names[i]) < PATH_MAX &&
            access(inside, F_OK) == 0)
            return true;
    return false;
}

bool pl_tokenizer_is_in(const char *folder)
{
    char inside[PATH_MAX];
    const char *found;
    return find_inside(folder, inside, &found);
}

struct pl_tokenizer *pl_tokenizer_load(struct pl_context *context, const char *path)
{
    char inside[PATH_MAX];
    const char *found;
    struct pl_tokenizer *tokenizer = NULL;
    if (!find_inside(path, inside, &found)) {
        pl_fail(context, PL_BAD_DATA, "%s: a folder without tokenizer.json or tokenizer.model",
                path);
        return NULL;
    }
    struct pl_foreign *foreign = pl_foreign_open_text(context, found);
    if (!foreign)
        return NULL;
    if (pl_foreign_format(foreign) == PL_FORMAT_TEXT) {
        tokenizer = load_bytes(context, pl_foreign_bytes(foreign));
    } else if (pl_foreign_format(foreign) == PL_FORMAT_STREAM) {
        struct pl_reader *reader = pl_foreign_stream(context, foreign, found);
        tokenizer = reader ? load_stream(context, reader) : NULL;
        pl_reader_close(reader);
    } else {
        pl_fail(context, PL_BAD_DATA, "%s: not a tokenizer (tokenizer.json, .model or .bin)",
                pl_foreign_bytes(foreign)->name);
    }
    pl_foreign_close(foreign);
    return tokenizer;
}
