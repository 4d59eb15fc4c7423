/* Prediction intervals: see interval.h.
 * SPDX-License-Identifier: MIT
 *
 * The adaptive method needs a running quantile: `recent` remembers the order of arrival so that
 * the oldest error can leave, `sorted` holds the same errors in order, so that a quantile is one
 * load.  Entering and leaving are a binary search and a memmove of at most 2 KB: for a window of
 * this size that is faster than any tree.
 *
 * The working level starts at the nominal one and moves by rate * (missed - (1 - level)) for each
 * observed interval (Gibbs and Candes, "Adaptive conformal inference under distribution shift",
 * NeurIPS 2021, eq. 2).  What counts as a miss is judged by the width that was issued with the
 * forecast, not by today's: with a delay of h rows the two differ, and only the former keeps the
 * promised long-run coverage. */
#include "series/interval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"

enum pl_status pl_levels_parse(struct pl_context *context, const char *text,
                               double levels[PL_LEVELS_MAX], int *count)
{
    *count = 0;
    for (const char *part = text;; part++) {
        const char *end = strchr(part, ',');
        size_t size = end ? (size_t)(end - part) : strlen(part);
        double percent;
        if (!pl_parse_double(part, size, &percent) || !(percent > 0 && percent < 100))
            return pl_fail(context, PL_USAGE,
                           "--interval '%.*s': must be a percentage between 0 and 100", (int)size,
                           part);
        if (*count == PL_LEVELS_MAX)
            return pl_fail(context, PL_USAGE, "--interval: at most %d levels", PL_LEVELS_MAX);
        if (*count > 0 && percent / 100 <= levels[*count - 1])
            return pl_fail(context, PL_USAGE, "--interval '%s': levels must ascend", text);
        levels[(*count)++] = percent / 100;
        if (!end)
            return PL_OK;
        part = end;
    }
}

/* Inverts the normal distribution by Newton's method on erfc, whose curvature makes every step
 * from below land below the root: it converges from any start for 0 < level < 1. */
double pl_normal_half_width(double level)
{
    double z = 0;
    for (int i = 0; i < 100; i++) {
        double excess = erfc(z / sqrt(2.0)) - (1 - level);
        double density = sqrt(2 / 3.14159265358979323846) * exp(-z * z / 2);
        double next = z + excess / density;
        if (fabs(next - z) <= 1e-15 * (1 + z))
            return next;
        z = next;
    }
    return z;
}

/* Where step h's waiting forecasts begin: the steps before it keep 1 + 2 + ... + h of them. */
static int64_t waiting_start(int64_t h)
{
    return h * (h + 1) / 2;
}

enum pl_status pl_adaptive_init(struct pl_context *context, struct pl_adaptive *adaptive,
                                int64_t horizon, const double *levels, int level_count,
                                const float *grid)
{
    const int64_t window = PL_ADAPTIVE_WINDOW;
    size_t steps = (size_t)horizon, level_size = (size_t)level_count;
    size_t waiting = (size_t)waiting_start(horizon);
    memset(adaptive, 0, sizeof *adaptive);
    adaptive->horizon = horizon;
    adaptive->level_count = level_count;
    adaptive->recent = pl_new(context, steps * (size_t)window, sizeof(float));
    adaptive->sorted = pl_new(context, steps * (size_t)window, sizeof(float));
    adaptive->filled = pl_new(context, steps, sizeof(int32_t));
    adaptive->head = pl_new(context, steps, sizeof(int32_t));
    adaptive->working = pl_new(context, steps * level_size, sizeof(double));
    adaptive->waiting = pl_new(context, waiting, sizeof(double));
    adaptive->issued = pl_new(context, waiting * level_size, sizeof(float));
    if (!adaptive->recent || !adaptive->sorted || !adaptive->filled || !adaptive->head ||
        !adaptive->working || !adaptive->waiting || !adaptive->issued) {
        pl_adaptive_release(adaptive);
        return context->status;
    }
    memcpy(adaptive->levels, levels, level_size * sizeof *levels);
    for (size_t i = 0; i < waiting; i++)
        adaptive->waiting[i] = (double)NAN;
    for (int64_t h = 0; h < horizon; h++) {
        memcpy(adaptive->working + h * level_count, levels, level_size * sizeof *levels);
        if (!grid)
            continue;
        memcpy(adaptive->recent + h * window, grid + h * PL_GRID, PL_GRID * sizeof(float));
        memcpy(adaptive->sorted + h * window, grid + h * PL_GRID, PL_GRID * sizeof(float));
        adaptive->filled[h] = adaptive->head[h] = PL_GRID;
    }
    return PL_OK;
}

