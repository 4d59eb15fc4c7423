/* A trained linear forecaster: everything that turns rows of a series into forecasts.
 * SPDX-License-Identifier: MIT
 *
 * The model type and its sizes, the columns and what they are used for, the scaler, the calendar
 * terms, one affine map for all tracks or one each, the errors it made on data it had not seen
 * (for intervals), the sufficient statistics and last rows from which it is updated.  It is made
 * by pl_forecaster_train, written to and read from a stream of kind `model`; lin-forecast,
 * lin-eval and lin-merge need nothing else.
 *
 * Units: a map works on standardised values, (value - mean) / scale of each channel; sigma and the
 * quantile grids are in these units too, so that multiplying by the channel's scale gives the
 * series' own. Calendar terms are not standardised. */
#ifndef PL_MODELS_FORECASTER_H
#define PL_MODELS_FORECASTER_H

#include "base/buffer.h"
#include "models/gram.h"
#include "models/linear.h"
#include "models/linear_adam.h"
#include "models/linear_options.h"
#include "models/registry.h"
#include "series/calendar.h"
#include "series/panel.h"
#include "series/quantile.h"
#include "series/scaler.h"
#include "series/split.h"
#include "stream/bundle.h"
#include "stream/writer.h"

/* Which statistics travel with the model. */
enum pl_stats {
    PL_STATS_TOTAL,   /* one set for each map: enough for --update */
    PL_STATS_CHANNEL, /* one set for each track: can be standardised anew */
    PL_STATS_NONE
};
#define PL_STATS_CHOICES "total|channel|none"

#define PL_DEFAULT_LOOKBACK 336
#define PL_DEFAULT_HORIZON  96

/* What training is asked for. */
struct pl_training {
    const struct pl_model_type *type; /* NULL: choose by validation error ("auto") */
    int64_t lookback, horizon;        /* 0: the default, lowered to what the rows allow */
    bool individual;                  /* a map for each track */
    int solver;                       /* enum pl_solver */
    struct pl_recipe recipe;          /* of Adam; its moving_average is dlinear's width */
    double ridge;                     /* negative: chosen on the validation windows */
    struct pl_split split;
    bool split_given; /* false: the split serves report and choice, the final fit takes all rows */
    int scale;        /* enum pl_scale */
    int stats;        /* enum pl_stats */
    int64_t season;   /* of the seasonal-naive baseline in steps; 0: found */
    struct pl_calendar_terms calendar; /* stays the caller's */
    int missing;                       /* enum pl_missing the panel was loaded with */
    void (*epoch)(void *user, int64_t epoch, double training_mse, double validation_mse);
    void *user; /* of epoch, which may be NULL */
};

/* Errors over all windows of a part, on standardised data. */
struct pl_part_errors {
    int64_t windows; /* over all tracks; 0: the part is empty and the rest means nothing */
    double mse, mae;
};

/* One row of the report: a model or a baseline. */
struct pl_contender {
    const struct pl_model_type *type;
    double ridge; /* NaN where there is none */
    struct pl_part_errors validation, test;
};
#define PL_CONTENDERS 8

struct pl_forecaster {
    const struct pl_model_type *type;
    int64_t lookback, horizon;
    int64_t moving_average; /* dlinear under Adam */
    bool individual;
    int solver; /* enum pl_solver */
    int scale, missing;
    struct pl_split split;
    bool split_given;
    int64_t season; /* of the baseline; 0: none */

    /* The data it was made from. */
    const char **columns; /* [target_count + past_count + future_count] */
    int64_t target_count, past_count, future_count;
    const char **series; /* [series_count]; one "" for a wide file */
    int64_t series_count;
    bool long_format, stamped, dates_only;
    struct pl_step step;
    struct pl_calendar_terms calendar;
    struct pl_scaler scaler; /* [series_count * columns] */

    /* Parameters: future columns are first those of the data, then the calendar's. */
    struct pl_linear *maps; /* [map_count] */
    double *ridges;         /* [map_count] of the final fit */
    int64_t map_count;      /* 1, or a map for each track */

