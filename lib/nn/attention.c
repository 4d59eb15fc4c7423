/* Causal softmax attention in tiles, with its gradients.
 * SPDX-License-Identifier: MIT
 *
 * The matrix of scores is never whole in memory (Rabe, Staats: Self-attention Does Not Need O(n^2)
 * Memory, 2021, arXiv 2112.05682; Dao, Fu, Ermon, Rudra, Re: FlashAttention, NeurIPS 2022, arXiv
 * 2205.14135).  A block of queries goes over the keys that it sees, tile by tile, and keeps for
 * each row the largest score so far, m, the sum of e^(score - m) and the like sum of values; when
 * m rises, both sums are scaled down.  What backward needs of a row is m + ln(sum) alone, its norm:
 *
 *     P = e^(S - norm)     dV = P' dO     dP = dO V'     dS = P (dP - rowsum(dO O))
 *     dQ = s dS K          dK = s dS' Q
 *
 * Backwards, a block of keys goes over the queries that see it, so that dK and dV of the block
 * stay in the cache.  Keys are turned into columns once for all queries: products of plain rows
 * are the faster ones.  Cost: 4 head_dim operations for each pair of a query and a key that it
 * sees, and 2.5 times that backwards. */
#include "nn/attention.h"

#include "autograd/kernels.h"
#include "base/order.h"
#include "nn/attention_tile.h"

enum { TILE = PL_ATTENTION_TILE, FEW_ROWS = 4 };

struct job {
    struct pl_attention attention;
    struct pl_rows rows;
    struct pl_variable *q, *k, *v, *o;
    struct pl_attention_cache cache; /* keys NULL: none */
    pl_real *norms;                  /* [N, heads]; NULL: not recording */
    pl_real *dots;                   /* [N, heads]: rowsum(dO O); backward only */
    pl_real *scratch;                /* slot_size for each slot of parallel work */
    int64_t slot_size, longest;      /* longest: keys of a sequence, rounded up to tiles */
    bool decode;                     /* a few rows on a cache: row by row, without tiles */
};

/* One head of one sequence. */
struct head {
    const pl_real *q, *k, *v;
    pl_real *o;
    int64_t rows, keys, past; /* row i stands at position past + i; keys = past + rows */
    int64_t q_stride, k_stride;
    int64_t first, index; /* row of the sequence and head of norms and dots */
};

static struct head head_at(const struct job *job, int64_t sequence, int64_t index)
{
    const struct pl_attention *attention = &job->attention;
    int64_t dim = attention->head_dim, kv_head = index * attention->kv_heads / attention->heads;
    int64_t first = job->rows.starts[sequence];
    struct head head = {.rows = job->rows.starts[sequence + 1] - first,
                        .q_stride = attention->heads * dim,
                        .k_stride = attention->kv_heads * dim,
                        .first = first,
                        .index = index};
    int64_t key = first * head.k_stride + kv_head * dim;

    head.q = job->q->value + first * head.q_stride + index * dim;
    head.o = job->o->value + first * head.q_stride + index * dim;
    head.k = job->k->value + key;
    head.v = job->v->value + key;
    if (job->cache.keys) {
        head.past = job->cache.past;
        key = sequence * job->cache.room * head.k_stride + kv_head * dim;
        head.k = job->cache.keys + key;
        head.v = job->cache.values + key;
    }
    head.keys = head.past + head.rows;
    return head;
}

static pl_real scale_of(const struct job *job)
{
    return (pl_real)(1 / sqrt((double)job->attention.head_dim));
}

static int64_t round_up(int64_t count)
{
    return (count + TILE - 1) / TILE * TILE;
}

/* The first key that the row at that position sees. */
static int64_t first_key(const struct job *job, int64_t position)
{
    int64_t window = job->attention.window;
    return window > 0 ? pl_larger(position - window + 1, 0) : 0;
}

