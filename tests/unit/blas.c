/* The door to BLAS: products of every shape and transposition against plain loops.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include "tensor/blas.h"

enum { M = 19, N = 23, K = 31 };

static double a[M * K], b[K * N], c[M * N];
static float fa[M * K], fb[K * N], fc[M * N];

static void fill(void)
{
    for (int i = 0; i < M * K; i++)
        fa[i] = (float)(a[i] = sin(i));
    for (int i = 0; i < K * N; i++)
        fb[i] = (float)(b[i] = cos(3 * i));
}

static double expected(bool transpose_a, bool transpose_b, int i, int j)
{
    double sum = 0;

    for (int k = 0; k < K; k++)
        sum += a[transpose_a ? k * M + i : i * K + k] * b[transpose_b ? j * K + k : k * N + j];
    return sum;
}

static void products(void)
{
    fill();
    for (int which = 0; which < 4; which++) {
        bool ta = which & 1, tb = which & 2;

        for (int i = 0; i < M * N; i++)
            fc[i] = (float)(c[i] = 1);
        pl_dgemm(ta, tb, M, N, K, 2, a, ta ? M : K, b, tb ? K : N, 3, c, N);
        pl_sgemm(ta, tb, M, N, K, 2, fa, ta ? M : K, fb, tb ? K : N, 3, fc, N);
        for (int i = 0; i < M; i++)
            for (int j = 0; j < N; j++) {
                CHECK_NEAR(c[i * N + j], 2 * expected(ta, tb, i, j) + 3, 1e-14);
                CHECK_NEAR(fc[i * N + j], 2 * expected(ta, tb, i, j) + 3, 1e-5);
            }
    }
}

static void dot(void)
{
    double sum = 0;

    fill();
    for (int i = 0; i < K * N; i++)
        sum += b[i] * b[i];
    CHECK_NEAR(pl_ddot(K * N, b, b), sum, 1e-14);
}

static void description(void)
{
    struct pl_context context = {0};
    char text[200] = "";

    CHECK(pl_blas_describe(&context, text, sizeof text) == PL_OK);
    CHECK(strncmp(text, "OpenBLAS ", 9) == 0);
    CHECK(strstr(text, "GFLOP/s") != NULL);
    printf("# %s\n", text);
}

static void one_thread(void)
{
    CHECK_TEXT(getenv("OPENBLAS_NUM_THREADS"), "1");
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        CHECK(getenv("OPENBLAS_CORETYPE") != NULL);
#endif
}

static void absent_routine(void)
{
    CHECK(pl_blas_symbol("dpotrf_") != NULL);
    CHECK(pl_blas_symbol("no_such_routine_") == NULL);
}

int main(void)
{
    NEED_BLAS("blas");
    RUN(products);
    RUN(dot);
    RUN(description);
    RUN(one_thread);
    RUN(absent_routine);
    FINISH();
}
