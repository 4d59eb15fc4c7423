/* How fast the operations of the differentiation engine are on one core, beside what limits them:
 * memcpy for those that stream, a large product for those that multiply.
 * usage: ops [ROWS [WIDTH]]
 * SPDX-License-Identifier: MIT
 *
 * Prints for each: nanoseconds an element forward and backward, and the share of the limit: bytes
 * that must be moved by the time they take at memcpy's speed over arrays of that size, or
 * operations by the peak.  Processor time, the best of many runs: other work on the machine
 * disturbs little. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "autograd/ops.h"
#include "base/rng.h"
#include "nn/conv.h"

static struct pl_context context = {.threads = 1};
static struct pl_tape tape = {.context = &context};
static int64_t rows = 8192, width = 256;
static int32_t *ids;
static double copy_speed, peak; /* bytes, operations a second */

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static struct pl_variable *leaf(int64_t height, int64_t across)
{
    struct pl_variable *leaf = pl_new(&context, 1, sizeof *leaf);
    struct pl_rng rng = pl_rng_init(1, "leaf");
    if (!leaf)
        exit(PL_SYSTEM);
    *leaf = (struct pl_variable){.rank = 2, .dims = {height, across}, .count = height * across};
    leaf->value = pl_new(&context, (size_t)leaf->count, sizeof *leaf->value);
    leaf->gradient = pl_new(&context, (size_t)leaf->count, sizeof *leaf->gradient);
    if (!leaf->value || !leaf->gradient)
        exit(PL_SYSTEM);
    for (int64_t i = 0; i < leaf->count; i++)
        leaf->value[i] = (pl_real)pl_rng_normal(&rng, (uint64_t)i);
    return leaf;
}

enum op {
    LINEAR,
    EMBED,
    ADD,
    SILU,
    RELU,
    SWIGLU,
    LOG_SIGMOID,
    RMS,
    HEADS,
    GATED,
    UNIT,
    SUM,
    CONV,
    HEAD
};

static struct {
    const char *name;
    int forward, backward; /* bytes by element that must be moved; 0: it multiplies */
} ops[] = {
    [LINEAR] = {"linear", 0, 0},
    [EMBED] = {"embed", 8, 12},
    [ADD] = {"add", 12, 20},
    [SILU] = {"silu", 8, 16},
    [RELU] = {"relu", 8, 16},
    [SWIGLU] = {"swiglu", 12, 28},
    [LOG_SIGMOID] = {"log_sigmoid", 8, 16},
    [RMS] = {"rms_norm", 8, 16},
    [HEADS] = {"rms_norm of 64", 8, 16},
    [GATED] = {"gated_norm of 64", 12, 28},
    [UNIT] = {"unit of 64", 8, 16},
    [SUM] = {"sum_to_one of 64", 8, 16},
    [CONV] = {"short_conv, silu", 8, 16},
    [HEAD] = {"head_loss", 0, 0},
};

static struct pl_variable *x, *y, *weight, *head_weight, *square, *taps;
static struct pl_rows sequences;
static int64_t starts[2];

static struct pl_variable *apply(enum op op)
{
    switch (op) {
    case LINEAR:
        return pl_op_linear(&tape, x, square, NULL);
    case EMBED:
        return pl_op_embed(&tape, ids, rows, square);
    case ADD:
        return pl_op_add(&tape, x, y, 1);
    case SILU:
        return pl_op_activate(&tape, x, PL_SILU, 1);
    case RELU:
        return pl_op_activate(&tape, x, PL_RELU, 1);
    case SWIGLU:
        return pl_op_swiglu(&tape, x, y);
    case LOG_SIGMOID:
        return pl_op_log_sigmoid(&tape, x, 16, -INFINITY);
    case RMS:
        return pl_op_rms_norm(&tape, x, weight, 1e-6);
    case HEADS:
        return pl_op_rms_norm(&tape, x, head_weight, 1e-6);
    case GATED:
        return pl_op_gated_norm(&tape, x, head_weight, y, 1e-6);
    case UNIT:
        return pl_op_unit(&tape, x, 64);
    case SUM:
        return pl_op_sum_to_one(&tape, x, 64);
    case CONV:
        return pl_op_short_conv(&tape, &sequences, x, taps, true, NULL);
    case HEAD:
        return pl_op_head_loss(&tape, x, square, ids, NULL);
    }
    return NULL;
}

