/* What the parts of the forecaster share, private to them.
 * SPDX-License-Identifier: MIT */
#ifndef PL_MODELS_FORECASTER_PARTS_H
#define PL_MODELS_FORECASTER_PARTS_H

#include "models/forecaster.h"

/* The words of the model document, in the order of their enums. */
extern const char *const pl_solver_names[2], *const pl_scale_names[2];
extern const char *const pl_missing_names[4], *const pl_stats_names[3];

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

/* Adds the baselines to the report. test may be NULL. */
enum pl_status pl_forecaster_score_baselines(struct pl_context *context,
                                             struct pl_forecaster *forecaster,
                                             const struct pl_panel *panel,
                                             const struct pl_match *match,
                                             const struct pl_range *validation,
                                             const struct pl_range *test) PL_MUST_CHECK;

/* The last rows of every series before ends[s], and how many there were. */
enum pl_status pl_forecaster_remember(struct pl_context *context, struct pl_forecaster *forecaster,
                                      const struct pl_panel *panel,
                                      const int64_t *ends) PL_MUST_CHECK;

/* The same for one series of the model, from series `from` of the panel. */
void pl_forecaster_remember_series(struct pl_forecaster *forecaster, int64_t series,
                                   const struct pl_panel *panel, int64_t from, int64_t end);

/* A track's errors in units `factor` times as fine. */
void pl_forecaster_rescale_errors(struct pl_forecaster *forecaster, int64_t track, double factor);

/* Pools a track's errors with those of a track of another forecaster, whose units are turned into
 * ours by factor; weight discounts our own.  Grids that all tracks share are pooled apart, `old`
 * windows with `more`. */
void pl_forecaster_pool_errors(struct pl_forecaster *forecaster, int64_t track, double weight,
                               const struct pl_forecaster *from, int64_t from_track, double factor);
void pl_forecaster_pool_grids(struct pl_forecaster *forecaster, double old,
                              const struct pl_forecaster *from, double more);

/* One track's statistics in the units of another scaler; old_first and new_first are the first
 * channel of its series in each. */
enum pl_status pl_forecaster_rescale_track(struct pl_context *context,
                                           const struct pl_forecaster *forecaster,
                                           struct pl_gram *gram, int64_t target,
                                           const struct pl_scaler *old, int64_t old_first,
                                           const struct pl_scaler *new,
                                           int64_t new_first) PL_MUST_CHECK;

#endif
