/* The options of the linear models: the same rows for lin-train's table and the registry's.
 * SPDX-License-Identifier: MIT */
#ifndef PL_MODELS_LINEAR_OPTIONS_H
#define PL_MODELS_LINEAR_OPTIONS_H

#include "cli/option.h"
#include "models/linear_adam.h"

#define PL_SOLVER_CHOICES "ols|adam"
enum pl_solver { PL_SOLVER_OLS, PL_SOLVER_ADAM };

struct pl_linear_options {
    int64_t lookback, horizon; /* 0: the default, lowered to what the rows allow */
    bool individual;
    int solver;              /* enum pl_solver */
    const char *ridge;       /* "auto" or a number */
    int64_t season;          /* 0: found in the data */
    struct pl_recipe recipe; /* all but the seed */
};

/* Rows for a struct s whose member m is a struct pl_linear_options. */
#define PL_WINDOW_OPTIONS(s, m)                                                                   \
    PL_INT(s, m.lookback, "lookback", 'L', "0", 0, 1e7, "ROWS",                                   \
           "rows of the past that a forecast is made from; 0: 336, or a third of the rows where " \
           "they are fewer than three times as many",                                             \
           "336"),                                                                                \
        PL_INT(s, m.horizon, "horizon", 'H', "0", 0, 1e7, "ROWS",                                 \
               "rows to forecast; 0: 96, or fewer in a short series", "96")

#define PL_FIT_OPTIONS(s, m)                                                                       \
    PL_FLAG(s, m.individual, "individual", 0, "no",                                                \
            "fit one map for each series and channel instead of one for all"),                     \
        PL_CHOICE(s, m.solver, "solver", 0, "ols", PL_SOLVER_CHOICES, "SOLVER",                    \
                  "ols: least squares in closed form; adam: mini-batches, as in the paper"),       \
        PL_TEXT(s, m.ridge, "ridge", 0, "auto", "auto|X",                                          \
                "with ols: the penalty, relative to the mean square of the regressors; auto: the " \
                "best of 0, 1e-4, 1e-3, 0.01, 0.1 and 1 on the validation part",                   \
                "0.01")

/* Rows that lin-train shares with models that are trained by steps: train/job.h. */
#define PL_RATE_OPTIONS(s, m)                                                 \
    PL_INT(s, m.recipe.batch, "batch", 0, "32", 1, 1e6, "N",                  \
           "with adam: windows in a batch, each with all channels", "32"),    \
        PL_REAL(s, m.recipe.rate, "lr", 0, "0.005", 0, 1e3, "RATE",           \
                "with adam: learning rate of the first two epochs", "0.005"), \
        PL_INT(s, m.recipe.epochs, "epochs", 0, "10", 1, 1e6, "N",            \
               "with adam: passes over the data", "10")

#define PL_RECIPE_OPTIONS(s, m)                                                       \
    PL_REAL(s, m.recipe.decay, "lr-decay", 0, "0.5", 0, 1, "FACTOR",                  \
            "with adam: factor of the learning rate from the third epoch on", "0.5"), \
        PL_INT(s, m.recipe.patience, "patience", 0, "3", 1, 1e6, "N",                 \
               "with adam: stop after so many epochs without a better validation error", "3")

#define PL_AVERAGE_OPTION(s, m)                                                   \
    PL_INT(s, m.recipe.moving_average, "moving-average", 0, "25", 1, 1e7, "ROWS", \
           "with adam: width of dlinear's moving average, an odd number", "25")

#define PL_SEASON_OPTION(s, m)                                  \
    PL_INT(s, m.season, "naive-season", 0, "0", 0, 1e7, "ROWS", \
           "season of the seasonal-naive baseline; 0: found in the data", "24")

#endif
