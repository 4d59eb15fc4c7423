/* Back-testing a forecaster on a series: see eval.h and backtest.h.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "models/backtest.h"
#include "models/eval.h"
#include "models/operand.h"
#include "tensor/blas.h"

static const struct pl_option options[] = {
    PL_EVAL_FORECASTER_OPTIONS(struct pl_eval_options, forecaster),
    PL_OPTIONS_END,
};

/* What one run works on. */
struct work {
    struct pl_backtest_options asked;
    struct pl_forecaster forecaster;
    struct pl_panel panel;
    struct pl_backtest backtest;
};

static enum pl_status take_options(struct pl_context *context,
                                   const struct pl_eval_forecaster_options *given,
                                   struct pl_backtest_options *asked)
{
    *asked = (struct pl_backtest_options){
        .folds = given->folds, .step = given->step, .refit = given->refit, .season = given->season};
    asked->bands.method = (enum pl_interval_method)given->method;
    if (given->folds == 0 && given->refit)
        return pl_fail(context, PL_USAGE, "--refit has an effect only with --folds");
    if (given->folds == 0 && given->step > 0)
        return pl_fail(context, PL_USAGE, "--step has an effect only with --folds");
    if (strcmp(given->interval, "none") == 0)
        return PL_OK;
    return pl_levels_parse(context, given->interval, asked->bands.levels,
                           &asked->bands.level_count);
}

static enum pl_status load_panel(struct pl_context *context, const char *path,
                                 const struct pl_eval_forecaster_options *given, struct work *work)
{
    struct pl_panel_options panel_options;
    struct pl_operand data = {0};
    enum pl_status status = pl_operand_open(context, &data, path, &given->import);
    if (!status) {
        pl_forecaster_panel_options(&work->forecaster, &panel_options);
        if (given->missing > 0)
            panel_options.missing = (enum pl_missing)(given->missing - 1);
        status = pl_operand_panel(context, &data, &panel_options, &work->panel);
    }
    pl_operand_close(&data);
    return status;
}

static enum pl_status score(struct pl_context *context, const struct pl_bundle *model,
                            const char *data, const struct pl_eval_forecaster_options *given,
                            struct work *work)
{
    if (take_options(context, given, &work->asked) ||
        pl_forecaster_read(context, &work->forecaster, model) ||
        load_panel(context, data, given, work) || pl_blas_open(context) ||
        pl_backtest_run(context, &work->backtest, &work->forecaster, &work->panel, &work->asked))
        return context->status;
    if (work->backtest.seen)
        pl_warn(context, "the model was fitted to rows that are scored here, which flatters it: "
                         "train with --split, or use --folds N --refit");
    if (work->backtest.folds < given->folds)
        pl_warn(context, "the rows allow only %lld of %lld folds", (long long)work->backtest.folds,
                (long long)given->folds);
    return PL_OK;
}

static enum pl_status run(struct pl_context *context, const struct pl_bundle *model,
                          const char *data, const struct pl_eval_options *given,
                          struct pl_meta *report)
{
    const struct pl_eval_forecaster_options *own = &given->forecaster;
    struct work work = {0};
    enum pl_status status = score(context, model, data, own, &work);
    if (!status)
        status = pl_backtest_report(context, &work.backtest, &work.forecaster, &work.panel,
                                    &work.asked, own->per_horizon, own->per_column, report);
    pl_backtest_release(&work.backtest);
    pl_panel_release(&work.panel);
    pl_forecaster_release(&work.forecaster);
    return status;
}

const struct pl_eval_family pl_eval_forecaster = {
    .what = "a forecaster",
    .options = options,
    .run = run,
    .table = pl_backtest_table,
};
