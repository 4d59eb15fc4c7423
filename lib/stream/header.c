/* Headers of the tensor stream: their grammar, parsed and written.
 * SPDX-License-Identifier: MIT
 *
 *     --- !plumbline1 {tensor: w, dtype: f32, shape: [2, 3], codec: raw, bytes: 24}   #hhhhhhhh
 *     |---- magic ---||------------------------ mapping ---------------------------|pad  CRC    LF
 *
 * The first key names the kind; each kind has a table of the keys it takes, which is all there is
 * to say about it: the parser and the writer both walk that table.  Keys that begin with x_ belong
 * to others and are stepped over; any other key that is not in the table is refused by name. */
#include "stream/header.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/crc32.h"
#include "base/number.h"
#include "stream/grammar.h"

enum {
    TAIL_SIZE = 10,  /* "#", 8 digits, LF */
    KEYS_MAX = 1024, /* more than fit into a header: "a: 0, " is 6 bytes */
    CODECS = 3
};

static const char *const codec_names[CODECS] = {"raw", "zlib", "shuffle-zlib"};

const char *pl_codec_name(enum pl_codec codec)
{
    return codec_names[codec];
}

/* What a kind's key holds, and where it goes. */
enum field_type { NAME, DTYPE, SHAPE, CODEC, BYTES, NUMBER, SUM };

struct field {
    const char *key;
    enum field_type type;
    size_t offset; /* NUMBER: of an int64_t or uint64_t in struct pl_header */
    bool optional;
};

#define AT(member) offsetof(struct pl_header, member)

static const struct field tensor_fields[] = {{"tensor", NAME, 0, false}, {"dtype", DTYPE, 0, false},
                                             {"shape", SHAPE, 0, false}, {"codec", CODEC, 0, true},
                                             {"bytes", BYTES, 0, true},  {NULL, NAME, 0, false}};
static const struct field chunk_fields[] = {
    {"chunk", NAME, 0, false}, {"seq", NUMBER, AT(seq), false}, {"rows", NUMBER, AT(rows), false},
    {"codec", CODEC, 0, true}, {"bytes", BYTES, 0, false},      {NULL, NAME, 0, false}};
static const struct field close_fields[] = {{"close", NAME, 0, false},
                                            {"chunks", NUMBER, AT(chunks), false},
                                            {"rows", NUMBER, AT(rows), false},
                                            {NULL, NAME, 0, false}};
static const struct field meta_fields[] = {
    {"meta", NAME, 0, false}, {"bytes", BYTES, 0, false}, {NULL, NAME, 0, false}};
static const struct field error_fields[] = {{"error", NAME, 0, false},
                                            {"status", NUMBER, AT(status), false},
                                            {"bytes", BYTES, 0, false},
                                            {NULL, NAME, 0, false}};
static const struct field end_fields[] = {{"end", NUMBER, AT(end_records), false},
                                          {"size", NUMBER, AT(end_size), false},
                                          {"sum", SUM, 0, false},
                                          {NULL, NAME, 0, false}};
static const struct field private_fields[] = {{"bytes", BYTES, 0, true}, {NULL, NAME, 0, false}};

static const struct field *const kind_fields[] = {
    [PL_RECORD_TENSOR] = tensor_fields,  [PL_RECORD_CHUNK] = chunk_fields,
    [PL_RECORD_CLOSE] = close_fields,    [PL_RECORD_META] = meta_fields,
    [PL_RECORD_ERROR] = error_fields,    [PL_RECORD_END] = end_fields,
    [PL_RECORD_PRIVATE] = private_fields};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static enum pl_status wrong_value(struct pl_context *context, const char *key, const char *want)
{
    return pl_fail(context, PL_BAD_DATA, "key '%s' must be %s", key, want);
}

static enum pl_status set_name(struct pl_context *context, struct pl_header *header,
                               const char *key, const struct pl_value *value)
{
    if (value->type != PL_VALUE_WORD || value->size < 1 || value->size > PL_NAME_MAX)
        return wrong_value(context, key, "a name of 1 to 255 bytes");
    memcpy(header->name, value->text, value->size + 1);
    return PL_OK;
}

static enum pl_status set_codec(struct pl_context *context, struct pl_header *header,
                                const struct pl_value *value)
{
    for (int i = 0; i < CODECS && value->type == PL_VALUE_WORD; i++) {
        if (strcmp(value->text, codec_names[i]) == 0) {
            header->codec = (enum pl_codec)i;
            return PL_OK;
        }
    }
    return pl_fail(context, PL_BAD_DATA, "unknown codec '%s' (written by a newer version?)",
                   value->text);
}

