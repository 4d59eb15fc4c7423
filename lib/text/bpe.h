/* Byte pair encoding of one word: adjacent pieces are joined, the pair of lowest rank first, until
 * no pair is left that has one.
 * SPDX-License-Identifier: MIT
 *
 * R. Sennrich, B. Haddow, A. Birch, "Neural Machine Translation of Rare Words with Subword Units",
 * ACL 2016.  The pairs of a word wait in a heap, by rank and then by place, and the pieces form a
 * linked list: n pieces take O(n log n) steps, where looking for the best pair anew after every
 * join takes O(n^2). */
#ifndef PL_TEXT_BPE_H
#define PL_TEXT_BPE_H

#include <stdint.h>

#include "base/context.h"

struct pl_merge {
    uint32_t left, right; /* the pair */
    uint32_t rank;        /* the lower, the sooner */
    uint32_t result;      /* what the two become */
};

/* Merges by their pairs, in a hash table.  Zeroed: empty. */
struct pl_merges {
    struct pl_merge *slots;
    size_t mask, count;
};

/* A pair that is there already is replaced.  rank must not be UINT32_MAX. */
enum pl_status pl_merges_put(struct pl_context *context, struct pl_merges *merges,
                             struct pl_merge merge) PL_MUST_CHECK;
/* NULL when there is none. */
const struct pl_merge *pl_merges_find(const struct pl_merges *merges, uint32_t left,
                                      uint32_t right);
void pl_merges_release(struct pl_merges *merges);

/* Working memory, kept from word to word.  Zeroed: none yet. */
struct pl_bpe {
    uint32_t *ids; /* of the word: filled by the caller, count of them after pl_bpe_reserve */
    uint32_t *next, *before;
    uint64_t *heap; /* rank << 32 | place of the left piece */
    size_t heap_count, capacity;
};

/* Room for a word of count pieces. */
enum pl_status pl_bpe_reserve(struct pl_context *context, struct pl_bpe *bpe,
                              size_t count) PL_MUST_CHECK;
/* Joins bpe->ids[0..count) in place; returns how many are left.  Of pairs of the same rank the
 * leftmost is joined first. */
size_t pl_bpe_join(struct pl_bpe *bpe, const struct pl_merges *merges, size_t count);
void pl_bpe_release(struct pl_bpe *bpe);

#endif
