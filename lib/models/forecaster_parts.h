/* What the parts of the forecaster share, private to them.
 * SPDX-License-Identifier: MIT */
#ifndef PL_MODELS_FORECASTER_PARTS_H
#define PL_MODELS_FORECASTER_PARTS_H

#include "models/forecaster.h"

int64_t pl_forecaster_columns(const struct pl_forecaster *forecaster);  /* targets, past, future */
int64_t pl_forecaster_tracks(const struct pl_forecaster *forecaster);   /* series * targets */
int64_t pl_forecaster_channels(const struct pl_forecaster *forecaster); /* series * columns */
int64_t pl_forecaster_regressors(const struct pl_forecaster *forecaster); /* future + calendar */

/* lookback + horizon. */
int64_t pl_forecaster_window(const struct pl_forecaster *forecaster);

/* Adds the windows of tracks first <= t < last inside ranges[series] to one Gram. */
enum pl_status pl_forecaster_gather_tracks(struct pl_context *context,
                                           const struct pl_forecaster *forecaster,
                                           const struct pl_panel *panel,
                                           const struct pl_match *match,
                                           const struct pl_range *ranges, int64_t first,
                                           int64_t last, struct pl_gram *gram) PL_MUST_CHECK;

void pl_grams_release(struct pl_gram *grams, int64_t count);

/* Windows inside ranges[series] over all tracks. */
int64_t pl_forecaster_windows(const struct pl_forecaster *forecaster, const struct pl_panel *panel,
                              const struct pl_range *ranges);

/* What forecasts: a map for each track, or a baseline computed straight from the data. */
struct pl_predictor {
    const struct pl_linear *maps; /* [map_count]; NULL: a baseline */
    enum pl_baseline baseline;
    int64_t season;
};

/* Errors of a predictor over all windows inside ranges[series].  keep: sigma, grids and unseen of
 * the forecaster, which must be NULL, are made from them; the panel's tracks are the model's. */
enum pl_status pl_forecaster_score(struct pl_context *context, struct pl_forecaster *forecaster,
                                   const struct pl_panel *panel, const struct pl_match *match,
                                   const struct pl_range *ranges,
                                   const struct pl_predictor *predictor, bool keep,
                                   struct pl_part_errors *errors) PL_MUST_CHECK;

/* Takes names, step and last rows over from the panel the model is fitted to: rows [0, ends[s]) of
 * every series. */
enum pl_status pl_forecaster_remember(struct pl_context *context, struct pl_forecaster *forecaster,
                                      const struct pl_panel *panel,
                                      const int64_t *ends) PL_MUST_CHECK;

#endif
