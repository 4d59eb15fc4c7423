/* The season of a panel, from its step or from the data.
 * SPDX-License-Identifier: MIT
 *
 * Without stamps the period is where the autocorrelation of the first differences (which have no
 * trend) has its highest peak.  Multiples of a period peak as high as the period itself, so the
 * shortest lag that comes within a tenth of the highest wins. */
#include <stdlib.h>

#include "series/panel.h"

#define MOST_ROWS 20000
#define MOST_LAG  2000

/* Autocorrelation of x at lag; x has mean 0 and sum of squares `power`. */
static double correlation(const double *x, int64_t count, int64_t lag, double power)
{
    double sum = 0;
    for (int64_t i = lag; i < count; i++)
        sum += x[i] * x[i - lag];
    return sum / power;
}

static int64_t highest_peak(const double *r, int64_t lags)
{
    int64_t best = 0;
    for (int64_t k = 2; k + 1 < lags; k++)
        if (r[k] > r[k - 1] && r[k] >= r[k + 1] && (best == 0 || r[k] > r[best]))
            best = k;
    if (best == 0 || r[best] < 0.3)
        return 0;
    for (int64_t k = 2; k < best; k++)
        if (r[k] > r[k - 1] && r[k] >= r[k + 1] && r[k] > 0.9 * r[best])
            return k;
    return best;
}

static int64_t find_period(const double *values, int64_t rows)
{
    int64_t count = rows - 1, lags = count / 3 < MOST_LAG ? count / 3 : MOST_LAG, period = 0;
    double *x = malloc((size_t)(count + lags) * sizeof *x);
    if (!x) /* a guess is not worth failing for */
        return 0;
    double mean = (values[count] - values[0]) / (double)count, power = 0;
    for (int64_t i = 0; i < count; i++) {
        x[i] = values[i + 1] - values[i] - mean;
        power += x[i] * x[i];
    }
    if (power > 0) {
        double *r = x + count;
        for (int64_t k = 0; k < lags; k++)
            r[k] = correlation(x, count, k, power);
        period = highest_peak(r, lags);
    }
    free(x);
    return period;
}

int64_t pl_panel_season(const struct pl_panel *panel)
{
    if (panel->stamped && pl_step_known(&panel->step))
        return pl_step_season(&panel->step);
    const double *values = NULL;
    struct pl_range longest = {0, 0};
    for (int64_t t = 0; t < panel->track_count; t++) {
        const struct pl_track *track = &panel->tracks[t];
        for (int64_t p = 0; p < track->piece_count; p++) {
            if (track->pieces[p].end - track->pieces[p].begin > longest.end - longest.begin) {
                longest = track->pieces[p];
                values = pl_panel_track(panel, t);
            }
        }
    }
    int64_t rows = longest.end - longest.begin;
    if (rows < 16)
        return 0;
    int64_t taken = rows < MOST_ROWS ? rows : MOST_ROWS;
    return find_period(values + longest.end - taken, taken);
}
