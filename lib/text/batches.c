/* Micro-batches of a corpus: see batches.h.
 * SPDX-License-Identifier: MIT */
#include "text/batches.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"

/* There is one cut, so that what is held out is nowhere trained on. */
static void cut(struct pl_batches *batches, int64_t count)
{
    const int64_t at = count - (int64_t)floor((double)count * batches->held + 0.5);
    batches->begin = batches->held_out ? at : 0;
    batches->end = batches->held_out ? count : at;
}

static enum pl_status too_few(struct pl_context *context, const struct pl_batches *batches,
                              int64_t tokens)
{
    return pl_fail(context, PL_BAD_DATA,
                   "%s: %s%" PRId64 " tokens, and a window of --seq %" PRId64 " takes %" PRId64,
                   batches->corpus->name,
                   batches->corpus->cut ? "rows of "
                   : batches->held > 0  ? "a part of "
                                        : "",
                   tokens, batches->length, batches->length + 1);
}

/* Rows: a task's are whole, others give windows of one token less at most. */
static enum pl_status init_rows(struct pl_context *context, struct pl_batches *batches)
{
    const struct pl_corpus *corpus = batches->corpus;
    const int64_t most = corpus->task ? corpus->length : corpus->length - 1;
    cut(batches, corpus->rows);
    if (batches->end == batches->begin || most < 1)
        return pl_fail(context, PL_BAD_DATA, "%s: no rows to %s", corpus->name,
                       batches->held_out ? "hold out" : "train on");
    if (corpus->task && batches->length && batches->length != most)
        return pl_fail(context, PL_USAGE,
                       "--seq %" PRId64 ": rows of a task are taken whole, they "
                       "have %" PRId64 " tokens",
                       batches->length, most);
    if (batches->length > most)
        return too_few(context, batches, corpus->length);
    if (batches->length == 0)
        batches->length = most;
    batches->order =
        pl_new(context, (size_t)(batches->end - batches->begin), sizeof *batches->order);
    batches->pass = -1;
    return batches->order ? PL_OK : context->status;
}

enum pl_status pl_batches_init(struct pl_context *context, struct pl_batches *batches)
{
    if (batches->corpus->cut)
        return init_rows(context, batches);
    cut(batches, batches->corpus->count);
    if (batches->length == 0)
        batches->length = PL_BATCH_LENGTH;
    if (batches->end - batches->begin <= batches->length)
        return too_few(context, batches, batches->end - batches->begin);
    return PL_OK;
}

void pl_batches_release(struct pl_batches *batches)
{
    free(batches->order);
    batches->order = NULL;
}

/* The window whose first token is at `at`. */
static enum pl_status read_window(struct pl_context *context, const struct pl_batches *batches,
                                  int64_t at, int32_t *ids, int32_t *targets)
{
    const struct pl_corpus *corpus = batches->corpus;
    if (pl_corpus_read(context, corpus, at, batches->length, ids))
        return context->status;
    return corpus->task ? pl_corpus_targets(context, corpus, at, batches->length, targets)
                        : pl_corpus_read(context, corpus, at + 1, batches->length, targets);
}

/* The row that comes `item`-th in a training. */
static int64_t row_at(struct pl_batches *batches, int64_t item)
{
    const int64_t rows = batches->end - batches->begin, pass = item / rows;
    if (pass != batches->pass) {
        char name[48];
        snprintf(name, sizeof name, "rows of pass %" PRId64, pass);
        struct pl_rng rng = pl_rng_init(batches->seed, name);
        pl_rng_shuffle(&rng, batches->order, rows);
        batches->pass = pass;
    }
    return batches->begin + batches->order[item % rows];
}

enum pl_status pl_batches_read(struct pl_context *context, struct pl_batches *batches,
                               int64_t index, int32_t *ids, int32_t *targets)
{
    const struct pl_corpus *corpus = batches->corpus;
    const struct pl_rng rng = pl_rng_init(batches->seed, "windows");
    const int64_t taken = batches->length + (corpus->task ? 0 : 1);
    for (int64_t i = 0; i < batches->batch; i++) {
        const int64_t item = index * batches->batch + i;
        int64_t first = batches->begin, room = batches->end - batches->begin - taken;
        if (corpus->cut) {
            first = row_at(batches, item) * corpus->length;
            room = corpus->length - taken;
        }
        first += (int64_t)pl_rng_below(&rng, (uint64_t)item, (uint64_t)room + 1);
        if (read_window(context, batches, first, ids + i * batches->length,
                        targets + i * batches->length))
            return context->status;
    }
    return PL_OK;
}

int64_t pl_batches_windows(const struct pl_batches *batches)
{
    const int64_t count = batches->end - batches->begin;
    return batches->corpus->cut ? count : (count - 1) / batches->length;
}

enum pl_status pl_batches_windows_read(struct pl_context *context, const struct pl_batches *batches,
                                       int64_t first, int64_t count, int32_t *ids, int32_t *targets)
{
    const struct pl_corpus *corpus = batches->corpus;
    for (int64_t i = 0; i < count; i++) {
        const int64_t at = corpus->cut ? (batches->begin + first + i) * corpus->length
                                       : batches->begin + (first + i) * batches->length;
        if (read_window(context, batches, at, ids + i * batches->length,
                        targets + i * batches->length))
            return context->status;
    }
    return PL_OK;
}
