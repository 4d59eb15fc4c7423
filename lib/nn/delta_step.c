/* The delta rule token by token: for decoding, and what the chunks are tested against.
 * SPDX-License-Identifier: MIT
 *
 * Two passes over the state a step: what it holds under the key; then the correction, and on a
 * token's last step what the query reads of it. */
#include "nn/delta_chunk.h"

#include "base/simd.h"

PL_CLONES static void read_key(int64_t inner, int64_t width, const pl_real *restrict k,
                               const pl_real *restrict state, pl_real *restrict sum)
{
    memset(sum, 0, (size_t)width * sizeof *sum);
    for (int64_t d = 0; d < inner; d++)
        for (int64_t c = 0; c < width; c++)
            sum[c] += k[d] * state[d * width + c];
}

/* state = keep state + k' u; with q, o += scale q state */
PL_CLONES static void correct(int64_t inner, int64_t width, pl_real keep, const pl_real *restrict k,
                              const pl_real *restrict u, pl_real scale, const pl_real *restrict q,
                              pl_real *restrict state, pl_real *restrict o)
{
    for (int64_t d = 0; d < inner; d++) {
        pl_real *row = state + d * width;
        if (q) {
            pl_real factor = scale * q[d];
            for (int64_t c = 0; c < width; c++) {
                row[c] = keep * row[c] + k[d] * u[c];
                o[c] += factor * row[c];
            }
        } else
            for (int64_t c = 0; c < width; c++)
                row[c] = keep * row[c] + k[d] * u[c];
    }
}

void pl_delta_recur(const struct pl_delta *delta, const struct pl_delta_head *in, int64_t tokens,
                    pl_real *state, pl_real *scratch)
{
    int64_t inner = delta->key_dim, width = delta->value_dim;
    int64_t key_stride = delta->heads * inner, value_stride = delta->value_heads * width;
    pl_real scale = (pl_real)(1 / sqrt((double)inner));
    for (int64_t t = 0; t < tokens; t++) {
        pl_real *o = in->o + t * value_stride;
        memset(o, 0, (size_t)width * sizeof *o);
        for (int64_t j = 0; j < delta->steps; j++) {
            int64_t row = t * delta->steps + j;
            pl_real keep = in->g && j == 0 ? pl_real_exp(in->g[t * delta->value_heads]) : 1;
            pl_real beta = in->beta[row * delta->value_heads];
            const pl_real *k = in->k + row * key_stride, *v = in->v + row * value_stride;
            read_key(inner, width, k, state, scratch);
            for (int64_t c = 0; c < width; c++)
                scratch[c] = beta * (v[c] - keep * scratch[c]);
            correct(inner, width, keep, k, scratch, scale,
                    j == delta->steps - 1 ? in->q + t * key_stride : NULL, state, o);
        }
    }
}
