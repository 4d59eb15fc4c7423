/* Gated linear attention, chunkwise, with its gradients.
 * SPDX-License-Identifier: MIT
 *
 * The recurrence S_t = diag(e^g_t) S_{t-1} + k_t' v_t, o_t = s q_t S_t is evaluated for a tile of m
 * rows at once, so that the work is matrix products.  Let c_i be the sum of g over the rows of the
 * tile behind its first, up to row i (c of the first row is 0), and
 *
 *     Q_i = s q_i e^c_i     K_j = k_j e^-c_j     A = lower triangle of Q K' (with the diagonal)
 *
 * With S the state before the tile, already decayed by the first row's e^g:
 *
 *     O = Q S + A V         S <- S + K' V        and behind the tile S <- diag(e^c_last) S
 *
 * The one trap is e^-c: over a whole chunk of strongly decaying rows it overflows.  Here a tile
 * ends before any channel has decayed by more than e^-40 (PL_GLA_DECAY), so that Q and K stay far
 * inside the range of a float and the result is as exact as the recurrence, for any decay: where
 * every row decays by e^-50, tiles are single rows, c is 0, and the old state rightly underflows to
 * 0.  The factors e^c_last and e^g of the next tile's first row are applied in one pass over the
 * state.
 *
 * Backwards, with dS the gradient of the state behind the tile (after e^c_last, on the way in):
 *
 *     dS <- diag(e^c_last) dS     dA = lower triangle of dO V'
 *     dV = A' dO + K dS           dK = dA' Q + V dS'        dQ = dA K + dO S'
 *     dS <- dS + Q' dO            dS <- diag(e^g_first) dS
 *     dq = s e^c dQ, dk = e^-c dK, and, summed backwards over the rows of a chunk,
 *     dg_t = sum over i >= t of (q_i dq_i - k_i dk_i)  +  row sums of S dS behind the chunk
 *
 * dQ needs the states on their way forward.  The pass forward stores the state before each chunk
 * and no other; backwards, a chunk's states are made again from it, one after the other, while
 * its part of dQ is computed, before the chunk is gone through in reverse.
 *
 * A token costs 4 key_dim value_dim + 2 m (key_dim + value_dim) operations forwards and about 2.5
 * times that backwards.  A few rows on a state that is carried on (decoding) run the recurrence as
 * it stands.
 * Heads and sequences are independent; those that share a kv head, and hence its gradient, are
 * worked on by one thread, in order. */
#include "nn/gla.h"

#include "base/order.h"
#include "base/parallel.h"
#include "nn/gla_tile.h"

enum {
    FEW_ROWS = 8,        /* up to so many rows the recurrence is faster than a tile */
    SMALL_WORK = 1 << 17 /* rows * key_dim * value_dim that are not worth a second thread */
};

struct job {
    struct pl_gla gla;
    struct pl_rows rows;
    struct pl_variable *q, *k, *v, *g, *o;
    struct pl_variable *entry, *final; /* may be NULL; may be one and the same */
    pl_real *states;                   /* before each chunk: see chunk_state; NULL: not recording */
    int64_t *chunks;                   /* [sequences]: chunks of all sequences before */
    int64_t longest;                   /* rows of the longest chunk */
    bool backward;
    pl_real *scratch; /* slot_size for each slot of parallel work */
    int64_t slot_size;
    int64_t *tiles; /* longest + 1 for each slot */
};

/* What a block of parallel work uses. */
struct work {
    struct pl_gla_chunk chunk;
    pl_real *scores, *dscores; /* [tile, tile]: A and dA */
    pl_real *state, *dstate;   /* [key_dim, value_dim] */
    pl_real *factor, *tail;    /* [key_dim] */
    pl_real *dqueries, *dkeys; /* [longest, key_dim]; these and the next: backward only */
    pl_real *turned;           /* [value_dim, key_dim], a transpose */
};

/* One head of one sequence. */
struct head {
    struct pl_gla_rows rows; /* from the first row of the sequence */
    int64_t sequence, index, count;
    int64_t state; /* where its state lies in entry and final */
};

static int64_t row_count(const struct job *job)
{
    return job->rows.starts[job->rows.count];
}

static int64_t state_size(const struct job *job)
{
    return job->gla.key_dim * job->gla.value_dim;
}

/* Elements of scratch for a slot: the parts that work_at hands out. */
static int64_t slot_size(const struct job *job)
{
    int64_t rows = job->longest * job->gla.key_dim;
    return (job->backward ? 5 : 3) * rows + 2 * PL_GLA_TILE * PL_GLA_TILE + 3 * state_size(job) +
           2 * job->gla.key_dim + 12 * 16;
}

