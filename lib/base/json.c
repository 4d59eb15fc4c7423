/* JSON (RFC 8259): a recursive descent over the bytes, and its reverse.
 * SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"
#include "base/text.h"

/* ---- Reading ---- */

struct json_reader {
    struct pl_context *context;
    struct pl_meta *meta;
    const char *text;
    size_t size, at;
    size_t line_start; /* offset where the current line starts */
    int line, depth;
};

static enum pl_status fail_here(struct json_reader *reader, const char *what)
{
    return pl_fail(reader->context, PL_BAD_DATA, "%s: byte %zu: %s", reader->meta->name, reader->at,
                   what);
}

/* The next byte, '\0' at the end; a NUL in the text is as wrong everywhere as the end is. */
static char peek(const struct json_reader *reader)
{
    return reader->at < reader->size ? reader->text[reader->at] : '\0';
}

static void skip_blanks(struct json_reader *reader)
{
    for (;; reader->at++) {
        char byte = peek(reader);
        if (byte == '\n') {
            reader->line++;
            reader->line_start = reader->at + 1;
        } else if (byte != ' ' && byte != '\t' && byte != '\r') {
            return;
        }
    }
}

/* Skips blanks and the byte, if it comes next. */
static bool accept(struct json_reader *reader, char byte)
{
    skip_blanks(reader);
    bool found = byte != '\0' && peek(reader) == byte;
    reader->at += found;
    return found;
}

struct place {
    int line, column;
};

static struct place here(const struct json_reader *reader)
{
    size_t column = reader->at - reader->line_start + 1;
    return (struct place){reader->line, column < INT32_MAX ? (int)column : INT32_MAX};
}

/* The offset of a node's place: its line is found again, which only errors need. */
static size_t offset_of(const struct json_reader *reader, const struct pl_meta_node *node)
{
    size_t at = 0;
    for (int line = 1; line < node->line; line++) {
        at += strcspn(reader->text + at, "\n") + 1;
    }
    return at + (size_t)node->column - 1;
}

static bool read_hex4(struct json_reader *reader, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++, reader->at++) {
        char byte = peek(reader), lower = (char)(byte | 0x20);
        if (byte >= '0' && byte <= '9') {
            *out = *out << 4 | (uint32_t)(byte - '0');
        } else if (lower >= 'a' && lower <= 'f') {
            *out = *out << 4 | (uint32_t)(lower - 'a' + 10);
        } else {
            return false;
        }
    }
    return true;
}

/* \uXXXX, after the u; a character beyond U+FFFF takes two of them. */
static enum pl_status read_unicode(struct json_reader *reader, char **out)
{
    uint32_t code, low;
    if (!read_hex4(reader, &code)) {
        return fail_here(reader, "\\u needs four hexadecimal digits");
    }
    if (code >= 0xd800 && code < 0xe000) {
        bool high = code < 0xdc00 && peek(reader) == '\\';
        reader->at += high;
        high = high && peek(reader) == 'u';
        reader->at += high;
        if (!high || !read_hex4(reader, &low) || low < 0xdc00 || low > 0xdfff) {
            return fail_here(reader, "half a surrogate pair");
        }
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    *out += pl_utf8_put(*out, code);
    return PL_OK;
}

static enum pl_status read_escape(struct json_reader *reader, char **out)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    char letter = peek(reader);
    const char *found = letter ? strchr(letters, letter) : NULL;
    if (found) {
        *(*out)++ = meanings[found - letters];
        reader->at++;
        return PL_OK;
    }
    if (letter != 'u') {
        return fail_here(reader, "unknown escape in a string");
    }
    reader->at++;
    return read_unicode(reader, out);
}

/* Finds the quote that ends the string whose inside starts at `at`; false when there is none. */
static bool find_quote(const struct json_reader *reader, size_t *end)
{
    for (size_t at = reader->at; at < reader->size; at++) {
        if (reader->text[at] == '"') {
            *end = at;
            return true;
        }
        at += reader->text[at] == '\\';
    }
    return false;
}

/* A string, from its opening quote on; *string is in the arena. */
static enum pl_status read_string(struct json_reader *reader, char **string, size_t *size)
{
    size_t end;
    reader->at++;
    if (!find_quote(reader, &end)) {
        return fail_here(reader, "a string without its closing quote");
    }
    /* What an escape stands for is never longer than the escape. */
    char *out = pl_arena_new(reader->context, &reader->meta->arena, end - reader->at + 1, 1);
    if (!out) {
        return reader->context->status;
    }
    *string = out;
    while (reader->at < end) {
        char byte = reader->text[reader->at];
        if ((unsigned char)byte < 0x20) {
            return fail_here(reader, "a control character in a string");
        }
        reader->at++;
        if (byte != '\\') {
            *out++ = byte;
            continue;
        }
        enum pl_status status = read_escape(reader, &out);
        if (status) {
            return status;
        }
    }
    reader->at = end + 1;
    *size = (size_t)(out - *string);
    return PL_OK;
}

