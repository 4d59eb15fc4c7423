/* Optimisers, clipping and schedules against their definitions, one element at a time.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include "base/rng.h"
#include "train/optimiser.h"
#include "train/schedule.h"

enum { ROWS = 300, WIDTH = 70, STEPS = 5 }; /* more than one block, not a multiple of one */

static struct pl_context context;

static const struct pl_optimiser_options adamw = {
    .kind = PL_ADAMW, .decay = 0.1, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8};
static const struct pl_optimiser_options sgd = {.kind = PL_SGD, .decay = 0.1, .momentum = 0.9};

/* A matrix, a vector and a frozen matrix. */
static void make(struct pl_parameters *parameters)
{
    *parameters = (struct pl_parameters){0};
    if (!pl_parameter_add(&context, parameters, PL_INIT_NORMAL, PL_DIMS(ROWS, WIDTH), "matrix") ||
        !pl_parameter_add(&context, parameters, PL_INIT_NORMAL, PL_DIMS(WIDTH), "vector") ||
        !pl_parameter_add(&context, parameters, PL_INIT_NORMAL, PL_DIMS(2, 2), "frozen"))
        abort();
    parameters->items[2]->frozen = true;
    if (pl_parameters_start(&context, parameters, 1, 1))
        abort();
}

static void set_gradients(struct pl_parameters *parameters, int step)
{
    struct pl_rng rng = pl_rng_init((uint64_t)step, "gradients");
    uint64_t element = 0;
    for (size_t i = 0; i < 2; i++)
        for (int64_t j = 0; j < parameters->items[i]->variable.count; j++)
            parameters->items[i]->variable.gradient[j] = (pl_real)pl_rng_normal(&rng, element++);
}

static double rate_of(int step)
{
    return 0.01 * (step + 1);
}

/* One element through all steps, from the formulas. */
static double follow(const struct pl_optimiser_options *options, double p, bool decays,
                     uint64_t element)
{
    double m = 0, v = 0;
    for (int step = 0; step < STEPS; step++) {
        struct pl_rng rng = pl_rng_init((uint64_t)step, "gradients");
        double g = 0.5 * pl_rng_normal(&rng, element), r = rate_of(step);
        if (decays)
            p -= r * options->decay * p;
        if (options->kind == PL_SGD) {
            m = options->momentum * m + g;
            p -= r * m;
            continue;
        }
        m = options->beta1 * m + (1 - options->beta1) * g;
        v = options->beta2 * v + (1 - options->beta2) * g * g;
        p -= r * (m / (1 - pow(options->beta1, step + 1))) /
             (sqrt(v / (1 - pow(options->beta2, step + 1))) + options->eps);
    }
    return p;
}

static void run(const struct pl_optimiser_options *options, struct pl_parameters *parameters)
{
    struct pl_optimiser optimiser;
    make(parameters);
    CHECK(pl_optimiser_init(&context, &optimiser, parameters, options) == PL_OK);
    for (int step = 0; step < STEPS; step++) {
        set_gradients(parameters, step);
        CHECK(pl_optimiser_step(&context, &optimiser, rate_of(step), 0.5) == PL_OK);
    }
    CHECK(optimiser.steps == STEPS);
    pl_optimiser_release(&optimiser);
}

static void check_against_formulas(const struct pl_optimiser_options *options)
{
    struct pl_parameters before, after;
    make(&before);
    run(options, &after);
    uint64_t element = 0;
    double worst = 0;
    for (size_t i = 0; i < 2; i++)
        for (int64_t j = 0; j < before.items[i]->variable.count; j++) {
            double expected =
                follow(options, (double)before.items[i]->variable.value[j], i == 0, element++);
            worst = fmax(worst, fabs((double)after.items[i]->variable.value[j] - expected));
        }
    CHECK_NEAR(worst, 0, 1e-13);
    for (int64_t j = 0; j < 4; j++)
        CHECK(after.items[2]->variable.value[j] == before.items[2]->variable.value[j]);
    pl_parameters_release(&before);
    pl_parameters_release(&after);
}

static void adamw_is_its_formulas(void)
{
    check_against_formulas(&adamw);
}

static void momentum_is_its_formulas(void)
{
    check_against_formulas(&sgd);
}

