/* Rows become columns.
 * SPDX-License-Identifier: MIT
 *
 * Written element by element, either the reads or the writes jump from row to row.  Here squares of
 * eight by eight are turned in registers: three rounds, in each of which rows i and i + 4 are
 * interleaved into rows 2 i and 2 i + 1. */
#include "base/simd.h"
#include "tensor/real.h"

enum { SIDE = 8 };

typedef pl_real row
    __attribute__((vector_size(SIDE * sizeof(pl_real)), aligned(sizeof(pl_real)), may_alias));
/* The elements of a and b with these numbers, b's counted from SIDE on. */
#if defined(__clang__) || __GNUC__ >= 12
#define PICK(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#elif defined(PL_DOUBLE)
typedef int64_t order __attribute__((vector_size(SIDE * sizeof(pl_real))));
#define PICK(a, b, ...) __builtin_shuffle(a, b, (order){__VA_ARGS__})
#else
typedef int32_t order __attribute__((vector_size(SIDE * sizeof(pl_real))));
#define PICK(a, b, ...) __builtin_shuffle(a, b, (order){__VA_ARGS__})
#endif

static inline __attribute__((always_inline)) void turn_square(const pl_real *in, int64_t in_stride,
                                                              pl_real *out, int64_t out_stride)
{
    row rows[SIDE], next[SIDE];

#pragma GCC unroll 8
    for (int i = 0; i < SIDE; i++)
        rows[i] = *(const row *)(in + i * in_stride);
#pragma GCC unroll 3
    for (int round = 0; round < 3; round++) {
#pragma GCC unroll 4
        for (int i = 0; i < SIDE / 2; i++) {
            next[2 * i] = PICK(rows[i], rows[i + SIDE / 2], 0, 8, 1, 9, 2, 10, 3, 11);
            next[2 * i + 1] = PICK(rows[i], rows[i + SIDE / 2], 4, 12, 5, 13, 6, 14, 7, 15);
        }
#pragma GCC unroll 8
        for (int i = 0; i < SIDE; i++)
            rows[i] = next[i];
    }
#pragma GCC unroll 8
    for (int i = 0; i < SIDE; i++)
        *(row *)(out + i * out_stride) = rows[i];
}

PL_CLONES void pl_real_transpose(int64_t rows, int64_t columns, const pl_real *restrict in,
                                 int64_t in_stride, pl_real *restrict out, int64_t out_stride)
{
    int64_t whole_rows = rows / SIDE * SIDE, whole_columns = columns / SIDE * SIDE;

    for (int64_t j = 0; j < whole_rows; j += SIDE)
        for (int64_t c = 0; c < whole_columns; c += SIDE)
            turn_square(in + j * in_stride + c, in_stride, out + c * out_stride + j, out_stride);
    for (int64_t j = 0; j < rows; j++)
        for (int64_t c = j < whole_rows ? whole_columns : 0; c < columns; c++)
            out[c * out_stride + j] = in[j * in_stride + c];
}