/* The scores of a tile, of queries from row i on and keys from column j on. */
static void score(const struct job *job, const struct head *head, int64_t i, int64_t j,
                  const pl_real *columns, pl_real *scores)
{
    int64_t dim = job->attention.head_dim;
    struct pl_attention_view view = {head->past + i, j, pl_smaller(TILE, head->rows - i),
                                     pl_smaller(TILE, head->keys - j), job->attention.window};
    int64_t last = view.query + view.rows - 1;

    pl_gemm(false, false, view.rows, view.columns, dim, scale_of(job), head->q + i * head->q_stride,
            head->q_stride, columns, TILE, 0, scores, TILE);
    if (view.columns < TILE || j + TILE - 1 > view.query || first_key(job, last) > j)
        pl_attention_mask(&view, scores);
}

/* ---- forward */

/* Scratch: keys as columns, scores, outputs, and two numbers a row. */
static int64_t forward_size(const struct job *job)
{
    int64_t dim = job->attention.head_dim;
    return job->longest * dim + TILE * TILE + TILE * dim + 2 * TILE;
}

static void block_forward(const struct job *job, const struct head *head, int64_t i,
                          const pl_real *columns, pl_real *scratch)
{
    int64_t dim = job->attention.head_dim, rows = pl_smaller(TILE, head->rows - i);
    pl_real *scores = scratch, *out = scores + TILE * TILE, *top = out + TILE * dim;
    pl_real *sum = top + TILE;
    int64_t position = head->past + i;

    memset(out, 0, (size_t)(TILE * dim) * sizeof *out);
    for (int64_t row = 0; row < rows; row++) {
        top[row] = PL_ATTENTION_UNSEEN;
        sum[row] = 0;
    }
    for (int64_t j = first_key(job, position) / TILE * TILE; j < position + rows; j += TILE) {
        score(job, head, i, j, columns + j * dim, scores);
        pl_attention_soften(rows, dim, scores, top, sum, out);
        pl_gemm(false, false, rows, dim, pl_smaller(TILE, head->keys - j), 1, scores, TILE,
                head->v + j * head->k_stride, head->k_stride, 1, out, dim);
    }
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t e = 0; e < dim; e++)
            head->o[(i + row) * head->q_stride + e] = out[row * dim + e] / sum[row];
        if (job->norms)
            job->norms[(head->first + i + row) * job->attention.heads + head->index] =
                top[row] + (pl_real)log((double)sum[row]);
    }
}

static enum pl_status head_forward(struct pl_context *context, void *argument, int64_t item)
{
    const struct job *job = argument;
    int64_t heads = job->attention.heads, dim = job->attention.head_dim;
    struct head head = head_at(job, item / heads, item % heads);
    pl_real *columns = job->scratch + context->slot * job->slot_size;

    if (job->decode) {
        for (int64_t i = 0; i < head.rows; i++) {
            int64_t from = first_key(job, head.past + i);
            pl_attention_one(dim, head.past + i + 1 - from, scale_of(job),
                             head.q + i * head.q_stride, head.k + from * head.k_stride,
                             head.v + from * head.k_stride, head.k_stride,
                             head.o + i * head.q_stride);
        }
        return PL_OK;
    }
    for (int64_t j = 0; j < head.keys; j += TILE)
        pl_real_transpose(pl_smaller(TILE, head.keys - j), dim, head.k + j * head.k_stride,
                          head.k_stride, columns + j * dim, TILE);
    for (int64_t i = 0; i < head.rows; i += TILE)
        block_forward(job, &head, i, columns, columns + job->longest * dim);
    return PL_OK;
}

/* ---- backward */

/* Scratch: keys and values as columns, scores and their gradients, gradients of keys and values. */
static int64_t backward_size(const struct job *job)
{
    return 4 * TILE * job->attention.head_dim + 2 * TILE * TILE;
}

struct tile {
    pl_real *keys, *values, *scores, *dscores, *dk, *dv;
};

static struct tile tile_at(const struct job *job, int slot)
{
    int64_t size = TILE * job->attention.head_dim;
    pl_real *at = job->scratch + slot * job->slot_size;
    return (struct tile){at,
                         at + size,
                         at + 2 * size,
                         at + 2 * size + TILE * TILE,
                         at + 2 * size + 2 * TILE * TILE,
                         at + 3 * size + 2 * TILE * TILE};
}

