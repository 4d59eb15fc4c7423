/* The loops of gated linear attention that are no matrix products.
 * SPDX-License-Identifier: MIT */
#include "nn/gla_tile.h"

#include "autograd/kernels.h"

enum { STEEP = 1, RISES = 2 }; /* what was found in a row */

PL_CLONES static int row_rises(int64_t count, const pl_real *g)
{
    int rises = 0;

    for (int64_t d = 0; d < count; d++)
        rises |= g[d] > 0;
    return rises ? RISES : 0;
}

/* sum = before + g; returns whether some channel is below -PL_GLA_DECAY, or NaN, and whether some g
 * is above 0. */
PL_CLONES static int add_decay(int64_t count, const pl_real *before, const pl_real *g, pl_real *sum)
{
    int steep = 0, rises = 0;

    for (int64_t d = 0; d < count; d++) {
        sum[d] = before[d] + g[d];
        steep |= !(sum[d] >= -PL_GLA_DECAY);
        rises |= g[d] > 0;
    }
    return (steep ? STEEP : 0) | (rises ? RISES : 0);
}

PL_CLONES static void decay_rows(int64_t count, pl_real scale, const pl_real *restrict q,
                                 const pl_real *restrict k, pl_real *restrict decay,
                                 pl_real *restrict queries, pl_real *restrict keys)
{
    for (int64_t d = 0; d < count; d++) {
        pl_real factor = pl_real_exp(decay[d]);
        decay[d] = factor;
        queries[d] = scale * q[d] * factor;
        keys[d] = k[d] / factor;
    }
}

bool pl_gla_prepare(const struct pl_gla_rows *head, int64_t rows, struct pl_gla_chunk *chunk)
{
    int64_t width = head->key_dim, first = 0;
    bool rises = false;

    chunk->tile_count = 0;
    for (int64_t i = 0; i < rows; i++) {
        const pl_real *g = head->g + i * head->k_stride;
        pl_real *decay = chunk->decay + i * width;
        bool starts = i == 0 || i - first == PL_GLA_TILE;
        int found = starts ? row_rises(width, g) : add_decay(width, decay - width, g, decay);

        rises |= found & RISES;
        if (starts || found & STEEP) {
            memset(decay, 0, (size_t)width * sizeof *decay);
            chunk->tiles[chunk->tile_count++] = first = i;
        }
    }
    chunk->tiles[chunk->tile_count] = rows;
    for (int64_t i = 0; i < rows; i++)
        decay_rows(width, head->scale, head->q + i * head->q_stride, head->k + i * head->k_stride,
                   chunk->decay + i * width, chunk->queries + i * width, chunk->keys + i * width);
    return !rises;
}

PL_CLONES void pl_gla_factor(int64_t count, pl_real *factor, const pl_real *by, const pl_real *g)
{
    for (int64_t d = 0; d < count; d++)
        factor[d] = pl_real_exp(g[d]);
    for (int64_t d = 0; by && d < count; d++)
        factor[d] *= by[d];
}

PL_CLONES void pl_gla_scale(int64_t rows, int64_t width, const pl_real *factor, const pl_real *in,
                            pl_real *out)
{
    for (int64_t d = 0; d < rows; d++)
        for (int64_t e = 0; e < width; e++)
            out[d * width + e] = factor[d] * in[d * width + e];
}

PL_CLONES void pl_gla_scale_columns(int64_t rows, int64_t width, const pl_real *factor,
                                    const pl_real *in, pl_real *out)
{
    for (int64_t e = 0; e < rows; e++)
        for (int64_t d = 0; d < width; d++)
            out[e * width + d] = factor[d] * in[e * width + d];
}

void pl_gla_lower(int64_t count, pl_real *matrix)
{
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = i + 1; j < count; j++)
            matrix[i * count + j] = 0;
}

PL_CLONES void pl_gla_row_dots(int64_t rows, int64_t width, const pl_real *a, const pl_real *b,
                               pl_real *out)
{
    for (int64_t d = 0; d < rows; d++)
        out[d] = (pl_real)pl_real_dot(width, a + d * width, b + d * width);
}

/* One token: S = diag(e^g) S + k' v and out = scale q S in one pass over S. */
PL_CLONES static void step(int64_t key_dim, int64_t value_dim, pl_real scale,
                           const pl_real *restrict q, const pl_real *restrict k,
                           const pl_real *restrict v, const pl_real *restrict g,
                           pl_real *restrict state, pl_real *restrict out)
{
    memset(out, 0, (size_t)value_dim * sizeof *out);
    for (int64_t d = 0; d < key_dim; d++, state += value_dim) {
        pl_real factor = pl_real_exp(g[d]), query = scale * q[d], key = k[d];
        for (int64_t e = 0; e < value_dim; e++) {
            pl_real updated = factor * state[e] + key * v[e];
            state[e] = updated;
            out[e] += query * updated;
        }
    }
}

bool pl_gla_steps(const struct pl_gla_rows *head, int64_t rows, pl_real *state)
{
    int found = 0;

    for (int64_t i = 0; i < rows; i++) {
        const pl_real *g = head->g + i * head->k_stride;
        found |= row_rises(head->key_dim, g);
        step(head->key_dim, head->value_dim, head->scale, head->q + i * head->q_stride,
             head->k + i * head->k_stride, head->v + i * head->v_stride, g, state,
             head->o + i * head->o_stride);
    }
    return !found;
}

/* One row, from the last to the first; tail is the sum that g's gradient has come to. */
PL_CLONES static void add_row(int64_t count, pl_real scale, const pl_real *restrict queries,
                              const pl_real *restrict keys, const pl_real *restrict decay,
                              const pl_real *restrict dqueries, const pl_real *restrict dkeys,
                              pl_real *restrict tail, pl_real *restrict dq, pl_real *restrict dk,
                              pl_real *restrict dg)
{
    for (int64_t d = 0; d < count; d++)
        tail[d] += queries[d] * dqueries[d] - keys[d] * dkeys[d];
    for (int64_t d = 0; dq && d < count; d++)
        dq[d] += scale * decay[d] * dqueries[d];
    for (int64_t d = 0; dk && d < count; d++)
        dk[d] += dkeys[d] / decay[d];
    for (int64_t d = 0; dg && d < count; d++)
        dg[d] += tail[d];
}

void pl_gla_add_gradients(const struct pl_gla_rows *head, int64_t rows,
                          const struct pl_gla_chunk *chunk, const pl_real *dqueries,
                          const pl_real *dkeys, pl_real *tail)
{
    for (int64_t i = rows - 1; i >= 0; i--) {
        int64_t at = i * head->key_dim, q = i * head->q_stride, k = i * head->k_stride;
        add_row(head->key_dim, head->scale, chunk->queries + at, chunk->keys + at,
                chunk->decay + at, dqueries + at, dkeys + at, tail, head->dq ? head->dq + q : NULL,
                head->dk ? head->dk + k : NULL, head->dg ? head->dg + k : NULL);
    }
}
