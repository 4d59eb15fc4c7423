/* Words and their codes.
 * SPDX-License-Identifier: MIT */
#include "formats/levels.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_FIRST = 64 };

/* FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/ */
static uint64_t hash_word(const char *word, size_t size)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ (unsigned char)word[i]) * 1099511628211u;
    }
    return hash ^ hash >> 32;
}

/* The slot of a word, or the free one where it would stand. */
static size_t find_slot(const struct pl_levels *levels, const char *word, size_t size)
{
    size_t mask = levels->slot_count - 1, slot = hash_word(word, size) & mask;
    for (;; slot = (slot + 1) & mask) {
        if (levels->slots[slot] == 0) {
            return slot;
        }
        const char *other = pl_levels_word(levels, levels->slots[slot] - 1);
        if (strncmp(other, word, size) == 0 && other[size] == '\0') {
            return slot;
        }
    }
}

/* Keeps at least half of the slots free. */
static enum pl_status grow(struct pl_context *context, struct pl_levels *levels)
{
    if ((size_t)levels->count * 2 < levels->slot_count) {
        return PL_OK;
    }
    size_t count = levels->slot_count ? levels->slot_count * 2 : SLOTS_FIRST;
    int32_t *slots = pl_new(context, count, sizeof *slots);
    if (!slots) {
        return context->status;
    }
    free(levels->slots);
    levels->slots = slots;
    levels->slot_count = count;
    for (int32_t code = 0; code < levels->count; code++) {
        const char *word = pl_levels_word(levels, code);
        slots[find_slot(levels, word, strlen(word))] = code + 1;
    }
    return PL_OK;
}

static enum pl_status add(struct pl_context *context, struct pl_levels *levels, const char *word,
                          size_t size)
{
    if (levels->count == INT32_MAX) {
        return pl_fail(context, PL_BAD_DATA, "more than %d different words", INT32_MAX);
    }
    if ((size_t)levels->count == levels->start_count) {
        size_t more = levels->start_count ? levels->start_count * 2 : SLOTS_FIRST;
        size_t *starts = pl_resize(context, levels->starts, more, sizeof *starts);
        if (!starts) {
            return context->status;
        }
        levels->starts = starts;
        levels->start_count = more;
    }
    size_t start = levels->text.size;
    enum pl_status status = pl_buffer_append(context, &levels->text, word, size);
    if (!status) {
        status = pl_buffer_append(context, &levels->text, "", 1);
    }
    if (status) {
        levels->text.size = start;
        return status;
    }
    levels->starts[levels->count++] = start;
    return PL_OK;
}

enum pl_status pl_levels_code(struct pl_context *context, struct pl_levels *levels,
                              const char *word, size_t size, int32_t *code)
{
    enum pl_status status = grow(context, levels);
    if (status) {
        return status;
    }
    size_t slot = find_slot(levels, word, size);
    if (levels->slots[slot] == 0) {
        status = add(context, levels, word, size);
        if (status) {
            return status;
        }
        levels->slots[slot] = levels->count;
    }
    *code = levels->slots[slot] - 1;
    return PL_OK;
}

const char *pl_levels_word(const struct pl_levels *levels, int32_t code)
{
    return levels->text.data + levels->starts[code];
}

const char *pl_levels_tail(const struct pl_levels *levels, int32_t first, size_t *size)
{
    if (first >= levels->count) {
        *size = 0;
        return "";
    }
    size_t start = first > 0 ? levels->starts[first] - 1 : 0; /* with the NUL in front */
    *size = levels->text.size - 1 - start;
    return levels->text.data + start;
}

void pl_levels_release(struct pl_levels *levels)
{
    pl_buffer_release(&levels->text);
    free(levels->starts);
    free(levels->slots);
    *levels = (struct pl_levels){0};
}
