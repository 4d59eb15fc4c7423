/* What the closed form costs beside building windows, and how near its products come to the
 * processor's peak.  Data of ETTh1's size: 7 columns of 8640 rows, lookback 336, horizon 720.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/rng.h"
#include "models/linear.h"
#include "models/linear_adam.h"
#include "tensor/blas.h"

enum { L = 336, H = 720, K = L + H, ROWS = 8640, CHANNELS = 7, N = ROWS - K + 1, RUNS = 5 };

static struct pl_context context;
static double data[CHANNELS][ROWS];
static struct pl_gram gram;
static struct pl_linear linear;

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void must(enum pl_status status)
{
    if (status == PL_OK)
        return;
    fprintf(stderr, "bench: %s\n", context.message);
    exit((int)status);
}

/* The best of a few runs, in milliseconds. */
static double timed(void (*work)(void), int runs)
{
    double best = INFINITY;

    for (int i = 0; i < runs; i++) {
        double start = seconds();
        work();
        best = fmin(best, seconds() - start);
    }
    return 1e3 * best;
}

static void by_recurrence(void)
{
    pl_gram_release(&gram);
    must(pl_gram_init(&context, &gram, L, H, 0, 0));
    for (int c = 0; c < CHANNELS; c++) {
        struct pl_piece piece = {ROWS, data[c], NULL, NULL};
        must(pl_gram_add(&context, &gram, &piece));
    }
}

/* All windows of each column in a matrix, and one product: what the recurrence saves. */
static void by_windows(void)
{
    double *windows = malloc(sizeof *windows * N * K);
    double *sums = malloc(sizeof *sums * L * K);

    if (!windows || !sums)
        exit(PL_SYSTEM);
    for (int c = 0; c < CHANNELS; c++) {
        for (int t = 0; t < N; t++)
            memcpy(windows + (size_t)t * K, data[c] + t, K * sizeof *windows);
        pl_dgemm(true, false, L, K, N, 1, windows, K, windows, K, c > 0, sums, K);
    }
    free(windows);
    free(sums);
}

static void six_ridges(void)
{
    double errors[PL_RIDGES];
    int best;

    pl_linear_release(&linear);
    must(pl_linear_path(&context, &gram, PL_NLINEAR, pl_ridges, PL_RIDGES, &gram, errors, &best,
                        &linear));
}

static void all_forecasts(void)
{
    static double out[(size_t)N * H];
    struct pl_piece piece = {ROWS, data[0], NULL, NULL};

    must(pl_linear_forecast(&context, &linear, &piece, 0, N, out));
}

static void one_epoch(void)
{
    static int64_t starts[N];
    const double *columns[CHANNELS];
    struct pl_recipe recipe = {1, 32, 0.005, 0.5, 3, 25, 1};
    struct pl_windows windows = {columns, CHANNELS, ROWS, starts, N}, none = windows;
    struct pl_adam_report report;
    struct pl_linear out;

    for (int i = 0; i < N; i++)
        starts[i] = i;
    for (int c = 0; c < CHANNELS; c++)
        columns[c] = data[c];
    none.count = 0;
    must(pl_linear_adam(&context, PL_NLINEAR, L, 96, false, &recipe, &windows, &none, NULL, NULL,
                        &out, &report));
    pl_linear_release(&out);
}

/* GFLOP/s of a double-precision product that fits the cache. */
static double peak(void)
{
    enum { SIZE = 384 };
    double *a = calloc(3 * SIZE * SIZE, sizeof *a), best = INFINITY;

    if (!a)
        exit(PL_SYSTEM);
    for (int i = 0; i < 8; i++) {
        double start = seconds();
        pl_dgemm(false, false, SIZE, SIZE, SIZE, 1, a, SIZE, a + SIZE * SIZE, SIZE, 0,
                 a + 2 * SIZE * SIZE, SIZE);
        best = fmin(best, seconds() - start);
    }
    free(a);
    return 2e-9 * SIZE * SIZE * SIZE / best;
}

int main(void)
{
    struct pl_rng rng = pl_rng_init(1, "bench");
    char blas[128];

    must(pl_blas_describe(&context, blas, sizeof blas));
    context.threads = 1;
    for (int c = 0; c < CHANNELS; c++)
        for (int t = 0; t < ROWS; t++)
            data[c][t] = sin(t / 3.82) + 0.5 * pl_rng_normal(&rng, (uint64_t)(c * ROWS + t));
    double gflops = peak(), sums = timed(by_recurrence, RUNS), product = timed(by_windows, 1);
    double path = timed(six_ridges, RUNS), forecast = timed(all_forecasts, RUNS);
    double flops = 1e-6 * 2 * N * L * H; /* millions */

    printf("linear: %s, one thread, dgemm peak %.0f GFLOP/s\n", blas, gflops);
    printf("linear: gram by recurrence %.1f ms, by windows and dgemm %.0f ms: %.0f times as fast\n",
           sums, product, product / sums);
    printf("linear: fit with six ridges scored %.1f ms, %.1f ms each\n", path, path / PL_RIDGES);
    printf("linear: %d forecasts of %d steps %.1f ms: %.0f %% of the dgemm peak\n", N, H, forecast,
           100 * flops / forecast / gflops);
    printf("linear: an epoch of adam, horizon 96, %.0f ms\n", timed(one_epoch, 2));
    pl_gram_release(&gram);
    pl_linear_release(&linear);
    return 0;
}