    /* Errors on windows that the fit had not seen; all NULL when none were left. */
    double *sigma;      /* [tracks, horizon] root mean square; 0 where a track had no window */
    float *grids;       /* [grid_count, horizon, PL_GRID] quantiles of |error| */
    int64_t grid_count; /* tracks; or 1, and the grid is of |error| / sigma */
    double *unseen;     /* [tracks] windows behind sigma; no whole number once discounted */

    /* The last lookback + horizon - 1 rows of every channel, raw, NaN where there is none. */
    double *tail;  /* [channels, lookback + horizon - 1] */
    int64_t *end;  /* [series_count] stamp of each series' last row */
    int64_t *rows; /* [series_count] rows it was fitted to, from its first */

    struct pl_gram *stats; /* [stats_count], NULL where they do not travel */
    int64_t stats_count;   /* map_count, or tracks */
    int stats_kind;        /* enum pl_stats */

    /* The report. */
    struct pl_contender contenders[PL_CONTENDERS]; /* the model first */
    int contender_count;
    int64_t training_windows;

    struct pl_arena arena; /* of names */
};

/* Fits to a panel.  Without an explicit split, 0.7,0.1,0.2 serves the report and the choice of
 * model and ridge, widened where a part would have no window; then all rows are fitted. PL_BAD_DATA
 * when the series are too short, PL_NUMERIC when the fit fails. */
enum pl_status pl_forecaster_train(struct pl_context *context, struct pl_forecaster *forecaster,
                                   const struct pl_panel *panel,
                                   const struct pl_training *training) PL_MUST_CHECK;
void pl_forecaster_release(struct pl_forecaster *forecaster);

/* What pl_panel_load needs to load data for this model: its columns in their roles. */
void pl_forecaster_panel_options(const struct pl_forecaster *forecaster,
                                 struct pl_panel_options *options);

/* All records of the model but history and end. */
enum pl_status pl_forecaster_write(struct pl_context *context, struct pl_forecaster *forecaster,
                                   struct pl_writer *writer) PL_MUST_CHECK;

/* From a segment of kind model; copies what it keeps. */
enum pl_status pl_forecaster_read(struct pl_context *context, struct pl_forecaster *forecaster,
                                  const struct pl_bundle *bundle) PL_MUST_CHECK;

/* How a panel's tracks and channels correspond to the model's. */
struct pl_match {
    struct pl_scaler scaler;  /* of the panel's channels: the model's, or fitted to the panel for
                                 series that the model has not seen */
    int64_t *track;           /* [panel tracks] the model's track; -1: not seen */
    int64_t targets, columns; /* of the panel */
    struct pl_linear still;   /* repeats the last value; only where a channel is constant */
    int64_t *offset;          /* [panel series] rows of the series before the panel's first: counts
                                 on the row numbers of seasonal terms */
};

/* PL_BAD_DATA, naming the field, when step or columns differ, or when a series is unknown to a
 * model with individual maps. */
enum pl_status pl_forecaster_match(struct pl_context *context,
                                   const struct pl_forecaster *forecaster,
                                   const struct pl_panel *panel,
                                   struct pl_match *match) PL_MUST_CHECK;
void pl_match_release(struct pl_match *match);

/* The map that forecasts a panel's track: of `maps`, which stand in for the model's own (NULL:
 * those), or the one that repeats the last value, for a channel that was constant in training. */
const struct pl_linear *pl_forecaster_map(const struct pl_forecaster *forecaster,
                                          const struct pl_linear *maps,
                                          const struct pl_match *match, int64_t track);

/* A stretch of rows of one track in the model's units, with all its regressors: what
 * pl_linear_forecast and pl_gram_add take. */
struct pl_stretch {
    struct pl_piece piece; /* row 0 of it is row `first` of the series */
    int64_t first;
    double *target; /* piece.target, writable: forecasts may be fed back into it */
    double *values; /* the memory behind all columns */
    const double **pointers;
};

/* Rows range of the panel's track; they may reach behind the last row, where targets and past
 * columns are NaN, future columns come from the panel's future rows (NaN behind them) and
 * calendar terms are continued.  To forecast from row `origin`: the stretch [origin - lookback,
 * origin + horizon) and pl_linear_forecast(.., &stretch.piece, 0, 1, out). */
