/* Intervals and metrics against known values and against their own promises.
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "base/rng.h"
#include "series/interval.h"
#include "series/metrics.h"

static struct pl_context context;

static void test_normal_quantiles(void)
{
    CHECK_NEAR(pl_normal_half_width(0.5), 0.67448975019608171, 1e-12);
    CHECK_NEAR(pl_normal_half_width(0.8), 1.2815515655446004, 1e-12);
    CHECK_NEAR(pl_normal_half_width(0.95), 1.9599639845400545, 1e-12);
    CHECK_NEAR(pl_normal_half_width(0.999), 3.2905267314919255, 1e-12);
    CHECK_NEAR(pl_normal_half_width(1e-6), 1.2533141373158308e-6, 1e-12);
}

static void test_levels(void)
{
    double levels[PL_LEVELS_MAX];
    int count;
    CHECK(pl_levels_parse(&context, "80,95", levels, &count) == PL_OK && count == 2);
    CHECK_NEAR(levels[1], 0.95, 1e-15);
    CHECK(pl_levels_parse(&context, "80,,95", levels, &count) == PL_USAGE);
    CHECK(pl_levels_parse(&context, "95,80", levels, &count) == PL_USAGE);
    CHECK(pl_levels_parse(&context, "100", levels, &count) == PL_USAGE);
    CHECK_TEXT(context.message, "--interval '100': must be a percentage between 0 and 100");
    CHECK(pl_levels_parse(&context, "nan", levels, &count) == PL_USAGE);
}

/* The noise triples half way: static widths would cover far too little, adaptive ones must come
 * back to the promised share within three points over the second half. */
static void test_adaptive_coverage_under_drift(void)
{
    enum { HORIZON = 7, ROWS = 12000 };
    const double levels[] = {0.8, 0.95};
    struct pl_rng rng = pl_rng_init(2, "drift");
    struct pl_adaptive adaptive;
    static double issued[ROWS][2][HORIZON];
    double zero[HORIZON] = {0}, inside[2][HORIZON] = {{0}};
    CHECK(pl_adaptive_init(&context, &adaptive, HORIZON, levels, 2, NULL) == PL_OK);
    for (int t = 0; t < ROWS; t++) {
        double value = pl_rng_normal(&rng, (uint64_t)t) * (t < ROWS / 2 ? 1 : 3);
        for (int h = 0; h < HORIZON && t - h - 1 >= 0; h++)
            for (int level = 0; level < 2 && t >= ROWS / 2; level++)
                inside[level][h] += fabs(value) <= issued[t - h - 1][level][h];
        pl_adaptive_step(&adaptive, value, zero, &issued[t][0][0]);
    }
    for (int level = 0; level < 2; level++)
        for (int h = 0; h < HORIZON; h++)
            CHECK(fabs(inside[level][h] / (ROWS / 2) - levels[level]) < 0.03);
    pl_adaptive_release(&adaptive);
}

static void test_adaptive_starts_from_the_grid(void)
{
    const double level = 0.8;
    struct pl_adaptive adaptive;
    float grid[2 * PL_GRID];
    double forecast[2] = {0, 0}, half[2];
    for (int i = 0; i < 2 * PL_GRID; i++)
        grid[i] = (float)(i % PL_GRID + 1);
    CHECK(pl_adaptive_init(&context, &adaptive, 2, &level, 1, grid) == PL_OK);
    pl_adaptive_step(&adaptive, NAN, forecast, half);
    CHECK(half[0] > 79 && half[0] < 82 && half[1] == half[0]);
    pl_adaptive_release(&adaptive);
}

static void test_metrics(void)
{
    const double level = 0.5, truth[] = {1, NAN}, forecast[] = {0, 5}, half[] = {2, 2};
    const double deviation[] = {1, 1};
    const struct pl_unit unit = {.mean = 10, .scale = 2, .naive = 4};
    struct pl_metrics metrics;
    CHECK(pl_metrics_init(&context, &metrics, 2, &level, 1) == PL_OK);
    pl_metrics_add(&metrics, &unit, truth, forecast, half, deviation);
    struct pl_step_sums sums = pl_metrics_total(&metrics, 0, 2);
    CHECK(metrics.windows == 1 && sums.count == 1);
    CHECK(sums.squared == 1 && sums.raw_squared == 4 && sums.scaled == 0.5);
    CHECK_NEAR(sums.symmetric, 200 * 2 / 22.0, 1e-12);
    CHECK(sums.inside[0] == 1 && sums.width[0] == 8);
    /* ends at 6 and 14 around 10, truth 12: 0.25 * 6 below, 0.25 * 2 above */
    CHECK_NEAR(sums.pinball[0], (0.25 * 6 + 0.25 * 2) / 2, 1e-12);
    /* N(0, 1) at 1, doubled by the unit */
    CHECK_NEAR(sums.crps, 2 * 0.6024413576276163, 1e-9);
    pl_metrics_release(&metrics);
}

static void test_seasonal_difference(void)
{
    const double values[] = {1, 2, NAN, 5, 4, 9};
    CHECK_NEAR(pl_seasonal_difference(values, 6, 2), (3.0 + 4.0) / 2, 1e-15);
    CHECK(isnan(pl_seasonal_difference(values, 6, 6)));
}

int main(void)
{
    RUN(test_normal_quantiles);
    RUN(test_levels);
    RUN(test_adaptive_coverage_under_drift);
    RUN(test_adaptive_starts_from_the_grid);
    RUN(test_metrics);
    RUN(test_seasonal_difference);
    FINISH();
}