/* Length of the JSON number that text starts with, 0 when there is none. */
static size_t number_length(const char *text, size_t size)
{
    size_t at = size > 0 && *text == '-', start = at;
    while (at < size && text[at] >= '0' && text[at] <= '9') {
        at++;
    }
    if (at == start || (text[start] == '0' && at > start + 1)) {
        return 0;
    }
    for (int part = 0; part < 2; part++) { /* a fraction, then an exponent */
        if (at >= size || (part == 0 ? text[at] != '.' : (text[at] | 0x20) != 'e')) {
            continue;
        }
        at++;
        at += part == 1 && at < size && (text[at] == '-' || text[at] == '+');
        start = at;
        while (at < size && text[at] >= '0' && text[at] <= '9') {
            at++;
        }
        if (at == start) {
            return 0;
        }
    }
    return at;
}

static bool is_word_byte(char byte)
{
    return byte != '\0' && strchr(" \t\r\n,:]}[{\"", byte) == NULL;
}

/* A number, true, false or null. */
static enum pl_status read_bare(struct json_reader *reader, struct pl_meta_node *parent,
                                const char *key, struct pl_meta_node **node)
{
    const char *text = reader->text + reader->at;
    size_t size = 0, rest = reader->size - reader->at;
    while (size < rest && is_word_byte(text[size])) {
        size++;
    }
    bool null = size == 4 && memcmp(text, "null", 4) == 0;
    bool truth =
        (size == 4 && memcmp(text, "true", 4) == 0) || (size == 5 && memcmp(text, "false", 5) == 0);
    if (size == 0 || (!null && !truth && number_length(text, size) != size)) {
        return fail_here(reader, "expected a value");
    }
    *node = pl_meta_add_scalar(reader->context, reader->meta, parent, key, text, size, false);
    if (!*node) {
        return reader->context->status;
    }
    if (null) {
        (*node)->kind = PL_META_NULL;
    }
    reader->at += size;
    return PL_OK;
}

static enum pl_status read_value(struct json_reader *reader, struct pl_meta_node *parent,
                                 const char *key, struct pl_meta_node **node);

static enum pl_status read_member(struct json_reader *reader, struct pl_meta_node *map)
{
    skip_blanks(reader);
    size_t start = reader->at, size;
    struct place place = here(reader);
    struct pl_meta_node *value;
    char *key;
    if (peek(reader) != '"') {
        return fail_here(reader, "expected a quoted key");
    }
    enum pl_status status = read_string(reader, &key, &size);
    if (status) {
        return status;
    }
    if (strlen(key) != size) {
        reader->at = start;
        return fail_here(reader, "a key holds a NUL byte");
    }
    if (!accept(reader, ':')) {
        return fail_here(reader, "expected ':'");
    }
    status = read_value(reader, map, key, &value);
    if (!status) {
        value->line = place.line;
        value->column = place.column;
    }
    return status;
}

static enum pl_status check_keys(struct json_reader *reader, const struct pl_meta_node *map)
{
    const struct pl_meta_node *repeated;
    enum pl_status status = pl_meta_repeated(reader->context, map, &repeated);
    if (!status && repeated) {
        status = pl_fail(reader->context, PL_BAD_DATA, "%s: byte %zu: key '%s' occurs twice",
                         reader->meta->name, offset_of(reader, repeated), repeated->key);
    }
    return status;
}

/* The inside of a map or list, from after its opening bracket. */
static enum pl_status read_children(struct json_reader *reader, struct pl_meta_node *node)
{
    bool map = node->kind == PL_META_MAP;
    char closing = map ? '}' : ']';
    enum pl_status status = PL_OK;
    if (accept(reader, closing)) {
        return PL_OK;
    }
    do {
        struct pl_meta_node *child;
        status = map ? read_member(reader, node) : read_value(reader, node, NULL, &child);
    } while (!status && accept(reader, ','));
    if (!status && !accept(reader, closing)) {
        status = fail_here(reader, map ? "expected ',' or '}'" : "expected ',' or ']'");
    }
    if (!status && map) {
        status = check_keys(reader, node);
    }
    return status;
}

static enum pl_status read_value(struct json_reader *reader, struct pl_meta_node *parent,
                                 const char *key, struct pl_meta_node **node)
{
    skip_blanks(reader);
    struct place place = here(reader);
    char first = peek(reader);
    enum pl_status status = PL_OK;
    if (first == '{' || first == '[') {
        if (reader->depth == PL_META_DEPTH) {
            return fail_here(reader, "nested more than 64 deep");
        }
        reader->at++;
        *node = first == '{' ? pl_meta_add_map(reader->context, reader->meta, parent, key)
                             : pl_meta_add_list(reader->context, reader->meta, parent, key);
        reader->depth++;
        status = *node ? read_children(reader, *node) : reader->context->status;
        reader->depth--;
    } else if (first == '"') {
        char *text;
        size_t size;
        status = read_string(reader, &text, &size);
        if (!status) {
            *node =
                pl_meta_add_scalar(reader->context, reader->meta, parent, key, text, size, true);
            status = *node ? PL_OK : reader->context->status;
        }
    } else {
        status = read_bare(reader, parent, key, node);
    }
    if (!status) {
        (*node)->line = place.line;
        (*node)->column = place.column;
    }
    return status;
}

