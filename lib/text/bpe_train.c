/* Learning a byte-level BPE vocabulary: see bpe_train.h.
 * SPDX-License-Identifier: MIT
 *
 * Each different word is kept once, as a linked list of pieces, with its count.  For every pair of
 * neighbours there is a count over all words and a list of the places where it stood when it came
 * up; a place may be out of date, which shows when it is used.  Joining a pair visits its places,
 * takes the pairs with the neighbours on both sides off and adds the new ones: the work of all
 * merges together is that of the joins, not of the text times the merges.
 *
 * The best pair is on top of a heap.  Counts fall without notice: an entry that comes up with more
 * than its pair has is put back with what is left.  A pair whose count rises is entered anew, once
 * a merge. */
#include "text/bpe_train.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "text/splitter.h"

#define NONE UINT32_MAX

enum pl_status pl_bpe_count(struct pl_context *context, struct pl_bpe_corpus *corpus,
                            const char *text, size_t size)
{
    size_t word;
    for (size_t at = 0; at < size; at += word) {
        uint32_t number;
        word = pl_splitter_word(PL_SPLIT_GPT2, text + at, size - at, true);
        if (pl_words_add(context, &corpus->words, text + at, word, &number))
            return context->status;
        if (number >= corpus->capacity) {
            size_t capacity = 2 * corpus->capacity + 1024;
            int64_t *counts = pl_resize(context, corpus->counts, capacity, sizeof *counts);
            if (!counts)
                return context->status;
            memset(counts + corpus->capacity, 0, (capacity - corpus->capacity) * sizeof *counts);
            corpus->counts = counts;
            corpus->capacity = capacity;
        }
        corpus->counts[number]++;
    }
    corpus->bytes += (int64_t)size;
    return PL_OK;
}

void pl_bpe_corpus_release(struct pl_bpe_corpus *corpus)
{
    pl_words_release(&corpus->words);
    free(corpus->counts);
    *corpus = (struct pl_bpe_corpus){0};
}

void pl_tokenizer_draft_release(struct pl_tokenizer_draft *draft)
{
    pl_words_release(&draft->pieces);
    free((void *)(uintptr_t)draft->merges);
    pl_ids_release(&draft->special);
    pl_ids_release(&draft->whole);
    *draft = (struct pl_tokenizer_draft){0};
}

struct pair {
    uint32_t left, right;
    int64_t count;
    uint32_t first, last; /* of its places, in `nodes`; NONE: none */
    uint32_t raised;      /* the last merge that raised the count */
    bool merged;
};

struct node {
    uint32_t place, next;
};

struct candidate {
    int64_t count;
    uint32_t pair;
};

/* One learning. */
struct learning {
    struct pl_context *context;
    const struct pl_bpe_corpus *corpus;
    struct pl_tokenizer_draft *draft;
    struct pl_merge *merges; /* of the draft */
    size_t merge_capacity;
    /* All words one behind the other: piece, neighbours and word of each place. */
    uint32_t *ids, *next, *before, *word;
    size_t count;
    struct pl_merges index; /* from two pieces to their pair: rank */
    struct pair *pairs;
    size_t pair_count, pair_capacity;
    struct node *nodes;
    size_t node_count, node_capacity;
    uint32_t free; /* first node that is not used any more */
    struct candidate *heap;
    size_t heap_count, heap_capacity;
    uint32_t *raised, *places; /* pairs of this merge; places of the pair */
    size_t raised_count, raised_capacity, place_count, place_capacity;
    uint32_t step; /* number of this merge, from 1 */
};

/* Room for one more item in an array; array is the address of the pointer to it. */
static bool reserve(struct learning *learning, void *array, size_t count, size_t *capacity,
                    size_t size)
{
    void *items;
    if (count < *capacity)
        return true;
    size_t more = 2 * *capacity + 1024;
    memcpy(&items, array, sizeof items);
    items = pl_resize(learning->context, items, more, size);
    if (!items)
        return false;
    memcpy(array, &items, sizeof items);
    *capacity = more;
    return true;
}

/* ---- The heap ----------------------------------------------------------------------------- */

