/* The delta rule over a chunk of tokens, as matrix products.
 * SPDX-License-Identifier: MIT
 *
 * A memory S [key_dim, value_dim] is corrected at each step: what it holds under the key k_i is
 * read, and the difference to the value that should be there is written back, times beta_i:
 *
 *     E_i = v_i - k_i S        U_i = beta_i E_i        S <- S + k_i' U_i
 *
 * Within a chunk that starts from S_0, S = S_0 + sum over earlier steps j of k_j' U_j, so that
 *
 *     E_i = v_i - k_i S_0 - sum_{j<i} (k_i . k_j) U_j
 *
 * which is a triangular system in the rows of E (delta_solve.c).  (The paper applies the same
 * inverse to v and to k and puts S_0 in afterwards; with S_0 at hand there is one right-hand side
 * to solve for.) The rest are products of whole matrices:
 *
 *     O = Q S_0 + lower(Q K') U        S_1 = S_0 + K' U
 *
 * With several steps a token the rows are those of all steps, and a query sees the rows of its own
 * token and earlier ones.  Gates: let b_t be the sum of g up to token t.  What token t reads of the
 * entry state has decayed by exp(b_t), what it reads of row j by exp(b_t - b_j), what is left of
 * row j at the end by exp(b_last - b_j).  All exponents are <= 0: nothing overflows, whatever the
 * gates.  b is summed in double since such differences are taken of it.
 *
 * Back: with B = strict_lower(decayed K K'), A = lower(decayed Q K'),
 *
 *     dU = A' dO + decayed K dS_1                            what is read of U later on
 *     Z_j = dU_j - sum_{i>j} B_ij F_i,   F_i = beta_i Z_i    the transposed system, last row first
 *     dv = F,  dbeta_i = Z_i . E_i,  dB = -strict_lower(F U'),  dA = lower(dO U')
 *
 * and the gradients of k, q and S_0 are those of the products they stand in.  The gradient of b is
 * what each decayed product has as gradient times its value: plus for the reader, minus for the
 * row read; that of g sums the b of later tokens. */
#include "nn/delta_chunk.h"

#include "autograd/kernels.h"

/* Below this the decay is 0 in any precision; it keeps -infinity out of differences. */
static const double least_gate = -1e3;

/* Working memory as it is handed out; with memory NULL it is only counted. */
struct room {
    pl_real *memory;
    int64_t used;
};

static pl_real *next(struct room *room, int64_t count)
{
    pl_real *here = room->memory ? room->memory + room->used : NULL;
    room->used += (count + 15) / 16 * 16;
    return here;
}

static void place(struct pl_delta_chunk *chunk, int64_t tokens, bool backward, struct room *room)
{
    const struct pl_delta *delta = chunk->delta;
    int64_t rows = tokens * delta->steps, both = rows + tokens;
    int64_t doubles = (int64_t)(sizeof(double) / sizeof(pl_real)) * tokens;
    chunk->key_query = next(room, both * delta->key_dim);
    chunk->beta = next(room, rows);
    chunk->sum = (double *)(void *)next(room, doubles);
    chunk->since = next(room, tokens);
    chunk->until = next(room, tokens);
    chunk->decay = next(room, tokens * rows);
    chunk->product = next(room, both * rows);
    chunk->residual = next(room, both * delta->value_dim);
    chunk->written = next(room, rows * delta->value_dim);
    if (!backward)
        return;
    chunk->d_product = next(room, both * rows);
    chunk->d_out = next(room, both * delta->value_dim);
    chunk->d_written = next(room, rows * delta->value_dim);
    chunk->d_residual = next(room, rows * delta->value_dim);
    chunk->d_key_query = next(room, both * delta->key_dim);
    chunk->columns = next(room, rows);
    chunk->d_sum = (double *)(void *)next(room, doubles);
}

int64_t pl_delta_chunk_size(const struct pl_delta *delta, int64_t tokens, bool backward)
{
    struct pl_delta_chunk chunk = {.delta = delta};
    struct room room = {0};
    place(&chunk, tokens, backward, &room);
    return room.used;
}

void pl_delta_chunk_place(struct pl_delta_chunk *chunk, const struct pl_delta *delta, bool gated,
                          int64_t tokens, bool backward, pl_real *memory)
{
    struct room room = {memory, 0};
    *chunk = (struct pl_delta_chunk){.delta = delta, .gated = gated};
    place(chunk, tokens, backward, &room);
}

/* ---- what a chunk needs at the start of either way */

static void load_gates(struct pl_delta_chunk *chunk, const pl_real *g)
{
    int64_t stride = chunk->delta->value_heads, tokens = chunk->tokens;
    double sum = 0;
    for (int64_t t = 0; t < tokens; t++) {
        double gate = g[t * stride];
        sum += gate < least_gate ? least_gate : gate;
        chunk->sum[t] = sum;
    }
    for (int64_t t = 0; t < tokens; t++) {
        chunk->since[t] = pl_real_exp((pl_real)chunk->sum[t]);
        chunk->until[t] = pl_real_exp((pl_real)(sum - chunk->sum[t]));
    }
}