static pl_real *part(pl_real **at, int64_t count)
{
    pl_real *start = *at;
    *at += (count + 15) / 16 * 16; /* parts begin on a cache line */
    return start;
}

static struct work work_at(const struct job *job, int64_t index)
{
    pl_real *at = job->scratch + index * job->slot_size;
    int64_t rows = job->longest * job->gla.key_dim;
    struct work work = {.chunk.tiles = job->tiles + index * (job->longest + 1)};

    work.chunk.queries = part(&at, rows);
    work.chunk.keys = part(&at, rows);
    work.chunk.decay = part(&at, rows);
    work.scores = part(&at, PL_GLA_TILE * PL_GLA_TILE);
    work.dscores = part(&at, PL_GLA_TILE * PL_GLA_TILE);
    work.state = part(&at, state_size(job));
    work.dstate = part(&at, state_size(job));
    work.factor = part(&at, job->gla.key_dim);
    work.tail = part(&at, job->gla.key_dim);
    if (job->backward) {
        work.dqueries = part(&at, rows);
        work.dkeys = part(&at, rows);
        work.turned = part(&at, state_size(job));
    }
    return work;
}

static pl_real *gradient_at(const struct pl_variable *variable, int64_t at)
{
    return variable->gradient ? variable->gradient + at : NULL;
}

static struct head head_at(const struct job *job, int64_t sequence, int64_t index)
{
    const struct pl_gla *gla = &job->gla;
    int64_t first = job->rows.starts[sequence], kv_head = index * gla->kv_heads / gla->heads;
    struct pl_gla_rows rows = {
        .q_stride = gla->heads * gla->key_dim,
        .k_stride = gla->kv_heads * gla->key_dim,
        .v_stride = gla->kv_heads * gla->value_dim,
        .o_stride = gla->heads * gla->value_dim,
        .key_dim = gla->key_dim,
        .value_dim = gla->value_dim,
        .scale = (pl_real)(1 / sqrt((double)gla->key_dim)),
    };
    int64_t q = first * rows.q_stride + index * gla->key_dim;
    int64_t k = first * rows.k_stride + kv_head * gla->key_dim;
    int64_t v = first * rows.v_stride + kv_head * gla->value_dim;
    int64_t o = first * rows.o_stride + index * gla->value_dim;

    rows.q = job->q->value + q;
    rows.k = job->k->value + k;
    rows.v = job->v->value + v;
    rows.g = job->g->value + k;
    rows.o = job->o->value + o;
    if (job->backward) {
        rows.dout = job->o->gradient + o;
        rows.dq = gradient_at(job->q, q);
        rows.dk = gradient_at(job->k, k);
        rows.dv = gradient_at(job->v, v);
        rows.dg = gradient_at(job->g, k);
    }
    return (struct head){rows, sequence, index, job->rows.starts[sequence + 1] - first,
                         (sequence * gla->heads + index) * state_size(job)};
}

static void move(pl_real **at, int64_t by)
{
    *at = *at ? *at + by : NULL;
}

/* The rows behind the first `by`. */
static struct pl_gla_rows rows_from(const struct pl_gla_rows *rows, int64_t by)
{
    struct pl_gla_rows moved = *rows;
    moved.q += by * rows->q_stride;
    moved.k += by * rows->k_stride;
    moved.v += by * rows->v_stride;
    moved.g += by * rows->k_stride;
    moved.o += by * rows->o_stride;
    moved.dout = rows->dout ? rows->dout + by * rows->o_stride : NULL;
    move(&moved.dq, by * rows->q_stride);
    move(&moved.dk, by * rows->k_stride);
    move(&moved.dv, by * rows->v_stride);
    move(&moved.dg, by * rows->k_stride);
    return moved;
}

static pl_real *chunk_state(const struct job *job, const struct head *head, int64_t from)
{
    int64_t chunks = (head->count + job->gla.chunk - 1) / job->gla.chunk;
    int64_t index = job->chunks[head->sequence] * job->gla.heads + head->index * chunks;
    return job->states + (index + from / job->gla.chunk) * state_size(job);
}

/* ---- forward */

/* O of one chunk; its state goes on.  The next `ahead` rows behind the chunk are fetched meanwhile.
 * False when some log decay is above 0. */
static bool chunk_forward(const struct pl_gla_rows *rows, int64_t count, int64_t ahead,
                          struct work *work, pl_real *state)
{
    int64_t dk = rows->key_dim, dv = rows->value_dim;
    const struct pl_gla_chunk *chunk = &work->chunk;
    const pl_real *by = NULL; /* what the state is yet to be multiplied with */

