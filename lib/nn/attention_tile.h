/* One tile of scores, some queries by some keys: what attention.c works with inside.
 * SPDX-License-Identifier: MIT */
#ifndef PL_NN_ATTENTION_TILE_H
#define PL_NN_ATTENTION_TILE_H

#include "tensor/real.h"

enum { PL_ATTENTION_TILE = 64 };

/* The top of a row that has seen no key yet: below any score, and finite, so that the difference of
 * two of them is 0. */
#define PL_ATTENTION_UNSEEN ((pl_real)-1e30)

/* Which keys a tile's rows see.  Row i stands at position query + i, column j at key + j; a row
 * sees the `window` positions that end with its own (0: all up to it). */
struct pl_attention_view {
    int64_t query, key, rows, columns, window;
};

/* Scores [rows, PL_ATTENTION_TILE] of keys that are not seen, or not there, become -infinity. */
void pl_attention_mask(const struct pl_attention_view *view, pl_real *scores);

/* Scores become e^(score - top); top and sum, of all tiles of a row so far, go on, and what
 * was summed up in out [rows, dim] is scaled to the new top. */
void pl_attention_soften(int64_t rows, int64_t dim, pl_real *scores, pl_real *top, pl_real *sum,
                         pl_real *out);

/* Scores become probabilities e^(score - norm), and dscores, the gradients of the probabilities,
 * become those of the products of queries and keys: scale p (dp - dot).  Row i's norm and dot are
 * at i * stride. */
void pl_attention_soften_back(int64_t rows, pl_real scale, const pl_real *norm, const pl_real *dot,
                              int64_t stride, pl_real *scores, pl_real *dscores);

/* One query on `count` keys and values, row j of which is at j * stride: decoding. */
void pl_attention_one(int64_t dim, int64_t count, pl_real scale, const pl_real *q, const pl_real *k,
                      const pl_real *v, int64_t stride, pl_real *out);

#endif
