/* lin-eval: back-test a forecaster on a series.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/json.h"
#include "cli/tool.h"
#include "models/backtest.h"
#include "models/operand.h"
#include "tensor/blas.h"

struct command {
    int64_t folds;        /* rolling origins; 0: every origin of the test part */
    int64_t step;         /* rows between them; 0: the horizon */
    bool refit;           /* solve anew before each */
    const char *interval; /* levels in percent */
    int method;           /* enum pl_interval_method */
    int64_t season;       /* of the seasonal-naive baseline and of MASE; 0: found */
    int missing;          /* enum pl_missing */
    bool per_horizon, per_column;
    bool json;
    struct pl_import import; /* how to read data that is not a stream */
};

static const struct pl_option options[] = {
    PL_INT(struct command, folds, "folds", 0, "0", 0, 1e6, "N",
           "score N rolling origins, the last one horizon before the end, instead of every origin "
           "of the test part",
           "10"),
    PL_INT(struct command, step, "step", 0, "0", 0, 1e9, "ROWS",
           "rows between the origins of folds; 0: the horizon", "24"),
    PL_FLAG(struct command, refit, "refit", 0, NULL,
            "fit the model anew before each fold, on the rows before its origin"),
    PL_TEXT(struct command, interval, "interval", 0, "80,95", "LEVELS",
            "percentages of the prediction intervals to score; 'none' for none", "50,90"),
    PL_CHOICE(struct command, method, "interval-method", 0, "gaussian", PL_INTERVAL_METHODS,
              "METHOD", "how the intervals are made"),
    PL_INT(struct command, season, "season", 0, "0", 0, 1e6, "ROWS",
           "season of the seasonal-naive baseline and of MASE; 0: that of the model, else found",
           "24"),
    PL_CHOICE(struct command, missing, "missing", 0, "model", "model|error|gap|linear|seasonal",
              "POLICY", "what to do about missing cells and rows; 'model': as it was trained"),
    PL_FLAG(struct command, per_horizon, "per-horizon", 0, NULL, "report every horizon step too"),
    PL_FLAG(struct command, per_column, "per-column", 0, NULL,
            "report every column (of every series) too"),
    PL_FLAG(struct command, json, "json", 0, NULL, "write one JSON object instead of YAML"),
    PL_IMPORT_CSV_OPTIONS(struct command, import),
    PL_OPTIONS_END};

static enum pl_status backtest_options(struct pl_context *context, const struct command *command,
                                       struct pl_backtest_options *backtest)
{
    *backtest = (struct pl_backtest_options){.folds = command->folds,
                                             .step = command->step,
                                             .refit = command->refit,
                                             .season = command->season};
    backtest->bands.method = (enum pl_interval_method)command->method;
    if (command->folds == 0 && command->refit)
        return pl_fail(context, PL_USAGE, "--refit has an effect only with --folds");
    if (command->folds == 0 && command->step > 0)
        return pl_fail(context, PL_USAGE, "--step has an effect only with --folds");
    if (strcmp(command->interval, "none") == 0)
        return PL_OK;
    return pl_levels_parse(context, command->interval, backtest->bands.levels,
                           &backtest->bands.level_count);
}

static enum pl_status load(struct pl_run *run, const struct command *command,
                           struct pl_forecaster *forecaster, struct pl_panel *panel)
{
    struct pl_context *context = &run->context;
    struct pl_operand model = {0}, data = {0};
    struct pl_panel_options panel_options;
    enum pl_status status = pl_operand_open(context, &model, run->operands[0], NULL);
    if (status == PL_OK)
        status = pl_operand_model(context, &model, forecaster);
    if (status == PL_OK)
        status = pl_operand_open(context, &data, pl_run_operand(run, 1), &command->import);
    if (status == PL_OK) {
        pl_forecaster_panel_options(forecaster, &panel_options);
        if (command->missing > 0)
            panel_options.missing = (enum pl_missing)(command->missing - 1);
        status = pl_operand_panel(context, &data, &panel_options, panel);
    }
    pl_operand_close(&model);
    pl_operand_close(&data);
    return status;
}

static enum pl_status report(struct pl_run *run, const struct command *command,
                             const struct pl_backtest *backtest,
                             const struct pl_forecaster *forecaster, const struct pl_panel *panel,
                             const struct pl_backtest_options *backtest_options)
{
    struct pl_context *context = &run->context;
    struct pl_meta document = {0};
    struct pl_buffer text = {0};
    bool table = pl_run_to_terminal(run);
    enum pl_status status =
        pl_backtest_report(context, backtest, forecaster, panel, backtest_options,
                           command->per_horizon, command->per_column, &document);
    if (status == PL_OK && command->json) {
        status = pl_json_write(context, document.root, &text);
        if (status == PL_OK)
            status = pl_buffer_text(context, &text, "\n");
    } else if (status == PL_OK) {
        status = table ? pl_backtest_table(context, document.root, &text)
                       : pl_meta_write(context, document.root, &text);
    }
    if (status == PL_OK)
        status = pl_run_text_output(run, text.data, text.size);
    pl_buffer_release(&text);
    pl_meta_release(&document);
    return status;
}

static enum pl_status run(struct pl_run *run, void *data)
{
    const struct command *command = data;
    struct pl_context *context = &run->context;
    struct pl_forecaster forecaster = {0};
    struct pl_panel panel = {0};
    struct pl_backtest backtest = {0};
    struct pl_backtest_options asked;
    enum pl_status status = backtest_options(context, command, &asked);
    if (status == PL_OK && strcmp(run->operands[0], "-") == 0 &&
        strcmp(pl_run_operand(run, 1), "-") == 0)
        status = pl_fail(context, PL_USAGE, "MODEL and DATA cannot both be standard input");
    if (status == PL_OK)
        status = load(run, command, &forecaster, &panel);
    if (status == PL_OK)
        status = pl_blas_open(context);
    if (status == PL_OK)
        status = pl_backtest_run(context, &backtest, &forecaster, &panel, &asked);
    if (status == PL_OK && backtest.seen)
        pl_warn(context, "the model was fitted to rows that are scored here, which flatters it: "
                         "train with --split, or use --folds N --refit");
    if (status == PL_OK && backtest.folds < command->folds)
        pl_warn(context, "the rows allow only %lld of %lld folds", (long long)backtest.folds,
                (long long)command->folds);
    if (status == PL_OK)
        status = report(run, command, &backtest, &forecaster, &panel, &asked);
    pl_backtest_release(&backtest);
    pl_panel_release(&panel);
    pl_forecaster_release(&forecaster);
    return status;
}

static const struct pl_example examples[] = {
    {"lin-train -H 48 --split 0.7,0.1,0.2 data/bike.csv.gz | lin-eval - data/bike.csv.gz",
     "train on the first 70 %, score every window of the last 20 %"},
    {NULL, NULL}};

static const char *const unused[] = {"history", "explain", "memory", "seed", NULL};

static const struct pl_tool tool = {
    .name = "lin-eval",
    .summary = "back-test a forecaster on a series",
    .operands = "MODEL [DATA]",
    .least = 1,
    .most = 2,
    .options = options,
    .unused = unused,
    .command_size = sizeof(struct command),
    .examples = examples,
    .see_also = "lin-train(1), lin-forecast(1), plumbline(7)",
    .run = run,
    .describe = pl_blas_describe,
};

int main(int argc, char **argv)
{
    return pl_tool_main(&tool, argc, argv);
}