    if (!pl_gla_prepare(rows, count, &work->chunk))
        return false;
    for (int64_t i = 0; i < chunk->tile_count; i++) {
        int64_t first = chunk->tiles[i], m = chunk->tiles[i + 1] - first;
        const pl_real *queries = chunk->queries + first * dk, *keys = chunk->keys + first * dk;
        struct pl_gla_rows tile = rows_from(rows, first);
        int64_t soon = pl_smaller(m, ahead - first);

        pl_gla_factor(dk, work->factor, by, tile.g);
        pl_gla_fetch(tile.g, count, soon, dk, tile.k_stride);
        pl_gla_scale(dk, dv, work->factor, state, state);
        pl_gemm(false, true, m, m, dk, 1, queries, dk, keys, dk, 0, work->scores, m);
        pl_gla_fetch(tile.q, count, soon, dk, tile.q_stride);
        pl_gla_lower(m, work->scores);
        pl_gemm(false, false, m, dv, dk, 1, queries, dk, state, dv, 0, tile.o, tile.o_stride);
        pl_gla_fetch(tile.k, count, soon, dk, tile.k_stride);
        pl_gemm(false, false, m, dv, m, 1, work->scores, m, tile.v, tile.v_stride, 1, tile.o,
                tile.o_stride);
        pl_gla_fetch(tile.v, count, soon, dv, tile.v_stride);
        pl_gemm(true, false, dk, dv, m, 1, keys, dk, tile.v, tile.v_stride, 1, state, dv);
        by = chunk->decay + (first + m - 1) * dk;
    }
    pl_gla_scale(dk, dv, by, state, state);
    return true;
}

/* False when some log decay is above 0. */
static bool head_forward(const struct job *job, const struct head *head, struct work *work,
                         pl_real *state)
{
    if (job->entry && job->entry == job->final && head->count <= FEW_ROWS)
        return pl_gla_steps(&head->rows, head->count, state);
    for (int64_t from = 0; from < head->count; from += job->gla.chunk) {
        struct pl_gla_rows rows = rows_from(&head->rows, from);
        int64_t count = pl_smaller(job->gla.chunk, head->count - from);

        if (job->states)
            memcpy(chunk_state(job, head, from), state, (size_t)state_size(job) * sizeof *state);
        if (!chunk_forward(&rows, count, head->count - from - count, work, state))
            return false;
    }
    return true;
}

/* All heads of a sequence that share a kv head. */
static enum pl_status item_forward(struct pl_context *context, const struct job *job,
                                   struct work *work, int64_t item)
{
    int64_t group = job->gla.heads / job->gla.kv_heads, sequence = item / job->gla.kv_heads;

    for (int64_t i = 0; i < group; i++) {
        struct head head = head_at(job, sequence, item % job->gla.kv_heads * group + i);
        pl_real *state = job->final ? job->final->value + head.state : work->state;
        size_t size = (size_t)state_size(job) * sizeof *state;

        if (!job->entry)
            memset(state, 0, size);
        else if (state != job->entry->value + head.state)
            memcpy(state, job->entry->value + head.state, size);
        if (!head_forward(job, &head, work, state))
            return pl_fail(context, PL_BAD_DATA,
                           "linear attention was given a log decay above 0: decay must be <= 0");
    }
    return PL_OK;
}

/* ---- backward */

/* The state goes on from tile to tile, here as its transpose, which makes a plain product of
 * dQ = dO S'.  Leaves in tail the row sums of S dS.  The rows of the chunk that stands `before`
 * rows ahead, if any, are fetched meanwhile. */
static void states_backward(const struct pl_gla_rows *rows, struct work *work, const pl_real *entry,
                            int64_t before)
{
    int64_t dk = rows->key_dim, dv = rows->value_dim;
    const struct pl_gla_chunk *chunk = &work->chunk;
    const pl_real *by = NULL;

    pl_real_transpose(dk, dv, entry, dv, work->state, dk);
    for (int64_t i = 0; i < chunk->tile_count; i++) {
        int64_t first = chunk->tiles[i], m = chunk->tiles[i + 1] - first, soon = before ? m : 0;
        struct pl_gla_rows tile = rows_from(rows, first);

        pl_gla_factor(dk, work->factor, by, tile.g);
        pl_gla_fetch(tile.g, -before, soon, dk, tile.k_stride);
        pl_gla_scale_columns(dv, dk, work->factor, work->state, work->state);
        pl_gla_fetch(tile.q, -before, soon, dk, tile.q_stride);
        pl_gemm(false, false, m, dk, dv, 1, tile.dout, tile.o_stride, work->state, dk, 0,
                work->dqueries + first * dk, dk);
        pl_gla_fetch(tile.k, -before, soon, dk, tile.k_stride);
        pl_gemm(true, false, dv, dk, m, 1, tile.v, tile.v_stride, chunk->keys + first * dk, dk, 1,
                work->state, dk);
        pl_gla_fetch(tile.v, -before, soon, dv, tile.v_stride);
        by = chunk->decay + (first + m - 1) * dk;
    }
    pl_real_transpose(dv, dk, work->state, dk, work->turned, dv);
    pl_gla_row_dots(dk, dv, work->turned, work->dstate, work->tail);
    pl_gla_scale(dk, 1, by, work->tail, work->tail);
}

