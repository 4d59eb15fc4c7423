/* Half widths of a forecaster's intervals: see bands.h.
 * SPDX-License-Identifier: MIT */
#include "models/bands.h"

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
    for (int64_t h = 0; h < forecaster->horizon; h++)
        deviation[h] = pl_forecaster_sigma(forecaster, track, h);
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
        int64_t windows = 0;
        if (bands->method != PL_GAUSSIAN)
            windows = pl_forecaster_grid(forecaster, track, h, grid);
        for (int level = 0; level < bands->level_count; level++)
            half[level * horizon + h] = bands->method == PL_GAUSSIAN
                                            ? deviation * pl_normal_half_width(bands->levels[level])
                                            : pl_grid_at(grid, windows, bands->levels[level]);
    }
}

enum pl_status pl_bands_adaptive(struct pl_context *context, const struct pl_bands *bands,
                                 const struct pl_forecaster *forecaster, int64_t track,
                                 struct pl_adaptive *adaptive)
{
    int64_t horizon = forecaster->horizon;
    float *grids = pl_new(context, (size_t)(horizon * PL_GRID), sizeof *grids);
    if (!grids)
        return context->status;
    for (int64_t h = 0; h < horizon; h++)
        pl_forecaster_grid(forecaster, track, h, grids + h * PL_GRID);
    enum pl_status status =
        pl_adaptive_init(context, adaptive, horizon, bands->levels, bands->level_count, grids);
    free(grids);
    return status;
}
