/* The options of lin-eval, family by family.
 * SPDX-License-Identifier: MIT */
#ifndef PL_MODELS_EVAL_OPTIONS_H
#define PL_MODELS_EVAL_OPTIONS_H

#include "cli/option.h"
#include "formats/input.h"
#include "series/interval.h"

struct pl_eval_forecaster_options {
    int64_t folds;        /* rolling origins; 0: every origin of the test part */
    int64_t step;         /* rows between them; 0: the horizon */
    bool refit;           /* solve anew before each */
    const char *interval; /* levels in percent */
    int method;           /* enum pl_interval_method */
    int64_t season;       /* of the seasonal-naive baseline and of MASE; 0: found */
    int missing;          /* enum pl_missing + 1; 0: as the model */
    bool per_horizon, per_column;
    struct pl_import import; /* how to read data that is not a stream */
};

struct pl_eval_lm_options {
    int64_t sequence; /* tokens of a row; 0: as trained */
    bool carry;
    const char *per_position; /* where to write the curve; NULL: nowhere */
};

struct pl_eval_options {
    struct pl_eval_forecaster_options forecaster;
    struct pl_eval_lm_options lm;
};

/* Rows for a struct s whose member m is a struct pl_eval_forecaster_options. */
/* clang-format off */
#define PL_EVAL_FORECASTER_OPTIONS(s, m)                                                           \
    PL_INT(s, m.folds, "folds", 0, "0", 0, 1e6, "N",                                               \
           "score N rolling origins, the last one horizon before the end, instead of every "       \
           "origin of the test part",                                                              \
           "10"),                                                                                  \
    PL_INT(s, m.step, "step", 0, "0", 0, 1e9, "ROWS",                                              \
           "rows between the origins of folds; 0: the horizon", "24"),                             \
    PL_FLAG(s, m.refit, "refit", 0, NULL,                                                          \
            "fit the model anew before each fold, on the rows before its origin"),                 \
    PL_TEXT(s, m.interval, "interval", 0, "80,95", "LEVELS",                                       \
            "percentages of the prediction intervals to score; 'none' for none", "50,90"),         \
    PL_CHOICE(s, m.method, "interval-method", 0, "gaussian", PL_INTERVAL_METHODS, "METHOD",        \
              "how the intervals are made"),                                                       \
    PL_INT(s, m.season, "season", 0, "0", 0, 1e6, "ROWS",                                          \
           "season of the seasonal-naive baseline and of MASE; 0: that of the model, else found",  \
           "24"),                                                                                  \
    PL_CHOICE(s, m.missing, "missing", 0, "model", "model|error|gap|linear|seasonal", "POLICY",    \
              "what to do about missing cells and rows; 'model': as it was trained"),              \
    PL_FLAG(s, m.per_horizon, "per-horizon", 0, NULL, "report every horizon step too"),            \
    PL_FLAG(s, m.per_column, "per-column", 0, NULL,                                                \
            "report every column (of every series) too"),                                          \
    PL_IMPORT_CSV_OPTIONS(s, m.import)

/* Rows for a struct s whose member m is a struct pl_eval_lm_options. */
#define PL_EVAL_LM_OPTIONS(s, m)                                                                   \
    PL_INT(s, m.sequence, "seq", 0, "0", 0, 1e15, "TOKENS",                                        \
           "language models: score a text in rows of so many predictions, rows of tokens in "      \
           "pieces of so many tokens; 0: a text as the model was trained, rows as they are",       \
           "256"),                                                                                 \
    PL_FLAG(s, m.carry, "carry", 0, NULL,                                                          \
            "language models: keep the state from the first token of a text to the last"),         \
    PL_TEXT(s, m.per_position, "per-position", 0, NULL, "FILE",                                    \
            "language models: write the figures at each position of the rows to FILE, as CSV",     \
            "curve.csv")
/* clang-format on */

#endif
