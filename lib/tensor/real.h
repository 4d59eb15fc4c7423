/* The number type of trained models: float, or double in the second build that only tests use.
 * SPDX-License-Identifier: MIT
 *
 * Everything in autograd/, nn/ and train/ and the models on them is written once, in pl_real.
 * Gradient checks and reference vectors run on the double build, where rounding hides nothing. */
#ifndef PL_TENSOR_REAL_H
#define PL_TENSOR_REAL_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "tensor/blas.h"
#include "tensor/dtype.h"

#ifdef PL_DOUBLE
typedef double pl_real;
#define PL_REAL_DTYPE PL_F64
#define pl_gemm       pl_dgemm
#else
typedef float pl_real;
#define PL_REAL_DTYPE PL_F32
#define pl_gemm       pl_sgemm
#endif

/* Elementary functions without branches or calls, so that a loop over them is vectorised.  In
 * float they are within 3 units in the last place of the exact result (e^x: 1); NaN stays NaN. */
#ifdef PL_DOUBLE
static inline double pl_real_abs(double x)
{
    return fabs(x);
}
static inline double pl_real_exp(double x)
{
    return exp(x);
}
static inline double pl_real_log1p(double x)
{
    return log1p(x);
}
#else
static inline float pl_real_abs(float x)
{
    return fabsf(x);
}

/* e^x = 2^n e^r with |r| <= ln(2)/2; ln(2) is taken off in two parts so that r is exact.  e^r is
 * the polynomial of sixth degree with the least relative error there, 3.1e-9.  Below the smallest
 * normal number the result is 0. */
static inline float pl_real_exp(float x)
{
    const float shift = 12582912.0F; /* 1.5 * 2^23: adding it rounds to a whole number */
    float shifted = x * 1.44269504F + shift, n = shifted - shift;
    float r = (x - n * 0.693145752F) - n * 1.42860677e-6F;
    float sum = 1.38145402e-3F;
    sum = sum * r + 8.36874511e-3F;
    sum = sum * r + 4.16683908e-2F;
    sum = sum * r + 1.66665204e-1F;
    sum = sum * r + 4.99999934e-1F;
    sum = sum * r * r + r + 1.0F;
    /* n stands in the low bits of the shifted number, as 0x4B400000 + n.  2^n in two factors, since
     * n may be 128; unsigned, since out of range the bits may be any */
    uint32_t above;
    memcpy(&above, &shifted, sizeof above);
    above += 256 - 0x4B400000U;
    uint32_t half = above / 2, low_bits = (half - 1) << 23, high_bits = (above - half - 1) << 23;
    float low, high;
    memcpy(&low, &low_bits, sizeof low);
    memcpy(&high, &high_bits, sizeof high);
    /* What is out of range is put right at the end alone: tests before would be merged with these
     * into branches, and the loop not vectorised. */
    float result = sum * low * high;
    result = x < -87.33654F ? 0.0F : result;
    return x > 88.72283F ? INFINITY : result;
}

/* ln(1 + x) for x in [0, 1], the range that logsigmoid and softplus need:
 * 2 atanh(x / (2 + x)) as a series in its square. */
static inline float pl_real_log1p(float x)
{
    float s = x / (2.0F + x), z = s * s; /* z <= 1/9 */
    float sum = 2.0F / 13;
    sum = sum * z + 2.0F / 11;
    sum = sum * z + 2.0F / 9;
    sum = sum * z + 2.0F / 7;
    sum = sum * z + 2.0F / 5;
    sum = sum * z + 2.0F / 3;
    return s * 2.0F + s * z * sum;
}
#endif

static inline pl_real pl_real_sigmoid(pl_real x)
{
    return 1 / (1 + pl_real_exp(-x));
}

/* The slope of x sigmoid(x), from both. */
static inline pl_real pl_real_silu_slope(pl_real x, pl_real sigmoid)
{
    return sigmoid * (1 + x * (1 - sigmoid));
}

/* ln(1 + e^x), without overflow. */
static inline pl_real pl_real_softplus(pl_real x)
{
    return (x > 0 ? x : 0) + pl_real_log1p(pl_real_exp(-pl_real_abs(x)));
}

/* out[c, j] = in[j, c] for j < rows, c < columns; a row of in begins at j * in_stride.  In
 * transpose.c. */
void pl_real_transpose(int64_t rows, int64_t columns, const pl_real *in, int64_t in_stride,
                       pl_real *out, int64_t out_stride);

/* to += scale from, two arrays apart from each other. */
void pl_real_add_scaled(int64_t count, pl_real scale, const pl_real *from, pl_real *to);

/* Products over all threads: C[m,n] = alpha op(A) op(B) + beta C, cut into blocks of C whose size
 * depends on m and n alone, each one single-threaded product.  Same bits for any number of
 * threads.  pl_blas_open first. */
enum pl_status pl_gemm_blocks(struct pl_context *context, bool transpose_a, bool transpose_b,
                              int64_t m, int64_t n, int64_t k, pl_real alpha, const pl_real *a,
                              int64_t lda, const pl_real *b, int64_t ldb, pl_real beta, pl_real *c,
                              int64_t ldc) PL_MUST_CHECK;

#endif