static bool is_better(const struct learning *learning, struct candidate a, struct candidate b)
{
    const struct pair *first = &learning->pairs[a.pair], *second = &learning->pairs[b.pair];
    if (a.count != b.count)
        return a.count > b.count;
    return first->left != second->left ? first->left < second->left : first->right < second->right;
}

static enum pl_status push(struct learning *learning, uint32_t pair)
{
    struct candidate candidate = {learning->pairs[pair].count, pair};
    if (candidate.count < 2)
        return PL_OK;
    if (!reserve(learning, &learning->heap, learning->heap_count, &learning->heap_capacity,
                 sizeof *learning->heap))
        return learning->context->status;
    size_t at = learning->heap_count++;
    for (; at > 0 && is_better(learning, candidate, learning->heap[(at - 1) / 2]);
         at = (at - 1) / 2)
        learning->heap[at] = learning->heap[(at - 1) / 2];
    learning->heap[at] = candidate;
    return PL_OK;
}

static struct candidate pop(struct learning *learning)
{
    struct candidate *heap = learning->heap, best = heap[0], last = heap[--learning->heap_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= learning->heap_count)
            break;
        child +=
            child + 1 < learning->heap_count && is_better(learning, heap[child + 1], heap[child]);
        if (!is_better(learning, heap[child], last))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return best;
}

/* The most frequent pair, NONE when none comes twice. */
static enum pl_status best_pair(struct learning *learning, uint32_t *pair)
{
    *pair = NONE;
    while (learning->heap_count > 0) {
        struct candidate best = pop(learning);
        int64_t count = learning->pairs[best.pair].count;
        if (count == best.count) {
            *pair = best.pair;
            return PL_OK;
        }
        if (count < best.count && push(learning, best.pair))
            return learning->context->status;
    }
    return PL_OK;
}

/* ---- Pairs -------------------------------------------------------------------------------- */

/* The pair's number; made when it is new. */
static enum pl_status find_pair(struct learning *learning, uint32_t left, uint32_t right,
                                uint32_t *number)
{
    const struct pl_merge *found = pl_merges_find(&learning->index, left, right);
    if (found) {
        *number = found->rank;
        return PL_OK;
    }
    if (!reserve(learning, &learning->pairs, learning->pair_count, &learning->pair_capacity,
                 sizeof *learning->pairs))
        return learning->context->status;
    *number = (uint32_t)learning->pair_count++;
    learning->pairs[*number] =
        (struct pair){.left = left, .right = right, .first = NONE, .last = NONE};
    return pl_merges_put(learning->context, &learning->index,
                         (struct pl_merge){.left = left, .right = right, .rank = *number});
}

/* A node for a place, one that was used before or a new one. */
static enum pl_status new_node(struct learning *learning, uint32_t place, uint32_t *number)
{
    *number = learning->free;
    if (*number != NONE) {
        learning->free = learning->nodes[*number].next;
    } else {
        if (!reserve(learning, &learning->nodes, learning->node_count, &learning->node_capacity,
                     sizeof *learning->nodes))
            return learning->context->status;
        *number = (uint32_t)learning->node_count++;
    }
    learning->nodes[*number] = (struct node){place, NONE};
    return PL_OK;
}

static int64_t weight(const struct learning *learning, uint32_t place)
{
    return learning->corpus->counts[learning->word[place]];
}

/* The pair that starts at a place has come up. */
static enum pl_status add_pair(struct learning *learning, uint32_t place)
{
    uint32_t number = 0, node = 0;
    uint32_t left = learning->ids[place], right = learning->ids[learning->next[place]];
    if (find_pair(learning, left, right, &number) || new_node(learning, place, &node))
        return learning->context->status;
    struct pair *pair = &learning->pairs[number];
    pair->count += weight(learning, place);
    if (pair->last == NONE)
        pair->first = node;
    else
        learning->nodes[pair->last].next = node;
    pair->last = node;
    if (pair->raised == learning->step)
        return PL_OK;
    pair->raised = learning->step;
    if (!reserve(learning, &learning->raised, learning->raised_count, &learning->raised_capacity,
                 sizeof *learning->raised))
        return learning->context->status;
    learning->raised[learning->raised_count++] = number;
    return PL_OK;
}

