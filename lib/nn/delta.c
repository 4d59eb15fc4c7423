/* The delta rule over sequences and heads.
 * SPDX-License-Identifier: MIT
 *
 * A block of work is one sequence and one head of q and k, with all value heads that read it, so
 * that no two blocks add to the same gradient.  Chunks follow each other within it, the state
 * carried along.  Only the states at chunk entries are kept for the way back; all else is computed
 * again from them, in working memory that a thread uses for one block after another.  Longer
 * sequences go first, which keeps threads busy to the end. */
#include "nn/delta.h"

#include "base/order.h"
#include "base/parallel.h"
#include "nn/delta_chunk.h"

enum {
    CHUNK_MOST = 256,  /* tokens: beyond, products within a chunk cost more than they save */
    RECUR_MOST = 4,    /* tokens of the longest sequence that are taken one by one when decoding */
    BLOCK_WORK = 65536 /* multiplications worth a block of its own */
};

struct job {
    struct pl_delta delta;
    struct pl_rows rows;
    const struct pl_variable *q, *k, *v, *beta, *g, *out;
    const struct pl_variable *entry, *final; /* may be NULL; may be one and the same */
    pl_real *entries;            /* [chunks, value_heads, key_dim, value_dim]: states, to go back */
    const int64_t *chunk_starts; /* [sequences + 1] */
    const int64_t *order;        /* [sequences], longest first */
    int64_t longest, room;       /* tokens of the longest sequence, of the largest chunk */
    int64_t per_block;           /* sequences and heads that a block of work takes */
    pl_real *memory;             /* of `size` for each slot */
    int64_t size;
    bool backward;
};

static int64_t length_of(const struct pl_rows *rows, int64_t sequence)
{
    return rows->starts[sequence + 1] - rows->starts[sequence];
}

static int64_t state_size(const struct pl_delta *delta)
{
    return delta->key_dim * delta->value_dim;
}

/* ---- one head of one sequence */

static pl_real *at(pl_real *first, int64_t offset)
{
    return first ? first + offset : NULL;
}

/* Where the rows of a value head begin, from that token on; of values or of gradients. */
static struct pl_delta_head head_of(const struct job *job, bool gradient, int64_t value_head,
                                    int64_t token)
{
    const struct pl_delta *delta = &job->delta;
    int64_t head = value_head * delta->heads / delta->value_heads, row = token * delta->steps;
    int64_t key = delta->key_dim, value = delta->value_dim;
    int64_t key_stride = delta->heads * key, value_stride = delta->value_heads * value;
#define FIRST(variable) (gradient ? (variable)->gradient : (variable)->value)
    return (struct pl_delta_head){
        .q = at(FIRST(job->q), token * key_stride + head * key),
        .k = at(FIRST(job->k), row * key_stride + head * key),
        .v = at(FIRST(job->v), row * value_stride + value_head * value),
        .beta = at(FIRST(job->beta), row * delta->value_heads + value_head),
        .g = job->g ? at(FIRST(job->g), token * delta->value_heads + value_head) : NULL,
        .o = at(FIRST(job->out), token * value_stride + value_head * value)};
#undef FIRST
}

/* Sets state to the one before the first token. */
static void enter(const struct job *job, int64_t sequence, int64_t value_head, pl_real *state)
{
    int64_t size = state_size(&job->delta);
    if (job->entry && job->entry == job->final)
        return; /* it is there */
    if (job->entry)
        memcpy(state, job->entry->value + (sequence * job->delta.value_heads + value_head) * size,
               (size_t)size * sizeof *state);
    else
        memset(state, 0, (size_t)size * sizeof *state);
}

static void forward_head(const struct job *job, int64_t sequence, int64_t value_head,
                         pl_real *memory)
{
    const struct pl_delta *delta = &job->delta;
    int64_t size = state_size(delta), start = job->rows.starts[sequence];
    int64_t length = length_of(&job->rows, sequence);
    pl_real *state = memory, *working = memory + (size + 15) / 16 * 16;
    if (job->final)
        state = job->final->value + (sequence * delta->value_heads + value_head) * size;
    enter(job, sequence, value_head, state);
    if (!job->entries && job->longest <= RECUR_MOST) {
        struct pl_delta_head in = head_of(job, false, value_head, start);
        pl_delta_recur(delta, &in, length, state, working);
        return;
    }
    struct pl_delta_chunk chunk;
    pl_delta_chunk_place(&chunk, delta, job->g != NULL, job->room, false, working);
    for (int64_t t = 0, c = job->chunk_starts[sequence]; t < length; t += delta->chunk, c++) {
        struct pl_delta_head in = head_of(job, false, value_head, start + t);
        if (job->entries)
            memcpy(job->entries + (c * delta->value_heads + value_head) * size, state,
                   (size_t)size * sizeof *state);
        pl_delta_chunk_load(&chunk, &in, pl_smaller(delta->chunk, length - t));
        pl_delta_chunk_forward(&chunk, &in, state);
    }
}

