/* Errors of forecasts: see metrics.h.
 * SPDX-License-Identifier: MIT */
#include "series/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum pl_status pl_metrics_init(struct pl_context *context, struct pl_metrics *metrics,
                               int64_t horizon, const double *levels, int level_count)
{
    memset(metrics, 0, sizeof *metrics);
    metrics->horizon = horizon;
    metrics->level_count = level_count;
    for (int i = 0; i < level_count; i++)
        metrics->levels[i] = levels[i];
    metrics->steps = pl_new(context, (size_t)horizon, sizeof *metrics->steps);
    return metrics->steps ? PL_OK : context->status;
}

void pl_metrics_release(struct pl_metrics *metrics)
{
    free(metrics->steps);
    memset(metrics, 0, sizeof *metrics);
}

/* Of a normal forecast with this error and deviation: s (z (2 Phi(z) - 1) + 2 phi(z) - 1/sqrt pi)
 * with z = error / s; |error| in the limit s = 0. */
static double normal_crps(double error, double deviation)
{
    if (!(deviation > 0))
        return fabs(error);
    double z = error / deviation;
    double density = 0.39894228040143267794 * exp(-z * z / 2);
    return deviation * (z * erf(z / sqrt(2.0)) + 2 * density - 0.56418958354775628695);
}

static double quantile_loss(double truth, double quantile, double share)
{
    double over = truth - quantile;
    return over >= 0 ? share * over : (share - 1) * over;
}

static void add_interval(struct pl_step_sums *sums, int level, double share, double truth,
                         double forecast, double half)
{
    if (!isfinite(half)) {
        sums->inside[level] += half > 0;
        return;
    }
    double low = (1 - share) / 2;
    sums->inside[level] += fabs(truth - forecast) <= half;
    sums->width[level] += 2 * half;
    sums->width_count[level]++;
    sums->pinball[level] += (quantile_loss(truth, forecast - half, low) +
                             quantile_loss(truth, forecast + half, 1 - low)) /
                            2;
}

static void add_step(struct pl_step_sums *sums, const struct pl_unit *unit, double truth,
                     double forecast)
{
    double error = truth - forecast, raw_error = error * unit->scale;
    double raw_truth = truth * unit->scale + unit->mean;
    double raw_forecast = forecast * unit->scale + unit->mean;
    double size = fabs(raw_truth) + fabs(raw_forecast);
    sums->count++;
    sums->squared += error * error;
    sums->absolute += fabs(error);
    sums->raw_squared += raw_error * raw_error;
    sums->raw_absolute += fabs(raw_error);
    sums->symmetric += size > 0 ? 200 * fabs(raw_error) / size : 0;
    if (unit->naive > 0) {
        sums->scaled += fabs(raw_error) / unit->naive;
        sums->scaled_count++;
    }
}

void pl_metrics_add(struct pl_metrics *metrics, const struct pl_unit *unit, const double *truth,
                    const double *forecast, const double *half, const double *deviation)
{
    metrics->windows++;
    for (int64_t h = 0; h < metrics->horizon; h++) {
        struct pl_step_sums *sums = &metrics->steps[h];
        if (isnan(truth[h]))
            continue;
        add_step(sums, unit, truth[h], forecast[h]);
        for (int level = 0; half && level < metrics->level_count; level++)
            add_interval(sums, level, metrics->levels[level], truth[h] * unit->scale,
                         forecast[h] * unit->scale,
                         half[level * metrics->horizon + h] * unit->scale);
        if (deviation) {
            sums->crps +=
                normal_crps((truth[h] - forecast[h]) * unit->scale, deviation[h] * unit->scale);
            sums->crps_count++;
        }
    }
}

static void add_sums(struct pl_step_sums *into, const struct pl_step_sums *from)
{
    into->count += from->count;
    into->squared += from->squared;
    into->absolute += from->absolute;
    into->raw_squared += from->raw_squared;
    into->raw_absolute += from->raw_absolute;
    into->symmetric += from->symmetric;
    into->scaled += from->scaled;
    into->scaled_count += from->scaled_count;
    into->crps += from->crps;
    into->crps_count += from->crps_count;
    for (int level = 0; level < PL_LEVELS_MAX; level++) {
        into->inside[level] += from->inside[level];
        into->width[level] += from->width[level];
        into->width_count[level] += from->width_count[level];
        into->pinball[level] += from->pinball[level];
    }
}

void pl_metrics_merge(struct pl_metrics *into, const struct pl_metrics *from)
{
    into->windows += from->windows;
    for (int64_t h = 0; h < into->horizon; h++)
        add_sums(&into->steps[h], &from->steps[h]);
}

struct pl_step_sums pl_metrics_total(const struct pl_metrics *metrics, int64_t first, int64_t last)
{
    struct pl_step_sums total = {0};
    for (int64_t h = first; h < last; h++)
        add_sums(&total, &metrics->steps[h]);
    return total;
}

void pl_metrics_report(struct pl_context *context, struct pl_meta *meta,
                       struct pl_meta_node *parent, const struct pl_metrics *metrics, int64_t first,
                       int64_t last)
{
    struct pl_step_sums sums = pl_metrics_total(metrics, first, last);
    if (sums.count == 0)
        return;
    pl_meta_add_real(context, meta, parent, "mse", sums.squared / sums.count);
    pl_meta_add_real(context, meta, parent, "mae", sums.absolute / sums.count);
    pl_meta_add_real(context, meta, parent, "raw_mae", sums.raw_absolute / sums.count);
    pl_meta_add_real(context, meta, parent, "raw_rmse", sqrt(sums.raw_squared / sums.count));
    pl_meta_add_real(context, meta, parent, "smape", sums.symmetric / sums.count);
    if (sums.scaled_count > 0)
        pl_meta_add_real(context, meta, parent, "mase", sums.scaled / sums.scaled_count);
    if (sums.crps_count > 0)
        pl_meta_add_real(context, meta, parent, "crps", sums.crps / sums.crps_count);
    if (metrics->level_count == 0)
        return;
    struct pl_meta_node *intervals = pl_meta_add_list(context, meta, parent, "intervals");
    for (int level = 0; level < metrics->level_count; level++) {
        struct pl_meta_node *entry = pl_meta_add_map(context, meta, intervals, NULL);
        pl_meta_add_real(context, meta, entry, "level", metrics->levels[level] * 100);
        pl_meta_add_real(context, meta, entry, "coverage", sums.inside[level] / sums.count);
        if (sums.width_count[level] == 0)
            continue;
        pl_meta_add_real(context, meta, entry, "width",
                         sums.width[level] / sums.width_count[level]);
        pl_meta_add_real(context, meta, entry, "pinball",
                         sums.pinball[level] / sums.width_count[level]);
    }
}

double pl_seasonal_difference(const double *values, int64_t rows, int64_t season)
{
    double sum = 0, count = 0;
    for (int64_t t = season; t < rows; t++) {
        double difference = fabs(values[t] - values[t - season]);
        if (!isnan(difference)) {
            sum += difference;
            count++;
        }
    }
    return count > 0 ? sum / count : (double)NAN;
}
