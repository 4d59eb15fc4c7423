/* How well a language model predicts: see lm_score.h.
 * SPDX-License-Identifier: MIT */
#include "models/lm_score.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"

enum {
    PASS_TOKENS = 2048,   /* of a pass, about: enough for products to be fast, few for memory */
    WAVE = 32,            /* batches whose results are kept until they are summed up */
    SEQUENCE_UNTOLD = 512 /* of a model that does not say what it was trained on */
};

/* Where the rows are. */
struct plan {
    int64_t rows, length; /* length: most tokens that a row predicts from */
    int64_t stride;       /* a text: from row to row; else pieces of a row of the corpus */
    int64_t pieces;       /* rows that a row of the corpus is cut into; 0: a text */
};

/* Tokens of a row, or of a piece of one, in the corpus: count predictions from `at` on. */
struct stretch {
    int64_t at, count;
};

/* Tokens that go through the model at once, and what came out for each. */
struct batch {
    int64_t first, rows; /* rows of the plan */
    int64_t count;       /* tokens */
    int64_t *starts;     /* [rows + 1] */
    int32_t *ids, *targets;
    double *nats;
    uint8_t *right;
    int64_t *routed; /* as in the score, of these tokens */
};

struct job {
    const struct pl_lm *lm;
    const struct pl_corpus *corpus;
    struct plan plan;
    struct pl_lm_score *score;
    int64_t width;         /* rows of a batch */
    struct batch *batches; /* [WAVE] */
    struct pl_tape *tapes; /* one for each slot of parallel work */
    struct pl_arena arena; /* of batches and tapes */
};

/* ---- Rows --------------------------------------------------------------------------------- */

static enum pl_status too_short(struct pl_context *context, const struct pl_corpus *corpus)
{
    return pl_fail(context, PL_BAD_DATA,
                   "%s: nothing to predict: %" PRId64 " row%s of %" PRId64 " token%s", corpus->name,
                   corpus->rows, corpus->rows == 1 ? "" : "s", corpus->length,
                   corpus->length == 1 ? "" : "s");
}

static enum pl_status plan_rows(struct pl_context *context, const struct pl_lm *lm,
                                const struct pl_corpus *corpus,
                                const struct pl_lm_score_options *options, struct plan *plan)
{
    const bool text = !corpus->task && !corpus->cut;
    int64_t sequence = options->sequence, length = corpus->length;
    if (options->carry && (!text || sequence))
        return pl_fail(context, PL_USAGE, "--carry: %s%s",
                       text ? "with --seq, the state is fresh in each row" : corpus->name,
                       text ? "" : " has rows that do not continue each other");
    if (corpus->task && sequence)
        return pl_fail(context, PL_USAGE, "--seq: %s is a task: its rows are scored whole",
                       corpus->name);
    if (corpus->rows == 0 || length < (corpus->task ? 1 : 2))
        return too_short(context, corpus);
    if (text) {
        sequence = sequence ? sequence : lm->sequence ? lm->sequence : SEQUENCE_UNTOLD;
        if (options->carry || sequence > length - 1)
            sequence = length - 1;
        *plan = (struct plan){(length - 2) / sequence + 1, sequence, sequence, 0};
        return PL_OK;
    }
    if (sequence == 1)
        return pl_fail(context, PL_USAGE, "--seq 1: nothing to predict in pieces of 1 token");
    if (sequence == 0 || sequence > length)
        sequence = length;
    plan->pieces =
        length / sequence + (length % sequence > !corpus->task); /* a last one of 1: none */
    plan->rows = corpus->rows * plan->pieces;
    plan->stride = sequence;
    plan->length = corpus->task ? length : sequence - 1;
    return PL_OK;
}

static struct stretch row_at(const struct job *job, int64_t row)
{
    const struct plan *plan = &job->plan;
    const int64_t length = job->corpus->length, pieces = plan->pieces ? plan->pieces : plan->rows;
    int64_t from = row % pieces * plan->stride;
    int64_t left = length - from - !job->corpus->task;
    return (struct stretch){row / pieces * length + from,
                            left < plan->length ? left : plan->length};
}

/* ---- One pass ----------------------------------------------------------------------------- */

/* Puts tokens of the corpus and what they should predict into the batch. */
static enum pl_status read_tokens(struct pl_context *context, const struct job *job,
                                  struct stretch stretch, struct batch *batch)
{
    int32_t *ids = batch->ids + batch->count, *targets = batch->targets + batch->count;
    batch->count += stretch.count;
    if (pl_corpus_read(context, job->corpus, stretch.at, stretch.count, ids))
        return context->status;
    if (job->corpus->task)
        return pl_corpus_targets(context, job->corpus, stretch.at, stretch.count, targets);
    return pl_corpus_read(context, job->corpus, stretch.at + 1, stretch.count, targets);
}