/* The queries from row i on, on the keys from j on. */
static void tile_backward(const struct job *job, const struct head *head, const struct tile *tile,
                          int64_t i, int64_t j)
{
    int64_t dim = job->attention.head_dim, heads = job->attention.heads;
    int64_t rows = pl_smaller(TILE, head->rows - i), columns = pl_smaller(TILE, head->keys - j);
    int64_t at = (head->first + i) * heads + head->index, stride = head->q_stride;
    const pl_real *q = head->q + i * stride;
    const pl_real *dout = job->o->gradient + (head->o - job->o->value) + i * stride;
    pl_real *dq = job->q->gradient;

    score(job, head, i, j, tile->keys, tile->scores);
    pl_gemm(false, false, rows, columns, dim, 1, dout, stride, tile->values, TILE, 0, tile->dscores,
            TILE);
    pl_attention_soften_back(rows, scale_of(job), job->norms + at, job->dots + at, heads,
                             tile->scores, tile->dscores);
    pl_gemm(true, false, columns, dim, rows, 1, tile->scores, TILE, dout, stride, 1, tile->dv, dim);
    pl_gemm(true, false, columns, dim, rows, 1, tile->dscores, TILE, q, stride, 1, tile->dk, dim);
    if (dq)
        pl_gemm(false, false, rows, dim, columns, 1, tile->dscores, TILE,
                head->k + j * head->k_stride, head->k_stride, 1, dq + (q - job->q->value), stride);
}

/* Adds [rows, dim] to the gradient of those rows of a variable, unless nobody wants it. */
static void add_rows(struct pl_variable *variable, const pl_real *value, int64_t stride,
                     int64_t rows, int64_t dim, const pl_real *add)
{
    if (!variable->gradient)
        return;
    pl_real *gradient = variable->gradient + (value - variable->value);
    for (int64_t row = 0; row < rows; row++)
        for (int64_t e = 0; e < dim; e++)
            gradient[row * stride + e] += add[row * dim + e];
}

/* All heads of a sequence that share a kv head, on the keys from j on. */
static void keys_backward(const struct job *job, const struct tile *tile, int64_t sequence,
                          int64_t kv_head, int64_t j)
{
    int64_t dim = job->attention.head_dim, window = job->attention.window;
    int64_t group = job->attention.heads / job->attention.kv_heads;
    struct head head = head_at(job, sequence, kv_head * group);
    int64_t columns = pl_smaller(TILE, head.keys - j);
    int64_t end = window > 0 ? pl_smaller(head.rows, j + TILE - 1 + window) : head.rows;
    const pl_real *keys = head.k + j * head.k_stride, *values = head.v + j * head.k_stride;

    pl_real_transpose(columns, dim, keys, head.k_stride, tile->keys, TILE);
    pl_real_transpose(columns, dim, values, head.k_stride, tile->values, TILE);
    memset(tile->dk, 0, (size_t)(TILE * dim) * sizeof(pl_real));
    memset(tile->dv, 0, (size_t)(TILE * dim) * sizeof(pl_real));
    for (int64_t index = 0; index < group; index++) {
        head = head_at(job, sequence, kv_head * group + index);
        for (int64_t i = j; i < end; i += TILE)
            tile_backward(job, &head, tile, i, j);
    }
    add_rows(job->k, keys, head.k_stride, columns, dim, tile->dk);
    add_rows(job->v, values, head.k_stride, columns, dim, tile->dv);
}

PL_CLONES static void row_dots(int64_t rows, int64_t dim, const pl_real *o, const pl_real *dout,
                               int64_t stride, pl_real *dots, int64_t heads)
{
    for (int64_t i = 0; i < rows; i++)
        dots[i * heads] = (pl_real)pl_real_dot(dim, o + i * stride, dout + i * stride);
}