/* The tile of m rows from row `first` of a chunk on, in reverse. */
static void tile_backward(const struct pl_gla_rows *rows, struct work *work, int64_t first,
                          int64_t m, int64_t before)
{
    int64_t dk = rows->key_dim, dv = rows->value_dim, soon = before ? m : 0;
    const pl_real *queries = work->chunk.queries + first * dk;
    const pl_real *keys = work->chunk.keys + first * dk;
    pl_real *dqueries = work->dqueries + first * dk, *dkeys = work->dkeys + first * dk;
    struct pl_gla_rows tile = rows_from(rows, first);

    pl_gla_scale(dk, dv, work->chunk.decay + (first + m - 1) * dk, work->dstate, work->dstate);
    pl_gla_fetch(tile.dout, -before, soon, dv, tile.o_stride);
    pl_gemm(false, true, m, m, dv, 1, tile.dout, tile.o_stride, tile.v, tile.v_stride, 0,
            work->dscores, m);
    pl_gla_lower(m, work->dscores);
    if (tile.dv) {
        pl_gla_fetch(tile.dv, -before, soon, dv, tile.v_stride);
        pl_gemm(false, true, m, m, dk, 1, queries, dk, keys, dk, 0, work->scores, m);
        pl_gla_lower(m, work->scores);
        pl_gemm(true, false, m, dv, m, 1, work->scores, m, tile.dout, tile.o_stride, 1, tile.dv,
                tile.v_stride);
        pl_gemm(false, false, m, dv, dk, 1, keys, dk, work->dstate, dv, 1, tile.dv, tile.v_stride);
    }
    if (tile.dq)
        pl_gla_fetch(tile.dq, 0, m, dk, tile.q_stride);
    pl_gemm(true, false, m, dk, m, 1, work->dscores, m, queries, dk, 0, dkeys, dk);
    pl_real_transpose(dk, dv, work->dstate, dv, work->turned, dk);
    pl_gemm(false, false, m, dk, dv, 1, tile.v, tile.v_stride, work->turned, dk, 1, dkeys, dk);
    if (tile.dk)
        pl_gla_fetch(tile.dk, 0, m, dk, tile.k_stride);
    pl_gemm(false, false, m, dk, m, 1, work->dscores, m, keys, dk, 1, dqueries, dk);
    if (tile.dg)
        pl_gla_fetch(tile.dg, 0, m, dk, tile.k_stride);
    pl_gemm(true, false, dk, dv, m, 1, queries, dk, tile.dout, tile.o_stride, 1, work->dstate, dv);
    pl_gla_factor(dk, work->factor, NULL, tile.g);
    pl_gla_scale(dk, dv, work->factor, work->dstate, work->dstate);
}

static void head_backward(const struct job *job, const struct head *head, struct work *work)
{
    int64_t size = state_size(job), last = (head->count - 1) / job->gla.chunk * job->gla.chunk;

    if (job->final && job->final->gradient)
        memcpy(work->dstate, job->final->gradient + head->state, (size_t)size * sizeof(pl_real));
    else
        memset(work->dstate, 0, (size_t)size * sizeof(pl_real));
    for (int64_t from = head->count ? last : -1; from >= 0; from -= job->gla.chunk) {
        struct pl_gla_rows rows = rows_from(&head->rows, from);
        int64_t count = pl_smaller(job->gla.chunk, head->count - from);
        int64_t before = from > 0 ? job->gla.chunk : 0;
        const int64_t *tiles = work->chunk.tiles;

        (void)pl_gla_prepare(&rows, count, &work->chunk);
        states_backward(&rows, work, chunk_state(job, head, from), before);
        for (int64_t i = work->chunk.tile_count - 1; i >= 0; i--)
            tile_backward(&rows, work, tiles[i], tiles[i + 1] - tiles[i], before);
        pl_gla_add_gradients(&rows, count, &work->chunk, work->dqueries, work->dkeys, work->tail);
    }
    for (int64_t i = 0; job->entry && job->entry->gradient && i < size; i++)
        job->entry->gradient[head->state + i] += work->dstate[i];
}