/* The pair that starts at a place is about to go. */
static void drop_pair(struct learning *learning, uint32_t place)
{
    const struct pl_merge *found = pl_merges_find(&learning->index, learning->ids[place],
                                                  learning->ids[learning->next[place]]);
    learning->pairs[found->rank].count -= weight(learning, place);
}

static enum pl_status push_raised(struct learning *learning)
{
    for (size_t i = 0; i < learning->raised_count; i++)
        if (push(learning, learning->raised[i]))
            return learning->context->status;
    learning->raised_count = 0;
    return PL_OK;
}

/* ---- Merging ------------------------------------------------------------------------------ */

static int by_place(const void *first, const void *second)
{
    uint32_t a = *(const uint32_t *)first, b = *(const uint32_t *)second;
    return a < b ? -1 : a > b;
}

/* Takes the places of a pair out of their list.  Where the two are the same piece, a run of it is
 * joined from the left, as encoding does. */
static enum pl_status take_places(struct learning *learning, struct pair *pair)
{
    learning->place_count = 0;
    for (uint32_t at = pair->first; at != NONE; at = learning->nodes[at].next) {
        if (!reserve(learning, &learning->places, learning->place_count, &learning->place_capacity,
                     sizeof *learning->places))
            return learning->context->status;
        learning->places[learning->place_count++] = learning->nodes[at].place;
    }
    if (pair->last != NONE) {
        learning->nodes[pair->last].next = learning->free;
        learning->free = pair->first;
    }
    pair->first = pair->last = NONE;
    if (pair->left == pair->right && learning->place_count > 1)
        qsort(learning->places, learning->place_count, sizeof *learning->places, by_place);
    return PL_OK;
}

static enum pl_status join_place(struct learning *learning, uint32_t place, uint32_t left,
                                 uint32_t right, uint32_t result)
{
    uint32_t *ids = learning->ids, *next = learning->next, *before = learning->before;
    uint32_t second = ids[place] == left ? next[place] : NONE;
    if (second == NONE || ids[second] != right)
        return PL_OK; /* out of date */
    if (before[place] != NONE)
        drop_pair(learning, before[place]);
    if (next[second] != NONE)
        drop_pair(learning, second);
    ids[place] = result;
    ids[second] = NONE;
    next[place] = next[second];
    if (next[place] != NONE)
        before[next[place]] = place;
    if (before[place] != NONE && add_pair(learning, before[place]))
        return learning->context->status;
    return next[place] != NONE ? add_pair(learning, place) : PL_OK;
}

/* The piece that two make: new, or one that came of others before. */
static enum pl_status join_pieces(struct learning *learning, uint32_t left, uint32_t right,
                                  uint32_t *result)
{
    struct pl_words *pieces = &learning->draft->pieces;
    struct pl_buffer joined = {0};
    size_t size;
    const char *piece = pl_words_item(pieces, left, &size);
    enum pl_status status = pl_buffer_append(learning->context, &joined, piece, size);
    piece = pl_words_item(pieces, right, &size);
    if (!status)
        status = pl_buffer_append(learning->context, &joined, piece, size);
    if (!status)
        status = pl_words_add(learning->context, pieces, joined.data, joined.size, result);
    pl_buffer_release(&joined);
    return status;
}

static enum pl_status merge_pair(struct learning *learning, uint32_t number)
{
    struct pair *pair = &learning->pairs[number];
    const uint32_t left = pair->left, right = pair->right;
    uint32_t result;
    learning->step++;
    if (join_pieces(learning, left, right, &result) || take_places(learning, pair))
        return learning->context->status;
    if (!pair->merged) {
        if (!reserve(learning, &learning->merges, learning->draft->merge_count,
                     &learning->merge_capacity, sizeof *learning->merges))
            return learning->context->status;
        learning->merges[learning->draft->merge_count++] =
            (struct pl_merge){.left = left, .right = right, .result = result};
    }
    pair->merged = true;
    for (size_t i = 0; i < learning->place_count; i++)
        if (join_place(learning, learning->places[i], left, right, result))
            return learning->context->status;
    learning->pairs[number].count = 0;
    return push_raised(learning);
}

