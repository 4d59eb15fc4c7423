/* Words by the patterns of GPT-2, Llama 3 and Qwen 2: see splitter.h.
 * SPDX-License-Identifier: MIT */
#include "text/splitter.h"

#include <string.h>

#include "base/text.h"
#include "text/unicode_table.h"

enum { STARTS = sizeof pl_class_starts / sizeof *pl_class_starts, UTF8_MOST = 4 };

enum pl_class pl_class_of(uint32_t code)
{
    size_t low = 0, high = STARTS; /* the last start that is not behind the code */
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (pl_class_starts[middle] >> 2 <= code)
            low = middle;
        else
            high = middle;
    }
    return code < 0x110000 ? (enum pl_class)(pl_class_starts[low] & 3) : PL_CLASS_OTHER;
}

size_t pl_character(const char *text, size_t size, bool closed, uint32_t *code)
{
    size_t length = pl_utf8_next(text, size, code);
    if (length > 0)
        return length;
    return closed || size >= UTF8_MOST ? 1 : 0;
}

const char *pl_splitter_pattern(enum pl_splitter splitter)
{
    static const char *const patterns[PL_SPLITTERS] = {
        [PL_SPLIT_GPT2] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|"
                          "\\s+(?!\\S)|\\s+",
        [PL_SPLIT_LLAMA3] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
                            "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|"
                            "\\s+(?!\\S)|\\s+",
        [PL_SPLIT_QWEN2] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"
                           " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    };
    return patterns[splitter];
}

/* The text from the start of a word on.  `touched` is set when its end was looked at: what follows
 * might change the answer. */
struct scan {
    const char *text;
    size_t size;
    bool touched;
};

/* The class of the character at `at` and where it ends; false, and no class, at the end. */
static bool look(struct scan *scan, size_t at, enum pl_class *class, size_t *end)
{
    static const uint8_t ascii[128] = {
        ['\t'] = 3, 3, 3, 3, 3, [' '] = 3, ['0'] = 2, 2, 2,         2, 2, 2, 2, 2, 2, 2, ['A'] = 1,
        1,          1, 1, 1, 1, 1,         1,         1, 1,         1, 1, 1, 1, 1, 1, 1, 1,
        1,          1, 1, 1, 1, 1,         1,         1, ['a'] = 1, 1, 1, 1, 1, 1, 1, 1, 1,
        1,          1, 1, 1, 1, 1,         1,         1, 1,         1, 1, 1, 1, 1, 1, 1, 1,
    };
    *end = at + 1;
    *class = PL_CLASS_OTHER;
    if (at >= scan->size) {
        scan->touched = true;
        return false;
    }
    unsigned char byte = (unsigned char)scan->text[at];
    if (byte < 128) {
        *class = (enum pl_class)ascii[byte];
        return true;
    }
    uint32_t code;
    size_t length = pl_character(scan->text + at, scan->size - at, false, &code);
    if (length > 0)
        *end = at + length;
    scan->touched |= length == 0;
    *class = pl_class_of(code);
    return true;
}

/* Where the run of a class ends that may start at `at`; at most `most` characters. */
static size_t run(struct scan *scan, size_t at, enum pl_class class, size_t most)
{
    enum pl_class found;
    size_t end;
    while (most-- > 0 && look(scan, at, &found, &end) && found == class)
        at = end;
    return at;
}

static bool is_newline(char byte)
{
    return byte == '\r' || byte == '\n';
}

/* Bytes of the letter s, t, m or d or the pair re, ve, ll at `at`, 0 when there is none.  With
 * fold in any case; the long s (U+017F) is an s then. */
static size_t suffix(struct scan *scan, size_t at, bool fold)
{
    static const char *const endings[] = {"s", "t", "re", "ve", "m", "ll", "d"};
    enum pl_class class;
    size_t end;
    if (fold && look(scan, at, &class, &end) && end == at + 2 &&
        memcmp(scan->text + at, "\xc5\xbf", 2) == 0)
        return 2;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t length = 0;
        while (endings[i][length] && look(scan, at + length, &class, &end)) {
            char byte = scan->text[at + length];
            if ((fold && byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte) != endings[i][length])
                break;
            length++;
        }
        if (!endings[i][length])
            return length;
    }
    return 0;
}

/* \s+(?!\S)|\s+: white space but for the last of it where a word follows. */
static size_t blanks(struct scan *scan)
{
    size_t at = 0, last = 0, end;
    enum pl_class class;
    while (look(scan, at, &class, &end) && class == PL_CLASS_SPACE) {
        last = at;
        at = end;
    }
    return at < scan->size && last > 0 ? last : at;
}

static size_t scan_gpt2(struct scan *scan)
{
    size_t start = scan->text[0] == ' ', end;
    enum pl_class class;
    if (scan->text[0] == '\'') {
        size_t length = suffix(scan, 1, false);
        if (length > 0)
            return 1 + length;
    }
    if (!look(scan, start, &class, &end) || class == PL_CLASS_SPACE)
        return blanks(scan);
    return run(scan, end, class, SIZE_MAX);
}

/* \s*[\r\n]+ when the white space in front holds a newline, else as `blanks`. */
static size_t lines_or_blanks(struct scan *scan)
{
    size_t end = run(scan, 0, PL_CLASS_SPACE, SIZE_MAX);
    while (end > 0 && !is_newline(scan->text[end - 1]))
        end--;
    return end > 0 ? end : blanks(scan);
}

static size_t scan_llama3(struct scan *scan, size_t digits)
{
    enum pl_class class, second = PL_CLASS_OTHER;
    size_t end, next;
    if (scan->text[0] == '\'') {
        size_t length = suffix(scan, 1, true);
        if (length > 0)
            return 1 + length;
    }
    look(scan, 0, &class, &end);
    if (class == PL_CLASS_NUMBER)
        return run(scan, end, class, digits - 1);
    bool follows = class != PL_CLASS_LETTER && look(scan, end, &second, &next);
    if (class == PL_CLASS_LETTER ||
        (follows && second == PL_CLASS_LETTER && !is_newline(scan->text[0])))
        return run(scan, end, PL_CLASS_LETTER, SIZE_MAX);
    if (class == PL_CLASS_SPACE && !(scan->text[0] == ' ' && follows && second == PL_CLASS_OTHER))
        return lines_or_blanks(scan);
    end = run(scan, end, PL_CLASS_OTHER, SIZE_MAX);
    for (; look(scan, end, &class, &next) && is_newline(scan->text[end]); end = next)
        continue;
    return end;
}

size_t pl_splitter_word(enum pl_splitter splitter, const char *text, size_t size, bool closed)
{
    struct scan scan = {.text = text, .size = size};
    if (size > PL_WORD_MOST) {
        scan.size = PL_WORD_MOST;
        for (int i = 1; i < UTF8_MOST && ((unsigned char)text[scan.size] & 0xc0) == 0x80; i++)
            scan.size--; /* not inside a character */
        closed = true;
    }
    size_t end = splitter == PL_SPLIT_GPT2     ? scan_gpt2(&scan)
                 : splitter == PL_SPLIT_LLAMA3 ? scan_llama3(&scan, 3)
                                               : scan_llama3(&scan, 1);
    return scan.touched && !closed ? 0 : end;
}
