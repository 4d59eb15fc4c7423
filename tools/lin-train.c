/* lin-train: fit a linear forecaster to a series.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/version.h"
#include "cli/tool.h"
#include "models/operand.h"
#include "models/training_options.h"
#include "tensor/blas.h"

struct command {
    struct pl_training_options training;
    const char *update; /* the model to update */
    bool rescale;
    double forget;
    bool list_models;
    struct pl_import import;
};

static const struct pl_option options[] = {
    PL_TRAINING_OPTIONS(struct command, training),
    PL_TEXT(struct command, update, "update", 0, NULL, "MODEL",
            "take the rows of DATA into MODEL, which they continue", "m.plumb"),
    PL_FLAG(struct command, rescale, "rescale", 0, "no",
            "with --update: standardise anew by all rows"),
    PL_REAL(struct command, forget, "forget", 0, "1", 0, 1, "FACTOR",
            "with --update: weight of the past against the new rows", "0.9"),
    PL_FLAG(struct command, list_models, "list-models", 0, "no", "print the models and stop"),
    PL_IMPORT_CSV_OPTIONS(struct command, import),
    PL_OPTIONS_END,
};

/* What one run works on. */
struct work {
    struct pl_writer *writer;    /* open from the start, so that the next tool hears of a failure */
    struct pl_operand data, old; /* old: the model to update */
    struct pl_arena arena;       /* of names */
    struct pl_panel panel;
    struct pl_forecaster forecaster;
    struct pl_training training;
};

/* The index-th model of the table that this program trains or reports; NULL behind the last.  The
 * language models are in the table for the library alone. */
static const struct pl_model_type *model_at(size_t index)
{
    for (const struct pl_model_type *type = pl_models; type->name; type++)
        if (type->family != PL_FAMILY_LANGUAGE && index-- == 0)
            return type;
    return NULL;
}

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
    const struct pl_model_type *type;
    for (size_t i = 0; !status && (type = model_at(i)); i++)
        status = list_model(&run->context, type, &text);
    if (!status)
        status = pl_run_text_output(run, text.data, text.size);
    pl_buffer_release(&text);
    return status;
}

static bool made(size_t index, struct pl_made *out)
{
    const struct pl_model_type *type = model_at(index); /* asked one by one, up to the end */
    if (type)
        *out = (struct pl_made){type->name, type->summary, type->source, type->options};
    return type != NULL;
}

static void say_epoch(void *user, int64_t epoch, double training_mse, double validation_mse)
{
    pl_run_note(user, "epoch %lld: mse %.4f in training, %.4f in validation", (long long)epoch,
                training_mse, validation_mse);
}

static enum pl_status train(struct pl_run *run, const struct command *command, struct work *work)
{
    struct pl_context *context = &run->context;
    struct pl_panel_options panel_options;
    struct pl_buffer text = {0};
    if (command->rescale || command->forget < 1)
        return pl_fail(context, PL_USAGE, "%s has an effect only with --update",
                       command->rescale ? "--rescale" : "--forget");
    if (pl_training_from_options(context, &command->training, run->common.seed, &work->arena,
                                 &work->training, &panel_options) ||
        pl_operand_open(context, &work->data, pl_run_operand(run, 0), &command->import) ||
        pl_operand_panel(context, &work->data, &panel_options, &work->panel))
        return context->status;
    work->training.epoch = say_epoch;
    work->training.user = run;
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
        pl_operand_model(context, &work->old, f) ||
        pl_training_check_update(context, &command->training, f) ||
        pl_operand_open(context, &work->data, pl_run_operand(run, 0), &command->import))
        return context->status;
    if (command->training.missing >= 0)
        f->missing = command->training.missing;
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
    enum pl_status status = pl_history_start(context, &history, run->tool->name, PL_VERSION,
                                             run->argc, run->argv, run->common.seed);
    if (!status && work->old.path)
        status = pl_operand_history(context, &work->old, &history);
    if (!status)
        status = pl_operand_history(context, &work->data, &history);
    if (!status)
        status = pl_forecaster_save(context, &work->forecaster,
                                    run->common.history ? &history : NULL, work->writer);
    pl_history_release(&history);
    if (status)
        return status;
    struct pl_writer *writer = work->writer;
    work->writer = NULL; /* freed by the commit */
    return pl_writer_commit(context, writer);
}

static enum pl_status open_output(struct pl_run *run, struct work *work)
{
    if (pl_run_binary_output(run))
        return run->context.status;
    work->writer = pl_writer_open(&run->context, run->common.output);
    return work->writer ? PL_OK : run->context.status;
}

static enum pl_status run_command(struct pl_run *run, void *arguments)
{
    const struct command *command = arguments;
    struct work work = {0};
    if (command->list_models)
        return list_models(run);
    enum pl_status status = run->common.explain ? PL_OK : open_output(run, &work);
    if (!status)
        status = command->update ? update(run, command, &work) : train(run, command, &work);
    if (!status && !run->common.explain)
        status = write_model(run, &work);
    if (status)
        pl_writer_abort(&run->context, work.writer, run->tool->name);
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
        .made = made,
        .command_size = sizeof(struct command),
        .examples = examples,
        .see_also = "lin-forecast(1), lin-eval(1), lin-merge(1), plumbline-models(7)",
        .run = run_command,
        .describe = pl_blas_describe,
    };
    return pl_tool_main(&tool, argc, argv);
}
