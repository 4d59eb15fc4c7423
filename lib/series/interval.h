/* Prediction intervals: Gaussian, split conformal, adaptive conformal.
 * SPDX-License-Identifier: MIT
 *
 * All three give a half width per track, horizon step and level around the point forecast.
 *   gaussian   z(level) times the residual deviation of that step.
 *   conformal  the empirical quantile of the absolute errors on validation windows, with the
 *              finite-sample correction ceil((n+1) level)/n (Lei et al. 2018); see quantile.h.
 *   adaptive   the same quantile over the most recent errors only, at a level that each miss
 *              raises and each hit lowers (Gibbs and Candes 2021), so that coverage holds under
 *              drift.  An error of step h is known h+1 rows after its forecast was issued. */
#ifndef PL_SERIES_INTERVAL_H
#define PL_SERIES_INTERVAL_H

#include <stdint.h>

#include "base/context.h"
#include "series/quantile.h"

enum pl_interval_method { PL_GAUSSIAN, PL_CONFORMAL, PL_ADAPTIVE };
#define PL_INTERVAL_METHODS "gaussian|conformal|adaptive"

#define PL_LEVELS_MAX 16

/* Parses "80,95" into shares, ascending; PL_USAGE for junk, repetition or what is not in (0,100).
 */
enum pl_status pl_levels_parse(struct pl_context *context, const char *text,
                               double levels[PL_LEVELS_MAX], int *count) PL_MUST_CHECK;

/* Half width of the central interval of a standard normal: 1.2816 for 0.8. */
double pl_normal_half_width(double level);

/* Adaptive intervals of one track: the last errors of every step, sorted, and the forecasts and
 * half widths that still wait for their observation. */
#define PL_ADAPTIVE_WINDOW 500
#define PL_ADAPTIVE_RATE   0.005

struct pl_adaptive {
    int64_t horizon;
    int level_count;
    double levels[PL_LEVELS_MAX];
    int64_t step;    /* rows seen */
    float *recent;   /* [horizon, window] errors in order of arrival (a ring) */
    float *sorted;   /* [horizon, window] the same errors ascending */
    int32_t *filled; /* [horizon] how many there are */
    int32_t *head;   /* [horizon] next place in the ring */
    double *working; /* [horizon, levels] the level in use now */
    double *waiting; /* forecasts not yet observed: step h keeps its last h+1 */
    float *issued;   /* their half widths, [levels] each */
};

/* grid may be NULL; else [horizon, PL_GRID] starts the window (from the model's calibration). */
enum pl_status pl_adaptive_init(struct pl_context *context, struct pl_adaptive *adaptive,
                                int64_t horizon, const double *levels, int level_count,
                                const float *grid) PL_MUST_CHECK;
void pl_adaptive_release(struct pl_adaptive *adaptive);

/* One row went by: `observed` (NaN: missing) is compared with the forecasts that waited for it.
 * Then `forecast` [horizon], issued after this row (NULL: none could be made), starts waiting, and
 * half [levels, horizon] (ignored with a NULL forecast) receives its half widths. */
void pl_adaptive_step(struct pl_adaptive *adaptive, double observed, const double *forecast,
                      double *half);

#endif