enum pl_status pl_forecaster_stretch(struct pl_context *context,
                                     const struct pl_forecaster *forecaster,
                                     const struct pl_panel *panel, const struct pl_match *match,
                                     int64_t track, struct pl_range range,
                                     struct pl_stretch *stretch) PL_MUST_CHECK;
void pl_stretch_release(struct pl_stretch *stretch);

/* The root mean square error of a model's track at a step (from 0), standardised; of track -1,
 * one the model has not seen: over all tracks.  0 when the model carries no errors. */
double pl_forecaster_sigma(const struct pl_forecaster *forecaster, int64_t track, int64_t step);

/* The quantile grid of a model's track at a step, standardised, and the number of windows behind
 * it; tracks as above (-1: the mean of the tracks' grids). Needs forecaster->grids. */
int64_t pl_forecaster_grid(const struct pl_forecaster *forecaster, int64_t track, int64_t step,
                           float grid[PL_GRID]);

/* Adds the windows inside ranges[s] of every series s of the panel to grams[m], the statistics of
 * map m (initialised by the caller; [map_count]).  In parallel over tracks, the same sums for any
 * number of threads.  Refits on a longer past add the further windows alone. */
enum pl_status pl_forecaster_gather(struct pl_context *context,
                                    const struct pl_forecaster *forecaster,
                                    const struct pl_panel *panel, const struct pl_match *match,
                                    const struct pl_range *ranges,
                                    struct pl_gram *grams) PL_MUST_CHECK;
enum pl_status pl_forecaster_gram_init(struct pl_context *context,
                                       const struct pl_forecaster *forecaster,
                                       struct pl_gram *gram) PL_MUST_CHECK;

/* Solves for the maps with the model's type and ridges; releases and replaces maps[map_count].
 * Those of baselines, which have nothing to fit, are left as they are. */
enum pl_status pl_forecaster_solve(struct pl_context *context,
                                   const struct pl_forecaster *forecaster,
                                   const struct pl_gram *grams,
                                   struct pl_linear *maps) PL_MUST_CHECK;

/* The map of a baseline; initialises linear.  PL_BAD_DATA when the season is longer than the
 * lookback. */
enum pl_status pl_baseline_map(struct pl_context *context, enum pl_baseline baseline,
                               int64_t lookback, int64_t horizon, int64_t past, int64_t future,
                               int64_t season, struct pl_linear *linear) PL_MUST_CHECK;

/* Takes in rows that continue the series.  forget (0..1] multiplies the statistics of the past
 * first; rescale standardises anew on all rows (needs PL_STATS_CHANNEL).  Windows across the join
 * are made with the stored tail.  Rows that the model has seen are skipped with a warning. The
 * errors of the model as it was on the new windows, which it had not seen, are pooled with those
 * behind sigma and grids. */
enum pl_status pl_forecaster_update(struct pl_context *context, struct pl_forecaster *forecaster,
                                    const struct pl_panel *more, double forget,
                                    bool rescale) PL_MUST_CHECK;

/* Adds the statistics of a model trained on other rows or other series with the same
 * configuration.  Series in both must have equal scalers unless both carry PL_STATS_CHANNEL.
 * Solve afterwards with pl_forecaster_settle.  PL_BAD_DATA names the field that differs.  `other`
 * is used up (its statistics are rescaled) but stays the caller's to release. */
enum pl_status pl_forecaster_merge(struct pl_context *context, struct pl_forecaster *forecaster,
                                   struct pl_forecaster *other) PL_MUST_CHECK;
enum pl_status pl_forecaster_settle(struct pl_context *context,
                                    struct pl_forecaster *forecaster) PL_MUST_CHECK;

/* The report as an aligned table of a few lines, each ended by a newline. */
enum pl_status pl_forecaster_report(struct pl_context *context,
                                    const struct pl_forecaster *forecaster,
                                    struct pl_buffer *out) PL_MUST_CHECK;

/* What training would do, as YAML: sizes, windows, floating-point operations, memory. */
enum pl_status pl_forecaster_explain(struct pl_context *context, const struct pl_panel *panel,
                                     const struct pl_training *training,
                                     struct pl_buffer *out) PL_MUST_CHECK;

#endif