/* decay[t, row of token s] = exp(b_t - b_s) up to token t, then 0 */
PL_CLONES static void fill_decay(const double *sum, int64_t tokens, int64_t steps, pl_real *decay)
{
    int64_t rows = tokens * steps;
    for (int64_t t = 0; t < tokens; t++) {
        pl_real *row = decay + t * rows;
        if (steps == 1)
            for (int64_t s = 0; s <= t; s++)
                row[s] = pl_real_exp((pl_real)(sum[t] - sum[s]));
        else
            for (int64_t s = 0; s <= t; s++) {
                pl_real factor = pl_real_exp((pl_real)(sum[t] - sum[s]));
                for (int64_t j = 0; j < steps; j++)
                    row[s * steps + j] = factor;
            }
        for (int64_t j = (t + 1) * steps; j < rows; j++)
            row[j] = 0;
    }
}

/* Columns of that row of a product that count: those of earlier rows for a key, those of all rows
 * up to its token for a query. */
static int64_t columns_of(const struct pl_delta_chunk *chunk, int64_t row)
{
    return row < chunk->rows ? row : (row - chunk->rows + 1) * chunk->delta->steps;
}

/* The token that a row of keys, then queries, belongs to. */
static int64_t token_of(const struct pl_delta_chunk *chunk, int64_t row)
{
    return row < chunk->rows ? row / chunk->delta->steps : row - chunk->rows;
}

/* Decays the columns that count, and zeroes the rest. */
PL_CLONES static void mask_row(pl_real *restrict row, const pl_real *restrict decay, int64_t count,
                               int64_t width)
{
    if (decay)
        for (int64_t j = 0; j < count; j++)
            row[j] *= decay[j];
    memset(row + count, 0, (size_t)(width - count) * sizeof *row);
}

static void mask(const struct pl_delta_chunk *chunk, pl_real *product)
{
    for (int64_t i = 0; i < chunk->rows + chunk->tokens; i++) {
        const pl_real *decay =
            chunk->gated ? chunk->decay + token_of(chunk, i) * chunk->rows : NULL;
        mask_row(product + i * chunk->rows, decay, columns_of(chunk, i), chunk->rows);
    }
}

/* to [rows, width] = scale from, whose rows lie stride apart */
PL_CLONES static void copy_rows(int64_t rows, int64_t width, int64_t stride, pl_real scale,
                                const pl_real *restrict from, pl_real *restrict to)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < width; c++)
            to[i * width + c] = scale * from[i * stride + c];
}

void pl_delta_chunk_load(struct pl_delta_chunk *chunk, const struct pl_delta_head *in,
                         int64_t tokens)
{
    const struct pl_delta *delta = chunk->delta;
    int64_t width = delta->key_dim, stride = delta->heads * width, rows = tokens * delta->steps;
    pl_real scale = (pl_real)(1 / sqrt((double)width));
    chunk->tokens = tokens;
    chunk->rows = rows;
    for (int64_t i = 0; i < rows; i++)
        chunk->beta[i] = in->beta[i * delta->value_heads];
    copy_rows(rows, width, stride, 1, in->k, chunk->key_query);
    copy_rows(tokens, width, stride, scale, in->q, chunk->key_query + rows * width);
    if (chunk->gated) {
        load_gates(chunk, in->g);
        fill_decay(chunk->sum, tokens, delta->steps, chunk->decay);
    }
    pl_gemm(false, true, rows + tokens, rows, width, 1, chunk->key_query, width, chunk->key_query,
            width, 0, chunk->product, rows);
    mask(chunk, chunk->product);
}

/* ---- forward */

/* Rows of tokens with `steps` rows each, times a factor of the token. */
PL_CLONES static void scale_rows(int64_t rows, int64_t width, int64_t steps,
                                 const pl_real *restrict factor, pl_real *restrict x)
{
    for (int64_t i = 0; i < rows; i++) {
        pl_real by = factor[i / steps];
        for (int64_t c = 0; c < width; c++)
            x[i * width + c] *= by;
    }
}

/* x = v - x, where the rows of v lie stride apart */
PL_CLONES static void take_from(int64_t rows, int64_t width, int64_t stride,
                                const pl_real *restrict v, pl_real *restrict x)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < width; c++)
            x[i * width + c] = v[i * stride + c] - x[i * width + c];
}

