/* Sums of arrays, and matrix products over all threads.
 * SPDX-License-Identifier: MIT */
#include "tensor/real.h"

#include "base/order.h"
#include "base/parallel.h"
#include "base/simd.h"

PL_CLONES void pl_real_add_scaled(int64_t count, pl_real scale, const pl_real *restrict from,
                                  pl_real *restrict to)
{
    for (int64_t i = 0; i < count; i++)
        to[i] += scale * from[i];
}

/* A block is large enough that the product library packs its operands at little cost, and small
 * enough that a few cores get equal shares of the usual sizes. */
enum {
    BLOCK_ROWS = 256,
    BLOCK_COLUMNS = 512,
    BLOCK_LEAST = 128,      /* columns, when there are too few blocks otherwise */
    BLOCKS = 4,             /* that many are enough */
    WORTH_CUTTING = 1 << 21 /* multiplications: below, waking threads takes longer */
};

struct product {
    bool transpose_a, transpose_b;
    int64_t m, n, k, columns, across; /* columns of a block; blocks side by side */
    pl_real alpha, beta;
    const pl_real *a, *b;
    pl_real *c;
    int64_t lda, ldb, ldc;
};

static enum pl_status multiply_block(struct pl_context *context, void *job, int64_t item)
{
    const struct product *p = job;
    int64_t row = item / p->across * BLOCK_ROWS, column = item % p->across * p->columns;
    int64_t rows = pl_smaller(BLOCK_ROWS, p->m - row),
            columns = pl_smaller(p->columns, p->n - column);
    (void)context;
    pl_gemm(p->transpose_a, p->transpose_b, rows, columns, p->k, p->alpha,
            p->a + (p->transpose_a ? row : row * p->lda), p->lda,
            p->b + (p->transpose_b ? column * p->ldb : column), p->ldb, p->beta,
            p->c + row * p->ldc + column, p->ldc);
    return PL_OK;
}

enum pl_status pl_gemm_blocks(struct pl_context *context, bool transpose_a, bool transpose_b,
                              int64_t m, int64_t n, int64_t k, pl_real alpha, const pl_real *a,
                              int64_t lda, const pl_real *b, int64_t ldb, pl_real beta, pl_real *c,
                              int64_t ldc)
{
    int64_t down = (m + BLOCK_ROWS - 1) / BLOCK_ROWS, columns = BLOCK_COLUMNS;
    if (m * n > WORTH_CUTTING / (k + 1))
        while (columns > BLOCK_LEAST && down * ((n + columns - 1) / columns) < BLOCKS)
            columns /= 2;
    int64_t across = (n + columns - 1) / columns;
    struct product product = {transpose_a, transpose_b, m, n, k,   columns, across, alpha,
                              beta,        a,           b, c, lda, ldb,     ldc};
    return pl_parallel(context, down * across, multiply_block, &product);
}
