/* The objective of language models: cross-entropy, or how far attention is from what it imitates.
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "autograd/ops.h"
#include "train/language_parts.h"

/* What mean squares of attention transfer are multiplied by. */
#define TRANSFER_SCALE 1000

/* Windows that are validated together, and most of all. */
enum { VALID_BATCH = 16, VALID_WINDOWS = 256 };

/* The loss of `count` windows that fill has written to ids and targets. */
static struct pl_variable *score(struct pl_language_work *work, struct pl_tape *tape, int64_t count,
                                 const int32_t *ids, const int32_t *targets,
                                 struct pl_head_score *head)
{
    struct pl_pass pass = {.tape = tape, .lm = &work->lm};
    if (pl_rows_even(tape, count, work->batches.length, &pass.rows))
        return NULL;
    struct pl_variable *hidden = pl_lm_forward(&pass, ids);
    struct pl_variable *loss = pl_op_head_loss(tape, hidden, work->lm.head, targets, head);
    if (!loss || !pass.auxiliary)
        return loss;
    struct pl_variable *sum = pl_op_add(tape, loss, pass.auxiliary, 1);
    if (sum) /* gradients are those of the sum; what is told is nats per token, as of all models */
        sum->value[0] = loss->value[0];
    return sum;
}

/* How far the imitations of `count` windows are from what they imitate, on average over layers, as
 * one number that has been gone back from already. */
static struct pl_variable *compare(struct pl_language_work *work, struct pl_tape *tape,
                                   int64_t count, const int32_t *ids)
{
    const int64_t layers = pl_lm_options(&work->lm)->layers;
    const double scale = TRANSFER_SCALE / (double)layers;
    struct pl_transfer transfer = {scale / (double)work->job.options->accumulate, work->squares};
    struct pl_pass pass = {.tape = tape, .lm = &work->lm, .transfer = &transfer};
    if (pl_rows_even(tape, count, work->batches.length, &pass.rows) || !pl_lm_forward(&pass, ids))
        return NULL;
    struct pl_variable *loss = pl_tape_matrix(tape, true, 1, 1);
    double sum = 0;
    for (int64_t i = 0; i < layers; i++)
        sum += scale * work->squares[i];
    if (loss)
        loss->value[0] = (pl_real)sum;
    return loss;
}

static int32_t *take_tokens(const struct pl_language_work *work, struct pl_tape *tape,
                            int64_t count)
{
    return pl_tape_take(tape, 2 * count * work->batches.length, sizeof(int32_t));
}

struct pl_variable *pl_language_loss(void *self, struct pl_tape *tape, int64_t index)
{
    struct pl_language_work *work = self;
    const int64_t count = work->batches.batch;
    int32_t *ids = take_tokens(work, tape, count);
    int32_t *targets = ids ? ids + count * work->batches.length : NULL;
    if (!ids || pl_batches_read(tape->context, &work->batches, index, ids, targets))
        return NULL;
    return work->options->transfer ? compare(work, tape, count, ids)
                                   : score(work, tape, count, ids, targets, NULL);
}

int64_t pl_language_weight(void *self, struct pl_tape *tape, int64_t index)
{
    struct pl_language_work *work = self;
    const int64_t tokens = work->batches.batch * work->batches.length;
    int64_t scored = 0;
    if (!work->corpus.task || work->options->transfer)
        return tokens;
    int32_t *ids = take_tokens(work, tape, work->batches.batch);
    int32_t *targets = ids ? ids + tokens : NULL;
    if (!ids || pl_batches_read(tape->context, &work->batches, index, ids, targets))
        return -1;
    for (int64_t i = 0; i < tokens; i++)
        scored += targets[i] >= 0;
    return scored;
}

static enum pl_status validate_transfer(struct pl_language_work *work, struct pl_tape *tape,
                                        int64_t windows, double *mean)
{
    double sum = 0;
    for (int64_t first = 0; first < windows; first++) {
        pl_tape_reset(tape);
        int32_t *ids = take_tokens(work, tape, 1);
        int32_t *targets = ids ? ids + work->batches.length : NULL;
        const struct pl_variable *loss =
            !ids || pl_batches_windows_read(tape->context, &work->valid, first, 1, ids, targets)
                ? NULL
                : compare(work, tape, 1, ids);
        if (!loss)
            return tape->context->status;
        sum += (double)loss->value[0];
    }
    *mean = windows > 0 ? sum / (double)windows : NAN;
    return PL_OK;
}

static enum pl_status validate_tokens(struct pl_language_work *work, struct pl_tape *tape,
                                      int64_t windows, double *mean)
{
    double nats = 0, scored = 0;
    for (int64_t first = 0; first < windows; first += VALID_BATCH) {
        const int64_t count = windows - first < VALID_BATCH ? windows - first : VALID_BATCH;
        struct pl_head_score head = {0};
        pl_tape_reset(tape);
        int32_t *ids = take_tokens(work, tape, count);
        int32_t *targets = ids ? ids + count * work->batches.length : NULL;
        if (!ids ||
            pl_batches_windows_read(tape->context, &work->valid, first, count, ids, targets) ||
            !score(work, tape, count, ids, targets, &head))
            return tape->context->status;
        nats += head.nats;
        scored += (double)head.scored;
    }
    *mean = scored > 0 ? nats / scored : NAN;
    return PL_OK;
}

enum pl_status pl_language_validate(void *self, struct pl_tape *tape, double *mean)
{
    struct pl_language_work *work = self;
    const int64_t all = pl_batches_windows(&work->valid), asked = work->options->valid_windows;
    const int64_t most = asked ? asked : VALID_WINDOWS, windows = most < all ? most : all;
    return work->options->transfer ? validate_transfer(work, tape, windows, mean)
                                   : validate_tokens(work, tape, windows, mean);
}