static enum pl_status set_sum(struct pl_context *context, struct pl_header *header,
                              const struct pl_value *value)
{
    if (value->type != PL_VALUE_WORD || value->size != 9 || value->text[0] != 'x' ||
        !pl_hex_parse(value->text + 1, &header->end_sum))
        return wrong_value(context, "sum", "x and 8 hex digits");
    return PL_OK;
}

static enum pl_status set_field(struct pl_context *context, struct pl_header *header,
                                const struct field *field, const struct pl_value *value)
{
    switch (field->type) {
    case NAME:
        return set_name(context, header, field->key, value);
    case DTYPE:
        if (value->type != PL_VALUE_WORD ||
            !pl_dtype_parse(value->text, value->size, &header->dtype))
            return pl_fail(context, PL_BAD_DATA, "unknown dtype '%s' (written by a newer version?)",
                           value->text);
        return PL_OK;
    case SHAPE:
        if (value->type != PL_VALUE_LIST)
            return wrong_value(context, field->key, "a list");
        header->rank = value->count;
        memcpy(header->dims, value->items, sizeof header->dims);
        return PL_OK;
    case CODEC:
        return set_codec(context, header, value);
    case SUM:
        return set_sum(context, header, value);
    case BYTES:
        header->payload = true;
        if (value->type != PL_VALUE_INTEGER)
            return wrong_value(context, field->key, "a number");
        header->bytes = (uint64_t)value->integer;
        return PL_OK;
    case NUMBER:
        break;
    }
    if (value->type != PL_VALUE_INTEGER)
        return wrong_value(context, field->key, "a number");
    memcpy((char *)header + field->offset, &value->integer, sizeof value->integer);
    return PL_OK;
}

static bool is_private(const char *key)
{
    return strncmp(key, "x_", 2) == 0;
}

/* The kind that the first key names. */
static enum pl_status find_kind(struct pl_context *context, const char *key,
                                enum pl_record_kind *kind)
{
    if (is_private(key)) {
        *kind = PL_RECORD_PRIVATE;
        return PL_OK;
    }
    for (int i = 0; i < PL_RECORD_PRIVATE; i++) {
        if (strcmp(kind_fields[i][0].key, key) == 0) {
            *kind = (enum pl_record_kind)i;
            return PL_OK;
        }
    }
    return pl_fail(context, PL_BAD_DATA,
                   "unknown kind of record '%s' (written by a newer version?)", key);
}

static const struct field *find_field(const struct field *fields, const char *key)
{
    while (fields->key && strcmp(fields->key, key) != 0)
        fields++;
    return fields->key ? fields : NULL;
}

/* The keys seen so far, to refuse a second one of the same name. */
struct keys {
    const char *at[KEYS_MAX];
    int count;
};

static enum pl_status remember_key(struct pl_cursor *cursor, struct keys *keys, const char *begin)
{
    size_t size = (size_t)(cursor->at - begin); /* with ": ", so no key is another's start */
    for (int i = 0; i < keys->count; i++)
        if (memcmp(keys->at[i], begin, size) == 0)
            return pl_fail(cursor->context, PL_BAD_DATA, "key '%.*s' stands twice", (int)size - 2,
                           begin);
    keys->at[keys->count++] = begin;
    return PL_OK;
}

static enum pl_status parse_pair(struct pl_cursor *cursor, struct keys *keys,
                                 struct pl_header *header, unsigned *given)
{
    char key[PL_KEY_MAX + 1];
    const char *begin = cursor->at;
    enum pl_status status = pl_key_parse(cursor, key);
    if (status)
        return status;
    if (keys->count == 0)
        status = find_kind(cursor->context, key, &header->kind);
    if (status == PL_OK)
        status = remember_key(cursor, keys, begin);
    struct pl_value value;
    if (status == PL_OK)
        status = pl_value_parse(cursor, &value);
    if (status)
        return status;
    const struct field *fields = kind_fields[header->kind];
    const struct field *field = find_field(fields, key);
    if (field) {
        *given |= 1U << (field - fields);
        return set_field(cursor->context, header, field, &value);
    }
    if (is_private(key) || header->kind == PL_RECORD_PRIVATE)
        return PL_OK;
    return pl_fail(cursor->context, PL_BAD_DATA, "unknown key '%s' (written by a newer version?)",
                   key);
}

static enum pl_status parse_mapping(struct pl_cursor *cursor, struct pl_header *header)
{
    struct keys keys = {.count = 0};
    unsigned given = 0;
    if (!pl_cursor_take(cursor, "{"))
        return pl_expected(cursor, "'{'");
    do {
        enum pl_status status = parse_pair(cursor, &keys, header, &given);
        if (status)
            return status;
    } while (pl_cursor_take(cursor, ", "));
    if (!pl_cursor_take(cursor, "}"))
        return pl_expected(cursor, "', ' or '}'");
    const struct field *fields = kind_fields[header->kind];
    for (int i = 0; fields[i].key; i++)
        if (!fields[i].optional && !(given & 1U << i))
            return pl_fail(cursor->context, PL_BAD_DATA, "key '%s' is missing", fields[i].key);
    return PL_OK;
}

