/* The rows of one head, chunk by chunk and tile by tile: what gla.c works with inside.
 * SPDX-License-Identifier: MIT */
#ifndef PL_NN_GLA_TILE_H
#define PL_NN_GLA_TILE_H

#include <stdbool.h>

#include "tensor/real.h"

/* A tile has at most so many rows, and no channel of its keys decays by more than e^-DECAY in it
 * after its first row. */
enum { PL_GLA_TILE = 32, PL_GLA_DECAY = 40 };

/* Rows of a head as they lie in [rows, heads dim] arrays: row i begins at i * stride. */
struct pl_gla_rows {
    const pl_real *q, *k, *v, *g;
    pl_real *o;                                     /* forward: the output */
    const pl_real *dout;                            /* backward: its gradient */
    pl_real *dq, *dk, *dv, *dg;                     /* what is added to; NULL: not wanted */
    int64_t q_stride, k_stride, v_stride, o_stride; /* g lies as k does */
    int64_t key_dim, value_dim;
    pl_real scale; /* of q */
};

/* The rows of a chunk, decayed from the first row of the tile they are in:
 * queries = scale q e^c, keys = k e^-c, decay = e^c, c = sum of g over the rows of the tile behind
 * its first, up to the row itself.  All [rows, key_dim]. */
struct pl_gla_chunk {
    pl_real *queries, *keys, *decay;
    int64_t *tiles; /* first row of each, and the number of rows behind the last */
    int64_t tile_count;
};

/* Cuts the rows of a chunk into tiles and decays them.  False when some log decay is above 0. */
bool pl_gla_prepare(const struct pl_gla_rows *head, int64_t rows, struct pl_gla_chunk *chunk);

/* Asks for rows of so many elements that will be read soon, from the row `ahead` of `at` on (it may
 * lie behind): a head's part of a row is a few cache lines at a distance that the processor does
 * not foresee.  Where rows is 0 or less there need not be any there. */
static inline void pl_gla_fetch(const pl_real *at, int64_t ahead, int64_t rows, int64_t width,
                                int64_t stride)
{
    enum { LINE = 64 / sizeof(pl_real) };

    for (int64_t i = ahead; i < ahead + rows; i++)
        for (int64_t c = 0; c < width; c += LINE)
            __builtin_prefetch(at + i * stride + c, 0, 2);
}

/* factor[d] = by[d] e^g[d]; by NULL: 1 */
void pl_gla_factor(int64_t count, pl_real *factor, const pl_real *by, const pl_real *g);

/* out[d, :] = factor[d] in[d, :]; out may be in. */
void pl_gla_scale(int64_t rows, int64_t width, const pl_real *factor, const pl_real *in,
                  pl_real *out);

/* out[e, d] = factor[d] in[e, d]; out may be in. */
void pl_gla_scale_columns(int64_t rows, int64_t width, const pl_real *factor, const pl_real *in,
                          pl_real *out);

/* Clears what stands above the diagonal of a [count, count] matrix. */
void pl_gla_lower(int64_t count, pl_real *matrix);

/* Sum over e of a[d, e] b[d, e], for each row d. */
void pl_gla_row_dots(int64_t rows, int64_t width, const pl_real *a, const pl_real *b, pl_real *out);

/* A token at a time: the state goes on and is read, `rows` times.  False when some log decay is
 * above 0. */
bool pl_gla_steps(const struct pl_gla_rows *head, int64_t rows, pl_real *state);

/* Gradients of a chunk's q, k and g from those of what pl_gla_prepare made of them.  tail: sum over
 * e of S[d, e] dS[d, e] behind the last row; overwritten. */
void pl_gla_add_gradients(const struct pl_gla_rows *head, int64_t rows,
                          const struct pl_gla_chunk *chunk, const pl_real *dqueries,
                          const pl_real *dkeys, pl_real *tail);

#endif
