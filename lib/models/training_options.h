/* The options of training: rows for a tool's table, and what the library takes from them.
 * SPDX-License-Identifier: MIT */
#ifndef PL_MODELS_TRAINING_OPTIONS_H
#define PL_MODELS_TRAINING_OPTIONS_H

#include "cli/option.h"
#include "models/forecaster.h"

struct pl_training_options {
    const char *model; /* of the registry, or "auto"; NULL: not given */
    struct pl_linear_options linear;
    const char *target, *past, *future; /* names of columns */
    bool target_only;
    const char *calendar, *seasons, *holidays;
    const char *split;
    int scale, stats, missing; /* enum pl_scale, pl_stats, pl_missing; missing -1: not given */
};

/* Rows for a struct s whose member m is a struct pl_training_options; its model, and batch and
 * learning rate of adam, are set by the caller. */
/* clang-format off */
#define PL_TRAINING_OPTIONS(s, m)                                                                  \
    PL_WINDOW_OPTIONS(s, m.linear),                                                                \
    PL_FIT_OPTIONS(s, m.linear),                                                                   \
    PL_TEXT(s, m.split, "split", 0, NULL, "SPLIT",                                                 \
            "train on the first part alone: ett-hour, ett-minute, none, or shares for training, "  \
            "validation and test; not given: 0.7,0.1,0.2 for the report, then a fit to all rows",  \
            "0.7,0.1,0.2"),                                                                        \
    PL_TEXT(s, m.target, "target", 0, NULL, "NAME,...",                                            \
            "columns to forecast; all that have no other role when not given", "OT"),              \
    PL_FLAG(s, m.target_only, "target-only", 0, "no", "forecast the last column alone"),           \
    PL_TEXT(s, m.past, "past-columns", 0, NULL, "NAME,...",                                        \
            "regressors that are known up to the origin of a forecast", "wind"),                   \
    PL_TEXT(s, m.future, "future-columns", 0, NULL, "NAME,...",                                    \
            "regressors that are known ahead; forecasts need their future rows", "price"),         \
    PL_TEXT(s, m.calendar, "calendar", 0, NULL, "TERM,...",                                        \
            "regressors from the time stamps: minute, hour, weekday, weekend, monthday, month, "   \
            "quarter, yearday",                                                                    \
            "hour,weekday"),                                                                       \
    PL_TEXT(s, m.seasons, "season", 0, NULL, "PERIOD:PAIRS,...",                                   \
            "regressors: so many pairs of sine and cosine of a period in rows", "24:3,168:5"),     \
    PL_TEXT(s, m.holidays, "holidays", 0, NULL, "FILE",                                            \
            "regressor: 1 on the dates in FILE, one a line", "holidays.txt"),                      \
    PL_CHOICE(s, m.missing, "missing", 0, NULL, PL_MISSING_CHOICES, "POLICY",                      \
              "missing cells and rows are an error when not given; gap: windows stay between "     \
              "them; linear, seasonal: they are filled"),                                          \
    PL_CHOICE(s, m.scale, "scale", 0, "zscore", PL_SCALE_CHOICES, "SCALE",                         \
              "whether columns are standardised by their training rows"),                          \
    PL_CHOICE(s, m.stats, "stats", 0, "total", PL_STATS_CHOICES, "KIND",                           \
              "statistics that travel with the model, for --update and lin-merge; channel: those " \
              "of each column apart, for --rescale"),                                              \
    PL_SEASON_OPTION(s, m.linear),                                                                 \
    PL_RECIPE_OPTIONS(s, m.linear),                                                                \
    PL_AVERAGE_OPTION(s, m.linear)
/* clang-format on */

/* What to train, and how to load the data for it.  Names live in the arena; training->calendar is
 * to be released by the caller, also on failure.  PL_USAGE for values that make no sense. */
enum pl_status pl_training_from_options(struct pl_context *context,
                                        const struct pl_training_options *options, int64_t seed,
                                        struct pl_arena *arena, struct pl_training *training,
                                        struct pl_panel_options *panel) PL_MUST_CHECK;

/* An update keeps the configuration of the model: PL_USAGE that names an option which says
 * otherwise. */
enum pl_status pl_training_check_update(struct pl_context *context,
                                        const struct pl_training_options *options,
                                        const struct pl_forecaster *forecaster) PL_MUST_CHECK;

#endif