void pl_adaptive_release(struct pl_adaptive *adaptive)
{
    free(adaptive->recent);
    free(adaptive->sorted);
    free(adaptive->filled);
    free(adaptive->head);
    free(adaptive->working);
    free(adaptive->waiting);
    free(adaptive->issued);
    memset(adaptive, 0, sizeof *adaptive);
}

/* The first place in sorted[0..count) whose value is not below `value`. */
static int32_t lower_bound(const float *sorted, int32_t count, float value)
{
    int32_t low = 0;
    while (count > 0) {
        int32_t half = count / 2;
        if (sorted[low + half] < value) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return low;
}

static void remember(struct pl_adaptive *adaptive, int64_t h, float error)
{
    float *recent = adaptive->recent + h * PL_ADAPTIVE_WINDOW;
    float *sorted = adaptive->sorted + h * PL_ADAPTIVE_WINDOW;
    int32_t filled = adaptive->filled[h], head = adaptive->head[h];
    if (filled == PL_ADAPTIVE_WINDOW) {
        int32_t leaving = lower_bound(sorted, filled, recent[head]);
        memmove(sorted + leaving, sorted + leaving + 1,
                (size_t)(filled - leaving - 1) * sizeof *sorted);
        filled--;
    }
    int32_t place = lower_bound(sorted, filled, error);
    memmove(sorted + place + 1, sorted + place, (size_t)(filled - place) * sizeof *sorted);
    sorted[place] = error;
    recent[head] = error;
    adaptive->filled[h] = filled + 1;
    adaptive->head[h] = (head + 1) % PL_ADAPTIVE_WINDOW;
}

/* The quantile of step h's window at the working level, interpolated; beyond the largest error
 * seen (level 1 and more) the largest stands in, since an infinite band helps nobody. */
static double half_width(const struct pl_adaptive *adaptive, int64_t h, int level)
{
    const float *sorted = adaptive->sorted + h * PL_ADAPTIVE_WINDOW;
    int32_t count = adaptive->filled[h];
    if (count == 0)
        return (double)INFINITY;
    double place = adaptive->working[h * adaptive->level_count + level] * (count + 1) - 1;
    if (place <= 0)
        return (double)sorted[0];
    if (place >= count - 1)
        return (double)sorted[count - 1];
    int32_t below = (int32_t)place;
    return (double)sorted[below] + (place - below) * (double)(sorted[below + 1] - sorted[below]);
}

static void observe(struct pl_adaptive *adaptive, int64_t h, int64_t slot, double observed)
{
    double error = fabs(observed - adaptive->waiting[slot]);
    if (isnan(error))
        return;
    for (int level = 0; level < adaptive->level_count; level++) {
        double missed = error > (double)adaptive->issued[slot * adaptive->level_count + level];
        adaptive->working[h * adaptive->level_count + level] +=
            PL_ADAPTIVE_RATE * (missed - (1 - adaptive->levels[level]));
    }
    remember(adaptive, h, (float)error);
}

void pl_adaptive_step(struct pl_adaptive *adaptive, double observed, const double *forecast,
                      double *half)
{
    int levels = adaptive->level_count;
    for (int64_t h = 0; h < adaptive->horizon; h++) {
        /* The slot this row's forecast takes is that of the forecast made h+1 rows ago, which was
         * for this very row. */
        int64_t slot = waiting_start(h) + adaptive->step % (h + 1);
        observe(adaptive, h, slot, observed);
        adaptive->waiting[slot] = forecast ? forecast[h] : (double)NAN;
        if (!forecast)
            continue;
        for (int level = 0; level < levels; level++) {
            double width = half_width(adaptive, h, level);
            adaptive->issued[slot * levels + level] = (float)width;
            half[level * adaptive->horizon + h] = width;
        }
    }
    adaptive->step++;
}
