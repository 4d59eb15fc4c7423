/* Gradients against central differences, in double precision: for tests/unit/double_*.c.
 * SPDX-License-Identifier: MIT
 *
 *     static struct pl_variable *build(struct gradient *gradient, const void *user)
 *     {
 *         struct pl_variable *y = pl_op_rms_norm(&gradient->tape, LEAF("x"), LEAF("weight"), 1e-6);
 *         return gradient_sum(gradient, y);
 *     }
 *     ...
 *     struct gradient gradient = {0};
 *     gradient_leaf(&gradient, "x", 2, 5, 8);
 *     gradient_leaf(&gradient, "weight", 1, 8);
 *     gradient_check(&gradient, build, NULL);
 *     gradient_release(&gradient);
 *
 * build makes a loss of one element from the leaves, the same each time it is called.
 * gradient_check compares the slope of the loss by every element of every leaf (by a sample of
 * them when there are many) with the gradient: max |difference| / max |slope| of each leaf must
 * be below 1e-6.  It then makes sure that
 *   - a tape that does not record gives the same loss, bit for bit, and leaves the gradients alone;
 *   - so do 1, 2 and 3 threads, for the loss and all gradients;
 *   - gradients stay the same, bit for bit, when others are not wanted;
 *   - gradients are added to what is there. */
#ifndef PL_TESTS_GRADIENT_H
#define PL_TESTS_GRADIENT_H

#include "check.h"

#include <stdarg.h>

#include "autograd/ops.h"
#include "base/rng.h"
#include "tensor/blas.h"

enum { GRADIENT_LEAVES = 32, GRADIENT_SAMPLE = 96 };

struct gradient_leaf {
    const char *name;
    struct pl_variable variable;
    double *gradient; /* the leaf's own; variable.gradient is this, or NULL while not wanted */
    double *expected; /* as first computed */
};

struct gradient {
    struct pl_context context;
    struct pl_tape tape;
    struct gradient_leaf leaves[GRADIENT_LEAVES];
    int count;
    int sums;   /* made by the current build */
    int sample; /* about so many elements of a leaf are compared; 0: GRADIENT_SAMPLE */
};

typedef struct pl_variable *gradient_build(struct gradient *gradient, const void *user);

#define LEAF(name) gradient_variable(gradient, name)

/* A leaf of that rank and these dims (int), filled with normal numbers. */
static inline struct pl_variable *gradient_leaf(struct gradient *gradient, const char *name,
                                                int rank, ...)
{
    struct gradient_leaf *leaf = &gradient->leaves[gradient->count++];
    struct pl_variable *variable = &leaf->variable;
    struct pl_rng rng = pl_rng_init(1, name);
    va_list dims;
    leaf->name = name;
    variable->rank = rank;
    variable->count = 1;
    va_start(dims, rank);
    for (int i = 0; i < rank; i++)
        variable->count *= variable->dims[i] = va_arg(dims, int);
    va_end(dims);
    size_t room = (size_t)variable->count + 1;
    variable->value = calloc(room, sizeof *variable->value);
    variable->gradient = leaf->gradient = calloc(room, sizeof *leaf->gradient);
    leaf->expected = calloc(room, sizeof *leaf->expected);
    if (!variable->value || !leaf->gradient || !leaf->expected)
        abort();
    for (int64_t i = 0; i < variable->count; i++)
        variable->value[i] = (pl_real)pl_rng_normal(&rng, (uint64_t)i);
    return variable;
}

static inline struct pl_variable *gradient_variable(struct gradient *gradient, const char *name)
{
    for (int i = 0; i < gradient->count; i++)
        if (strcmp(gradient->leaves[i].name, name) == 0)
            return &gradient->leaves[i].variable;
    printf("# no leaf '%s'\n", name);
    abort();
}

static inline void gradient_release(struct gradient *gradient)
{
    for (int i = 0; i < gradient->count; i++) {
        free(gradient->leaves[i].variable.value);
        free(gradient->leaves[i].gradient);
        free(gradient->leaves[i].expected);
    }
    pl_tape_release(&gradient->tape);
    *gradient = (struct gradient){0};
}

/* ---- the loss of tests: sum of x times fixed random weights */

struct gradient_sum {
    struct pl_variable *x, *out;
    uint64_t seed;
};

/* In (-1, 1): splitmix64. */
static inline double gradient_weight(uint64_t seed, int64_t i)
{
    uint64_t z = (seed << 32) + (uint64_t)(i + 1) * 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return (double)(int64_t)(z ^ (z >> 31)) * 0x1p-63;
}

static inline enum pl_status gradient_sum_back(struct pl_tape *tape, void *saved)
{
    const struct gradient_sum *sum = saved;
    (void)tape;
    for (int64_t i = 0; i < sum->x->count; i++)
        sum->x->gradient[i] +=
            (pl_real)(gradient_weight(sum->seed, i) * (double)sum->out->gradient[0]);
    return PL_OK;
}

/* One element; other weights for each sum of one build.  NULL for NULL. */
static inline struct pl_variable *gradient_sum(struct gradient *gradient, struct pl_variable *x)
{
    if (!x)
        return NULL;
    struct gradient_sum sum = {x, pl_tape_matrix(&gradient->tape, x->gradient, 1, 1),
                               (uint64_t)gradient->sums++};
    double total = 0;
    if (!sum.out)
        return NULL;
    for (int64_t i = 0; i < x->count; i++)
        total += (double)x->value[i] * gradient_weight(sum.seed, i);
    sum.out->value[0] = (pl_real)total;
    if (sum.out->gradient &&
        pl_tape_note(&gradient->tape, gradient_sum_back, &sum, sizeof sum) != PL_OK)
        return NULL;
    return sum.out;
}

