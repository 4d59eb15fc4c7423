/* lin-train: fit a linear forecaster to a series.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "base/version.h"
#include "cli/tool.h"
#include "models/operand.h"
#include "tensor/blas.h"

struct command {
    int model; /* index into MODELS; -1: not given */
    struct pl_linear_options linear;
    const char *target, *past, *future; /* names of columns */
    bool target_only;
    const char *calendar, *seasons, *holidays;
    const char *split;
    int scale, stats, missing; /* enum pl_scale, pl_stats, pl_missing; missing -1: not given */
    const char *update;        /* the model to update */
    bool rescale;
    double forget;
    bool list_models;
    struct pl_import import;
};

#define MODELS "nlinear|dlinear|linear|mean|auto"
static const char *const model_names[] = {"nlinear", "dlinear", "linear", "mean", "auto"};

static const struct pl_option options[] = {
    PL_CHOICE(struct command, model, "model", 'm', NULL, MODELS, "MODEL",
              "the model, nlinear when not given; auto: the best of them and of the baselines by "
              "validation error"),
    PL_WINDOW_OPTIONS(struct command, linear),
    PL_FIT_OPTIONS(struct command, linear),
    PL_TEXT(struct command, split, "split", 0, NULL, "SPLIT",
            "train on the first part alone: ett-hour, ett-minute, none, or shares for training, "
            "validation and test; not given: 0.7,0.1,0.2 for the report, then a fit to all rows",
            "0.7,0.1,0.2"),
    PL_TEXT(struct command, target, "target", 0, NULL, "NAME,...",
            "columns to forecast; all that have no other role when not given", "OT"),
    PL_FLAG(struct command, target_only, "target-only", 0, "no", "forecast the last column alone"),
    PL_TEXT(struct command, past, "past-columns", 0, NULL, "NAME,...",
            "regressors that are known up to the origin of a forecast", "wind"),
    PL_TEXT(struct command, future, "future-columns", 0, NULL, "NAME,...",
            "regressors that are known ahead; forecasts need their future rows", "price"),
    PL_TEXT(struct command, calendar, "calendar", 0, NULL, "TERM,...",
            "regressors from the time stamps: minute, hour, weekday, weekend, monthday, month, "
            "quarter, yearday",
            "hour,weekday"),
    PL_TEXT(struct command, seasons, "season", 0, NULL, "PERIOD:PAIRS,...",
            "regressors: so many pairs of sine and cosine of a period in rows", "24:3,168:5"),
    PL_TEXT(struct command, holidays, "holidays", 0, NULL, "FILE",
            "regressor: 1 on the dates in FILE, one a line", "holidays.txt"),
    PL_CHOICE(struct command, missing, "missing", 0, NULL, PL_MISSING_CHOICES, "POLICY",
              "missing cells and rows are an error when not given; gap: windows stay between them; "
              "linear, seasonal: they are filled"),
    PL_CHOICE(struct command, scale, "scale", 0, "zscore", PL_SCALE_CHOICES, "SCALE",
              "whether columns are standardised by their training rows"),
    PL_CHOICE(struct command, stats, "stats", 0, "total", PL_STATS_CHOICES, "KIND",
              "statistics that travel with the model, for --update and lin-merge; channel: those "
              "of each column apart, for --rescale"),
    PL_TEXT(struct command, update, "update", 0, NULL, "MODEL",
            "take the rows of DATA into MODEL, which they continue", "m.plumb"),
    PL_FLAG(struct command, rescale, "rescale", 0, "no",
            "with --update: standardise anew by all rows"),
    PL_REAL(struct command, forget, "forget", 0, "1", 0, 1, "FACTOR",
            "with --update: weight of the past against the new rows", "0.9"),
    PL_SEASON_OPTION(struct command, linear),
    PL_RECIPE_OPTIONS(struct command, linear),
    PL_AVERAGE_OPTION(struct command, linear),
    PL_FLAG(struct command, list_models, "list-models", 0, "no", "print the models and stop"),
    PL_IMPORT_CSV_OPTIONS(struct command, import),
    PL_OPTIONS_END,
};

/* What one run works on. */
struct work {
    struct pl_operand data, old; /* old: the model to update */
    struct pl_arena arena;       /* of names */
    struct pl_panel panel;
    struct pl_forecaster forecaster;
    struct pl_training training;
};

static enum pl_status list_model(struct pl_context *context, const struct pl_model_type *type,
                                 struct pl_buffer *text)
{
    if (pl_buffer_printf(context, text, "%s: %s\n   ", type->name, type->summary))
        return context->status;
    for (const struct pl_option *option = type->options; option->name; option++)
        if (pl_buffer_printf(context, text, " --%s", option->name))
            return context->status;
    return pl_buffer_printf(context, text, type->source ? "\n    %s\n" : "\n", type->source);
}

static enum pl_status list_models(struct pl_run *run)
{
    struct pl_buffer text = {0};
    enum pl_status status = PL_OK;
    for (const struct pl_model_type *type = pl_models; type->name && !status; type++)
        status = list_model(&run->context, type, &text);
    if (!status)
        status = pl_run_text_output(run, text.data, text.size);
    pl_buffer_release(&text);
    return status;
}