/* Rows of keys, then queries, with what their tokens' decay since the entry leaves of them. */
static void decay_since_entry(const struct pl_delta_chunk *chunk, bool queries, pl_real *x)
{
    int64_t width = chunk->delta->value_dim;
    if (!chunk->gated)
        return;
    scale_rows(chunk->rows, width, chunk->delta->steps, chunk->since, x);
    if (queries)
        scale_rows(chunk->tokens, width, 1, chunk->since, x + chunk->rows * width);
}

/* residual = v - k S_0, the right-hand side of the system; if asked, what the queries read of S_0
 * in the rows behind. */
static void read_entry(struct pl_delta_chunk *chunk, const struct pl_delta_head *in,
                       const pl_real *entry, bool queries)
{
    const struct pl_delta *delta = chunk->delta;
    int64_t width = delta->value_dim, reads = chunk->rows + (queries ? chunk->tokens : 0);
    pl_gemm(false, false, reads, width, delta->key_dim, 1, chunk->key_query, delta->key_dim, entry,
            width, 0, chunk->residual, width);
    decay_since_entry(chunk, queries, chunk->residual);
    take_from(chunk->rows, width, delta->value_heads * width, in->v, chunk->residual);
}

/* Rows of keys, with what is left of them at the chunk's end. */
static void keep_until_end(const struct pl_delta_chunk *chunk, pl_real *rows)
{
    if (chunk->gated)
        scale_rows(chunk->rows, chunk->delta->value_dim, chunk->delta->steps, chunk->until, rows);
}

/* The part of the entry state that is left at the end. */
static pl_real kept(const struct pl_delta_chunk *chunk)
{
    return chunk->gated ? chunk->since[chunk->tokens - 1] : 1;
}

void pl_delta_chunk_forward(struct pl_delta_chunk *chunk, const struct pl_delta_head *in,
                            pl_real *state)
{
    const struct pl_delta *delta = chunk->delta;
    int64_t rows = chunk->rows, tokens = chunk->tokens;
    int64_t width = delta->value_dim, stride = delta->value_heads * width;
    read_entry(chunk, in, state, true);
    pl_delta_solve(rows, width, chunk->product, chunk->beta, chunk->residual, chunk->written);
    for (int64_t t = 0; t < tokens; t++)
        memcpy(in->o + t * stride, chunk->residual + (rows + t) * width,
               (size_t)width * sizeof(pl_real));
    pl_gemm(false, false, tokens, width, rows, 1, chunk->product + rows * rows, rows,
            chunk->written, width, 1, in->o, stride);
    keep_until_end(chunk, chunk->written);
    pl_gemm(true, false, delta->key_dim, width, rows, 1, chunk->key_query, delta->key_dim,
            chunk->written, width, kept(chunk), state, width);
}

/* ---- back */

PL_CLONES static double dot(const pl_real *restrict a, const pl_real *restrict b, int64_t count)
{
    return pl_real_dot(count, a, b);
}

PL_CLONES static void add_product(pl_real *restrict sum, const pl_real *restrict a,
                                  const pl_real *restrict b, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        sum[i] += a[i] * b[i];
}

/* Z and F, from what is read of U: by later queries of the chunk, and through the end state. */
static void back_to_written(struct pl_delta_chunk *chunk, const pl_real *d_state)
{
    const struct pl_delta *delta = chunk->delta;
    int64_t rows = chunk->rows, tokens = chunk->tokens, width = delta->value_dim;
    pl_gemm(false, false, rows, width, delta->key_dim, 1, chunk->key_query, delta->key_dim, d_state,
            width, 0, chunk->d_written, width);
    keep_until_end(chunk, chunk->d_written);
    if (chunk->gated)
        for (int64_t i = 0; i < rows; i++) {
            double through = dot(chunk->d_written + i * width, chunk->written + i * width, width);
            chunk->d_sum[token_of(chunk, i)] -= through;
            chunk->d_sum[tokens - 1] += through;
        }
    pl_gemm(true, false, rows, width, tokens, 1, chunk->product + rows * rows, rows,
            chunk->d_out + rows * width, width, 1, chunk->d_written, width);
    pl_delta_solve_back(rows, width, chunk->product, chunk->beta, chunk->d_written,
                        chunk->d_residual);
}

/* to += scale from, where the rows of to lie stride apart */
PL_CLONES static void add_rows(int64_t rows, int64_t width, int64_t stride, pl_real scale,
                               const pl_real *restrict from, pl_real *restrict to)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < width; c++)
            to[i * stride + c] += scale * from[i * width + c];
}

/* dv, dbeta, and -F into d_out in front of the gradient of o. */
static void back_to_values(struct pl_delta_chunk *chunk, const struct pl_delta_head *gradient)
{
    const struct pl_delta *delta = chunk->delta;
    int64_t width = delta->value_dim, stride = delta->value_heads * width;
    for (int64_t i = 0; i < chunk->rows && gradient->beta; i++)
        gradient->beta[i * delta->value_heads] +=
            (pl_real)dot(chunk->d_written + i * width, chunk->residual + i * width, width);
    if (gradient->v)
        add_rows(chunk->rows, width, stride, 1, chunk->d_residual, gradient->v);
    copy_rows(chunk->rows, width, width, -1, chunk->d_residual, chunk->d_out);
}