enum pl_status pl_json_parse(struct pl_context *context, struct pl_meta *meta, const char *name,
                             const char *text, size_t size)
{
    *meta = (struct pl_meta){0};
    meta->name = pl_arena_text(context, &meta->arena, name, strlen(name));
    if (!meta->name) {
        return context->status;
    }
    struct json_reader reader = {
        .context = context, .meta = meta, .text = text, .size = size, .line = 1};
    reader.at = pl_utf8_valid(text, size);
    if (reader.at < size) {
        return fail_here(&reader, "not UTF-8");
    }
    reader.at = 0;
    struct pl_meta_node *root;
    enum pl_status status = read_value(&reader, NULL, NULL, &root);
    if (!status) {
        skip_blanks(&reader);
        status = reader.at < size ? fail_here(&reader, "text behind the document") : PL_OK;
    }
    return status;
}

/* ---- Writing ---- */

/* Length of the leading part of text that a JSON string holds as it is. */
static size_t plain_length(const char *text, size_t size)
{
    size_t plain = 0;
    while (plain < size && (unsigned char)text[plain] >= 0x20 && text[plain] != '"' &&
           text[plain] != '\\') {
        plain++;
    }
    return plain;
}

static enum pl_status write_escape(struct pl_context *context, char byte, struct pl_buffer *out)
{
    static const char meanings[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *found = byte ? strchr(meanings, byte) : NULL;
    return found ? pl_buffer_printf(context, out, "\\%c", letters[found - meanings])
                 : pl_buffer_printf(context, out, "\\u%04x", (unsigned)byte);
}

enum pl_status pl_json_string(struct pl_context *context, const char *text, size_t size,
                              struct pl_buffer *out)
{
    size_t at = 0, valid = pl_utf8_valid(text, size);
    enum pl_status status = pl_buffer_text(context, out, "\"");
    while (!status && at < size) {
        size_t plain = plain_length(text + at, valid - at);
        status = pl_buffer_append(context, out, text + at, plain);
        at += plain;
        if (status || at == size) {
            break;
        }
        if (at < valid) {
            status = write_escape(context, text[at++], out);
        } else { /* a byte that is not UTF-8 */
            status = pl_buffer_text(context, out, "\xef\xbf\xbd");
            at++;
            valid = at + pl_utf8_valid(text + at, size - at);
        }
    }
    return status ? status : pl_buffer_text(context, out, "\"");
}

static enum pl_status write_scalar(struct pl_context *context, const struct pl_meta_node *node,
                                   struct pl_buffer *out)
{
    const char *text = node->text;
    double value;
    if (node->quoted) {
        return pl_json_string(context, text, node->text_size, out);
    }
    if (node->text_size > 0 && number_length(text, node->text_size) == node->text_size) {
        return pl_buffer_text(context, out, text);
    }
    if (strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0) {
        return pl_buffer_text(context, out, (*text | 0x20) == 't' ? "true" : "false");
    }
    if (!pl_meta_number(node, &value)) {
        return pl_json_string(context, text, node->text_size, out);
    }
    char number[PL_NUMBER_SIZE] = "null";
    if (isfinite(value)) { /* a number, but not as JSON spells them: .5, +1 */
        pl_format_double(number, value);
    }
    return pl_buffer_text(context, out, number);
}

static enum pl_status write_node(struct pl_context *context, const struct pl_meta_node *node,
                                 struct pl_buffer *out, int depth)
{
    if (node->kind == PL_META_NULL) {
        return pl_buffer_text(context, out, "null");
    }
    if (node->kind == PL_META_SCALAR) {
        return write_scalar(context, node, out);
    }
    if (depth == PL_META_DEPTH) {
        return pl_fail(context, PL_BAD_DATA, "nested more than 64 deep");
    }
    bool map = node->kind == PL_META_MAP;
    enum pl_status status = pl_buffer_text(context, out, map ? "{" : "[");
    for (const struct pl_meta_node *child = node->child; child && !status; child = child->next) {
        if (child != node->child) {
            status = pl_buffer_text(context, out, ", ");
        }
        if (!status && map) {
            status = pl_json_string(context, child->key, strlen(child->key), out);
            status = status ? status : pl_buffer_text(context, out, ": ");
        }
        if (!status) {
            status = write_node(context, child, out, depth + 1);
        }
    }
    return status ? status : pl_buffer_text(context, out, map ? "}" : "]");
}

enum pl_status pl_json_write(struct pl_context *context, const struct pl_meta_node *node,
                             struct pl_buffer *out)
{
    return write_node(context, node, out, 0);
}
