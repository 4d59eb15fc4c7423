/* How fast convolutions of pictures are on one core, beside the processor's matrix products.
 * SPDX-License-Identifier: MIT
 *
 * Prints for each shape the share of the peak, forward and backward, of a batch of 100 pictures:
 * the layers of a small net on digits, of ResNet-20 on pictures of 32 x 32, and of a wider net.
 * Processor time, the best of many runs: other work on the machine disturbs little. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/rng.h"
#include "nn/image.h"
#include "tensor/blas.h"

enum { BATCH = 100, RUNS = 9, PEAK_SIZE = 512 };

static const struct shape {
    int64_t side, channels, filters, kernel, stride, pad;
} shapes[] = {
    {28, 1, 8, 5, 2, 2},   {14, 8, 16, 5, 2, 2},   {28, 1, 16, 3, 1, 1},  {14, 16, 32, 3, 1, 1},
    {32, 3, 16, 3, 1, 1},  {32, 16, 16, 3, 1, 1},  {16, 32, 32, 3, 1, 1}, {8, 64, 64, 3, 1, 1},
    {16, 32, 64, 1, 2, 0}, {16, 64, 128, 3, 1, 1},
};

static struct pl_context context = {.threads = 1};
static struct pl_tape tape = {.context = &context, .recording = true};

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static struct pl_variable leaf(int rank, const int64_t *dims)
{
    struct pl_variable leaf = {.rank = rank, .count = 1};
    struct pl_rng rng = pl_rng_init(1, "leaf");
    for (int i = 0; i < rank; i++)
        leaf.count *= leaf.dims[i] = dims[i];
    leaf.value = pl_new(&context, (size_t)leaf.count, sizeof *leaf.value);
    leaf.gradient = pl_new(&context, (size_t)leaf.count, sizeof *leaf.gradient);
    if (!leaf.value || !leaf.gradient)
        exit(PL_SYSTEM);
    for (int64_t i = 0; i < leaf.count; i++)
        leaf.value[i] = (pl_real)pl_rng_normal(&rng, (uint64_t)i);
    return leaf;
}

static void drop(struct pl_variable *leaf)
{
    free(leaf->value);
    free(leaf->gradient);
}

/* Operations a second of a product that fits the cache. */
static double find_peak(void)
{
    const int64_t dims[] = {PEAK_SIZE, PEAK_SIZE}, n = PEAK_SIZE;
    struct pl_variable a = leaf(2, dims), b = leaf(2, dims);
    double best = INFINITY;
    for (int run = 0; run < 4 * RUNS; run++) {
        double start = seconds();
        pl_gemm(false, false, n, n, n, 1, a.value, n, b.value, n, 0, a.gradient, n);
        best = fmin(best, seconds() - start);
    }
    drop(&a);
    drop(&b);
    return 2.0 * PEAK_SIZE * PEAK_SIZE * PEAK_SIZE / best;
}

static void measure(const struct shape *s, double peak)
{
    struct pl_variable x = leaf(4, (const int64_t[]){BATCH, s->side, s->side, s->channels});
    struct pl_variable w =
        leaf(4, (const int64_t[]){s->filters, s->channels, s->kernel, s->kernel});
    struct pl_variable bias = leaf(1, &s->filters);
    double forward = INFINITY, backward = INFINITY, work = 0;
    for (int run = 0; run < RUNS; run++) {
        double start = seconds();
        struct pl_variable *y = pl_op_conv2d(&tape, &x, &w, &bias, s->stride, s->pad);
        double middle = seconds();
        if (!y || pl_tape_backward(&tape, y, 1)) {
            fprintf(stderr, "image: %s\n", context.message);
            exit(1);
        }
        forward = fmin(forward, middle - start);
        backward = fmin(backward, seconds() - middle);
        work = 2 * (double)(y->count * s->channels * s->kernel * s->kernel);
        pl_tape_reset(&tape);
    }
    printf(
        "%3lld x %-3lld %4lld -> %-4lld %lld x %lld, stride %lld: %4.0f %% %4.0f %% of the peak\n",
        (long long)s->side, (long long)s->side, (long long)s->channels, (long long)s->filters,
        (long long)s->kernel, (long long)s->kernel, (long long)s->stride,
        100 * work / peak / forward, 200 * work / peak / backward);
    drop(&x);
    drop(&w);
    drop(&bias);
}

int main(void)
{
    if (pl_blas_open(&context)) {
        fprintf(stderr, "image: %s\n", context.message);
        return (int)context.status;
    }
    const double peak = find_peak();
    printf("convolutions of %d pictures, forward and backward; products reach %.0f GFLOP/s\n",
           BATCH, 1e-9 * peak);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        measure(&shapes[i], peak);
    pl_tape_release(&tape);
    return 0;
}