static void item_backward(const struct job *job, struct work *work, int64_t item)
{
    int64_t group = job->gla.heads / job->gla.kv_heads;

    for (int64_t i = 0; i < group; i++) {
        struct head head =
            head_at(job, item / job->gla.kv_heads, item % job->gla.kv_heads * group + i);
        head_backward(job, &head, work);
    }
}

/* ---- both */

static enum pl_status run_item(struct pl_context *context, void *argument, int64_t item)
{
    const struct job *job = argument;
    struct work work = work_at(job, context->slot);

    if (!job->backward)
        return item_forward(context, job, &work, item);
    item_backward(job, &work, item);
    return PL_OK;
}

static enum pl_status run(struct pl_tape *tape, struct job *job)
{
    struct pl_context *context = tape->context;
    bool small = row_count(job) * job->gla.heads * state_size(job) < SMALL_WORK;
    int slots = small ? 1 : pl_parallel_threads(context);

    job->slot_size = slot_size(job);
    job->scratch = pl_tape_take(tape, slots * job->slot_size, sizeof *job->scratch);
    job->tiles = pl_tape_take(tape, slots * (job->longest + 1), sizeof *job->tiles);
    if (!job->scratch || !job->tiles)
        return context->status;
    return pl_parallel_limit(context, slots, job->rows.count * job->gla.kv_heads, run_item, job);
}

static enum pl_status backward(struct pl_tape *tape, void *saved)
{
    struct job *job = saved;

    job->backward = true;
    return run(tape, job);
}

/* Counts chunks and takes memory for the states before them. */
static enum pl_status plan_chunks(struct pl_tape *tape, struct job *job, bool store)
{
    int64_t chunks = 0;

    job->chunks = pl_tape_take(tape, job->rows.count + 1, sizeof *job->chunks);
    if (!job->chunks)
        return tape->context->status;
    for (int64_t i = 0; i < job->rows.count; i++) {
        int64_t rows = job->rows.starts[i + 1] - job->rows.starts[i];
        int64_t longest = pl_smaller(rows, job->gla.chunk);
        job->chunks[i] = chunks;
        job->longest = longest > job->longest ? longest : job->longest;
        chunks += (rows + job->gla.chunk - 1) / job->gla.chunk;
    }
    if (store)
        job->states =
            pl_tape_take(tape, chunks * job->gla.heads * state_size(job), sizeof *job->states);
    return store && !job->states ? tape->context->status : PL_OK;
}

/* Runs a job whose inputs are set. */
static struct pl_variable *finish(struct pl_tape *tape, struct job *job, bool wanted)
{
    job->o = pl_tape_matrix(tape, wanted, row_count(job), job->gla.heads * job->gla.value_dim);
    if (!job->o || plan_chunks(tape, job, wanted && tape->recording) || run(tape, job))
        return NULL;
    if (wanted && pl_tape_note(tape, backward, job, sizeof *job))
        return NULL;
    return job->o;
}

struct pl_variable *pl_op_gla(struct pl_tape *tape, const struct pl_gla *gla,
                              const struct pl_rows *rows, struct pl_variable *q,
                              struct pl_variable *k, struct pl_variable *v, struct pl_variable *g,
                              struct pl_variable *entry, struct pl_variable **final)
{
    if (!q || !k || !v || !g || pl_blas_open(tape->context))
        return NULL;
    bool wanted =
        q->gradient || k->gradient || v->gradient || g->gradient || (entry && entry->gradient);
    const int64_t dims[] = {rows->count, gla->heads, gla->key_dim, gla->value_dim};
    struct job job = {.gla = *gla, .rows = *rows, .q = q, .k = k, .v = v, .g = g, .entry = entry};

    if (final) {
        job.final = *final = pl_tape_variable(tape, wanted, 4, dims);
        if (!job.final)
            return NULL;
    }
    return finish(tape, &job, wanted);
}

struct pl_variable *pl_op_gla_carry(struct pl_tape *tape, const struct pl_gla *gla,
                                    const struct pl_rows *rows, struct pl_variable *q,
                                    struct pl_variable *k, struct pl_variable *v,
                                    struct pl_variable *g, struct pl_variable *state)
{
    if (!q || !k || !v || !g || !state || pl_blas_open(tape->context))
        return NULL;
    struct job job = {
        .gla = *gla, .rows = *rows, .q = q, .k = k, .v = v, .g = g, .entry = state, .final = state};
    return finish(tape, &job, false);
}
