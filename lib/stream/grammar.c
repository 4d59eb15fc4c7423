/* The grammar of a header's mapping.
 * SPDX-License-Identifier: MIT */
#include "stream/grammar.h"

#include <string.h>
#include <strings.h>

#include "base/number.h"
#include "base/text.h"

enum pl_status pl_expected(struct pl_cursor *cursor, const char *what)
{
    return pl_fail(cursor->context, PL_BAD_DATA, "header byte %d: expected %s",
                   (int)(cursor->at - cursor->text), what);
}

bool pl_cursor_take(struct pl_cursor *cursor, const char *token)
{
    size_t size = strlen(token);
    if ((size_t)(cursor->end - cursor->at) < size || memcmp(cursor->at, token, size) != 0)
        return false;
    cursor->at += size;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word_byte(char c, bool first)
{
    return is_letter(c) || c == '_' || (!first && (is_digit(c) || strchr("./-", c)) && c != '\0');
}

/* A word that YAML would take for something else than text. */
static bool is_reserved(const char *text)
{
    static const char *const words[] = {"true", "false", "yes", "no", "on",
                                        "off",  "null",  "y",   "n"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return false;
}

bool pl_is_plain_word(const char *text)
{
    if (!is_word_byte(text[0], true))
        return false;
    for (size_t i = 1; text[i]; i++)
        if (!is_word_byte(text[i], false))
            return false;
    return !is_reserved(text);
}

/* C1 is C2 80 to C2 9F. */
bool pl_is_printable(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f)
            return false;
        if (c == 0xc2 && i + 1 < size && (unsigned char)text[i + 1] < 0xa0)
            return false;
    }
    return pl_utf8_valid(text, size) == size;
}

static enum pl_status parse_integer(struct pl_cursor *cursor, int64_t *out)
{
    const char *begin = cursor->at, *at = begin;
    while (at < cursor->end && is_digit(*at))
        at++;
    if (at == begin)
        return pl_expected(cursor, "a value");
    if (*begin == '0' && at - begin > 1)
        return pl_expected(cursor, "a number without leading zeros");
    if (!pl_parse_int64(begin, (size_t)(at - begin), out))
        return pl_expected(cursor, "a number below 2^63");
    cursor->at = at;
    return PL_OK;
}

static enum pl_status parse_list(struct pl_cursor *cursor, struct pl_value *value)
{
    value->count = 0;
    if (pl_cursor_take(cursor, "]"))
        return PL_OK;
    for (;;) {
        if (value->count == PL_MAX_RANK)
            return pl_expected(cursor, "']': a list has at most 8 items");
        int64_t *item = &value->items[value->count++];
        if (pl_cursor_take(cursor, "~")) {
            *item = -1;
        } else {
            enum pl_status status = parse_integer(cursor, item);
            if (status)
                return status;
        }
        if (pl_cursor_take(cursor, "]"))
            return PL_OK;
        if (!pl_cursor_take(cursor, ", "))
            return pl_expected(cursor, "', ' or ']'");
    }
}

static enum pl_status parse_quoted(struct pl_cursor *cursor, struct pl_value *value)
{
    while (cursor->at < cursor->end && *cursor->at != '"') {
        char c = *cursor->at++;
        if (c == '\\') {
            if (cursor->at == cursor->end || (*cursor->at != '"' && *cursor->at != '\\'))
                return pl_expected(cursor, "'\"' or '\\' after a backslash");
            c = *cursor->at++;
        }
        value->text[value->size++] = c;
    }
    if (!pl_cursor_take(cursor, "\""))
        return pl_expected(cursor, "'\"' at the end of the string");
    return PL_OK;
}

enum pl_status pl_value_parse(struct pl_cursor *cursor, struct pl_value *value)
{
    value->size = 0;
    value->text[0] = '\0';
    if (pl_cursor_take(cursor, "~")) {
        value->type = PL_VALUE_UNKNOWN;
        return PL_OK;
    }
    if (pl_cursor_take(cursor, "[")) {
        value->type = PL_VALUE_LIST;
        return parse_list(cursor, value);
    }
    enum pl_status status = PL_OK;
    value->type = PL_VALUE_WORD;
    if (pl_cursor_take(cursor, "\"")) {
        status = parse_quoted(cursor, value);
    } else if (cursor->at < cursor->end && is_word_byte(*cursor->at, true)) {
        const char *begin = cursor->at;
        while (cursor->at < cursor->end && is_word_byte(*cursor->at, cursor->at == begin))
            value->text[value->size++] = *cursor->at++;
        value->text[value->size] = '\0';
        if (is_reserved(value->text)) {
            cursor->at = begin;
            status = pl_expected(cursor, "quotes around a word that YAML takes for another value");
        }
    } else {
        value->type = PL_VALUE_INTEGER;
        status = parse_integer(cursor, &value->integer);
    }
    value->text[value->size] = '\0';
    return status;
}

enum pl_status pl_key_parse(struct pl_cursor *cursor, char key[PL_KEY_MAX + 1])
{
    int size = 0;
    while (cursor->at < cursor->end && size < PL_KEY_MAX) {
        char c = *cursor->at;
        bool fits = (c >= 'a' && c <= 'z') || (size > 0 && (is_digit(c) || c == '_'));
        if (!fits)
            break;
        key[size++] = c;
        cursor->at++;
    }
    key[size] = '\0';
    if (size == 0)
        return pl_expected(cursor, "a key");
    if (!pl_cursor_take(cursor, ": "))
        return pl_expected(cursor, "': ' after a key");
    return PL_OK;
}
