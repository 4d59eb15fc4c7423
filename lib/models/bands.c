/* Half widths of a forecaster's intervals: see bands.h.
 * SPDX-License-Identifier: MIT */
#include "models/bands.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

enum pl_status pl_bands_check(struct pl_context *context, const struct pl_bands *bands,
                              const struct pl_forecaster *forecaster)
{
    if (bands->level_count == 0 || forecaster->sigma)
        return PL_OK;
    return pl_fail(context, PL_BAD_DATA,
                   "the model has no intervals: too few rows were left to measure its errors on "
                   "(train it on more rows, or with a smaller --lookback or --horizon)");
}

void pl_bands_deviation(const struct pl_forecaster *forecaster, int64_t track, double *deviation)
{
    int64_t tracks = forecaster->series_count * forecaster->target_count;
    for (int64_t h = 0; h < forecaster->horizon; h++) {
        if (track >= 0) {
            deviation[h] = forecaster->sigma[track * forecaster->horizon + h];
            continue;
        }
        double sum = 0;
        for (int64_t i = 0; i < tracks; i++) {
            double sigma = forecaster->sigma[i * forecaster->horizon + h];
            sum += sigma * sigma;
        }
        deviation[h] = sqrt(sum / (double)tracks);
    }
}

/* The grid of one track and step.  A grid shared by all tracks is of errors relative to their
 * deviation; for an unseen series the tracks' grids are averaged, quantile by quantile. */
static void grid_of(const struct pl_forecaster *forecaster, int64_t track, int64_t h,
                    double deviation, float grid[PL_GRID])
{
    for (int64_t q = 0; q < PL_GRID; q++) {
        const float *row = forecaster->grids + q * forecaster->grid_count * forecaster->horizon;
        if (forecaster->grid_count == 1) {
            grid[q] = (float)((double)row[h] * deviation);
        } else if (track >= 0) {
            grid[q] = row[track * forecaster->horizon + h];
        } else {
            double sum = 0;
            for (int64_t i = 0; i < forecaster->grid_count; i++)
                sum += (double)row[i * forecaster->horizon + h];
            grid[q] = (float)(sum / (double)forecaster->grid_count);
        }
    }
}

void pl_bands_fixed(const struct pl_bands *bands, const struct pl_forecaster *forecaster,
                    int64_t track, double *half)
{
    /* The first row of the result holds the deviations until each is used. */
    int64_t horizon = forecaster->horizon;
    pl_bands_deviation(forecaster, track, half);
    for (int64_t h = 0; h < horizon; h++) {
        double deviation = half[h];
        float grid[PL_GRID];
        if (bands->method != PL_GAUSSIAN)
            grid_of(forecaster, track, h, deviation, grid);
        for (int level = 0; level < bands->level_count; level++)
            half[level * horizon + h] =
                bands->method == PL_GAUSSIAN
                    ? deviation * pl_normal_half_width(bands->levels[level])
                    : pl_grid_at(grid, forecaster->grid_windows, bands->levels[level]);
    }
}

enum pl_status pl_bands_adaptive(struct pl_context *context, const struct pl_bands *bands,
                                 const struct pl_forecaster *forecaster, int64_t track,
                                 struct pl_adaptive *adaptive)
{
    int64_t horizon = forecaster->horizon;
    double *deviation = pl_new(context, (size_t)horizon, sizeof *deviation);
    float *grids = pl_new(context, (size_t)(horizon * PL_GRID), sizeof *grids);
    enum pl_status status = PL_SYSTEM;
    if (deviation && grids) {
        pl_bands_deviation(forecaster, track, deviation);
        for (int64_t h = 0; h < horizon; h++)
            grid_of(forecaster, track, h, deviation[h], grids + h * PL_GRID);
        status =
            pl_adaptive_init(context, adaptive, horizon, bands->levels, bands->level_count, grids);
    }
    free(deviation);
    free(grids);
    return status;
}
