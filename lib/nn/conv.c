/* The short convolution in front of linear attention.
 * SPDX-License-Identifier: MIT
 *
 * Channels lie side by side, so the loops run over channels and a row of the result is a weighted
 * sum of W rows above it.  Weights come as [C, 1, W] and are turned to [W, C] first.  Way back,
 * with u the sum before SiLU and du = dy SiLU'(u):
 *
 *     dx_s = sum_o w[W - 1 - o] du_{s + o}        dw[W - 1 - o] = sum_t du_t x_{t - o}
 *
 * which is the same sum over rows, downwards.  u is computed anew: four products are cheaper than
 * fetching it from memory.
 *
 * Work is cut into blocks of rows that know nothing of sequences; a block walks the pieces of the
 * sequences in it. */
#include "nn/conv.h"

#include "autograd/kernels.h"

struct conv {
    struct pl_rows rows;
    struct pl_variable *x, *w, *out;
    bool silu;
    int64_t channels, taps, count, block; /* count: rows */
    pl_real *forward, *reversed;          /* [taps, channels]: weights of x_{t - (W - 1) + j}, */
                                          /* and of du_{s + o} */
    const pl_real *cache;                 /* [sequences, channels, taps] or NULL */
    pl_real *du;                          /* [count, channels] */
    pl_real *partial;                     /* [blocks, taps, channels] */
};

/* Rows begin to end - 1 of a block that are of one sequence, rows first to last - 1. */
struct piece {
    int64_t sequence, begin, end, first, last;
};

/* The piece at the begin of the span, which is not empty; the span shrinks by it. */
static struct piece next_piece(const struct conv *conv, struct pl_span *span)
{
    int64_t sequence = pl_rows_find(&conv->rows, span->begin);
    int64_t last = conv->rows.starts[sequence + 1];
    struct piece piece = {sequence, span->begin, last < span->end ? last : span->end,
                          conv->rows.starts[sequence], last};
    span->begin = piece.end;
    return piece;
}

/* out = sum over taps of weights[tap] rows[tap], each [channels]; or added to out. */
PL_CLONES static void weigh_rows(int64_t channels, int64_t taps, const pl_real *restrict weights,
                                 const pl_real *restrict rows, pl_real *restrict out, bool add)
{
    const int64_t n = channels;
    if (!add)
        memset(out, 0, (size_t)n * sizeof *out);
    for (; taps >= 4; taps -= 4, weights += 4 * n, rows += 4 * n)
        for (int64_t c = 0; c < n; c++)
            out[c] += weights[c] * rows[c] + weights[n + c] * rows[n + c] +
                      weights[2 * n + c] * rows[2 * n + c] + weights[3 * n + c] * rows[3 * n + c];
    for (; taps > 0; taps--, weights += n, rows += n)
        for (int64_t c = 0; c < n; c++)
            out[c] += weights[c] * rows[c];
}

PL_CLONES static void apply_silu(int64_t count, pl_real *x)
{
    for (int64_t i = 0; i < count; i++)
        x[i] *= pl_real_sigmoid(x[i]);
}

/* u -> dy SiLU'(u) */
PL_CLONES static void silu_back(int64_t count, const pl_real *restrict dy, pl_real *restrict u)
{
    for (int64_t i = 0; i < count; i++)
        u[i] = dy[i] * pl_real_silu_slope(u[i], pl_real_sigmoid(u[i]));
}

/* dw[c] += sum over rows of du[row][c] x[row][c] */
PL_CLONES static void weigh_products(int64_t channels, int64_t rows, const pl_real *restrict du,
                                     const pl_real *restrict x, pl_real *restrict dw)
{
    const int64_t n = channels;
    for (; rows >= 4; rows -= 4, du += 4 * n, x += 4 * n)
        for (int64_t c = 0; c < n; c++)
            dw[c] += du[c] * x[c] + du[n + c] * x[n + c] + du[2 * n + c] * x[2 * n + c] +
                     du[3 * n + c] * x[3 * n + c];
    for (; rows > 0; rows--, du += n, x += n)
        for (int64_t c = 0; c < n; c++)
            dw[c] += du[c] * x[c];
}

