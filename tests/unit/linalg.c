/* Cholesky, checked by putting the right-hand sides together again.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include "linalg/symmetric.h"
#include "tensor/blas.h"

enum { N = 40, M = 3 };

static struct pl_context context;
static double a[N * N], factor[N * N];

/* G G' + I for an arbitrary G. */
static void positive_definite(void)
{
    static double g[N * N];

    for (int i = 0; i < N * N; i++)
        g[i] = sin(1.7 * i);
    pl_dgemm(false, true, N, N, N, 1, g, N, g, N, 0, a, N);
    for (int i = 0; i < N; i++)
        a[i * N + i] += 1;
    memcpy(factor, a, sizeof a);
}

static void solve(void)
{
    double b[M * N], x[M * N];

    positive_definite();
    for (int i = 0; i < M * N; i++)
        x[i] = b[i] = cos(i);
    CHECK(pl_cholesky(&context, factor, N) == PL_OK);
    CHECK(pl_cholesky_solve(&context, factor, N, x, M) == PL_OK);
    for (int r = 0; r < M; r++)
        for (int i = 0; i < N; i++)
            CHECK_NEAR(pl_ddot(N, a + i * N, x + r * N), b[r * N + i], 1e-12);
}

/* (L^-1 b)' (L^-1 b) = b' A^-1 b */
static void halves(void)
{
    double half[N], whole[N];

    positive_definite();
    for (int i = 0; i < N; i++)
        half[i] = whole[i] = cos(i);
    CHECK(pl_cholesky(&context, factor, N) == PL_OK);
    CHECK(pl_cholesky_forward(&context, factor, N, half, 1) == PL_OK);
    CHECK(pl_cholesky_solve(&context, factor, N, whole, 1) == PL_OK);
    double sum = 0;
    for (int i = 0; i < N; i++)
        sum += cos(i) * whole[i];
    CHECK_NEAR(pl_ddot(N, half, half), sum, 1e-12);
    CHECK(pl_cholesky_backward(&context, factor, N, half, 1) == PL_OK);
    for (int i = 0; i < N; i++)
        CHECK_NEAR(half[i], whole[i], 1e-12);
}

static void not_positive(void)
{
    double indefinite[4] = {1, 2, 2, 1}, broken[4] = {1, 0, 0, NAN};

    CHECK(pl_cholesky(&context, indefinite, 2) == PL_NUMERIC);
    CHECK_TEXT(context.message, "matrix of order 2 is not positive definite (pivot 2)");
    CHECK(pl_cholesky(&context, broken, 2) == PL_NUMERIC);
}

int main(void)
{
    NEED_BLAS("linalg");
    RUN(solve);
    RUN(halves);
    RUN(not_positive);
    FINISH();
}