static void backward_head(const struct job *job, int64_t sequence, int64_t value_head,
                          pl_real *memory)
{
    const struct pl_delta *delta = &job->delta;
    int64_t size = state_size(delta), start = job->rows.starts[sequence];
    int64_t length = length_of(&job->rows, sequence);
    int64_t place = (sequence * delta->value_heads + value_head) * size;
    pl_real *d_state = memory;
    struct pl_delta_chunk chunk;
    pl_delta_chunk_place(&chunk, delta, job->g != NULL, job->room, true,
                         memory + (size + 15) / 16 * 16);
    if (job->final)
        memcpy(d_state, job->final->gradient + place, (size_t)size * sizeof *d_state);
    else
        memset(d_state, 0, (size_t)size * sizeof *d_state);
    for (int64_t c = job->chunk_starts[sequence + 1] - 1; c >= job->chunk_starts[sequence]; c--) {
        int64_t t = (c - job->chunk_starts[sequence]) * delta->chunk;
        struct pl_delta_head in = head_of(job, false, value_head, start + t);
        struct pl_delta_head gradient = head_of(job, true, value_head, start + t);
        pl_delta_chunk_load(&chunk, &in, pl_smaller(delta->chunk, length - t));
        pl_delta_chunk_backward(&chunk, &in, &gradient,
                                job->entries + (c * delta->value_heads + value_head) * size,
                                d_state);
    }
    if (job->entry && job->entry->gradient)
        for (int64_t i = 0; i < size; i++)
            job->entry->gradient[place + i] += d_state[i];
}

static enum pl_status run_block(struct pl_context *context, void *data, int64_t block)
{
    const struct job *job = data;
    int64_t heads = job->delta.heads, shared = job->delta.value_heads / heads;
    int64_t last = pl_smaller((block + 1) * job->per_block, job->rows.count * heads);
    pl_real *memory = job->memory + context->slot * job->size;
    for (int64_t item = block * job->per_block; item < last; item++)
        for (int64_t i = 0; i < shared; i++) {
            int64_t sequence = job->order[item / heads], head = item % heads * shared + i;
            if (job->backward)
                backward_head(job, sequence, head, memory);
            else
                forward_head(job, sequence, head, memory);
        }
    return PL_OK;
}

/* ---- the operation */

/* Sequences by the number of bits of their length, longest first, else as they come. */
static void sort_by_length(const struct pl_rows *rows, int64_t *order)
{
    int64_t count = 0;
    for (int bits = 62; bits >= -1; bits--)
        for (int64_t i = 0; i < rows->count && count < rows->count; i++)
            if (bits < 0 ? length_of(rows, i) == 0 : length_of(rows, i) >> bits == 1)
                order[count++] = i;
}

/* Cuts sequences into chunks and work into blocks. */
static enum pl_status plan(struct pl_tape *tape, struct job *job)
{
    struct pl_delta *delta = &job->delta;
    int64_t count = job->rows.count;
    int64_t *starts = pl_tape_take(tape, count + 1, sizeof *starts);
    int64_t *order = pl_tape_take(tape, count, sizeof *order);
    if (!starts || !order)
        return tape->context->status;
    delta->chunk = delta->chunk < 1 ? 1 : pl_smaller(delta->chunk, CHUNK_MOST);
    starts[0] = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t length = length_of(&job->rows, i);
        starts[i + 1] = starts[i] + (length + delta->chunk - 1) / delta->chunk;
        if (length > job->longest)
            job->longest = length;
    }
    job->room = pl_smaller(delta->chunk, job->rows.starts[count]);
    sort_by_length(&job->rows, order);
    job->chunk_starts = starts;
    job->order = order;
    int64_t tokens = count > 0 ? job->rows.starts[count] / count + 1 : 1;
    int64_t shared = delta->value_heads / delta->heads;
    int64_t work = 4 * tokens * delta->steps * shared * state_size(delta);
    job->per_block = work < BLOCK_WORK ? BLOCK_WORK / work : 1;
    return PL_OK;
}

