/* Patterns and renaming rules.
 * SPDX-License-Identifier: MIT
 *
 * A rule a*b*c=x*y*z is kept as the parts "a", "b", "c".  None holds a star, so each matches a
 * fixed number of characters, and taking the first place where the next part fits never misses a
 * match that a later place would allow (only the last part is tied, to the end of the name). */
#include "stream/pattern.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define LIST_MOST 12
#define STAR      '\001'

enum pl_status pl_patterns_add(struct pl_context *context, struct pl_patterns *patterns,
                               const char *text, bool exclude)
{
    if (!exclude && text[0] == '!') {
        exclude = true;
        text++;
    }
    if (!*text)
        return pl_fail(context, PL_USAGE, "a name pattern is empty");
    struct pl_pattern *items =
        pl_resize(context, patterns->items, patterns->count + 1, sizeof *items);
    if (!items)
        return PL_SYSTEM;
    patterns->items = items;
    items[patterns->count++] = (struct pl_pattern){.glob = text, .exclude = exclude};
    patterns->including += !exclude;
    return PL_OK;
}

void pl_patterns_release(struct pl_patterns *patterns)
{
    free(patterns->items);
    *patterns = (struct pl_patterns){0};
}

bool pl_patterns_drop(const struct pl_patterns *patterns, const char *name)
{
    for (size_t i = 0; i < patterns->count; i++)
        if (patterns->items[i].exclude && pl_glob_match(patterns->items[i].glob, name))
            return true;
    return false;
}

bool pl_patterns_keep(struct pl_patterns *patterns, const char *name)
{
    bool keep = patterns->including == 0;
    for (size_t i = 0; i < patterns->count; i++) {
        struct pl_pattern *pattern = &patterns->items[i];
        if (!pattern->exclude && pl_glob_match(pattern->glob, name))
            keep = pattern->used = true;
    }
    return keep && !pl_patterns_drop(patterns, name);
}

void pl_patterns_reset(struct pl_patterns *patterns)
{
    for (size_t i = 0; i < patterns->count; i++)
        patterns->items[i].used = false;
}

const char *pl_patterns_unused(const struct pl_patterns *patterns)
{
    for (size_t i = 0; i < patterns->count; i++)
        if (!patterns->items[i].exclude && !patterns->items[i].used)
            return patterns->items[i].glob;
    return NULL;
}

enum pl_status pl_name_list_add(struct pl_context *context, struct pl_name_list *list,
                                const char *name)
{
    if (list->count++ >= LIST_MOST)
        return PL_OK;
    return pl_buffer_printf(context, &list->text, "%s'%s'", list->text.size ? ", " : "", name);
}

const char *pl_name_list_text(struct pl_context *context, struct pl_name_list *list)
{
    if (list->count == 0)
        return "nothing";
    size_t size = list->text.size;
    if (list->count > LIST_MOST) {
        enum pl_status status =
            pl_buffer_printf(context, &list->text, " and %zu more", list->count - LIST_MOST);
        list->text.size = size;
        if (status != PL_OK)
            return "much";
    }
    return list->text.data;
}

void pl_name_list_release(struct pl_name_list *list)
{
    pl_buffer_release(&list->text);
    list->count = 0;
}

/* End of the bracketed class that opens at text, or text when it is a plain '['. */
static const char *class_end(const char *text)
{
    const char *p = text + 1;
    if (*p == '!')
        p++;
    if (*p == ']')
        p++;
    for (; *p && *p != ']'; p++)
        if (*p == '\\' && p[1])
            p++;
    return *p ? p + 1 : text;
}

/* Skips one character of a pattern: an escaped one, a class, or a byte. */
static const char *pattern_next(const char *text)
{
    if (*text == '\\' && text[1])
        return text + 2;
    if (*text == '[' && class_end(text) > text)
        return class_end(text);
    return text + 1;
}

/* The replacement without its backslashes, its free stars marked; their number in *stars. */
static char *parse_replacement(struct pl_context *context, const char *text, int *stars)
{
    char *replacement = pl_copy_text(context, text), *out = replacement;
    if (!replacement)
        return NULL;
    for (const char *p = text; *p; p++) {
        if (*p == '\\' && p[1]) {
            *out++ = *++p;
        } else {
            *stars += *p == '*';
            *out++ = *p == '*' ? STAR : *p;
        }
    }
    *out = '\0';
    return replacement;
}

