/* Rolling back-tests of a trained forecaster.
 * SPDX-License-Identifier: MIT
 *
 * An origin is the row from which a forecast is made: rows before it are known, the horizon rows
 * from it on are the truth.  The papers' protocol takes every origin of the test part; folds take
 * a few, a step apart, the last one horizon rows before the end, and may refit before each. */
#ifndef PL_MODELS_BACKTEST_H
#define PL_MODELS_BACKTEST_H

#include "models/bands.h"
#include "series/metrics.h"

struct pl_backtest_options {
    int64_t folds; /* 0: every origin of the test part */
    int64_t step;  /* rows between the origins of folds; 0: the horizon */
    bool refit;    /* solve anew at each fold, on the rows before its origin */
    struct pl_bands bands;
    int64_t season; /* of the seasonal-naive baseline and of MASE; 0: the model's, else found */
};

/* The model first, then the baselines. */
#define PL_BACKTEST_CONTENDERS 3

struct pl_backtest {
    const char *names[PL_BACKTEST_CONTENDERS];
    int contender_count;
    struct pl_metrics totals[PL_BACKTEST_CONTENDERS];
    struct pl_metrics *tracks; /* [track_count] of the model alone */
    int64_t track_count;
    int64_t windows; /* origins scored, over all series (a window of many columns is one) */
    int64_t season;
    int64_t folds; /* that there are rows for, at most as many as asked */
    bool seen;     /* some of the origins lie in rows that the model was fitted to */
};

/* PL_BAD_DATA when no origin has its lookback and horizon rows, PL_NUMERIC when an error is not
 * finite. */
enum pl_status pl_backtest_run(struct pl_context *context, struct pl_backtest *backtest,
                               const struct pl_forecaster *forecaster, const struct pl_panel *panel,
                               const struct pl_backtest_options *options) PL_MUST_CHECK;
void pl_backtest_release(struct pl_backtest *backtest);

/* The report as a document: windows, the means of the model, `baselines`, and where asked for
 * `horizons` and `columns`. */
enum pl_status pl_backtest_report(struct pl_context *context, const struct pl_backtest *backtest,
                                  const struct pl_forecaster *forecaster,
                                  const struct pl_panel *panel,
                                  const struct pl_backtest_options *options, bool per_horizon,
                                  bool per_column, struct pl_meta *report) PL_MUST_CHECK;

/* The same as a table for people. */
enum pl_status pl_backtest_table(struct pl_context *context, const struct pl_meta_node *report,
                                 struct pl_buffer *out) PL_MUST_CHECK;

#endif
