/* Byte strings, numbered: see words.h.
 * SPDX-License-Identifier: MIT */
#include "text/words.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash_bytes(const char *bytes, size_t size)
{
    uint64_t hash = size, eight;
    for (; size >= sizeof eight; size -= sizeof eight, bytes += sizeof eight) {
        memcpy(&eight, bytes, sizeof eight);
        hash = pl_mix(hash ^ eight);
    }
    eight = 0;
    memcpy(&eight, bytes, size);
    return pl_mix(hash ^ eight);
}

/* The slot of the word, or the free one where it belongs. */
static uint32_t *find_slot(const struct pl_words *words, const char *bytes, size_t size)
{
    size_t mask = words->slot_count - 1, at = hash_bytes(bytes, size) & mask;
    for (;; at = (at + 1) & mask) {
        size_t length;
        const char *word;
        if (words->slots[at] == 0)
            return &words->slots[at];
        word = pl_words_item(words, words->slots[at] - 1, &length);
        if (length == size && memcmp(word, bytes, size) == 0)
            return &words->slots[at];
    }
}

static enum pl_status grow(struct pl_context *context, struct pl_words *words)
{
    if (words->count + 2 > words->start_count) {
        size_t count = words->start_count ? 2 * words->start_count : 64;
        size_t *starts = pl_resize(context, words->starts, count, sizeof *starts);
        if (!starts)
            return context->status;
        if (!words->starts)
            starts[0] = 0;
        words->starts = starts;
        words->start_count = count;
    }
    if (2 * ((size_t)words->count + 1) <= words->slot_count)
        return PL_OK;
    size_t count = words->slot_count ? 2 * words->slot_count : 128;
    uint32_t *slots = pl_new(context, count, sizeof *slots);
    if (!slots)
        return context->status;
    free(words->slots);
    words->slots = slots;
    words->slot_count = count;
    for (uint32_t i = 0; i < words->count; i++) {
        size_t size;
        const char *word = pl_words_item(words, i, &size);
        *find_slot(words, word, size) = i + 1;
    }
    return PL_OK;
}

enum pl_status pl_words_add(struct pl_context *context, struct pl_words *words, const void *bytes,
                            size_t size, uint32_t *number)
{
    *number = pl_words_find(words, bytes, size);
    if (*number != PL_NO_WORD)
        return PL_OK;
    if (words->count >= INT32_MAX)
        return pl_fail(context, PL_BAD_DATA, "more than 2^31 words");
    if (grow(context, words) || pl_buffer_append(context, &words->bytes, bytes, size))
        return context->status;
    *find_slot(words, bytes, size) = words->count + 1;
    *number = words->count++;
    words->starts[words->count] = words->bytes.size;
    return PL_OK;
}

uint32_t pl_words_find(const struct pl_words *words, const void *bytes, size_t size)
{
    return words->count ? *find_slot(words, bytes, size) - 1 : PL_NO_WORD;
}

const char *pl_words_item(const struct pl_words *words, uint32_t number, size_t *size)
{
    *size = words->starts[number + 1] - words->starts[number];
    return words->bytes.data + words->starts[number];
}

void pl_words_release(struct pl_words *words)
{
    pl_buffer_release(&words->bytes);
    free(words->starts);
    free(words->slots);
    *words = (struct pl_words){0};
}