/* What the keys must say together. */
static enum pl_status check_meaning(struct pl_context *context, struct pl_header *header)
{
    if (header->kind == PL_RECORD_TENSOR) {
        header->chunked = !header->payload;
        for (int i = 0; i < header->rank; i++)
            if (header->dims[i] < 0 && (i > 0 || !header->chunked))
                return pl_fail(context, PL_BAD_DATA,
                               "only the first dimension of a chunked tensor may be ~");
        if (header->chunked && header->rank == 0)
            return pl_fail(context, PL_BAD_DATA, "a tensor of rank 0 cannot be chunked");
    }
    bool text = header->kind == PL_RECORD_META || header->kind == PL_RECORD_ERROR;
    if (text && header->bytes > PL_META_MAX)
        return pl_fail(context, PL_BAD_DATA, "a document of %llu bytes (at most 1 MiB is allowed)",
                       (unsigned long long)header->bytes);
    if (header->kind == PL_RECORD_ERROR && header->status > 255)
        return wrong_value(context, "status", "at most 255");
    return PL_OK;
}

enum pl_status pl_magic_check(struct pl_context *context, const char *text, size_t size)
{
    static const int version_at = PL_MAGIC_SIZE - 2;
    if (size > PL_MAGIC_SIZE)
        size = PL_MAGIC_SIZE;
    if (memcmp(text, PL_MAGIC, size) == 0)
        return PL_OK;
    if (size == PL_MAGIC_SIZE && memcmp(text, PL_MAGIC, (size_t)version_at) == 0 &&
        is_digit(text[version_at]) && text[version_at + 1] == ' ')
        return pl_fail(context, PL_BAD_DATA,
                       "version %c of the stream format (only version 1 is known here)",
                       text[version_at]);
    return pl_fail(context, PL_BAD_DATA, "not a record of a tensor stream");
}

enum pl_status pl_header_parse(struct pl_context *context, const char *text, size_t size,
                               struct pl_header *header)
{
    memset(header, 0, sizeof *header);
    enum pl_status status = pl_magic_check(context, text, size);
    if (status)
        return status;
    const char *tail = text + size - TAIL_SIZE;
    if (size % PL_BLOCK != 0 || size > PL_HEADER_MAX || tail[TAIL_SIZE - 1] != '\n' ||
        tail[0] != '#' || tail[-1] != ' ' || !pl_hex_parse(tail + 1, &header->crc))
        return pl_fail(context, PL_BAD_DATA, "header does not end in ' #', 8 hex digits, newline");
    uint32_t crc = pl_crc32(0, text, (size_t)(tail - text));
    if (crc != header->crc)
        return pl_fail(context, PL_BAD_DATA,
                       "header CRC does not match (stored %08x, computed %08x)", header->crc, crc);
    struct pl_cursor cursor = {context, text, text + PL_MAGIC_SIZE, tail};
    if (!pl_is_printable(cursor.at, (size_t)(tail - cursor.at)))
        return pl_fail(context, PL_BAD_DATA, "header is not printable UTF-8");
    status = parse_mapping(&cursor, header);
    if (status)
        return status;
    while (cursor.at < tail)
        if (*cursor.at++ != ' ')
            return pl_fail(context, PL_BAD_DATA, "header has text behind its mapping");
    return check_meaning(context, header);
}