/* ---- checks */

/* Builds the loss; if recording, goes back.  NAN after a failure, which is a failed check. */
static inline double gradient_run(struct gradient *gradient, gradient_build *build,
                                  const void *user, bool recording, int threads)
{
    struct pl_tape *tape = &gradient->tape;
    tape->context = &gradient->context;
    tape->recording = recording;
    gradient->context.threads = threads;
    gradient->sums = 0;
    struct pl_variable *loss = build(gradient, user);
    double value = loss ? (double)loss->value[0] : (double)NAN;
    if (!loss || (recording && loss->gradient && pl_tape_backward(tape, loss, 1) != PL_OK)) {
        printf("# %s\n", gradient->context.message);
        value = (double)NAN;
    }
    pl_tape_reset(tape);
    return value;
}

static inline void gradient_clear(struct gradient *gradient)
{
    for (int i = 0; i < gradient->count; i++)
        memset(gradient->leaves[i].gradient, 0,
               (size_t)gradient->leaves[i].variable.count * sizeof(double));
}

/* d loss / d value[i] by the five-point rule, whose error is of the order step^4 */
static inline double gradient_slope(struct gradient *gradient, gradient_build *build,
                                    const void *user, pl_real *value)
{
    static const double places[] = {1, -1, 2, -2}, weights[] = {8, -8, -1, 1};
    const double step = 1e-4;
    pl_real before = *value;
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        *value = (pl_real)((double)before + places[i] * step);
        sum += weights[i] * gradient_run(gradient, build, user, false, 1);
    }
    *value = before;
    return sum / (12 * step);
}

/* The largest difference of a leaf's elements, by the largest slope. */
static inline void gradient_compare(struct gradient *gradient, gradient_build *build,
                                    const void *user, struct gradient_leaf *leaf)
{
    int64_t count = leaf->variable.count;
    int64_t step = count / (gradient->sample ? gradient->sample : GRADIENT_SAMPLE) + 1;
    double worst = 0, largest = 1e-8, slope_there = 0;
    int64_t at = 0;
    for (int64_t i = (count - 1) % step; i < count; i += step) {
        double slope = gradient_slope(gradient, build, user, &leaf->variable.value[i]);
        double difference = fabs(slope - leaf->expected[i]);
        largest = fmax(largest, fabs(slope));
        if (!(difference <= worst)) {
            worst = difference;
            slope_there = slope;
            at = i;
        }
    }
    if (!(worst / largest < 1e-6)) {
        printf("# gradient of %s[%lld]: got %.12g, slope is %.12g (error %.2g of the largest)\n",
               leaf->name, (long long)at, leaf->expected[at], slope_there, worst / largest);
        check_failed_here++;
    }
}

/* The leaf's gradient has the bits it had first (or is zero, when not wanted). */
static inline void gradient_same(const struct gradient_leaf *leaf, const char *when, int detail)
{
    for (int64_t i = 0; i < leaf->variable.count; i++) {
        double expected = leaf->variable.gradient ? leaf->expected[i] : 0;
        if (leaf->gradient[i] != expected) {
            printf("# gradient of %s[%lld] %s %d: %.17g, expected %.17g\n", leaf->name,
                   (long long)i, when, detail, leaf->gradient[i], expected);
            check_failed_here++;
            return;
        }
    }
}

static inline void gradient_all_same(struct gradient *gradient, const char *when, int detail)
{
    for (int i = 0; i < gradient->count; i++)
        gradient_same(&gradient->leaves[i], when, detail);
}

/* Only leaf `which` is wanted (or, with only = false, all others). */
static inline void gradient_subset(struct gradient *gradient, gradient_build *build,
                                   const void *user, int which, bool only)
{
    for (int i = 0; i < gradient->count; i++)
        gradient->leaves[i].variable.gradient =
            (i == which) == only ? gradient->leaves[i].gradient : NULL;
    gradient_clear(gradient);
    gradient_run(gradient, build, user, true, 2);
    gradient_all_same(gradient, only ? "with only this leaf wanted:" : "without leaf", which);
    for (int i = 0; i < gradient->count; i++)
        gradient->leaves[i].variable.gradient = gradient->leaves[i].gradient;
}

static inline void gradient_check(struct gradient *gradient, gradient_build *build,
                                  const void *user)
{
    CHECK(pl_blas_open(&gradient->context) == PL_OK);
    gradient_clear(gradient);
    double loss = gradient_run(gradient, build, user, true, 1);
    CHECK(isfinite(loss));
    if (!isfinite(loss))
        return;
    for (int i = 0; i < gradient->count; i++)
        memcpy(gradient->leaves[i].expected, gradient->leaves[i].gradient,
               (size_t)gradient->leaves[i].variable.count * sizeof(double));
    CHECK(gradient_run(gradient, build, user, false, 1) == loss);
    gradient_all_same(gradient, "after a pass that did not record", 0);
    for (int i = 0; i < gradient->count; i++)
        gradient_compare(gradient, build, user, &gradient->leaves[i]);
    for (int threads = 2; threads <= 3; threads++) {
        gradient_clear(gradient);
        CHECK(gradient_run(gradient, build, user, true, threads) == loss);
        gradient_all_same(gradient, "with threads:", threads);
    }
    gradient_run(gradient, build, user, true, 1);
    for (int i = 0; i < gradient->count; i++)
        for (int64_t j = 0; j < gradient->leaves[i].variable.count; j++)
            CHECK_NEAR(gradient->leaves[i].gradient[j], 2 * gradient->leaves[i].expected[j], 1e-9);
    for (int i = 0; i < gradient->count; i++) {
        gradient_subset(gradient, build, user, i, true);
        gradient_subset(gradient, build, user, i, false);
    }
}

#endif
