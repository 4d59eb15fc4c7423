/* Forecasts of every track of a panel from its last row on.
 * SPDX-License-Identifier: MIT
 *
 * In the series' own units, with stamps continued at the series' own step and interval columns
 * beside each target: "load", "load.lo-80", "load.hi-80", ...  More steps than the model's horizon
 * are made by feeding forecasts back as if they had been observed; the squared half widths of the
 * blocks before are then added, as for a random walk of block forecasts. */
#ifndef PL_MODELS_FORECAST_H
#define PL_MODELS_FORECAST_H

#include "models/bands.h"
#include "stream/writer.h"

struct pl_forecast {
    int64_t steps, series_count, column_count; /* targets * (1 + 2 * levels) */
    const char **names;                        /* [column_count] */
    double *values;                            /* [series][steps][columns] */
    int64_t *time;                             /* [series][steps]; NULL: rows have no stamps */
    struct pl_bands bands;
    struct pl_arena arena; /* of names */
};

/* Takes out of a panel in long format the series that a forecast cannot start from, since they are
 * shorter than the lookback or end in a gap; warns of the first and counts the others.  PL_BAD_DATA
 * when none is left. */
enum pl_status pl_forecast_leave_short(struct pl_context *context,
                                       const struct pl_forecaster *forecaster,
                                       struct pl_panel *panel) PL_MUST_CHECK;

/* live: NULL, or [tracks] adaptive states that have seen all rows but the last; they take in that
 * row and this forecast.  Without them adaptive intervals are replayed from the panel's last rows.
 * PL_BAD_DATA when a series is shorter than the lookback, when its last rows have gaps, when
 * future columns are not known far enough, or when more steps than the horizon are asked of a
 * model with past columns (nobody knows those ahead). */
enum pl_status pl_forecast_run(struct pl_context *context, struct pl_forecast *forecast,
                               const struct pl_forecaster *forecaster, const struct pl_panel *panel,
                               int64_t steps, const struct pl_bands *bands,
                               struct pl_adaptive *live) PL_MUST_CHECK;
void pl_forecast_release(struct pl_forecast *forecast);

/* A segment of kind `forecast` but for history and end: values, time, id, and the last rows
 * of every series as history.values, history.time and history.id, so that a picture shows the past
 * too.  like (may be NULL) is `meta: series` of the data: the form of its stamps is kept. */
enum pl_status pl_forecast_write(struct pl_context *context, const struct pl_forecast *forecast,
                                 const struct pl_forecaster *forecaster,
                                 const struct pl_panel *panel, const struct pl_meta_node *like,
                                 struct pl_writer *writer) PL_MUST_CHECK;

/* Names of the columns: shared with live forecasts, which have no rows yet. */
enum pl_status pl_forecast_names(struct pl_context *context, struct pl_arena *arena,
                                 const struct pl_forecaster *forecaster,
                                 const struct pl_bands *bands, const char ***names) PL_MUST_CHECK;

/* The records that stand before the values: `meta: stream`, `meta: series`, `meta: forecast` and
 * series.names. */
enum pl_status pl_forecast_write_head(struct pl_context *context,
                                      const struct pl_forecaster *forecaster,
                                      const struct pl_bands *bands, int64_t steps,
                                      const char *const *names, int64_t name_count,
                                      const struct pl_meta_node *like,
                                      struct pl_writer *writer) PL_MUST_CHECK;

#endif