static enum pl_status head_backward(struct pl_context *context, void *argument, int64_t item)
{
    const struct job *job = argument;
    int64_t kv_heads = job->attention.kv_heads, heads = job->attention.heads;
    int64_t sequence = item / kv_heads, kv_head = item % kv_heads, group = heads / kv_heads;
    struct tile tile = tile_at(job, context->slot);
    struct head head = head_at(job, sequence, kv_head * group);

    for (int64_t index = 0; index < group; index++) {
        head = head_at(job, sequence, kv_head * group + index);
        row_dots(head.rows, job->attention.head_dim, head.o,
                 job->o->gradient + (head.o - job->o->value), head.q_stride,
                 job->dots + head.first * heads + head.index, heads);
    }
    for (int64_t j = 0; j < head.keys; j += TILE)
        keys_backward(job, &tile, sequence, kv_head, j);
    return PL_OK;
}

/* ---- both */

static enum pl_status take_scratch(struct pl_tape *tape, struct job *job, int64_t size)
{
    job->slot_size = round_up(size);
    job->scratch = pl_tape_take(tape, pl_parallel_threads(tape->context) * job->slot_size,
                                sizeof *job->scratch);
    return job->scratch ? PL_OK : tape->context->status;
}

static enum pl_status backward(struct pl_tape *tape, void *saved)
{
    struct job *job = saved;
    int64_t rows = job->rows.starts[job->rows.count];

    job->dots = pl_tape_take(tape, rows * job->attention.heads, sizeof *job->dots);
    if (!job->dots || take_scratch(tape, job, backward_size(job)))
        return tape->context->status;
    return pl_parallel(tape->context, job->rows.count * job->attention.kv_heads, head_backward,
                       job);
}

/* Puts this pass's keys and values behind those that the cache has. */
static void extend_cache(const struct job *job)
{
    int64_t width = job->attention.kv_heads * job->attention.head_dim;

    for (int64_t i = 0; i < job->rows.count; i++) {
        int64_t first = job->rows.starts[i], rows = job->rows.starts[i + 1] - first;
        int64_t to = (i * job->cache.room + job->cache.past) * width;
        size_t bytes = (size_t)(rows * width) * sizeof(pl_real);
        memcpy(job->cache.keys + to, job->k->value + first * width, bytes);
        memcpy(job->cache.values + to, job->v->value + first * width, bytes);
    }
}

struct pl_variable *pl_op_attention(struct pl_tape *tape, const struct pl_attention *attention,
                                    const struct pl_rows *rows, struct pl_variable *q,
                                    struct pl_variable *k, struct pl_variable *v,
                                    struct pl_attention_cache *cache)
{
    if (!q || !k || !v || pl_blas_open(tape->context))
        return NULL;
    bool wanted = q->gradient || k->gradient || v->gradient;
    int64_t count = rows->starts[rows->count];
    struct job job = {.attention = *attention, .rows = *rows, .q = q, .k = k, .v = v};

    job.o = pl_tape_matrix(tape, wanted, count, attention->heads * attention->head_dim);
    if (!job.o)
        return NULL;
    if (job.o->gradient && cache) {
        pl_fail(tape->context, PL_USAGE, "attention that continues a sequence has no gradient");
        return NULL;
    }
    if (job.o->gradient) {
        job.norms = pl_tape_take(tape, count * attention->heads, sizeof *job.norms);
        if (!job.norms)
            return NULL;
    }
    if (cache) {
        job.cache = *cache;
        extend_cache(&job);
    }
    for (int64_t i = 0; i < rows->count; i++)
        job.longest = pl_larger(job.longest, rows->starts[i + 1] - rows->starts[i]);
    job.decode = cache && job.longest <= FEW_ROWS;
    job.longest = round_up(job.longest + job.cache.past);
    if (take_scratch(tape, &job, job.decode ? 0 : forward_size(&job)) ||
        pl_parallel(tape->context, rows->count * attention->heads, head_forward, &job))
        return NULL;
    if (wanted && pl_tape_note(tape, backward, &job, sizeof job))
        return NULL;
    return job.o;
}
