/* The nearest of many codes: what a loop in double precision over all of them finds.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include "base/memory.h"
#include "base/rng.h"
#include "nn/nearest.h"

static struct pl_context context;

static float *numbers(const char *name, int64_t count, double scale, double offset)
{
    struct pl_rng rng = pl_rng_init(1, name);
    float *values = pl_new(&context, (size_t)count, sizeof *values);
    for (int64_t i = 0; i < count; i++)
        values[i] = (float)(scale * pl_rng_normal(&rng, (uint64_t)i) + offset);
    return values;
}

static int32_t slowly(const float *codes, int64_t count, int64_t width, const float *vector)
{
    double least = INFINITY;
    int32_t at = 0;
    for (int64_t j = 0; j < count; j++) {
        double distance = 0;
        for (int64_t i = 0; i < width; i++)
            distance += pow((double)vector[i] - (double)codes[j * width + i], 2);
        if (distance < least) {
            least = distance;
            at = (int32_t)j;
        }
    }
    return at;
}

/* Vectors that differ from the loop, over 1 to 3 threads. */
static int64_t differ(const float *codes, int64_t count, int64_t width, const float *vectors,
                      int64_t rows)
{
    int64_t wrong = 0;
    int32_t *found = pl_new(&context, (size_t)rows, sizeof *found);
    for (context.threads = 1; context.threads <= 3; context.threads++) {
        struct pl_nearest nearest;
        if (pl_nearest_init(&context, &nearest, count, width) != PL_OK)
            return -1;
        pl_nearest_set(&nearest, codes);
        if (pl_nearest_find(&context, &nearest, vectors, rows, found) != PL_OK)
            return -1;
        for (int64_t row = 0; row < rows; row++)
            wrong += found[row] != slowly(codes, count, width, vectors + row * width);
        pl_nearest_release(&nearest);
    }
    free(found);
    return wrong;
}

/* Normal numbers of that size around an offset. */
static int64_t differ_normal(int64_t count, int64_t width, int64_t rows, double scale,
                             double offset)
{
    float *codes = numbers("codes", count * width, scale, offset);
    float *vectors = numbers("vectors", rows * width, scale, offset);
    int64_t wrong = differ(codes, count, width, vectors, rows);
    free(codes);
    free(vectors);
    return wrong;
}

static void shapes(void)
{
    static const int64_t counts[] = {1, 2, 31, 32, 33, 511, 512, 513, 1100};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        CHECK(differ_normal(counts[i], 1, 300, 1, 0) == 0);
        CHECK(differ_normal(counts[i], 7, 257, 1, 0) == 0);
        CHECK(differ_normal(counts[i], 16, 5, 1, 0) == 0);
    }
    CHECK(differ_normal(100, 65, 1, 1, 0) == 0);
    CHECK(differ_normal(100, 3, 0, 1, 0) == 0);
}

static void sizes(void)
{
    CHECK(differ_normal(700, 8, 300, 1e-3, 1000) == 0); /* far from zero: scores lose digits */
    CHECK(differ_normal(700, 8, 300, 1e18, 0) == 0);
    CHECK(differ_normal(70, 8, 30, 1e30, 0) == 0);  /* squares overflow in float */
    CHECK(differ_normal(70, 8, 30, 1e-30, 0) == 0); /* and vanish */
}

/* Numbers on a coarse grid: most vectors are equally near to several codes. */
static void ties(void)
{
    enum { COUNT = 900, ROWS = 500, WIDTH = 3 };
    float *codes = numbers("codes", COUNT * WIDTH, 1, 0);
    float *vectors = numbers("vectors", ROWS * WIDTH, 1, 0);
    for (int64_t i = 0; i < COUNT * WIDTH; i++)
        codes[i] = rintf(codes[i]);
    for (int64_t i = 0; i < ROWS * WIDTH; i++)
        vectors[i] = rintf(2 * vectors[i]) / 2;
    CHECK(differ(codes, COUNT, WIDTH, vectors, ROWS) == 0);
    free(codes);
    free(vectors);
}

/* Codes that differ by less than the scores can tell. */
static void close_ones(void)
{
    enum { COUNT = 600, WIDTH = 16 };
    float *codes = numbers("codes", COUNT * WIDTH, 1e-6, 0);
    float *vectors = numbers("vectors", 200 * WIDTH, 1, 0);
    for (int64_t i = 0; i < COUNT * WIDTH; i++)
        codes[i] += 1;
    CHECK(differ(codes, COUNT, WIDTH, vectors, 200) == 0);
    free(codes);
    free(vectors);
}

int main(void)
{
    if (pl_blas_open(&context) != PL_OK)
        return 1;
    RUN(shapes);
    RUN(sizes);
    RUN(ties);
    RUN(close_ones);
    FINISH();
}