/* ---- From options to what the library takes ------------------------------------------------ */

static enum pl_status take_ridge(struct pl_context *context, const char *text, double *ridge)
{
    *ridge = -1;
    if (strcmp(text, "auto") == 0)
        return PL_OK;
    if (!pl_parse_double(text, strlen(text), ridge) || !(*ridge >= 0) || *ridge > 1e300)
        return pl_fail(context, PL_USAGE, "--ridge '%s': neither auto nor a number from 0 up",
                       text);
    return PL_OK;
}

static void say_epoch(void *user, int64_t epoch, double training_mse, double validation_mse)
{
    pl_run_note(user, "epoch %lld: mse %.4f in training, %.4f in validation", (long long)epoch,
                training_mse, validation_mse);
}

static enum pl_status take_training(struct pl_run *run, const struct command *command,
                                    struct pl_training *training)
{
    struct pl_context *context = &run->context;
    const char *model = model_names[command->model < 0 ? 0 : command->model];
    *training = (struct pl_training){.type = pl_model_find(model),
                                     .lookback = command->linear.lookback,
                                     .horizon = command->linear.horizon,
                                     .individual = command->linear.individual,
                                     .solver = command->linear.solver,
                                     .recipe = command->linear.recipe,
                                     .split_given = command->split != NULL,
                                     .scale = command->scale,
                                     .stats = command->stats,
                                     .season = command->linear.season,
                                     .missing = command->missing < 0 ? 0 : command->missing,
                                     .epoch = say_epoch,
                                     .user = run};
    training->recipe.seed = (uint64_t)run->common.seed;
    if (training->recipe.moving_average % 2 == 0)
        return pl_fail(context, PL_USAGE, "--moving-average %lld: must be odd",
                       (long long)training->recipe.moving_average);
    if (take_ridge(context, command->linear.ridge, &training->ridge) ||
        (command->split && pl_split_parse(context, command->split, &training->split)) ||
        (command->calendar &&
         pl_calendar_parse_fields(context, &training->calendar, command->calendar)) ||
        (command->seasons &&
         pl_calendar_parse_seasons(context, &training->calendar, command->seasons)) ||
        (command->holidays &&
         pl_calendar_read_holidays(context, &training->calendar, command->holidays)))
        return context->status;
    return PL_OK;
}

static enum pl_status take_panel_options(struct pl_context *context, const struct command *command,
                                         struct pl_arena *arena, struct pl_panel_options *panel)
{
    *panel = (struct pl_panel_options){
        .target_only = command->target_only,
        .missing = (enum pl_missing)(command->missing < 0 ? PL_MISSING_ERROR : command->missing),
        .season = command->linear.season,
        .rows_are_clock = command->split != NULL};
    if ((command->target && pl_names_parse(context, arena, command->target, &panel->targets)) ||
        (command->past && pl_names_parse(context, arena, command->past, &panel->past)) ||
        (command->future && pl_names_parse(context, arena, command->future, &panel->future)))
        return context->status;
    return PL_OK;
}