static void steps_do_not_depend_on_threads(void)
{
    struct pl_parameters one, three;
    context.threads = 1;
    run(&adamw, &one);
    context.threads = 3;
    run(&adamw, &three);
    for (size_t i = 0; i < 3; i++)
        CHECK(memcmp(one.items[i]->variable.value, three.items[i]->variable.value,
                     (size_t)one.items[i]->variable.count * sizeof(pl_real)) == 0);
    pl_parameters_release(&one);
    pl_parameters_release(&three);
}

static void norm_is_of_all_gradients(void)
{
    struct pl_parameters parameters;
    struct pl_optimiser optimiser;
    double sum = 0, norms[2];
    make(&parameters);
    CHECK(pl_optimiser_init(&context, &optimiser, &parameters, &adamw) == PL_OK);
    set_gradients(&parameters, 0);
    for (size_t i = 0; i < 2; i++)
        for (int64_t j = 0; j < parameters.items[i]->variable.count; j++)
            sum += (double)parameters.items[i]->variable.gradient[j] *
                   (double)parameters.items[i]->variable.gradient[j];
    for (int threads = 1; threads <= 2; threads++) {
        context.threads = threads;
        CHECK(pl_optimiser_norm(&context, &optimiser, &norms[threads - 1]) == PL_OK);
    }
    CHECK_NEAR(norms[0], sqrt(sum), 1e-13);
    CHECK(norms[0] == norms[1]);
    parameters.items[1]->variable.gradient[WIDTH - 1] = (pl_real)NAN;
    CHECK(pl_optimiser_norm(&context, &optimiser, &norms[0]) == PL_OK);
    CHECK(isnan(norms[0]));
    pl_optimiser_release(&optimiser);
    pl_parameters_release(&parameters);
}

static void clipping_bounds_the_norm(void)
{
    CHECK(pl_clip_scale(0.5, 1) == 1);
    CHECK(pl_clip_scale(1e9, 0) == 1);
    CHECK_NEAR(pl_clip_scale(4, 1), 1 / (4 + 1e-6), 1e-15);
    CHECK_NEAR(pl_clip_scale(4, 2), 2 / (4 + 1e-6), 1e-15);
}

static void schedules_rise_and_fall(void)
{
    struct pl_schedule schedule = {PL_SCHEDULE_COSINE, 2, 0.1, 5, 25};
    CHECK_NEAR(pl_schedule_rate(&schedule, 0), 0.4, 1e-15);
    CHECK_NEAR(pl_schedule_rate(&schedule, 4), 2, 1e-15);
    CHECK_NEAR(pl_schedule_rate(&schedule, 5), 2, 1e-15);
    CHECK_NEAR(pl_schedule_rate(&schedule, 15), 2 * (0.1 + 0.9 / 2), 1e-15);
    CHECK_NEAR(pl_schedule_rate(&schedule, 25), 0.2, 1e-15);
    schedule.kind = PL_SCHEDULE_LINEAR;
    CHECK_NEAR(pl_schedule_rate(&schedule, 10), 2 * (0.1 + 0.9 * 0.75), 1e-15);
    schedule.kind = PL_SCHEDULE_CONSTANT;
    CHECK_NEAR(pl_schedule_rate(&schedule, 24), 2, 1e-15);
    schedule.warmup = schedule.steps; /* nothing but warm-up */
    CHECK_NEAR(pl_schedule_rate(&schedule, 24), 2, 1e-15);
}

static void warmup_is_a_share_or_a_number(void)
{
    CHECK(pl_schedule_warmup(0, 600) == 0);
    CHECK(pl_schedule_warmup(0.05, 600) == 30);
    CHECK(pl_schedule_warmup(1, 600) == 1);
    CHECK(pl_schedule_warmup(1024, 600) == 600);
}

int main(void)
{
    RUN(adamw_is_its_formulas);
    RUN(momentum_is_its_formulas);
    RUN(steps_do_not_depend_on_threads);
    RUN(norm_is_of_all_gradients);
    RUN(clipping_bounds_the_norm);
    RUN(schedules_rise_and_fall);
    RUN(warmup_is_a_share_or_a_number);
    FINISH();
}