/* state: NULL, or that of the batch's one row */
static enum pl_status run_pass(struct pl_context *context, const struct job *job,
                               struct batch *batch, struct pl_state *state)
{
    struct pl_tape *tape = &job->tapes[context->slot];
    struct pl_pass pass = {.tape = tape,
                           .lm = job->lm,
                           .rows = {batch->rows, batch->starts},
                           .state = state,
                           .routed = batch->routed};
    struct pl_head_score score = {.row_right = batch->right, .row_nats = batch->nats};
    tape->context = context;
    pl_tape_reset(tape);
    struct pl_variable *hidden = pl_lm_forward(&pass, batch->ids);
    return pl_op_head_loss(tape, hidden, job->lm->head, batch->targets, &score) ? PL_OK
                                                                                : context->status;
}

/* A batch of whole rows. */
static enum pl_status run_rows(struct pl_context *context, void *argument, int64_t item)
{
    const struct job *job = argument;
    struct batch *batch = &job->batches[item];
    batch->count = 0;
    for (int64_t i = 0; i < batch->rows; i++) {
        batch->starts[i] = batch->count;
        if (read_tokens(context, job, row_at(job, batch->first + i), batch))
            return context->status;
    }
    batch->starts[batch->rows] = batch->count;
    return run_pass(context, job, batch, NULL);
}

/* ---- Sums --------------------------------------------------------------------------------- */

/* Adds a prediction; good: its row is right up to and with it. */
static void add(struct pl_lm_sums *sums, const struct batch *batch, int64_t i, bool good)
{
    sums->scored++;
    sums->right += batch->right[i];
    sums->exact += good;
    sums->nats += batch->nats[i];
}

/* Adds where the batch's tokens went, and forgets it. */
static void add_routes(struct pl_lm_score *score, const struct batch *batch)
{
    score->routable += batch->count;
    for (int64_t i = 0; i < score->layers * score->memories; i++) {
        score->routed[i] += batch->routed[i];
        batch->routed[i] = 0;
    }
}

/* Adds tokens of the batch, which are of one row and stand in it from `position` on; *good: the row
 * was right before. */
static enum pl_status add_tokens(struct pl_context *context, const struct job *job,
                                 const struct batch *batch, struct stretch tokens, int64_t position,
                                 bool *good)
{
    struct pl_lm_score *score = job->score;
    for (int64_t i = tokens.at; i < tokens.at + tokens.count; i++, position++) {
        if (batch->targets[i] < 0)
            continue;
        if (!isfinite(batch->nats[i]))
            return pl_fail(context, PL_NUMERIC, "the loss of the model is not finite");
        *good = *good && batch->right[i];
        add(&score->total, batch, i, false);
        if (score->positions)
            add(&score->positions[position], batch, i, *good);
    }
    if (score->bytes >= 0) {
        int64_t bytes = pl_corpus_text_size(job->corpus, batch->targets + tokens.at, tokens.count);
        score->bytes = bytes < 0 ? bytes : score->bytes + bytes;
    }
    return PL_OK;
}

/* A row is over; before: predictions before it. */
static void end_row(struct pl_lm_score *score, int64_t before, bool good)
{
    if (score->total.scored == before)
        return;
    score->rows++;
    score->total.exact += good;
}

/* ---- All rows ----------------------------------------------------------------------------- */

/* Rows from `first` on, in as many batches as are kept. */
static enum pl_status run_wave(struct pl_context *context, struct job *job, int64_t first)
{
    int64_t count = 0;
    for (int64_t row = first; row < job->plan.rows && count < WAVE; row += job->width) {
        int64_t left = job->plan.rows - row;
        job->batches[count].first = row;
        job->batches[count++].rows = left < job->width ? left : job->width;
    }
    /* Too few batches for all threads: these share the work inside each. */
    if (count < pl_parallel_threads(context)) {
        for (int64_t i = 0; i < count; i++)
            if (run_rows(context, job, i))
                return context->status;
    } else if (pl_parallel(context, count, run_rows, job)) {
        return context->status;
    }
    for (int64_t i = 0; i < count; i++) {
        const struct batch *batch = &job->batches[i];
        add_routes(job->score, batch);
        for (int64_t row = 0; row < batch->rows; row++) {
            const struct stretch tokens = {batch->starts[row],
                                           batch->starts[row + 1] - batch->starts[row]};
            int64_t before = job->score->total.scored;
            bool good = true;
            if (add_tokens(context, job, batch, tokens, 0, &good))
                return context->status;
            end_row(job->score, before, good);
        }
    }
    return PL_OK;
}

