/* Half widths of a forecaster's intervals, track by track.
 * SPDX-License-Identifier: MIT
 *
 * Joins the errors a model carries (pl_forecaster: sigma and quantile grids) with the methods of
 * series/interval.h.  Widths are in standardised units, [levels, horizon]. */
#ifndef PL_MODELS_BANDS_H
#define PL_MODELS_BANDS_H

#include "models/forecaster.h"
#include "series/interval.h"

/* What intervals are asked for; level_count 0: none. */
struct pl_bands {
    enum pl_interval_method method;
    double levels[PL_LEVELS_MAX];
    int level_count;
};

/* PL_BAD_DATA when intervals are asked of a model that has no errors to make them from. */
enum pl_status pl_bands_check(struct pl_context *context, const struct pl_bands *bands,
                              const struct pl_forecaster *forecaster) PL_MUST_CHECK;

/* Residual deviation of each step, [horizon]; track as in pl_match: -1, a series that the model
 * has not seen, gets the root mean square over all tracks. */
void pl_bands_deviation(const struct pl_forecaster *forecaster, int64_t track, double *deviation);

/* Half widths of the methods that do not move with the data: gaussian, conformal. */
void pl_bands_fixed(const struct pl_bands *bands, const struct pl_forecaster *forecaster,
                    int64_t track, double *half);

/* The starting state of the adaptive method: the model's own grid. */
enum pl_status pl_bands_adaptive(struct pl_context *context, const struct pl_bands *bands,
                                 const struct pl_forecaster *forecaster, int64_t track,
                                 struct pl_adaptive *adaptive) PL_MUST_CHECK;

#endif
