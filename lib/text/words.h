/* Byte strings, numbered in the order in which they first came.
 * SPDX-License-Identifier: MIT */
#ifndef PL_TEXT_WORDS_H
#define PL_TEXT_WORDS_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/memory.h"

struct pl_words { /* zeroed: empty */
    struct pl_buffer bytes;
    size_t *starts; /* of each word in bytes; starts[count] is the end */
    uint32_t count;
    uint32_t *slots; /* open addressing: number + 1; 0 is free */
    size_t start_count, slot_count;
};

#define PL_NO_WORD UINT32_MAX

/* The number of a word, which is new (it is count - 1 then) or not.  PL_SYSTEM: memory; PL_BAD_DATA
 * from 2^31 words on. */
enum pl_status pl_words_add(struct pl_context *context, struct pl_words *words, const void *bytes,
                            size_t size, uint32_t *number) PL_MUST_CHECK;
/* PL_NO_WORD when it is not there. */
uint32_t pl_words_find(const struct pl_words *words, const void *bytes, size_t size);
const char *pl_words_item(const struct pl_words *words, uint32_t number, size_t *size);
void pl_words_release(struct pl_words *words);

/* Mixes 64 bits so that each depends on all: for tables whose keys are numbers. */
static inline uint64_t pl_mix(uint64_t bits)
{
    bits *= 0x9e3779b97f4a7c15;
    bits ^= bits >> 32;
    bits *= 0xd6e8feb86659fd93;
    return bits ^ bits >> 32;
}

#endif