enum pl_status pl_rename_parse(struct pl_context *context, struct pl_rename *rename,
                               const char *text)
{
    *rename = (struct pl_rename){0};
    const char *part = text, *p = text;
    for (;; p = pattern_next(p)) {
        bool ends = *p == '=' || !*p;
        if (!ends && *p != '*')
            continue;
        if (!*p || (ends && p == text) || rename->part_count > PL_NAME_MAX) {
            pl_rename_release(rename);
            return pl_fail(context, PL_USAGE, "'%s' is not PATTERN=REPLACEMENT", text);
        }
        char *copy = pl_copy_bytes(context, part, (size_t)(p - part));
        if (!copy)
            break;
        rename->parts[rename->part_count++] = copy;
        part = p + 1;
        if (ends) {
            int stars = 0;
            rename->replacement = parse_replacement(context, part, &stars);
            if (!rename->replacement)
                break;
            if (stars < rename->part_count)
                return PL_OK;
            pl_rename_release(rename);
            return pl_fail(context, PL_USAGE, "'%s': the replacement has more '*' than the pattern",
                           text);
        }
    }
    pl_rename_release(rename);
    return PL_SYSTEM;
}

void pl_rename_release(struct pl_rename *rename)
{
    for (int i = 0; i < rename->part_count; i++)
        free(rename->parts[i]);
    free(rename->replacement);
    *rename = (struct pl_rename){0};
}

/* Does the part match name[begin..end), which must not end inside a character? */
static bool part_matches(const char *part, const char *name, size_t begin, size_t end)
{
    char text[PL_NAME_MAX + 1];
    if (((unsigned char)name[end] & 0xc0) == 0x80)
        return false;
    memcpy(text, name + begin, end - begin);
    text[end - begin] = '\0';
    return pl_glob_match(part, text);
}

/* Characters that a part matches; a character of a name is 1 to 4 bytes. */
static size_t part_length(const char *part)
{
    size_t length = 0;
    for (; *part; part = pattern_next(part))
        length++;
    return length;
}

/* Finds the shortest text at name[begin..] that the part matches. */
static bool match_at(const char *part, const char *name, size_t begin, size_t size, size_t *end)
{
    size_t length = part_length(part);
    for (*end = begin + length; *end <= size && *end <= begin + 4 * length; ++*end)
        if (part_matches(part, name, begin, *end))
            return true;
    return false;
}

/* What the stars matched: star i took name[starts[i]..ends[i]). */
static bool capture(const struct pl_rename *rename, const char *name, size_t *starts, size_t *ends)
{
    size_t size = strlen(name), at, begin, end;
    int last = rename->part_count - 1;
    if (last == 0)
        return pl_glob_match(rename->parts[0], name);
    if (!match_at(rename->parts[0], name, 0, size, &at))
        return false;
    for (int i = 1; i <= last; i++) {
        for (begin = at; begin <= size; begin++)
            if (match_at(rename->parts[i], name, begin, size, &end) && (i < last || end == size))
                break;
        if (begin > size)
            return false;
        starts[i - 1] = at;
        ends[i - 1] = begin;
        at = end;
    }
    return true;
}

enum pl_status pl_rename_apply(struct pl_context *context, const struct pl_rename *rename,
                               const char *name, char out[PL_NAME_MAX + 1], bool *matched)
{
    size_t starts[PL_NAME_MAX + 1], ends[PL_NAME_MAX + 1], size = 0;
    *matched = strlen(name) <= PL_NAME_MAX && capture(rename, name, starts, ends);
    if (!*matched)
        return PL_OK;
    char text[PL_NAME_MAX + 1];
    int star = 0;
    for (const char *p = rename->replacement; *p; p++) {
        size_t length = *p == STAR ? ends[star] - starts[star] : 1;
        if (size + length > PL_NAME_MAX)
            return pl_fail(context, PL_BAD_DATA, "the new name of '%s' is longer than %d bytes",
                           name, PL_NAME_MAX);
        memcpy(text + size, *p == STAR ? name + starts[star] : p, length);
        size += length;
        star += *p == STAR;
    }
    if (size == 0)
        return pl_fail(context, PL_BAD_DATA, "the new name of '%s' is empty", name);
    memcpy(out, text, size);
    out[size] = '\0';
    return PL_OK;
}
