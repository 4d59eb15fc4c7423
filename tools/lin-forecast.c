/* lin-forecast: continue a series with a trained model, or with one fitted on the spot.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/version.h"
#include "cli/tool.h"
#include "formats/live.h"
#include "formats/view.h"
#include "models/follow.h"
#include "models/operand.h"
#include "tensor/blas.h"

struct command {
    int64_t steps;           /* rows ahead; 0: the model's horizon */
    const char *interval;    /* levels in percent; NULL: none */
    int method;              /* enum pl_interval_method */
    int missing;             /* enum pl_missing + 1; 0: as the model */
    struct pl_import import; /* how to read data that is not a stream */
    bool follow;
    bool csv;
};

static const struct pl_option options[] = {
    PL_INT(struct command, steps, "steps", 'n', "0", 0, 1e7, "STEPS",
           "rows to forecast; 0: the model's horizon", "48"),
    PL_TEXT(struct command, interval, "interval", 0, NULL, "LEVELS",
            "prediction intervals: percentages, ascending", "80,95"),
    PL_CHOICE(struct command, method, "interval-method", 0, "gaussian", PL_INTERVAL_METHODS,
              "METHOD", "how the intervals are made"),
    PL_CHOICE(struct command, missing, "missing", 0, "model", "model|error|gap|linear|seasonal",
              "POLICY", "what to do about missing cells and rows; 'model': as it was trained"),
    PL_FLAG(struct command, follow, "follow", 0, NULL,
            "read an endless stream and emit a forecast after every row"),
    PL_FLAG(struct command, csv, "csv", 0, NULL, "write CSV instead of a tensor stream"),
    PL_IMPORT_CSV_OPTIONS(struct command, import),
    PL_OPTIONS_END};

/* What one run works on. */
struct work {
    struct pl_operand model, data; /* without a model, model holds the data */
    struct pl_forecaster forecaster;
    struct pl_panel panel;
    struct pl_forecast forecast;
    struct pl_bands bands;
};

static enum pl_status check(struct pl_run *run, const struct command *command,
                            struct pl_bands *bands)
{
    struct pl_context *context = &run->context;
    bands->method = (enum pl_interval_method)command->method;
    if (command->follow && run->operand_count == 0)
        return pl_fail(context, PL_USAGE, "--follow needs a MODEL (make one with lin-train)");
    if (run->operand_count == 2 && strcmp(run->operands[0], "-") == 0 &&
        strcmp(run->operands[1], "-") == 0)
        return pl_fail(context, PL_USAGE, "MODEL and DATA cannot both be standard input");
    if (command->interval)
        return pl_levels_parse(context, command->interval, bands->levels, &bands->level_count);
    return PL_OK;
}

/* No model was given: the best of the family and of the baselines is fitted to the data. */
static enum pl_status fit(struct pl_run *run, const struct command *command, struct work *work)
{
    struct pl_context *context = &run->context;
    struct pl_panel_options panel_options = {0};
    struct pl_training training = {.horizon = command->steps, .ridge = -1};
    struct pl_buffer report = {0};
    if (command->missing > 0)
        panel_options.missing = (enum pl_missing)(command->missing - 1);
    training.missing = (int)panel_options.missing;
    enum pl_status status = pl_split_parse(context, "0.7,0.1,0.2", &training.split);
    if (status == PL_OK)
        status = pl_operand_panel(context, &work->model, &panel_options, &work->panel);
    if (status == PL_OK)
        status = pl_forecaster_train(context, &work->forecaster, &work->panel, &training);
    if (status == PL_OK)
        status = pl_forecaster_report(context, &work->forecaster, &report);
    for (char *line = report.data; status == PL_OK && line && *line;) {
        char *end = strchr(line, '\n');
        pl_run_note(run, "%.*s", (int)(end ? end - line : (long)strlen(line)), line);
        line = end ? end + 1 : NULL;
    }
    pl_buffer_release(&report);
    return status;
}

static enum pl_status load(struct pl_run *run, const struct command *command, struct work *work)
{
    struct pl_context *context = &run->context;
    struct pl_panel_options panel_options;
    enum pl_status status =
        pl_operand_open(context, &work->model, pl_run_operand(run, 0), &command->import);
    if (status != PL_OK)
        return status;
    if (!pl_operand_is_model(&work->model) && run->operand_count < 2 && !command->follow)
        return fit(run, command, work);
    status = pl_operand_model(context, &work->model, &work->forecaster);
    if (status != PL_OK || command->follow)
        return status;
    status = pl_operand_open(context, &work->data, pl_run_operand(run, 1), &command->import);
    if (status != PL_OK)
        return status;
    pl_forecaster_panel_options(&work->forecaster, &panel_options);
    if (command->missing > 0)
        panel_options.missing = (enum pl_missing)(command->missing - 1);
    return pl_operand_panel(context, &work->data, &panel_options, &work->panel);
}

