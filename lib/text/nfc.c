/* Unicode normalisation form C: see nfc.h.
 * SPDX-License-Identifier: MIT */
#include "text/nfc.h"

#include <string.h>

#include "base/text.h"
#include "text/nfc_table.h"
#include "text/splitter.h"

enum {
    COMBINING = sizeof pl_combining_starts / sizeof *pl_combining_starts,
    JOINING = sizeof pl_joining / sizeof *pl_joining,
    SINGLETONS = sizeof pl_singletons / sizeof *pl_singletons / 2,
    PAIRS = sizeof pl_pairs / sizeof *pl_pairs / 3,
    DEEPEST = 4, /* most characters that one decomposes to */
    /* Hangul syllables are computed: leading consonant, vowel, and perhaps a trailing consonant */
    SYLLABLES = 0xac00,
    LEADING = 0x1100,
    VOWELS = 0x1161,
    TRAILING = 0x11a7, /* the one before the first */
    LEADING_COUNT = 19,
    VOWEL_COUNT = 21,
    TRAILING_COUNT = 28, /* with none */
    SYLLABLE_COUNT = LEADING_COUNT * VOWEL_COUNT * TRAILING_COUNT
};

#define SECOND   0x7fffffffu /* of a pair */
#define NO_CODE  UINT32_MAX
#define FIRST_OF 0x00c0 /* no character below combines with one before it, or decomposes */

/* The row of a table whose first number is the code; NULL when there is none. */
static const uint32_t *find_row(const uint32_t *table, size_t rows, size_t width, uint32_t code)
{
    size_t low = 0, high = rows;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (table[middle * width] < code)
            low = middle + 1;
        else
            high = middle;
    }
    return low < rows && table[low * width] == code ? table + low * width : NULL;
}

static uint32_t combining_class(uint32_t code)
{
    size_t low = 0, high = COMBINING; /* the last start that is not behind the code */
    if (code < FIRST_OF || code >= 0x110000)
        return 0;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (pl_combining_starts[middle] >> 8 <= code)
            low = middle;
        else
            high = middle;
    }
    return pl_combining_starts[low] & 0xff;
}

/* Decomposes fully; returns how many there are. */
static size_t decompose(uint32_t code, uint32_t out[DEEPEST])
{
    uint32_t syllable = code - SYLLABLES;
    const uint32_t *row;
    if (code < FIRST_OF) {
        out[0] = code;
        return 1;
    }
    if (syllable < SYLLABLE_COUNT) {
        out[0] = LEADING + syllable / (VOWEL_COUNT * TRAILING_COUNT);
        out[1] = VOWELS + syllable / TRAILING_COUNT % VOWEL_COUNT;
        out[2] = TRAILING + syllable % TRAILING_COUNT;
        return out[2] == TRAILING ? 2 : 3;
    }
    if ((row = find_row(pl_singletons, SINGLETONS, 2, code)))
        return decompose(row[1], out);
    if ((row = find_row(pl_pairs, PAIRS, 3, code))) { /* only the first decomposes further */
        size_t count = decompose(row[1], out);
        return count + decompose(row[2] & SECOND, out + count);
    }
    out[0] = code;
    return 1;
}

/* What two characters compose to, or NO_CODE. */
static uint32_t compose(uint32_t first, uint32_t second)
{
    uint32_t leading = first - LEADING, vowel = second - VOWELS, trailing = second - TRAILING;
    uint32_t syllable = first - SYLLABLES;
    if (leading < LEADING_COUNT && vowel < VOWEL_COUNT)
        return SYLLABLES + (leading * VOWEL_COUNT + vowel) * TRAILING_COUNT;
    if (syllable < SYLLABLE_COUNT && syllable % TRAILING_COUNT == 0 && trailing > 0 &&
        trailing < TRAILING_COUNT)
        return first + trailing;
    for (size_t i = 0; i < PAIRS; i++)
        if (pl_pairs[3 * i + 1] == first && pl_pairs[3 * i + 2] == second)
            return pl_pairs[3 * i];
    return NO_CODE;
}

/* Whether a character that is its own decomposition may become part of one before it. */
static bool joins(uint32_t code)
{
    return combining_class(code) != 0 || code - VOWELS < VOWEL_COUNT ||
           code - TRAILING < TRAILING_COUNT || find_row(pl_joining, JOINING, 1, code);
}