/* An update keeps the configuration of the model: options that say otherwise are refused. */
static enum pl_status check_update(struct pl_context *context, const struct command *command,
                                   const struct pl_forecaster *f)
{
    const struct {
        const char *name;
        bool differs;
    } settings[] = {
        {"--model", command->model >= 0 && strcmp(model_names[command->model], f->type->name)},
        {"--lookback", command->linear.lookback && command->linear.lookback != f->lookback},
        {"--horizon", command->linear.horizon && command->linear.horizon != f->horizon},
        {"--individual", command->linear.individual && !f->individual},
        {"--solver", command->linear.solver != PL_SOLVER_OLS},
        {"--ridge", strcmp(command->linear.ridge, "auto") != 0},
        {"--scale", command->scale != PL_SCALE_ZSCORE && command->scale != f->scale},
        {"--stats", command->stats != PL_STATS_TOTAL && command->stats != f->stats_kind},
        {"--split", command->split},
        {"--target", command->target || command->target_only},
        {"--past-columns", command->past},
        {"--future-columns", command->future},
        {"--calendar", command->calendar},
        {"--season", command->seasons},
        {"--holidays", command->holidays},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (settings[i].differs)
            return pl_fail(context, PL_USAGE, "%s: --update keeps what %s was trained with",
                           settings[i].name, command->update);
    return PL_OK;
}

/* ---- The two jobs -------------------------------------------------------------------------- */

static enum pl_status train(struct pl_run *run, const struct command *command, struct work *work)
{
    struct pl_context *context = &run->context;
    struct pl_panel_options panel_options;
    struct pl_buffer text = {0};
    if (command->rescale || command->forget < 1)
        return pl_fail(context, PL_USAGE, "%s has an effect only with --update",
                       command->rescale ? "--rescale" : "--forget");
    if (take_training(run, command, &work->training) ||
        take_panel_options(context, command, &work->arena, &panel_options) ||
        pl_operand_open(context, &work->data, pl_run_operand(run, 0), &command->import) ||
        pl_operand_panel(context, &work->data, &panel_options, &work->panel))
        return context->status;
    enum pl_status status;
    if (run->common.explain) {
        status = pl_forecaster_explain(context, &work->panel, &work->training, &text);
        if (!status)
            status = pl_run_text_output(run, text.data, text.size);
    } else {
        status = pl_forecaster_train(context, &work->forecaster, &work->panel, &work->training);
        if (!status)
            status = pl_forecaster_report(context, &work->forecaster, &text);
        if (!status)
            pl_run_note_lines(run, text.data);
    }
    pl_buffer_release(&text);
    return status;
}

static enum pl_status update(struct pl_run *run, const struct command *command, struct work *work)
{
    struct pl_context *context = &run->context;
    struct pl_forecaster *f = &work->forecaster;
    struct pl_panel_options panel_options;
    if (run->common.explain)
        return pl_fail(context, PL_USAGE, "--explain has nothing to say of --update");
    if (!(command->forget > 0))
        return pl_fail(context, PL_USAGE, "--forget 0: must be more than 0");
    if (strcmp(command->update, "-") == 0 && strcmp(pl_run_operand(run, 0), "-") == 0)
        return pl_fail(context, PL_USAGE, "MODEL and DATA cannot both be standard input");
    if (pl_operand_open(context, &work->old, command->update, NULL) ||
        pl_operand_model(context, &work->old, f) || check_update(context, command, f) ||
        pl_operand_open(context, &work->data, pl_run_operand(run, 0), &command->import))
        return context->status;
    if (command->missing >= 0)
        f->missing = command->missing;
    pl_forecaster_panel_options(f, &panel_options);
    if (pl_operand_panel(context, &work->data, &panel_options, &work->panel) ||
        pl_forecaster_update(context, f, &work->panel, command->forget, command->rescale))
        return context->status;
    const struct pl_part_errors *errors = &f->contenders[0].validation;
    pl_run_note(run, "%lld windows added, %lld in all", (long long)errors->windows,
                (long long)f->training_windows);
    for (int i = 0; i < f->contender_count && errors->windows > 0; i++)
        pl_run_note(run, "%-15s mse %.4f, mae %.4f on them%s", f->contenders[i].type->name,
                    f->contenders[i].validation.mse, f->contenders[i].validation.mae,
                    i == 0 ? ", before it learned from them" : "");
    return PL_OK;
}

static enum pl_status write_model(struct pl_run *run, struct work *work)
{
    struct pl_context *context = &run->context;
    struct pl_history history = {0};
    struct pl_writer *writer = pl_writer_open(context, run->common.output);
    if (!writer)
        return context->status;
    enum pl_status status = pl_forecaster_write(context, &work->forecaster, writer);
    if (!status && run->common.history) {
        status = pl_history_start(context, &history, run->tool->name, PL_VERSION, run->argc,
                                  run->argv, run->common.seed);
        if (!status && work->old.path)
            status = pl_operand_history(context, &work->old, &history);
        if (!status)
            status = pl_operand_history(context, &work->data, &history);
        if (!status)
            status = pl_history_write(context, &history, writer);
        pl_history_release(&history);
    }
    if (!status)
        status = pl_writer_end(context, writer);
    if (!status)
        return pl_writer_commit(context, writer);
    pl_writer_abort(context, writer, run->tool->name);
    return status;
}

static enum pl_status run_command(struct pl_run *run, void *arguments)
{
    const struct command *command = arguments;
    struct work work = {0};
    if (command->list_models)
        return list_models(run);
    enum pl_status status = run->common.explain ? PL_OK : pl_run_binary_output(run);
    if (!status)
        status = command->update ? update(run, command, &work) : train(run, command, &work);
    if (!status && !run->common.explain)
        status = write_model(run, &work);
    pl_forecaster_release(&work.forecaster);
    pl_panel_release(&work.panel);
    pl_calendar_release(&work.training.calendar);
    pl_arena_release(&work.arena);
    if (work.data.path)
        pl_operand_close(&work.data);
    if (work.old.path)
        pl_operand_close(&work.old);
    return status;
}

static const struct pl_example examples[] = {
    {"lin-train -m nlinear -L 168 -H 24 --missing linear data/beijing.csv > m.plumb",
     "Train on all rows"},
    {NULL, NULL}};

static const char *const alone[] = {"list-models", NULL};
static const char *const unused[] = {"memory", NULL};

int main(int argc, char **argv)
{
    static const struct pl_tool tool = {
        .name = "lin-train",
        .summary = "fit a linear forecaster to a series",
        .operands = "[DATA]",
        .most = 1,
        .options = options,
        .unused = unused,
        .alone = alone,
        .command_size = sizeof(struct command),
        .examples = examples,
        .see_also = "lin-forecast(1), lin-eval(1), lin-merge(1), plumbline-models(7)",
        .run = run_command,
        .describe = pl_blas_describe,
    };
    return pl_tool_main(&tool, argc, argv);
}