/* One row in pieces. */
static enum pl_status run_long(struct pl_context *context, struct job *job, int64_t row)
{
    const struct stretch whole = row_at(job, row);
    struct batch *batch = &job->batches[0];
    struct pl_state state = {.batch = 1};
    int64_t before = job->score->total.scored;
    bool good = true;
    enum pl_status status = PL_OK;
    batch->rows = 1;
    for (int64_t done = 0; done < whole.count && !status; done += batch->count) {
        int64_t left = whole.count - done;
        struct stretch piece = {whole.at + done, left < PASS_TOKENS ? left : PASS_TOKENS};
        batch->count = 0;
        batch->starts[1] = piece.count;
        status = read_tokens(context, job, piece, batch);
        if (!status)
            status = run_pass(context, job, batch, &state);
        if (!status)
            status = add_tokens(context, job, batch, (struct stretch){0, piece.count}, done, &good);
        add_routes(job->score, batch);
    }
    pl_state_release(&state);
    if (!status)
        end_row(job->score, before, good);
    return status;
}

static enum pl_status run_all(struct pl_context *context, struct job *job)
{
    const bool whole = job->plan.length <= PASS_TOKENS;
    const int64_t step = whole ? job->width * WAVE : 1;
    for (int64_t row = 0; row < job->plan.rows; row += step)
        if (whole ? run_wave(context, job, row) : run_long(context, job, row))
            return context->status;
    return PL_OK;
}

/* ---- Memory ------------------------------------------------------------------------------- */

static enum pl_status take_batch(struct pl_context *context, struct job *job, struct batch *batch)
{
    struct pl_arena *arena = &job->arena;
    const int64_t length = job->plan.length < PASS_TOKENS ? job->plan.length : PASS_TOKENS;
    const size_t tokens = (size_t)(job->width * length);
    const size_t routes = (size_t)(job->score->layers * job->score->memories);
    batch->starts = pl_arena_new(context, arena, (size_t)job->width + 1, sizeof *batch->starts);
    batch->ids = pl_arena_new(context, arena, tokens, sizeof *batch->ids);
    batch->targets = pl_arena_new(context, arena, tokens, sizeof *batch->targets);
    batch->nats = pl_arena_new(context, arena, tokens, sizeof *batch->nats);
    batch->right = pl_arena_new(context, arena, tokens, sizeof *batch->right);
    if (routes > 0 && !(batch->routed = pl_arena_new(context, arena, routes, sizeof(int64_t))))
        return context->status;
    return batch->starts && batch->ids && batch->targets && batch->nats && batch->right
               ? PL_OK
               : context->status;
}

static enum pl_status take_sums(struct pl_context *context, struct pl_lm_score *score,
                                bool positions)
{
    const int64_t routes = score->layers * score->memories;
    if (positions &&
        !(score->positions = pl_new(context, (size_t)score->length, sizeof *score->positions)))
        return context->status;
    if (routes > 0 && !(score->routed = pl_new(context, (size_t)routes, sizeof *score->routed)))
        return context->status;
    return PL_OK;
}

static enum pl_status take_memory(struct pl_context *context, struct job *job, bool positions)
{
    const size_t slots = (size_t)pl_parallel_threads(context);
    job->width = job->plan.length < PASS_TOKENS ? PASS_TOKENS / job->plan.length : 1;
    if (job->width > job->plan.rows)
        job->width = job->plan.rows;
    job->tapes = pl_arena_new(context, &job->arena, slots, sizeof *job->tapes);
    job->batches = pl_arena_new(context, &job->arena, WAVE, sizeof *job->batches);
    if (!job->tapes || !job->batches)
        return context->status;
    for (int64_t i = 0; i < WAVE && i * job->width < job->plan.rows; i++)
        if (take_batch(context, job, &job->batches[i]))
            return context->status;
    return take_sums(context, job->score, positions);
}

static void release_memory(const struct pl_context *context, struct job *job)
{
    for (int i = 0; job->tapes && i < pl_parallel_threads(context); i++)
        pl_tape_release(&job->tapes[i]);
    pl_arena_release(&job->arena);
}

enum pl_status pl_lm_score(struct pl_context *context, const struct pl_lm *lm,
                           const struct pl_corpus *corpus,
                           const struct pl_lm_score_options *options, struct pl_lm_score *score)
{
    struct job job = {.lm = lm, .corpus = corpus, .score = score};
    *score = (struct pl_lm_score){.bytes = corpus->task ? -1 : 0};
    enum pl_status status = plan_rows(context, lm, corpus, options, &job.plan);
    score->length = job.plan.length;
    if (lm->type->mixer->memories) {
        score->layers = pl_lm_options(lm)->layers;
        score->memories = lm->type->mixer->memories(lm->options);
    }
    if (!status)
        status = pl_blas_open(context);
    if (!status)
        status = take_memory(context, &job, options->positions);
    if (!status)
        status = run_all(context, &job);
    release_memory(context, &job);
    if (!status && score->total.scored == 0)
        status = pl_fail(context, PL_BAD_DATA, "%s: no token has a target", corpus->name);
    return status;
}

void pl_lm_score_release(struct pl_lm_score *score)
{
    free(score->positions);
    free(score->routed);
    *score = (struct pl_lm_score){0};
}
