/* One tile of scores.
 * SPDX-License-Identifier: MIT */
#include "nn/attention_tile.h"

#include "nn/row_kernels.h"

enum { TILE = PL_ATTENTION_TILE };

void pl_attention_mask(const struct pl_attention_view *view, pl_real *scores)
{
    for (int64_t i = 0; i < view->rows; i++, scores += TILE) {
        int64_t end = view->query + i - view->key + 1; /* first column that is later than the row */
        int64_t first = view->window > 0 ? end - view->window : 0;
        end = end < view->columns ? end : view->columns;
        for (int64_t j = 0; j < TILE; j++)
            scores[j] = j >= first && j < end ? scores[j] : -(pl_real)INFINITY;
    }
}

PL_KERNEL pl_real largest(int64_t count, const pl_real *x, pl_real top)
{
    pl_real lanes[PL_LANES];
    for (int lane = 0; lane < PL_LANES; lane++)
        lanes[lane] = top;
    for (int64_t j = 0; j < count; j += PL_LANES)
        for (int lane = 0; lane < PL_LANES; lane++)
            lanes[lane] = x[j + lane] > lanes[lane] ? x[j + lane] : lanes[lane];
    for (int lane = 0; lane < PL_LANES; lane++)
        top = lanes[lane] > top ? lanes[lane] : top;
    return top;
}

/* Of a row of a tile; returns the sum. */
PL_KERNEL pl_real exponentials(pl_real top, pl_real *scores)
{
    for (int64_t j = 0; j < TILE; j++)
        scores[j] = pl_real_exp(scores[j] - top);
    return (pl_real)pl_real_sum(TILE, scores);
}

PL_CLONES void pl_attention_soften(int64_t rows, int64_t dim, pl_real *restrict scores,
                                   pl_real *restrict top, pl_real *restrict sum,
                                   pl_real *restrict out)
{
    for (int64_t i = 0; i < rows; i++, scores += TILE, out += dim) {
        pl_real now = largest(TILE, scores, top[i]);
        if (now > top[i]) {
            pl_real factor = pl_real_exp(top[i] - now);
            for (int64_t e = 0; e < dim; e++)
                out[e] *= factor;
            sum[i] *= factor;
            top[i] = now;
        }
        sum[i] += exponentials(now, scores);
    }
}

PL_CLONES void pl_attention_soften_back(int64_t rows, pl_real scale, const pl_real *norm,
                                        const pl_real *dot, int64_t stride,
                                        pl_real *restrict scores, pl_real *restrict dscores)
{
    for (int64_t i = 0; i < rows; i++, scores += TILE, dscores += TILE) {
        pl_real row_norm = norm[i * stride], row_dot = dot[i * stride];
        for (int64_t j = 0; j < TILE; j++) {
            pl_real probability = pl_real_exp(scores[j] - row_norm);
            scores[j] = probability;
            dscores[j] = probability > 0 ? scale * probability * (dscores[j] - row_dot) : 0;
        }
    }
}

PL_CLONES void pl_attention_one(int64_t dim, int64_t count, pl_real scale, const pl_real *q,
                                const pl_real *k, const pl_real *v, int64_t stride,
                                pl_real *restrict out)
{
    pl_real top = PL_ATTENTION_UNSEEN, sum = 0;
    memset(out, 0, (size_t)dim * sizeof *out);
    for (int64_t from = 0; from < count; from += TILE, k += TILE * stride, v += TILE * stride) {
        int64_t columns = count - from < TILE ? count - from : TILE;
        pl_real scores[TILE];
        pl_rows_dot(dim, columns, scale, q, k, stride, scores);
        for (int64_t j = columns; j < TILE; j++)
            scores[j] = -(pl_real)INFINITY;
        pl_real now = largest(TILE, scores, top), factor = pl_real_exp(top - now);
        top = now;
        sum = sum * factor + exponentials(now, scores);
        pl_rows_gather(dim, columns, factor, scores, v, stride, out);
    }
    for (int64_t e = 0; e < dim; e++)
        out[e] /= sum;
}
