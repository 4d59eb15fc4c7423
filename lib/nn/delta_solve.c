/* The triangular system of the delta rule, and its transpose.
 * SPDX-License-Identifier: MIT
 *
 * In tiles: a matrix product takes in the rows that are done, then substitution goes through the
 * rows of the tile, a strip of columns at a time in registers.  No inverse is formed: with keys
 * that are alike its entries grow, where substitution takes the steps that the recurrence takes. */
#include "nn/delta_chunk.h"

#include "base/order.h"
#include "base/simd.h"

enum {
    TILE = 16, /* rows that are solved by substitution */
    STRIP = 32 /* columns of them that are kept in registers */
};

/* Substitution within a tile: E_i -= sum_{j<i} B_ij U_j, U_i = beta_i E_i, for rows columns wide
 * by `stride`.  b: the tile on the diagonal, at row stride ldb. */
PL_CLONES static void solve_tile(int64_t rows, int64_t width, int64_t stride,
                                 const pl_real *restrict b, int64_t ldb,
                                 const pl_real *restrict beta, pl_real *restrict residual,
                                 pl_real *restrict written)
{
    for (int64_t i = 0; i < rows; i++) {
        pl_real sum[STRIP];
        for (int64_t c = 0; c < width; c++)
            sum[c] = residual[i * stride + c];
        for (int64_t j = 0; j < i; j++)
            for (int64_t c = 0; c < width; c++)
                sum[c] -= b[i * ldb + j] * written[j * stride + c];
        for (int64_t c = 0; c < width; c++) {
            residual[i * stride + c] = sum[c];
            written[i * stride + c] = beta[i] * sum[c];
        }
    }
}

/* Z_j -= sum_{i>j} B_ij F_i, F_j = beta_j Z_j, last row first. */
PL_CLONES static void solve_tile_back(int64_t rows, int64_t width, int64_t stride,
                                      const pl_real *restrict b, int64_t ldb,
                                      const pl_real *restrict beta, pl_real *restrict d_written,
                                      pl_real *restrict d_residual)
{
    for (int64_t j = rows - 1; j >= 0; j--) {
        pl_real sum[STRIP];
        for (int64_t c = 0; c < width; c++)
            sum[c] = d_written[j * stride + c];
        for (int64_t i = j + 1; i < rows; i++)
            for (int64_t c = 0; c < width; c++)
                sum[c] -= b[i * ldb + j] * d_residual[i * stride + c];
        for (int64_t c = 0; c < width; c++) {
            d_written[j * stride + c] = sum[c];
            d_residual[j * stride + c] = beta[j] * sum[c];
        }
    }
}

void pl_delta_solve(int64_t rows, int64_t width, const pl_real *b, const pl_real *beta,
                    pl_real *residual, pl_real *written)
{
    for (int64_t i = 0; i < rows; i += TILE) {
        int64_t count = pl_smaller(TILE, rows - i);
        if (i > 0)
            pl_gemm(false, false, count, width, i, -1, b + i * rows, rows, written, width, 1,
                    residual + i * width, width);
        for (int64_t c = 0; c < width; c += STRIP)
            solve_tile(count, pl_smaller(STRIP, width - c), width, b + i * rows + i, rows, beta + i,
                       residual + i * width + c, written + i * width + c);
    }
}

void pl_delta_solve_back(int64_t rows, int64_t width, const pl_real *b, const pl_real *beta,
                         pl_real *d_written, pl_real *d_residual)
{
    for (int64_t i = (rows - 1) / TILE * TILE; i >= 0; i -= TILE) {
        int64_t count = pl_smaller(TILE, rows - i), after = i + count;
        pl_real *z = d_written + i * width, *f = d_residual + i * width;
        if (after < rows)
            pl_gemm(true, false, count, width, rows - after, -1, b + after * rows + i, rows,
                    d_residual + after * width, width, 1, z, width);
        for (int64_t c = 0; c < width; c += STRIP)
            solve_tile_back(count, pl_smaller(STRIP, width - c), width, b + i * rows + i, rows,
                            beta + i, z + c, f + c);
    }
}
