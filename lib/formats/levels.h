/* Words and their codes: the levels of a text column, in order of first appearance.
 * SPDX-License-Identifier: MIT */
#ifndef PL_FORMATS_LEVELS_H
#define PL_FORMATS_LEVELS_H

#include "base/buffer.h"
#include "base/memory.h"

struct pl_levels {
    struct pl_buffer text; /* the words, each ended by a NUL */
    size_t *starts;        /* of each word in text */
    int32_t count;
    int32_t *slots; /* open addressing: code + 1; 0 is free */
    size_t slot_count, start_count;
};

/* The code of a word, which is new or not; words hold no NUL. */
enum pl_status pl_levels_code(struct pl_context *context, struct pl_levels *levels,
                              const char *word, size_t size, int32_t *code) PL_MUST_CHECK;

const char *pl_levels_word(const struct pl_levels *levels, int32_t code);

/* The words from code `first` on as they travel in a `NAME.levels` tensor, separated by NULs: all
 * words when first is 0, else what has to be appended to the words before.  *size may be 0. */
const char *pl_levels_tail(const struct pl_levels *levels, int32_t first, size_t *size);

void pl_levels_release(struct pl_levels *levels);

#endif
