/* Byte pair encoding of one word: see bpe.h.
 * SPDX-License-Identifier: MIT */
#include "text/bpe.h"

#include <stdlib.h>

#include "base/memory.h"
#include "text/words.h"

#define NONE UINT32_MAX /* a free slot's rank, the end of the list, a piece that was joined */

/* ---- Merges ------------------------------------------------------------------------------- */

static struct pl_merge *find_slot(const struct pl_merges *merges, uint32_t left, uint32_t right)
{
    size_t at = pl_mix((uint64_t)left << 32 | right) & merges->mask;
    while (merges->slots[at].rank != NONE &&
           (merges->slots[at].left != left || merges->slots[at].right != right))
        at = (at + 1) & merges->mask;
    return &merges->slots[at];
}

static enum pl_status grow(struct pl_context *context, struct pl_merges *merges)
{
    size_t count = merges->slots ? 2 * (merges->mask + 1) : 64;
    struct pl_merges larger = {.slots = pl_new(context, count, sizeof *merges->slots),
                               .mask = count - 1,
                               .count = merges->count};
    if (!larger.slots)
        return context->status;
    for (size_t i = 0; i < count; i++)
        larger.slots[i].rank = NONE;
    for (size_t i = 0; merges->slots && i <= merges->mask; i++) {
        const struct pl_merge *old = &merges->slots[i];
        if (old->rank != NONE)
            *find_slot(&larger, old->left, old->right) = *old;
    }
    free(merges->slots);
    *merges = larger;
    return PL_OK;
}

enum pl_status pl_merges_put(struct pl_context *context, struct pl_merges *merges,
                             struct pl_merge merge)
{
    if ((!merges->slots || 2 * (merges->count + 1) > merges->mask) && grow(context, merges))
        return context->status;
    struct pl_merge *slot = find_slot(merges, merge.left, merge.right);
    merges->count += slot->rank == NONE;
    *slot = merge;
    return PL_OK;
}

const struct pl_merge *pl_merges_find(const struct pl_merges *merges, uint32_t left, uint32_t right)
{
    if (!merges->slots)
        return NULL;
    const struct pl_merge *slot = find_slot(merges, left, right);
    return slot->rank != NONE ? slot : NULL;
}

void pl_merges_release(struct pl_merges *merges)
{
    free(merges->slots);
    *merges = (struct pl_merges){0};
}

/* ---- The heap ----------------------------------------------------------------------------- */

static void push(struct pl_bpe *bpe, uint64_t entry)
{
    size_t at = bpe->heap_count++;
    for (; at > 0 && bpe->heap[(at - 1) / 2] > entry; at = (at - 1) / 2)
        bpe->heap[at] = bpe->heap[(at - 1) / 2];
    bpe->heap[at] = entry;
}

static uint64_t pop(struct pl_bpe *bpe)
{
    uint64_t first = bpe->heap[0], last = bpe->heap[--bpe->heap_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= bpe->heap_count)
            break;
        child += child + 1 < bpe->heap_count && bpe->heap[child + 1] < bpe->heap[child];
        if (bpe->heap[child] >= last)
            break;
        bpe->heap[at] = bpe->heap[child];
        at = child;
    }
    bpe->heap[at] = last;
    return first;
}

/* ---- Joining ------------------------------------------------------------------------------ */

enum pl_status pl_bpe_reserve(struct pl_context *context, struct pl_bpe *bpe, size_t count)
{
    if (count <= bpe->capacity)
        return PL_OK;
    pl_bpe_release(bpe);
    size_t capacity = 64;
    while (capacity < count)
        capacity *= 2;
    bpe->ids = pl_new(context, capacity, sizeof *bpe->ids);
    bpe->next = bpe->ids ? pl_new(context, capacity, sizeof *bpe->next) : NULL;
    bpe->before = bpe->next ? pl_new(context, capacity, sizeof *bpe->before) : NULL;
    /* every pair at the start, and two new ones for each that is joined */
    bpe->heap = bpe->before ? pl_new(context, 3 * capacity, sizeof *bpe->heap) : NULL;
    bpe->capacity = bpe->heap ? capacity : 0;
    return bpe->heap ? PL_OK : context->status;
}

/* Puts the pair that starts at a piece into the heap, when it can be joined. */
static void offer(struct pl_bpe *bpe, const struct pl_merges *merges, uint32_t at)
{
    if (at == NONE || bpe->next[at] == NONE)
        return;
    const struct pl_merge *merge = pl_merges_find(merges, bpe->ids[at], bpe->ids[bpe->next[at]]);
    if (merge)
        push(bpe, (uint64_t)merge->rank << 32 | at);
}

size_t pl_bpe_join(struct pl_bpe *bpe, const struct pl_merges *merges, size_t count)
{
    uint32_t *ids = bpe->ids, *next = bpe->next, *before = bpe->before;
    bpe->heap_count = 0;
    for (size_t i = 0; i < count; i++) {
        before[i] = i > 0 ? (uint32_t)i - 1 : NONE;
        next[i] = i + 1 < count ? (uint32_t)i + 1 : NONE;
    }
    for (size_t i = 0; i < count; i++)
        offer(bpe, merges, (uint32_t)i);
    while (bpe->heap_count > 0) {
        uint64_t entry = pop(bpe);
        uint32_t at = (uint32_t)entry, right = ids[at] == NONE ? NONE : next[at];
        if (right == NONE)
            continue;
        /* One of the two may have been joined with another since. */
        const struct pl_merge *merge = pl_merges_find(merges, ids[at], ids[right]);
        if (!merge || merge->rank != entry >> 32)
            continue;
        ids[at] = merge->result;
        ids[right] = NONE;
        next[at] = next[right];
        if (next[at] != NONE)
            before[next[at]] = at;
        offer(bpe, merges, before[at]);
        offer(bpe, merges, at);
    }
    size_t left = 0;
    for (size_t i = 0; i < count; i++)
        if (ids[i] != NONE)
            ids[left++] = ids[i];
    return left;
}

void pl_bpe_release(struct pl_bpe *bpe)
{
    free(bpe->ids);
    free(bpe->next);
    free(bpe->before);
    free(bpe->heap);
    *bpe = (struct pl_bpe){0};
}
