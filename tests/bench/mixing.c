/* What mixing tokens costs, forward and backward, beside the processor's matrix products: gated
 * linear attention and softmax attention on one thread.
 * SPDX-License-Identifier: MIT
 *
 *   mixing [ROWS [CHUNK]]     rows of a sequence (2048)
 *
 * Operations are those that the result needs: halves of tiles that the causal mask clears are not
 * counted. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/rng.h"
#include "nn/attention.h"
#include "nn/gla.h"
#include "tensor/blas.h"

enum { WIDTH = 256, ROWS = 8192, RUNS = 7, TILE = 32 };

static struct pl_context context = {.threads = 1};
static struct pl_tape tape = {.context = &context, .recording = true};
static double gflops;

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
    fprintf(stderr, "mixing: %s\n", context.message);
    exit((int)status);
}

/* GFLOP/s of a product that fits the cache: the best of a few. */
static double peak(void)
{
    enum { SIZE = 384 };
    float *a = calloc(3 * SIZE * SIZE, sizeof *a);
    double best = INFINITY;

    if (!a)
        exit(PL_SYSTEM);
    for (int i = 0; i < 40; i++) {
        double start = seconds();
        pl_sgemm(false, false, SIZE, SIZE, SIZE, 1, a, SIZE, a + SIZE * SIZE, SIZE, 0,
                 a + 2 * SIZE * SIZE, SIZE);
        best = fmin(best, seconds() - start);
    }
    free(a);
    return 2e-9 * SIZE * SIZE * SIZE / best;
}

static struct pl_variable leaf(const char *name, int gate)
{
    struct pl_rng rng = pl_rng_init(1, name);
    struct pl_variable variable = {.rank = 2, .dims = {ROWS, WIDTH}, .count = ROWS * WIDTH};

    variable.value = aligned_alloc(64, ROWS * WIDTH * sizeof(float));
    variable.gradient = aligned_alloc(64, ROWS * WIDTH * sizeof(float));
    if (!variable.value || !variable.gradient)
        exit(PL_SYSTEM);
    memset(variable.gradient, 0, ROWS * WIDTH * sizeof(float));
    for (int64_t i = 0; i < variable.count; i++) {
        double x = pl_rng_normal(&rng, (uint64_t)i);
        variable.value[i] = (float)(gate ? -log1p(exp(-x)) / 16 : x);
    }
    return variable;
}

static struct pl_variable *mix(const void *how, bool linear, const struct pl_rows *rows,
                               struct pl_variable leaves[4])
{
    return linear ? pl_op_gla(&tape, how, rows, &leaves[0], &leaves[1], &leaves[2], &leaves[3],
                              NULL, NULL)
                  : pl_op_attention(&tape, how, rows, &leaves[0], &leaves[1], &leaves[2], NULL);
}

/* operations: of the pass forward, for each row of a head; backward has 2.5 times as many. */
static void measure(const char *name, const void *how, bool linear, int64_t length, int64_t heads,
                    double operations)
{
    static struct pl_variable leaves[4];
    double forward = INFINITY, backward = INFINITY;
    double work = 1e-9 * operations * ROWS * (double)heads;
    pl_real nothing[2] = {0};
    struct pl_variable loss = {.count = 1, .value = &nothing[0], .gradient = &nothing[1]};
    static const char *const names[] = {"q", "k", "v", "g"};

    for (int i = 0; i < 4 && !leaves[i].value; i++)
        leaves[i] = leaf(names[i], i == 3);
    for (int run = 0; run < RUNS; run++) {
        struct pl_rows rows;
        must(pl_rows_even(&tape, ROWS / length, length, &rows));
        double start = seconds();
        struct pl_variable *o = mix(how, linear, &rows, leaves);
        double middle = seconds();
        if (!o)
            must(context.status);
        memcpy(o->gradient, leaves[0].value, (size_t)o->count * sizeof *o->gradient);
        double again = seconds();
        must(pl_tape_backward(&tape, &loss, 1));
        backward = fmin(backward, seconds() - again);
        forward = fmin(forward, middle - start);
        pl_tape_reset(&tape);
    }
    printf("mixing: %s, heads of %lld, %lld rows: forward %.0f GFLOP/s (%.0f %% of the peak, %.0f "
           "ns a row and head), backward %.0f (%.0f %%, %.0f ns)\n",
           name, (long long)(WIDTH / heads), (long long)length, work / forward,
           100 * work / forward / gflops, 1e9 * forward / ROWS / (double)heads,
           2.5 * work / backward, 250 * work / backward / gflops,
           1e9 * backward / ROWS / (double)heads);
}

int main(int argc, char **argv)
{
    int64_t length = argc > 1 ? atoll(argv[1]) : 2048, chunk = argc > 2 ? atoll(argv[2]) : 64;

    must(pl_blas_open(&context));
    gflops = peak();
    printf("mixing: sgemm peak %.0f GFLOP/s, one thread\n", gflops);
    for (int64_t heads = 4; heads >= 2; heads /= 2) {
        int64_t dim = WIDTH / heads;
        struct pl_gla gla = {heads, heads, dim, dim, chunk};
        struct pl_attention attention = {heads, heads, dim, 0};
        measure("gla", &gla, true, length, heads, (double)(4 * dim * dim + TILE * 2 * dim));
        measure("attention", &attention, false, length, heads, 2.0 * (double)(dim * (length + 1)));
    }
    pl_tape_release(&tape);
    return 0;
}