/* The gradients of the products before masks and decay, and what decay has of them. */
static void back_to_products(struct pl_delta_chunk *chunk)
{
    int64_t rows = chunk->rows, tokens = chunk->tokens, width = chunk->delta->value_dim;
    pl_gemm(false, true, rows + tokens, rows, width, 1, chunk->d_out, width, chunk->written, width,
            0, chunk->d_product, rows);
    if (chunk->gated) {
        memset(chunk->columns, 0, (size_t)rows * sizeof *chunk->columns);
        for (int64_t i = 0; i < rows + tokens; i++) {
            const pl_real *d_row = chunk->d_product + i * rows, *row = chunk->product + i * rows;
            int64_t count = columns_of(chunk, i);
            chunk->d_sum[token_of(chunk, i)] += dot(d_row, row, count);
            add_product(chunk->columns, d_row, row, count);
        }
        for (int64_t i = 0; i < rows; i++)
            chunk->d_sum[token_of(chunk, i)] -= (double)chunk->columns[i];
    }
    mask(chunk, chunk->d_product);
}

/* Gradients of keys and queries, in d_key_query. */
static void back_to_keys(struct pl_delta_chunk *chunk, const pl_real *entry, const pl_real *d_state)
{
    int64_t rows = chunk->rows, both = rows + chunk->tokens;
    int64_t inner = chunk->delta->key_dim, width = chunk->delta->value_dim;
    decay_since_entry(chunk, true, chunk->d_out);
    pl_gemm(false, true, both, inner, width, 1, chunk->d_out, width, entry, width, 0,
            chunk->d_key_query, inner);
    if (chunk->gated)
        for (int64_t i = 0; i < both; i++)
            chunk->d_sum[token_of(chunk, i)] +=
                dot(chunk->key_query + i * inner, chunk->d_key_query + i * inner, inner);
    pl_gemm(false, false, both, inner, rows, 1, chunk->d_product, rows, chunk->key_query, inner, 1,
            chunk->d_key_query, inner);
    pl_gemm(true, false, rows, inner, both, 1, chunk->d_product, rows, chunk->key_query, inner, 1,
            chunk->d_key_query, inner);
    keep_until_end(chunk, chunk->written);
    pl_gemm(false, true, rows, inner, width, 1, chunk->written, width, d_state, width, 1,
            chunk->d_key_query, inner);
}

static void add_to_gradients(const struct pl_delta_chunk *chunk,
                             const struct pl_delta_head *gradient)
{
    const struct pl_delta *delta = chunk->delta;
    int64_t width = delta->key_dim, stride = delta->heads * width;
    const pl_real *from = chunk->d_key_query;
    pl_real scale = (pl_real)(1 / sqrt((double)width));
    if (gradient->k)
        add_rows(chunk->rows, width, stride, 1, from, gradient->k);
    if (gradient->q)
        add_rows(chunk->tokens, width, stride, scale, from + chunk->rows * width, gradient->q);
    double sum = 0;
    if (gradient->g)
        for (int64_t t = chunk->tokens - 1; t >= 0; t--) {
            sum += chunk->d_sum[t];
            gradient->g[t * delta->value_heads] += (pl_real)sum;
        }
}

void pl_delta_chunk_backward(struct pl_delta_chunk *chunk, const struct pl_delta_head *in,
                             const struct pl_delta_head *gradient, const pl_real *entry,
                             pl_real *d_state)
{
    const struct pl_delta *delta = chunk->delta;
    int64_t rows = chunk->rows, tokens = chunk->tokens;
    int64_t width = delta->value_dim, stride = delta->value_heads * width;
    memset(chunk->d_sum, 0, (size_t)tokens * sizeof *chunk->d_sum);
    copy_rows(tokens, width, stride, 1, gradient->o, chunk->d_out + rows * width);
    read_entry(chunk, in, entry, false);
    pl_delta_solve(rows, width, chunk->product, chunk->beta, chunk->residual, chunk->written);
    back_to_written(chunk, d_state);
    back_to_values(chunk, gradient);
    back_to_products(chunk);
    back_to_keys(chunk, entry, d_state);
    if (chunk->gated)
        chunk->d_sum[tokens - 1] +=
            (double)kept(chunk) * dot(entry, d_state, delta->key_dim * width);
    pl_gemm(true, false, delta->key_dim, width, rows + tokens, 1, chunk->key_query, delta->key_dim,
            chunk->d_out, width, kept(chunk), d_state, width);
    add_to_gradients(chunk, gradient);
}
