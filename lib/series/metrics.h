/* Errors of forecasts, counted window by window.
 * SPDX-License-Identifier: MIT
 *
 * One struct counts one track (one channel, one series); merging adds them in the order of the
 * calls, so that the figures are the same for any number of threads.  Everything is a plain mean
 * over windows, tracks and steps; nothing depends on how windows were grouped into batches.
 *
 *   mse, mae        on standardised values: the papers' protocol (Zeng et al. 2023)
 *   raw_mae, rmse   in the series' own unit
 *   smape           mean of 200 |y - f| / (|y| + |f|) percent, 0 where both are 0
 *   mase            |y - f| over the in-sample mean absolute seasonal difference (Hyndman and
 *                   Koehler 2006), per track
 *   coverage, width share of observations inside the interval and its mean width, own unit
 *   pinball         mean quantile loss of the two ends of the interval, own unit
 *   crps            continuous ranked probability score, own unit (Gneiting and Raftery 2007) */
#ifndef PL_SERIES_METRICS_H
#define PL_SERIES_METRICS_H

#include <stdint.h>

#include "base/meta.h"
#include "series/interval.h"

struct pl_step_sums {
    double count;             /* observations */
    double squared, absolute; /* standardised */
    double raw_squared, raw_absolute;
    double symmetric; /* percent */
    double scaled;    /* of MASE */
    double scaled_count;
    double crps, crps_count;
    double inside[PL_LEVELS_MAX], width[PL_LEVELS_MAX], pinball[PL_LEVELS_MAX];
    double width_count[PL_LEVELS_MAX]; /* intervals of finite width */
};

struct pl_metrics {
    int64_t horizon, windows;
    int level_count;
    double levels[PL_LEVELS_MAX];
    struct pl_step_sums *steps; /* [horizon] */
};

/* What turns a standardised value into the series' own: raw = value * scale + mean, and the
 * denominator of MASE (0 or NaN: not defined, the track is left out of it). */
struct pl_unit {
    double mean, scale, naive;
};

enum pl_status pl_metrics_init(struct pl_context *context, struct pl_metrics *metrics,
                               int64_t horizon, const double *levels,
                               int level_count) PL_MUST_CHECK;
void pl_metrics_release(struct pl_metrics *metrics);

/* One window: standardised truth and forecast, [horizon] each; NaN in truth is not scored.  half
 * [levels, horizon] standardised half widths (NULL: no intervals); deviation [horizon] standardised
 * (NULL: no CRPS) of the Gaussian forecast whose CRPS is counted. */
void pl_metrics_add(struct pl_metrics *metrics, const struct pl_unit *unit, const double *truth,
                    const double *forecast, const double *half, const double *deviation);
void pl_metrics_merge(struct pl_metrics *into, const struct pl_metrics *from);

/* The sums of steps first..last-1 as one. */
struct pl_step_sums pl_metrics_total(const struct pl_metrics *metrics, int64_t first, int64_t last);

/* Adds the means to a report map: mse, mae, raw_mae, raw_rmse, smape, mase, and with intervals
 * crps and per level coverage, width and pinball. What was not counted is left out. */
void pl_metrics_report(struct pl_context *context, struct pl_meta *meta,
                       struct pl_meta_node *parent, const struct pl_metrics *metrics, int64_t first,
                       int64_t last);

/* Mean of |x[t] - x[t-season]| over the rows where both are there: MASE's denominator. */
double pl_seasonal_difference(const double *values, int64_t rows, int64_t season);

#endif
