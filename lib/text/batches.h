/* Micro-batches of a corpus: which tokens are in number `index` of them.
 * SPDX-License-Identifier: MIT
 *
 * From a text, and from tokens of one row, windows begin at any place with the same probability.
 * From rows (tasks, sampled texts) every row is taken once in an order of chance before one is
 * taken again; a task's rows are whole, of other rows a window is taken, from a place of chance.
 * The number, with the seed, decides what is in a micro-batch. */
#ifndef PL_TEXT_BATCHES_H
#define PL_TEXT_BATCHES_H

#include "text/corpus.h"

struct pl_batches {
    /* Set by the caller. */
    const struct pl_corpus *corpus;
    int64_t length; /* tokens that a window predicts; 0: those of a row */
    int64_t batch;  /* windows */
    uint64_t seed;
    double held;   /* share of the corpus, at its end, that is held out: of its tokens or rows */
    bool held_out; /* windows are from that share, not from what is before it */
    /* Set by pl_batches_init. */
    int64_t begin, end; /* tokens, or rows, that are used */
    int64_t *order;     /* of the rows, in the pass over them that was asked for last */
    int64_t pass;
};

/* The default length for a text, and for rows that are longer. */
#define PL_BATCH_LENGTH 256

/* PL_BAD_DATA when there are too few tokens: "holds 100 tokens; a window of --seq 256 takes 257".
 */
enum pl_status pl_batches_init(struct pl_context *context,
                               struct pl_batches *batches) PL_MUST_CHECK;
void pl_batches_release(struct pl_batches *batches);

/* ids and targets, [batch, length] each, of micro-batch number `index` of a training. */
enum pl_status pl_batches_read(struct pl_context *context, struct pl_batches *batches,
                               int64_t index, int32_t *ids, int32_t *targets) PL_MUST_CHECK;

/* Windows that do not overlap, or rows: for validation. */
int64_t pl_batches_windows(const struct pl_batches *batches);
/* Those from `first` on, count of them, [count, length]. */
enum pl_status pl_batches_windows_read(struct pl_context *context, const struct pl_batches *batches,
                                       int64_t first, int64_t count, int32_t *ids,
                                       int32_t *targets) PL_MUST_CHECK;

#endif