/* Nothing before the character changes it or is changed by it. */
static bool starts_anew(uint32_t code)
{
    uint32_t parts[DEEPEST];
    if (code < 0x300) /* the first that combines */
        return true;
    decompose(code, parts);
    return !joins(parts[0]);
}

/* A group of characters, decomposed. */
struct group {
    uint32_t codes[PL_NFC_MARKS * DEEPEST];
    uint8_t classes[PL_NFC_MARKS * DEEPEST];
    size_t count;
};

/* Adds a character, its marks in the order of their classes. */
static void add_code(struct group *group, uint32_t code)
{
    uint32_t parts[DEEPEST];
    size_t count = decompose(code, parts);
    for (size_t i = 0; i < count; i++) {
        uint8_t class = (uint8_t)combining_class(parts[i]);
        size_t at = group->count++;
        for (; class > 0 && at > 0 && group->classes[at - 1] > class; at--) {
            group->codes[at] = group->codes[at - 1];
            group->classes[at] = group->classes[at - 1];
        }
        group->codes[at] = parts[i];
        group->classes[at] = class;
    }
}

/* Composes each character with the last one of class 0, unless one between blocks it. */
static void compose_group(struct group *group)
{
    size_t starter = 0, kept = 1;
    uint8_t last = 0; /* class of the one kept last behind the starter */
    if (group->classes[0] != 0)
        starter = SIZE_MAX;
    for (size_t i = 1; i < group->count; i++) {
        uint32_t code = group->codes[i];
        uint8_t class = group->classes[i];
        bool blocked = starter == SIZE_MAX || (kept - 1 > starter && last >= class);
        uint32_t joined = blocked ? NO_CODE : compose(group->codes[starter], code);
        if (joined != NO_CODE) {
            group->codes[starter] = joined;
            continue;
        }
        if (class == 0)
            starter = kept;
        last = class;
        group->codes[kept] = code;
        group->classes[kept++] = class;
    }
    group->count = kept;
}

static enum pl_status write_group(struct pl_context *context, struct group *group,
                                  struct pl_buffer *out)
{
    enum pl_status status = PL_OK;
    compose_group(group);
    for (size_t i = 0; i < group->count && !status; i++) {
        char bytes[4];
        status = pl_buffer_append(context, out, bytes, pl_utf8_put(bytes, group->codes[i]));
    }
    return status;
}

/* The group that starts at text: returns its bytes, 0 when more of it may follow; *marks is how
 * many characters it has.  A byte that is not UTF-8 is a group of its own. */
static size_t find_group(const char *text, size_t size, bool closed, size_t *marks)
{
    uint32_t code;
    size_t at = pl_character(text, size, closed, &code);
    *marks = 1;
    if (at == 0 || code >= 0x110000)
        return at;
    while (at < size && *marks < PL_NFC_MARKS) {
        size_t length = pl_character(text + at, size - at, closed, &code);
        if (length == 0)
            return 0;
        if (code >= 0x110000 || starts_anew(code))
            return at;
        at += length;
        ++*marks;
    }
    return closed || *marks == PL_NFC_MARKS ? at : 0;
}

/* How many bytes are ASCII; the last of them may combine with what follows. */
static size_t plain(const char *text, size_t size)
{
    size_t at = 0;
    while (at < size && (unsigned char)text[at] < 0x80)
        at++;
    return at;
}

enum pl_status pl_nfc_add(struct pl_context *context, const char *text, size_t size, bool closed,
                          size_t *used, struct pl_buffer *out)
{
    *used = 0;
    while (*used < size) {
        const char *here = text + *used;
        size_t left = size - *used, marks, run = plain(here, left);
        run -= run > 0 && (run < left || !closed);
        if (run > 0) {
            if (pl_buffer_append(context, out, here, run))
                return context->status;
            *used += run;
            continue;
        }
        size_t length = find_group(here, left, closed, &marks);
        uint32_t code;
        struct group group;
        if (length == 0)
            return PL_OK;
        group.count = 0;
        for (size_t at = 0, step; at < length; at += step) {
            step = pl_character(here + at, length - at, true, &code);
            if (code < 0x110000)
                add_code(&group, code);
        }
        if (group.count == 0 ? pl_buffer_append(context, out, here, length)
                             : write_group(context, &group, out))
            return context->status;
        *used += length;
    }
    return PL_OK;
}
