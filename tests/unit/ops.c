/* Operations in float: the same bits for any threads, elementary functions beside libm, and no
 * memory asked for after the first step.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include "autograd/ops.h"
#include "base/rng.h"
#include "base/simd.h"
#include "counted.h"
#include "nn/conv.h"
#include "tensor/blas.h"

/* ---- elementary functions */

/* Distance in units in the last place of the exact value. */
static double ulps(float got, double exact)
{
    if (isnan(exact) || isnan(got))
        return isnan(exact) && isnan(got) ? 0 : INFINITY;
    if (isinf(exact) || isinf(got) || (double)got == exact)
        return (double)got == exact ? 0 : INFINITY;
    double unit = fmax(ldexp(1, ilogb(exact) - 23), 0x1p-149);
    return fabs((double)got - exact) / unit;
}

typedef float float_fn(float x);
typedef double exact_fn(double x);

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

/* Over all of [low, high] in even steps of the number line, and about 0 in every order. */
static void compare(const char *name, float_fn *function, exact_fn *exact, double low, double high,
                    double most)
{
    enum { STEPS = 2000000 };
    double worst = 0;
    float at = 0;
    for (int i = 0; i <= STEPS; i++) {
        float x = (float)(low + (high - low) * i / STEPS);
        for (int part = 0; part < 2; part++, x = (float)ldexp((double)x, -(i % 100))) {
            double distance = ulps(function(x), exact((double)x));
            if (!(distance <= worst)) {
                worst = distance;
                at = x;
            }
        }
    }
    printf("# %s: %.2f units\n", name, worst);
    if (!(worst <= most)) {
        printf("# at %.9g: %.9g\n", (double)at, (double)function(at));
        check_failed_here++;
    }
}

static void elementary_functions(void)
{
    compare("exp", pl_real_exp, exp, -87.33654, 88.72283, 1);
    compare("log1p", pl_real_log1p, log1p, 0, 1, 2);
    compare("sigmoid", pl_real_sigmoid, sigmoid, -87, 200, 3);
    compare("softplus", pl_real_softplus, softplus, -87, 200, 3);
}

static void extremes(void)
{
    static const float large[] = {88.8F, 1e3F, 1e30F, 3.4e38F, INFINITY};
    for (size_t i = 0; i < sizeof large / sizeof large[0]; i++) {
        CHECK(pl_real_exp(large[i]) == INFINITY);
        CHECK(pl_real_exp(-large[i]) == 0);
        CHECK(pl_real_sigmoid(large[i]) == 1);
        CHECK(pl_real_sigmoid(-large[i]) == 0);
        CHECK(pl_real_softplus(large[i]) == large[i]);
        CHECK(pl_real_softplus(-large[i]) == 0);
    }
    CHECK(isnan(pl_real_exp(NAN)) && isnan(pl_real_exp(-NAN)));
    CHECK(isnan(pl_real_sigmoid(NAN)) && isnan(pl_real_softplus(NAN)) && isnan(pl_real_log1p(NAN)));
    CHECK(pl_real_exp(0) == 1 && pl_real_exp(-0.0F) == 1 && pl_real_log1p(0) == 0);
    CHECK(pl_real_sigmoid(0) == 0.5F);
}

/* ---- a step that has every operation */

enum { ROWS = 300, WIDTH = 96, WORDS = 700, LEAVES = 12 };

struct step {
    struct pl_context context;
    struct pl_tape tape;
    struct pl_variable leaves[LEAVES];
    int32_t ids[ROWS], targets[ROWS];
    int64_t starts[4];
};

static struct pl_variable *leaf(struct step *step, int which, int64_t rows, int64_t width)
{
    struct pl_variable *leaf = &step->leaves[which];
    struct pl_rng rng = pl_rng_init((uint64_t)which, "leaf");
    *leaf = (struct pl_variable){.rank = 2, .dims = {rows, width}, .count = rows * width};
    leaf->value = calloc((size_t)leaf->count, sizeof *leaf->value);
    leaf->gradient = calloc((size_t)leaf->count, sizeof *leaf->gradient);
    for (int64_t i = 0; i < leaf->count; i++)
        leaf->value[i] = (float)(0.2 * pl_rng_normal(&rng, (uint64_t)i));
    return leaf;
}

enum { TABLE, NORM, TAPS, MIX, MIX_BIAS, GATE, UP, DOWN, A_LOG, STEP_BIAS, HEAD_NORM, HEAD };

static void make(struct step *step)
{
    struct pl_rng rng = pl_rng_init(1, "ids");
    *step = (struct step){.starts = {0, 3, 170, ROWS}};
    step->tape.context = &step->context;
    leaf(step, TABLE, WORDS, WIDTH);
    leaf(step, NORM, 1, WIDTH);
    leaf(step, TAPS, WIDTH, 4);
    leaf(step, MIX, WIDTH, WIDTH);
    leaf(step, MIX_BIAS, 1, WIDTH);
    leaf(step, GATE, 2 * WIDTH, WIDTH);
    leaf(step, UP, 2 * WIDTH, WIDTH);
    leaf(step, DOWN, WIDTH, 2 * WIDTH);
    leaf(step, A_LOG, 1, WIDTH);
    leaf(step, STEP_BIAS, 1, WIDTH);
    leaf(step, HEAD_NORM, 1, WIDTH / 4);
    leaf(step, HEAD, WORDS, WIDTH);
    for (int i = 0; i < ROWS; i++) {
        step->ids[i] = (int32_t)pl_rng_below(&rng, (uint64_t)i, WORDS);
        step->targets[i] = i % 5 ? (int32_t)pl_rng_below(&rng, (uint64_t)(ROWS + i), WORDS) : -1;
    }
}