/* What stands in the cache adds to a row that lies `row` rows behind the first of its sequence. */
static void add_cached(const struct conv *conv, int64_t sequence, int64_t row, pl_real *out)
{
    const int64_t taps = conv->taps;
    const pl_real *cache = conv->cache + sequence * conv->channels * taps;
    for (int64_t c = 0; c < conv->channels; c++)
        for (int64_t j = 0; j + row < taps - 1; j++)
            out[c] += conv->w->value[c * taps + j] * cache[c * taps + j + row + 1];
}

/* u of the piece's rows. */
static void sum_piece(const struct conv *conv, struct piece piece, pl_real *u)
{
    const int64_t channels = conv->channels;
    for (int64_t t = piece.begin; t < piece.end; t++) {
        int64_t there = t - piece.first + 1, taps = there < conv->taps ? there : conv->taps;
        weigh_rows(channels, taps, conv->forward + (conv->taps - taps) * channels,
                   conv->x->value + (t - taps + 1) * channels, u + t * channels, false);
        if (conv->cache && taps < conv->taps)
            add_cached(conv, piece.sequence, t - piece.first, u + t * channels);
    }
}

static enum pl_status forward_block(struct pl_context *context, void *job, int64_t item)
{
    const struct conv *conv = job;
    struct pl_span span = pl_block_span(item, conv->block, conv->count);
    int64_t begin = span.begin, channels = conv->channels;
    (void)context;
    while (span.begin < span.end)
        sum_piece(conv, next_piece(conv, &span), conv->out->value);
    if (conv->silu)
        apply_silu((span.end - begin) * channels, conv->out->value + begin * channels);
    return PL_OK;
}

/* du of a block */
static enum pl_status slope_block(struct pl_context *context, void *job, int64_t item)
{
    const struct conv *conv = job;
    struct pl_span span = pl_block_span(item, conv->block, conv->count);
    int64_t begin = span.begin, channels = conv->channels;
    (void)context;
    while (span.begin < span.end)
        sum_piece(conv, next_piece(conv, &span), conv->du);
    silu_back((span.end - begin) * channels, conv->out->gradient + begin * channels,
              conv->du + begin * channels);
    return PL_OK;
}

static void input_gradient(const struct conv *conv, struct piece piece)
{
    for (int64_t s = piece.begin; s < piece.end; s++) {
        int64_t there = piece.last - s, taps = there < conv->taps ? there : conv->taps;
        weigh_rows(conv->channels, taps, conv->reversed, conv->du + s * conv->channels,
                   conv->x->gradient + s * conv->channels, true);
    }
}

static void weight_gradient(const struct conv *conv, struct piece piece, pl_real *dw)
{
    const int64_t channels = conv->channels;
    for (int64_t o = 0; o < conv->taps; o++) {
        int64_t from = piece.first + o > piece.begin ? piece.first + o : piece.begin;
        if (from < piece.end)
            weigh_products(channels, piece.end - from, conv->du + from * channels,
                           conv->x->value + (from - o) * channels,
                           dw + (conv->taps - 1 - o) * channels);
    }
}

static enum pl_status backward_block(struct pl_context *context, void *job, int64_t item)
{
    const struct conv *conv = job;
    struct pl_span span = pl_block_span(item, conv->block, conv->count);
    int64_t weights = conv->taps * conv->channels;
    pl_real *dw = conv->partial ? conv->partial + item * weights : NULL;
    (void)context;
    if (dw)
        memset(dw, 0, (size_t)weights * sizeof *dw);
    while (span.begin < span.end) {
        struct piece piece = next_piece(conv, &span);
        if (conv->x->gradient)
            input_gradient(conv, piece);
        if (dw)
            weight_gradient(conv, piece, dw);
    }
    return PL_OK;
}

/* Joins the blocks' gradients and turns them to [C, 1, W]. */
static void join_weights(const struct conv *conv, int64_t blocks)
{
    const int64_t taps = conv->taps, channels = conv->channels, weights = taps * channels;
    pl_join_blocks(blocks - 1, weights, weights, conv->partial + weights, conv->partial);
    for (int64_t c = 0; c < channels; c++)
        for (int64_t j = 0; j < taps; j++)
            conv->w->gradient[c * taps + j] += conv->partial[j * channels + c];
}

