/* The nearest of many codes beside the processor's matrix products, on one thread.
 * SPDX-License-Identifier: MIT
 *
 *   nearest [CODES WIDTH]     8192 64; vectors and codes are normal numbers */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/memory.h"
#include "base/rng.h"
#include "nn/nearest.h"
#include "tensor/blas.h"

enum { VECTORS = 8192, RUNS = 5, SIZE = 384 };

static struct pl_context context = {.threads = 1};

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void must(enum pl_status status)
{
    if (status == PL_OK)
        return;
    fprintf(stderr, "nearest: %s\n", context.message);
    exit((int)status);
}

static float *numbers(const char *name, int64_t count)
{
    struct pl_rng rng = pl_rng_init(1, name);
    float *values = pl_new(&context, (size_t)count, sizeof *values);

    if (!values)
        must(context.status);
    for (int64_t i = 0; i < count; i++)
        values[i] = (float)pl_rng_normal(&rng, (uint64_t)i);
    return values;
}

/* Seconds of a product that fits the cache. */
static double product(const float *a, float *c)
{
    double start = seconds();
    pl_sgemm(false, false, SIZE, SIZE, SIZE, 1, a, SIZE, a, SIZE, 0, c, SIZE);
    return seconds() - start;
}

int main(int argc, char **argv)
{
    int64_t codes = argc > 2 ? strtoll(argv[1], NULL, 10) : 8192;
    int64_t width = argc > 2 ? strtoll(argv[2], NULL, 10) : 64;
    float *codebook = numbers("codes", codes * width), *vectors = numbers("z", VECTORS * width);
    float *square = numbers("square", 2 * SIZE * SIZE);
    int32_t *found = pl_new(&context, VECTORS, sizeof *found);
    struct pl_nearest nearest;
    double best = INFINITY, peak = INFINITY;

    must(pl_blas_open(&context));
    must(pl_nearest_init(&context, &nearest, codes, width));
    for (int run = 0; run < RUNS && found; run++) {
        for (int i = 0; i < 20; i++)
            peak = fmin(peak, product(square, square + SIZE * SIZE));
        double start = seconds();
        pl_nearest_set(&nearest, codebook);
        must(pl_nearest_find(&context, &nearest, vectors, VECTORS, found));
        best = fmin(best, seconds() - start);
    }
    double speed = 2e-9 * VECTORS * (double)(codes * width) / best;
    double limit = 2e-9 * SIZE * SIZE * SIZE / peak;
    printf("nearest: %lld codes of %lld numbers: %.0f vectors a second, %.0f GFLOP/s, %.0f %% of "
           "the peak of %.0f [60 %%]\n",
           (long long)codes, (long long)width, VECTORS / best, speed, 100 * speed / limit, limit);
    pl_nearest_release(&nearest);
    free(codebook);
    free(vectors);
    free(square);
    free(found);
    return 0;
}
