/* Live forecasts: one row in, one forecast out, memory for one lookback.
 * SPDX-License-Identifier: MIT
 *
 * A small panel of exactly `lookback` rows slides along the stream.  A row with missing cells and
 * stamps that skip rows are treated as the model was trained: `error` refuses them, `gap` starts
 * over, `linear` and `seasonal` carry the last value forward, since nobody can look ahead. */
#ifndef PL_MODELS_FOLLOW_H
#define PL_MODELS_FOLLOW_H

#include "models/forecast.h"

struct pl_follow {
    const struct pl_forecaster *forecaster;
    struct pl_bands bands;
    int64_t steps;
    int64_t *source;              /* [columns] of the model: column of the input */
    int64_t filled;               /* rows in the window, at most lookback */
    int64_t seen;                 /* rows that came, for messages */
    int64_t last;                 /* stamp of the last row */
    double *row;                  /* [columns] */
    struct pl_adaptive *adaptive; /* [targets]; NULL: another method */
    struct pl_panel panel;
    struct pl_panel_series series;
    struct pl_track *tracks;
    struct pl_range piece;
};

/* names: the input's columns.  PL_BAD_DATA when one of the model's is not among them, when the
 * model is of many series, or when it needs future columns. */
enum pl_status pl_follow_open(struct pl_context *context, struct pl_follow *follow,
                              const struct pl_forecaster *forecaster, const struct pl_bands *bands,
                              int64_t steps, const char *const *names, int64_t count) PL_MUST_CHECK;
void pl_follow_close(struct pl_follow *follow);

/* One row of the input, stamped (time is ignored for a model without stamps).  *ready tells
 * whether forecast, which the caller releases then, was made. */
enum pl_status pl_follow_row(struct pl_context *context, struct pl_follow *follow,
                             const double *values, int64_t time, struct pl_forecast *forecast,
                             bool *ready) PL_MUST_CHECK;

/* Reads a series of kind `series` as its chunks come and writes, after every row that allows it, a
 * forecast of `steps` rows: chunks of `values` and `time`, flushed.  Everything but history and
 * end is written. */
enum pl_status pl_follow_stream(struct pl_context *context, struct pl_reader *reader,
                                const struct pl_forecaster *forecaster,
                                const struct pl_bands *bands, int64_t steps,
                                struct pl_writer *writer) PL_MUST_CHECK;

#endif