static void measure(enum op op)
{
    double forward = INFINITY, backward = INFINITY, elements = (double)(rows * width);
    for (int run = 0; run < 15; run++) {
        tape.recording = true;
        double start = seconds();
        struct pl_variable *out = apply(op);
        double middle = seconds();
        if (!out || pl_tape_backward(&tape, out, 1) != PL_OK) {
            fprintf(stderr, "ops: %s\n", context.message);
            exit(1);
        }
        double end = seconds();
        forward = fmin(forward, middle - start);
        backward = fmin(backward, end - middle);
        pl_tape_reset(&tape);
    }
    printf("%-18s %6.2f %6.2f ns", ops[op].name, 1e9 * forward / elements,
           1e9 * backward / elements);
    if (ops[op].forward) {
        printf("  %3.0f %% %3.0f %% of memcpy\n",
               100 * ops[op].forward * elements / copy_speed / forward,
               100 * ops[op].backward * elements / copy_speed / backward);
        return;
    }
    double work = 2 * elements * (double)width;
    if (op == HEAD)
        printf("  %3.0f %% of the peak\n", 100 * 3 * work / peak / (forward + backward));
    else
        printf("  %3.0f %% %3.0f %% of the peak\n", 100 * work / peak / forward,
               100 * 2 * work / peak / backward);
}

static void limits(void)
{
    size_t size = (size_t)(rows * width) * sizeof(pl_real);
    double best = INFINITY;
    for (int run = 0; run < 15; run++) {
        double start = seconds();
        memcpy(y->gradient, x->value, size);
        best = fmin(best, seconds() - start);
    }
    copy_speed = 2 * (double)size / best;
    enum { N = 1024 };
    struct pl_variable *a = leaf(N, N), *b = leaf(N, N);
    best = INFINITY;
    for (int run = 0; run < 8; run++) {
        double start = seconds();
        pl_gemm(false, false, N, N, N, 1, a->value, N, b->value, N, 0, a->gradient, N);
        best = fmin(best, seconds() - start);
    }
    peak = 2.0 * N * N * N / best;
    printf("%lld rows of %lld: memcpy %.1f GB/s (read and written), product %.0f GFLOP/s\n",
           (long long)rows, (long long)width, 1e-9 * copy_speed, 1e-9 * peak);
}

int main(int argc, char **argv)
{
    rows = argc > 1 ? atoll(argv[1]) : rows;
    width = argc > 2 ? atoll(argv[2]) : width;
    if (rows < 1 || width < 64 || pl_blas_open(&context) != PL_OK) {
        fprintf(stderr, "ops: %s\n",
                context.status ? context.message : "usage: ops [ROWS [WIDTH]]");
        return PL_USAGE;
    }
    x = leaf(rows, width), y = leaf(rows, width), square = leaf(width, width);
    weight = leaf(1, width), head_weight = leaf(1, 64), taps = leaf(width, 4);
    ids = pl_new(&context, (size_t)rows, sizeof *ids);
    if (!ids)
        return PL_SYSTEM;
    for (int64_t i = 0; i < rows; i++)
        ids[i] = (int32_t)(i * 7 % width);
    starts[1] = rows;
    sequences = (struct pl_rows){1, starts};
    for (int64_t i = 0; i < x->count; i++)
        y->value[i] = x->value[x->count - 1 - i];
    limits();
    for (size_t op = 0; op < sizeof ops / sizeof ops[0]; op++)
        measure((enum op)op);
    pl_tape_release(&tape);
    return 0;
}