/* ---- The start ---------------------------------------------------------------------------- */

static enum pl_status add_bytes(struct learning *learning, int64_t most, bool alphabet,
                                uint32_t by_byte[256])
{
    const struct pl_words *words = &learning->corpus->words;
    struct pl_words *pieces = &learning->draft->pieces;
    bool occurs[256] = {false};
    for (size_t i = 0; i < words->bytes.size; i++)
        occurs[(unsigned char)words->bytes.data[i]] = true;
    for (int byte = 0; byte < 256; byte++)
        if ((occurs[byte] || !alphabet) &&
            pl_words_add(learning->context, pieces, &(char){(char)byte}, 1, &by_byte[byte]))
            return learning->context->status;
    if (most != PL_BPE_BYTES && most < pieces->count)
        return pl_fail(learning->context, PL_USAGE,
                       "a vocabulary of %" PRId64 ": there are %" PRIu32 " bytes%s", most,
                       pieces->count, alphabet ? "" : " (--alphabet takes those that occur)");
    return PL_OK;
}

static enum pl_status lay_out(struct learning *learning, const uint32_t by_byte[256])
{
    const struct pl_words *words = &learning->corpus->words;
    const size_t count = words->bytes.size;
    if (count >= NONE)
        return pl_fail(learning->context, PL_BAD_DATA, "more than 4 GiB of different words");
    learning->ids = pl_new(learning->context, count, sizeof *learning->ids);
    learning->next = pl_new(learning->context, count, sizeof *learning->next);
    learning->before = pl_new(learning->context, count, sizeof *learning->before);
    learning->word = pl_new(learning->context, count, sizeof *learning->word);
    if (!learning->ids || !learning->next || !learning->before || !learning->word)
        return learning->context->status;
    learning->count = count;
    for (uint32_t number = 0; number < words->count; number++) {
        uint32_t start = (uint32_t)words->starts[number], end = (uint32_t)words->starts[number + 1];
        for (uint32_t at = start; at < end; at++) {
            learning->ids[at] = by_byte[(unsigned char)words->bytes.data[at]];
            learning->next[at] = at + 1 < end ? at + 1 : NONE;
            learning->before[at] = at > start ? at - 1 : NONE;
            learning->word[at] = number;
        }
    }
    return PL_OK;
}

static enum pl_status learn(struct learning *learning, int64_t most, bool alphabet)
{
    uint32_t by_byte[256], best = 0;
    if (add_bytes(learning, most, alphabet, by_byte) || lay_out(learning, by_byte))
        return learning->context->status;
    learning->step = 1;
    for (size_t at = 0; at < learning->count; at++)
        if (learning->next[at] != NONE && add_pair(learning, (uint32_t)at))
            return learning->context->status;
    enum pl_status status = push_raised(learning);
    while (!status && best != NONE && learning->draft->pieces.count < most) {
        status = best_pair(learning, &best);
        if (!status && best != NONE)
            status = merge_pair(learning, best);
    }
    return status;
}

enum pl_status pl_bpe_learn(struct pl_context *context, const struct pl_bpe_corpus *corpus,
                            int64_t most, bool alphabet, struct pl_tokenizer_draft *draft,
                            int64_t *tokens)
{
    struct learning learning = {.context = context, .corpus = corpus, .draft = draft, .free = NONE};
    draft->byte_level = true;
    draft->unknown = draft->begin = NONE;
    enum pl_status status = learn(&learning, most, alphabet);
    draft->merges = learning.merges;
    *tokens = 0;
    for (size_t at = 0; at < learning.count; at++)
        if (learning.ids[at] != NONE)
            *tokens += weight(&learning, (uint32_t)at);
    free(learning.ids);
    free(learning.next);
    free(learning.before);
    free(learning.word);
    pl_merges_release(&learning.index);
    free(learning.pairs);
    free(learning.nodes);
    free(learning.heap);
    free(learning.raised);
    free(learning.places);
    return status;
}
