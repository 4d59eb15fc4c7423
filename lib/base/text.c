/* UTF-8 and globs.
 * SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <string.h>

/* ---- UTF-8 ---- */

/* Length of the character that starts at text, 0 when it is not valid UTF-8: overlong, a
 * surrogate, beyond U+10FFFF or cut off.  The tests on the second byte are those of the Unicode
 * standard's table 3-7. */
static size_t character_length(const unsigned char *text, size_t size)
{
    unsigned char lead = text[0];
    if (lead < 0x80) {
        return 1;
    }
    size_t length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (length == 0 || length > size) {
        return 0;
    }
    unsigned char least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned char most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (text[1] < least || text[1] > most) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

size_t pl_utf8_valid(const char *text, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t at = 0;
    while (at < size) {
        uint64_t eight;
        if (size - at >= sizeof eight) {
            memcpy(&eight, bytes + at, sizeof eight);
            if ((eight & 0x8080808080808080) == 0) {
                at += sizeof eight;
                continue;
            }
        }
        size_t length = character_length(bytes + at, size - at);
        if (length == 0) {
            break;
        }
        at += length;
    }
    return at;
}

size_t pl_utf8_next(const char *text, size_t size, uint32_t *code)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t length = character_length(bytes, size);
    if (length < 2) {
        *code = length ? bytes[0] : 0x110000u + bytes[0];
        return length;
    }
    *code = bytes[0] & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        *code = *code << 6 | (bytes[i] & 0x3f);
    }
    return length;
}

size_t pl_utf8_put(char *out, uint32_t code)
{
    static const unsigned char leads[] = {0, 0xc0, 0xe0, 0xf0};
    size_t more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    *out = (char)(leads[more] | code >> (6 * more));
    for (size_t i = 1; i <= more; i++) {
        out[i] = (char)(0x80 | (code >> (6 * (more - i)) & 0x3f));
    }
    return more + 1;
}

/* ---- Globs ---- */

/* The next character and where it ends; a byte that is not UTF-8 counts as one. */
static uint32_t next_character(const char **text)
{
    uint32_t code;
    size_t length = pl_utf8_next(*text, strnlen(*text, 4), &code);
    *text += length ? length : 1;
    return code;
}

/* Whether the set behind a '[' holds the character; *pattern moves behind the ']'.  A set that is
 * never closed is none: then *pattern stays and the '[' stands for itself. */
static bool match_set(const char **pattern, uint32_t character)
{
    const char *at = *pattern;
    bool inverted = *at == '!' || *at == '^';
    at += inverted;
    bool found = false;
    for (bool first = true; first || *at != ']'; first = false) {
        at += *at == '\\' && at[1] != '\0';
        if (*at == '\0') {
            return character == '[';
        }
        uint32_t low = next_character(&at), high = low;
        if (at[0] == '-' && at[1] != ']' && at[1] != '\0') {
            at++;
            at += *at == '\\' && at[1] != '\0';
            high = next_character(&at);
        }
        found |= character >= low && character <= high;
    }
    *pattern = at + 1;
    return found != inverted;
}

/* Matches one character of the pattern, which is not '*', against one of the name. */
static bool match_one(const char **pattern, const char **name)
{
    uint32_t character = next_character(name);
    char first = **pattern;
    if (first == '?') {
        ++*pattern;
        return true;
    }
    if (first == '[') {
        ++*pattern;
        return match_set(pattern, character);
    }
    if (first == '\\' && (*pattern)[1] != '\0') {
        ++*pattern;
    }
    return next_character(pattern) == character;
}

bool pl_glob_match(const char *pattern, const char *name)
{
    /* Where to go on when a match fails: behind the last '*', one character of the name later.
     * Earlier stars need no second try, so the cost is at most pattern times name. */
    const char *star = NULL, *retry = NULL;
    while (*name) {
        if (*pattern == '*') {
            star = ++pattern;
            retry = name;
        } else if (!*pattern || !match_one(&pattern, &name)) {
            if (!star) {
                return false;
            }
            next_character(&retry);
            pattern = star;
            name = retry;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}
