/* What mixing tokens costs, forward and backward, beside the processor's matrix products: gated
 * linear attention, the delta rule and softmax attention on one thread.
 * SPDX-License-Identifier: MIT
 *
 *   mixing [ROWS [CHUNK]]     rows of a sequence (2048)
 *
 * Operations are those that the result needs: halves of tiles that the causal mask clears are not
 * counted. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "autograd/ops.h"
#include "base/rng.h"
#include "nn/attention.h"
#include "nn/delta.h"
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

/* What goes in: q, k and v; the log decay of gla, the rate of the delta rule. */
enum { Q, K, V, DECAY, RATE, LEAVES };
static struct pl_variable leaves[LEAVES];

static void make_leaf(int which, int64_t width)
{
    static const char *const names[LEAVES] = {"q", "k", "v", "g", "beta"};
    struct pl_rng rng = pl_rng_init(1, names[which]);
    struct pl_variable *leaf = &leaves[which];

    *leaf = (struct pl_variable){.rank = 2, .dims = {ROWS, width}, .count = ROWS * width};
    leaf->value = aligned_alloc(64, ROWS * WIDTH * sizeof(float));
    leaf->gradient = aligned_alloc(64, ROWS * WIDTH * sizeof(float));
    if (!leaf->value || !leaf->gradient)
        exit(PL_SYSTEM);
    memset(leaf->gradient, 0, ROWS * WIDTH * sizeof(float));
    for (int64_t i = 0; i < leaf->count; i++) {
        double x = pl_rng_normal(&rng, (uint64_t)i);
        leaf->value[i] = (float)(which == DECAY  ? -log1p(exp(-x)) / 16
                                 : which == RATE ? 1 / (1 + exp(-x))
                                                 : x);
    }
}

typedef struct pl_variable *mix_fn(const void *how, const struct pl_rows *rows);

static struct pl_variable *mix_gla(const void *how, const struct pl_rows *rows)
{
    return pl_op_gla(&tape, how, rows, &leaves[Q], &leaves[K], &leaves[V], &leaves[DECAY], NULL,
                     NULL);
}

/* Keys of length one are part of what the layer costs. */
static struct pl_variable *mix_delta(const void *how, const struct pl_rows *rows)
{
    const struct pl_delta *delta = how;
    return pl_op_delta(&tape, delta, rows, pl_op_unit(&tape, &leaves[Q], delta->key_dim),
                       pl_op_unit(&tape, &leaves[K], delta->key_dim), &leaves[V], &leaves[RATE],
                       NULL, NULL, NULL);
}

static struct pl_variable *mix_attention(const void *how, const struct pl_rows *rows)
{
    return pl_op_attention(&tape, how, rows, &leaves[Q], &leaves[K], &leaves[V], NULL);
}

/* operations: of the pass forward, for each row of a head; backward has 2.5 times as many. */
static void measure(const char *name, const void *how, mix_fn *mix, int64_t length, int64_t heads,
                    double operations)
{
    double forward = INFINITY, backward = INFINITY;
    double work = 1e-9 * operations * ROWS * (double)heads;
    pl_real nothing[2] = {0};
    struct pl_variable loss = {.count = 1, .value = &nothing[0], .gradient = &nothing[1]};

    for (int run = 0; run < RUNS; run++) {
        struct pl_rows rows;
        must(pl_rows_even(&tape, ROWS / length, length, &rows));
        double start = seconds();
        struct pl_variable *o = mix(how, &rows);
        double middle = seconds();
        if (!o)
            must(context.status);
        memcpy(o->gradient, leaves[Q].value, (size_t)o->count * sizeof *o->gradient);
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
    for (int which = Q; which <= DECAY; which++)
        make_leaf(which, WIDTH);
    for (int64_t heads = 4; heads >= 2; heads /= 2) {
        int64_t dim = WIDTH / heads;
        struct pl_gla gla = {heads, heads, dim, dim, chunk};
        struct pl_delta delta = {heads, heads, dim, dim, 1, chunk};
        struct pl_attention attention = {heads, heads, dim, 0};
        make_leaf(RATE, heads);
        measure("gla", &gla, mix_gla, length, heads, (double)(4 * dim * dim + TILE * 2 * dim));
        measure("delta rule", &delta, mix_delta, length, heads,
                (double)(6 * dim * dim + chunk * 5 * dim));
        measure("attention", &attention, mix_attention, length, heads,
                2.0 * (double)(dim * (length + 1)));
    }
    pl_tape_release(&tape);
    return 0;
}