static enum pl_status backward(struct pl_tape *tape, void *saved)
{
    struct conv *conv = saved;
    int64_t blocks = pl_block_count(conv->count, conv->block);
    if (blocks == 0)
        return PL_OK;
    conv->du = conv->out->gradient;
    if (conv->silu) {
        conv->du = pl_tape_take(tape, conv->out->count, sizeof *conv->du);
        if (!conv->du || pl_parallel(tape->context, blocks, slope_block, conv))
            return tape->context->status;
    }
    if (conv->w->gradient) {
        conv->partial = pl_tape_take(tape, blocks * conv->w->count, sizeof *conv->partial);
        if (!conv->partial)
            return tape->context->status;
    }
    if (pl_parallel(tape->context, blocks, backward_block, conv))
        return tape->context->status;
    if (conv->w->gradient)
        join_weights(conv, blocks);
    return PL_OK;
}

/* A row a sequence, or none, behind what the cache remembers: as when decoding. */
static bool is_step(const struct conv *conv)
{
    bool step = conv->cache != NULL;
    for (int64_t i = 0; i < conv->rows.count && step; i++)
        step = conv->rows.starts[i + 1] - conv->rows.starts[i] <= 1;
    return step;
}

/* The result from the cache, in which the rows themselves are already. */
static void take_step(const struct conv *conv)
{
    const int64_t taps = conv->taps, channels = conv->channels;
    for (int64_t i = 0; i < conv->rows.count; i++) {
        const int64_t row = conv->rows.starts[i];
        const pl_real *cache = conv->cache + i * channels * taps;
        if (row == conv->rows.starts[i + 1])
            continue;
        for (int64_t c = 0; c < channels; c++) {
            pl_real sum = 0;
            for (int64_t j = 0; j < taps; j++)
                sum += conv->w->value[c * taps + j] * cache[c * taps + j];
            conv->out->value[row * channels + c] = sum;
        }
    }
    if (conv->silu)
        apply_silu(conv->out->count, conv->out->value);
}

static enum pl_status turn_weights(struct pl_tape *tape, struct conv *conv)
{
    const int64_t taps = conv->taps, channels = conv->channels;
    conv->forward = pl_tape_take(tape, 2 * taps * channels, sizeof *conv->forward);
    if (!conv->forward)
        return tape->context->status;
    conv->reversed = conv->forward + taps * channels;
    for (int64_t c = 0; c < channels; c++)
        for (int64_t j = 0; j < taps; j++) {
            pl_real weight = conv->w->value[c * taps + j];
            conv->forward[j * channels + c] = weight;
            conv->reversed[(taps - 1 - j) * channels + c] = weight;
        }
    return PL_OK;
}

/* The last W inputs of each sequence take the place of those before. */
static void renew_cache(const struct conv *conv, pl_real *cache)
{
    const int64_t taps = conv->taps, channels = conv->channels;
    for (int64_t i = 0; i < conv->rows.count; i++, cache += channels * taps) {
        const int64_t last = conv->rows.starts[i + 1], length = last - conv->rows.starts[i];
        for (int64_t c = 0; c < channels; c++)
            for (int64_t j = 0; j < taps; j++)
                cache[c * taps + j] = j + length < taps
                                          ? cache[c * taps + j + length]
                                          : conv->x->value[(last - taps + j) * channels + c];
    }
}

struct pl_variable *pl_op_short_conv(struct pl_tape *tape, const struct pl_rows *rows,
                                     struct pl_variable *x, struct pl_variable *w, bool silu,
                                     struct pl_variable *cache)
{
    if (!x || !w)
        return NULL;
    struct conv conv = {.rows = *rows, .x = x, .w = w, .silu = silu};
    conv.channels = pl_variable_width(x);
    conv.taps = pl_variable_width(w);
    conv.count = pl_variable_rows(x);
    conv.block = pl_block_rows(conv.channels);
    conv.cache = cache ? cache->value : NULL;
    conv.out = pl_tape_matrix(tape, x->gradient || w->gradient, conv.count, conv.channels);
    if (!conv.out)
        return NULL;
    if (conv.out->gradient && cache) {
        pl_fail(tape->context, PL_USAGE, "a convolution that continues a sequence has no gradient");
        return NULL;
    }
    if (is_step(&conv)) {
        renew_cache(&conv, cache->value);
        take_step(&conv);
        return conv.out;
    }
    if (turn_weights(tape, &conv))
        return NULL;
    if (pl_parallel(tape->context, pl_block_count(conv.count, conv.block), forward_block, &conv))
        return NULL;
    if (cache)
        renew_cache(&conv, cache->value);
    if (conv.out->gradient && pl_tape_note(tape, backward, &conv, sizeof conv))
        return NULL;
    return conv.out;
}