static void release(struct step *step)
{
    pl_tape_release(&step->tape);
    for (int i = 0; i < LEAVES; i++) {
        free(step->leaves[i].value);
        free(step->leaves[i].gradient);
    }
}

/* The loss of one pass; if recording, the way back too. */
static float run(struct step *step, int64_t rows, bool recording, int threads)
{
    struct pl_tape *tape = &step->tape;
    struct pl_variable *leaves = step->leaves;
    struct pl_rows sequences = {3, step->starts};
    step->starts[3] = rows;
    step->context.threads = threads;
    tape->recording = recording;
    struct pl_variable *h = pl_op_embed(tape, step->ids, rows, &leaves[TABLE]);
    struct pl_variable *x = pl_op_rms_norm(tape, h, &leaves[NORM], 1e-6);
    x = pl_op_short_conv(tape, &sequences, x, &leaves[TAPS], true, NULL);
    x = pl_op_unit(tape, pl_op_linear(tape, x, &leaves[MIX], &leaves[MIX_BIAS]), WIDTH / 3);
    struct pl_variable *decay = pl_op_decay(tape, x, &leaves[A_LOG], &leaves[STEP_BIAS]);
    decay = pl_op_add(tape, decay, pl_op_log_sigmoid(tape, x, 16, -0.2), 1);
    x = pl_op_gated_norm(tape, x, &leaves[HEAD_NORM], decay, 1e-6);
    h = pl_op_add(tape, h, pl_op_sum_to_one(tape, pl_op_activate(tape, x, PL_ELU_ONE, 1), 8), 1);
    x = pl_op_swiglu(tape, pl_op_linear(tape, h, &leaves[GATE], NULL),
                     pl_op_linear(tape, h, &leaves[UP], NULL));
    x = pl_op_activate(tape, pl_op_linear(tape, x, &leaves[DOWN], NULL), PL_SILU, 1);
    x = pl_op_activate(tape, pl_op_activate(tape, x, PL_RELU, 2), PL_SIGMOID, 1);
    h = pl_op_add(tape, h, x, 1);
    struct pl_variable *loss = pl_op_head_loss(tape, h, &leaves[HEAD], step->targets, NULL);
    if (!loss || (recording && pl_tape_backward(tape, loss, 1) != PL_OK)) {
        printf("# %s\n", step->context.message);
        abort();
    }
    float value = loss->value[0];
    pl_tape_reset(tape);
    return value;
}

static void clear(struct step *step)
{
    for (int i = 0; i < LEAVES; i++)
        memset(step->leaves[i].gradient, 0,
               (size_t)step->leaves[i].count * sizeof *step->leaves[i].gradient);
}

static void same_bits(void)
{
    struct step one, other;
    make(&one);
    make(&other);
    float loss = run(&one, ROWS, true, 1);
    CHECK(isfinite(loss) && loss > 1);
    CHECK(run(&other, ROWS, false, 1) == loss);
    for (int i = 0; i < LEAVES; i++)
        for (int64_t j = 0; j < other.leaves[i].count; j++)
            CHECK(other.leaves[i].gradient[j] == 0);
    for (int threads = 1; threads <= 3; threads++) {
        clear(&other);
        CHECK(run(&other, ROWS, true, threads) == loss);
        for (int i = 0; i < LEAVES; i++)
            CHECK(memcmp(one.leaves[i].gradient, other.leaves[i].gradient,
                         (size_t)one.leaves[i].count * sizeof(float)) == 0);
    }
    release(&one);
    release(&other);
}

static void no_memory_after_the_first_step(void)
{
    for (int threads = 1; threads <= 2; threads++) {
        struct step step;
        make(&step);
        run(&step, ROWS, true, threads);
        long before = counted_asked;
        CHECK(before > 0 || !counted());
        for (int i = 0; i < 4; i++)
            run(&step, ROWS, true, threads);
        for (int i = 0; i < 4; i++)
            run(&step, ROWS, false, threads);
        CHECK(counted_asked == before);
        release(&step);
    }
}

/* What is not a number must reach the loss. */
static void nan_is_seen(void)
{
    for (int which = 0; which < LEAVES; which++) {
        struct step step;
        make(&step);
        int64_t at = which == TABLE ? step.ids[7] * WIDTH : 0;
        step.leaves[which].value[at] = NAN;
        CHECK(isnan(run(&step, ROWS, true, 2)));
        if (check_failed_here)
            printf("# leaf %d\n", which);
        release(&step);
    }
}

int main(void)
{
    RUN(elementary_functions);
    RUN(extremes);
    NEED_BLAS("operations");
    RUN(same_bits);
    RUN(no_memory_after_the_first_step);
    RUN(nan_is_seen);
    FINISH();
}