static enum pl_status write_history(struct pl_run *run, const struct work *work,
                                    struct pl_writer *writer)
{
    struct pl_context *context = &run->context;
    struct pl_history history = {0};
    if (!run->common.history)
        return PL_OK;
    enum pl_status status = pl_history_start(context, &history, run->tool->name, PL_VERSION,
                                             run->argc, run->argv, run->common.seed);
    if (status == PL_OK)
        status = pl_operand_history(context, &work->model, &history);
    if (status == PL_OK && work->data.path)
        status = pl_operand_history(context, &work->data, &history);
    if (status == PL_OK)
        status = pl_history_write(context, &history, writer);
    pl_history_release(&history);
    return status;
}

static enum pl_status write_forecast(struct pl_run *run, struct work *work,
                                     struct pl_writer *writer)
{
    const struct pl_operand *data = work->data.path ? &work->data : &work->model;
    enum pl_status status =
        pl_forecast_write(&run->context, &work->forecast, &work->forecaster, &work->panel,
                          pl_bundle_document(&data->bundle, "series"), writer);
    if (status == PL_OK)
        status = write_history(run, work, writer);
    return status == PL_OK ? pl_writer_end(&run->context, writer) : status;
}

static enum pl_status forecast(struct pl_run *run, const struct command *command, struct work *work,
                               struct pl_writer *writer)
{
    struct pl_context *context = &run->context;
    int64_t steps = command->steps > 0 ? command->steps : work->forecaster.horizon;
    enum pl_status status = pl_forecast_leave_short(context, &work->forecaster, &work->panel);
    if (status == PL_OK)
        status = pl_forecast_run(context, &work->forecast, &work->forecaster, &work->panel, steps,
                                 &work->bands, NULL);
    return status == PL_OK ? write_forecast(run, work, writer) : status;
}

/* One forecast after every row. */
static enum pl_status follow(struct pl_run *run, const struct command *command, struct work *work,
                             struct pl_writer *writer)
{
    struct pl_context *context = &run->context;
    int64_t steps = command->steps > 0 ? command->steps : work->forecaster.horizon;
    struct pl_live live;
    enum pl_status status = pl_live_open(context, &live, pl_run_operand(run, 1), &command->import);
    if (status != PL_OK)
        return status;
    status = pl_follow_stream(context, live.reader, &work->forecaster, &work->bands, steps, writer);
    status = pl_live_close(context, &live, status);
    if (status == PL_OK)
        status = write_history(run, work, writer);
    return status == PL_OK ? pl_writer_end(context, writer) : status;
}

/* On a terminal people get a table, or while a series is followed CSV. */
static enum pl_view_form choose_form(const struct pl_run *run, const struct command *command)
{
    bool terminal = pl_run_to_terminal(run);
    if (command->csv || (terminal && command->follow))
        return PL_VIEW_CSV;
    return terminal ? PL_VIEW_TABLE : PL_VIEW_STREAM;
}

static enum pl_status produce(struct pl_run *run, const struct command *command, struct work *work)
{
    struct pl_view view;
    enum pl_status status =
        pl_view_open(&run->context, &view, run->common.output, choose_form(run, command));
    if (status != PL_OK)
        return status;
    status = load(run, command, work); /* the next tool hears of its failure */
    if (status == PL_OK)
        status = command->follow ? follow(run, command, work, view.writer)
                                 : forecast(run, command, work, view.writer);
    return pl_view_close(&run->context, &view, status, run->tool->name);
}

static enum pl_status run(struct pl_run *run, void *data)
{
    const struct command *command = data;
    struct pl_context *context = &run->context;
    struct work work = {0};
    enum pl_status status = check(run, command, &work.bands);
    if (status == PL_OK)
        status = pl_blas_open(context);
    if (status == PL_OK)
        status = produce(run, command, &work);
    pl_forecast_release(&work.forecast);
    pl_panel_release(&work.panel);
    pl_forecaster_release(&work.forecaster);
    pl_operand_close(&work.model);
    pl_operand_close(&work.data);
    return status;
}

static const struct pl_example examples[] = {
    {"lin-forecast -n 30 --csv data/seattle.csv > next.csv",
     "the next 30 days, by the model that does best on the data"},
    {"lin-train -H 24 data/elnino_monthly.csv | lin-forecast --interval 80,95 - "
     "data/elnino_monthly.csv | ts-plot -o next.png",
     "train, forecast with intervals, draw"},
    {NULL, NULL}};

static const char *const unused[] = {"explain", "memory", NULL};

static const struct pl_tool tool = {
    .name = "lin-forecast",
    .summary = "continue a series with a trained model, or with one fitted on the spot",
    .operands = "[MODEL] [DATA]",
    .least = 0,
    .most = 2,
    .options = options,
    .unused = unused,
    .command_size = sizeof(struct command),
    .examples = examples,
    .see_also = "lin-train(1), lin-eval(1), ts-plot(1), ts-export(1)",
    .run = run,
    .describe = pl_blas_describe,
};

int main(int argc, char **argv)
{
    return pl_tool_main(&tool, argc, argv);
}