static enum pl_status run(struct pl_tape *tape, struct job *job, bool backward)
{
    const struct pl_delta *delta = &job->delta;
    int64_t items = job->rows.count * delta->heads;
    int64_t working = pl_delta_chunk_size(delta, job->room, backward);
    job->backward = backward;
    job->size = (state_size(delta) + 15) / 16 * 16 + working + (delta->value_dim + 15) / 16 * 16;
    job->memory =
        pl_tape_take(tape, pl_parallel_threads(tape->context) * job->size, sizeof *job->memory);
    if (!job->memory || pl_blas_open(tape->context))
        return tape->context->status;
    return pl_parallel(tape->context, (items + job->per_block - 1) / job->per_block, run_block,
                       job);
}

static enum pl_status go_back(struct pl_tape *tape, void *saved)
{
    return run(tape, saved, true);
}

/* The place of the first number outside [low, high], or -1; NaN passes: it shows in the loss. */
static int64_t first_outside(const struct pl_variable *x, pl_real low, pl_real high)
{
    int outside = 0;
    for (int64_t i = 0; i < x->count; i++)
        outside |= (x->value[i] < low) | (x->value[i] > high);
    for (int64_t i = 0; outside && i < x->count; i++)
        if (x->value[i] < low || x->value[i] > high)
            return i;
    return -1;
}

static enum pl_status check(struct pl_context *context, const struct job *job)
{
    int64_t heads = job->delta.value_heads, wide = job->delta.steps * heads;
    int64_t i = first_outside(job->beta, 0, 2);
    if (i >= 0)
        return pl_fail(context, PL_BAD_DATA,
                       "delta rule: token %lld, step %lld, head %lld: beta %g is not in [0, 2]",
                       (long long)(i / wide), (long long)(i % wide / heads), (long long)(i % heads),
                       (double)job->beta->value[i]);
    i = job->g ? first_outside(job->g, -INFINITY, 0) : -1;
    if (i >= 0)
        return pl_fail(context, PL_BAD_DATA,
                       "delta rule: token %lld, head %lld: log decay %g: decay must be <= 0",
                       (long long)(i / heads), (long long)(i % heads), (double)job->g->value[i]);
    return PL_OK;
}

static bool wanted(const struct pl_variable *variable)
{
    return variable && variable->gradient;
}

/* Runs the job, all of whose inputs are set. */
static struct pl_variable *finish(struct pl_tape *tape, struct job *job, bool gradient)
{
    const struct pl_delta *delta = &job->delta;
    int64_t count = job->rows.count;
    struct pl_variable *out = pl_tape_matrix(tape, gradient, job->rows.starts[count],
                                             delta->value_heads * delta->value_dim);
    if (!out || check(tape->context, job) || plan(tape, job))
        return NULL;
    job->out = out;
    if (gradient) {
        /* as many chunks as there can be, so that steps of equal rows take equal memory */
        int64_t chunks = job->rows.starts[count] / job->delta.chunk + count;
        job->entries = pl_tape_take(tape, chunks * delta->value_heads * state_size(delta),
                                    sizeof *job->entries);
        if (!job->entries)
            return NULL;
    }
    if (run(tape, job, false) || (gradient && pl_tape_note(tape, go_back, job, sizeof *job)))
        return NULL;
    return out;
}

struct pl_variable *pl_op_delta(struct pl_tape *tape, const struct pl_delta *delta,
                                const struct pl_rows *rows, struct pl_variable *q,
                                struct pl_variable *k, struct pl_variable *v,
                                struct pl_variable *beta, struct pl_variable *g,
                                struct pl_variable *entry, struct pl_variable **final)
{
    if (!q || !k || !v || !beta)
        return NULL;
    bool gradient = tape->recording && (wanted(q) || wanted(k) || wanted(v) || wanted(beta) ||
                                        wanted(g) || wanted(entry));
    const int64_t dims[] = {rows->count, delta->value_heads, delta->key_dim, delta->value_dim};
    struct pl_variable *last = final ? pl_tape_variable(tape, gradient, 4, dims) : NULL;
    struct job job = {.delta = *delta, .rows = *rows, .q = q, .k = k, .v = v, .beta = beta, .g = g};
    if (final && !last)
        return NULL;
    job.entry = entry;
    job.final = last;
    struct pl_variable *out = finish(tape, &job, gradient);
    if (final)
        *final = last;
    return out;
}

struct pl_variable *pl_op_delta_carry(struct pl_tape *tape, const struct pl_delta *delta,
                                      const struct pl_rows *rows, struct pl_variable *q,
                                      struct pl_variable *k, struct pl_variable *v,
                                      struct pl_variable *beta, struct pl_variable *g,
                                      struct pl_variable *state)
{
    if (!q || !k || !v || !beta || !state)
        return NULL;
    struct job job = {.delta = *delta, .rows = *rows, .q = q, .k = k, .v = v, .beta = beta, .g = g};
    job.entry = job.final = state;
    return finish(tape, &job, false);
}