bool pl_hex_parse(const char digits[8], uint32_t *out)
{
    uint32_t value = 0;
    for (int i = 0; i < 8; i++) {
        char c = digits[i];
        if (is_digit(c))
            value = value << 4 | (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value << 4 | (uint32_t)(c - 'a' + 10);
        else
            return false;
    }
    *out = value;
    return true;
}

void pl_hex_write(char digits[8], uint32_t value)
{
    for (int i = 0; i < 8; i++)
        digits[i] = "0123456789abcdef"[value >> (28 - 4 * i) & 15];
}

/* A header under construction; what does not fit is noticed once, at the end. */
struct line {
    char *text;
    size_t size;
    bool full;
};

static void put(struct line *line, const char *bytes, size_t size)
{
    if (size > PL_HEADER_MAX - TAIL_SIZE - 1 - line->size) {
        line->full = true;
        return;
    }
    memcpy(line->text + line->size, bytes, size);
    line->size += size;
}

static void put_text(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

static void put_number(struct line *line, uint64_t value)
{
    char text[PL_NUMBER_SIZE];
    put(line, text, (size_t)snprintf(text, sizeof text, "%llu", (unsigned long long)value));
}

static void put_word(struct line *line, const char *word)
{
    if (pl_is_plain_word(word)) {
        put_text(line, word);
        return;
    }
    put_text(line, "\"");
    for (; *word; word++) {
        if (*word == '"' || *word == '\\')
            put_text(line, "\\");
        put(line, word, 1);
    }
    put_text(line, "\"");
}

static void put_shape(struct line *line, const struct pl_header *header)
{
    put_text(line, "[");
    for (int i = 0; i < header->rank; i++) {
        put_text(line, i > 0 ? ", " : "");
        if (header->dims[i] < 0)
            put_text(line, "~");
        else
            put_number(line, (uint64_t)header->dims[i]);
    }
    put_text(line, "]");
}

static void put_field(struct line *line, const struct field *field, const struct pl_header *header)
{
    char sum[10] = "x";
    uint64_t number;
    put_text(line, field->key);
    put_text(line, ": ");
    switch (field->type) {
    case NAME:
        put_word(line, header->name);
        break;
    case DTYPE:
        put_text(line, pl_dtype_name(header->dtype));
        break;
    case SHAPE:
        put_shape(line, header);
        break;
    case CODEC:
        put_text(line, codec_names[header->codec]);
        break;
    case BYTES:
        put_number(line, header->bytes);
        break;
    case NUMBER:
        memcpy(&number, (const char *)header + field->offset, sizeof number);
        put_number(line, number);
        break;
    case SUM:
        pl_hex_write(sum + 1, header->end_sum);
        put(line, sum, 9);
        break;
    }
}

/* Pads, adds the CRC and the newline. */
static enum pl_status finish_line(struct pl_context *context, struct line *line, uint32_t *crc,
                                  size_t *size)
{
    if (line->full)
        return pl_fail(context, PL_BAD_DATA, "a header would take more than %d bytes",
                       PL_HEADER_MAX);
    *size = (line->size + 1 + TAIL_SIZE + PL_BLOCK - 1) / PL_BLOCK * PL_BLOCK;
    char *tail = line->text + *size - TAIL_SIZE;
    memset(line->text + line->size, ' ', (size_t)(tail - line->text) - line->size);
    *crc = pl_crc32(0, line->text, (size_t)(tail - line->text));
    tail[0] = '#';
    pl_hex_write(tail + 1, *crc);
    tail[9] = '\n';
    return PL_OK;
}

static enum pl_status check_name(struct pl_context *context, const char *name)
{
    size_t size = strlen(name);
    if (size < 1 || size > PL_NAME_MAX)
        return pl_fail(context, PL_BAD_DATA, "name '%.40s...' has %zu bytes (1 to 255 are allowed)",
                       name, size);
    if (!pl_is_printable(name, size))
        return pl_fail(context, PL_BAD_DATA, "name '%s' is not printable UTF-8", name);
    return PL_OK;
}

enum pl_status pl_header_write(struct pl_context *context, struct pl_header *header,
                               char text[PL_HEADER_MAX], size_t *size)
{
    if (header->kind == PL_RECORD_PRIVATE)
        return pl_fail(context, PL_BAD_DATA, "a private record can only be copied");
    enum pl_status status =
        header->kind == PL_RECORD_END ? PL_OK : check_name(context, header->name);
    if (status == PL_OK)
        status = check_meaning(context, header);
    if (status)
        return status;
    struct line line = {.text = text};
    put_text(&line, PL_MAGIC "{");
    const struct field *fields = kind_fields[header->kind];
    for (int i = 0; fields[i].key; i++) {
        if (fields[i].optional && !header->payload)
            continue;
        put_text(&line, i > 0 ? ", " : "");
        put_field(&line, &fields[i], header);
    }
    put_text(&line, "}");
    return finish_line(context, &line, &header->crc, size);
}

enum pl_status pl_header_rename(struct pl_context *context, const char *text, size_t size,
                                const char *name, char renamed[PL_HEADER_MAX], size_t *renamed_size)
{
    struct pl_cursor cursor = {context, text, text + PL_MAGIC_SIZE + 1, text + size - TAIL_SIZE};
    char kind[PL_KEY_MAX + 1];
    struct pl_value value = {0};
    enum pl_status status = check_name(context, name);
    if (status == PL_OK)
        status = pl_key_parse(&cursor, kind);
    if (status == PL_OK)
        status = pl_value_parse(&cursor, &value);
    if (status)
        return status;
    const char *end = cursor.end;
    while (end[-1] == ' ')
        end--;
    struct line line = {.text = renamed};
    put_text(&line, PL_MAGIC "{");
    put_text(&line, kind);
    put_text(&line, ": ");
    put_word(&line, name);
    put(&line, cursor.at, (size_t)(end - cursor.at));
    uint32_t crc;
    return finish_line(context, &line, &crc, renamed_size);
}
