/* Training forecasters: see forecaster.h.
 * SPDX-License-Identifier: MIT */
#include "train/forecaster.h"

#include <string.h>

#include "base/version.h"
#include "models/operand.h"
#include "tensor/blas.h"

/* What one run works on. */
struct work {
    struct pl_operand data, old; /* old: the model to update */
    struct pl_arena arena;       /* of names */
    struct pl_panel panel;
    struct pl_forecaster forecaster;
    struct pl_training training;
};

static void say_epoch(void *user, int64_t epoch, double training_mse, double validation_mse)
{
    pl_run_note(user, "epoch %lld: mse %.4f in training, %.4f in validation", (long long)epoch,
                training_mse, validation_mse);
}

static enum pl_status train(struct pl_run *run, const struct pl_forecaster_options *options,
                            struct work *work)
{
    struct pl_context *context = &run->context;
    struct pl_panel_options panel_options;
    struct pl_buffer text = {0};
    if (options->rescale || options->forget < 1)
        return pl_fail(context, PL_USAGE, "%s has an effect only with --update",
                       options->rescale ? "--rescale" : "--forget");
    if (pl_training_from_options(context, &options->training, run->common.seed, &work->arena,
                                 &work->training, &panel_options) ||
        pl_operand_open(context, &work->data, pl_run_operand(run, 0), &options->import) ||
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

static enum pl_status update(struct pl_run *run, const struct pl_forecaster_options *options,
                             struct work *work)
{
    struct pl_context *context = &run->context;
    struct pl_forecaster *f = &work->forecaster;
    struct pl_panel_options panel_options;
    if (run->common.explain)
        return pl_fail(context, PL_USAGE, "--explain has nothing to say of --update");
    if (!(options->forget > 0))
        return pl_fail(context, PL_USAGE, "--forget 0: must be more than 0");
    if (strcmp(options->update, "-") == 0 && strcmp(pl_run_operand(run, 0), "-") == 0)
        return pl_fail(context, PL_USAGE, "MODEL and DATA cannot both be standard input");
    if (pl_operand_open(context, &work->old, options->update, NULL) ||
        pl_operand_model(context, &work->old, f) ||
        pl_training_check_update(context, &options->training, f) ||
        pl_operand_open(context, &work->data, pl_run_operand(run, 0), &options->import))
        return context->status;
    if (options->training.missing >= 0)
        f->missing = options->training.missing;
    pl_forecaster_panel_options(f, &panel_options);
    if (pl_operand_panel(context, &work->data, &panel_options, &work->panel) ||
        pl_forecaster_update(context, f, &work->panel, options->forget, options->rescale))
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

static enum pl_status write_model(struct pl_run *run, struct work *work, struct pl_writer *writer)
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
                                    run->common.history ? &history : NULL, writer);
    pl_history_release(&history);
    return status;
}

enum pl_status pl_train_forecaster(struct pl_run *run, const struct pl_forecaster_options *options,
                                   struct pl_writer *writer)
{
    struct work work = {0};
    enum pl_status status =
        options->update ? update(run, options, &work) : train(run, options, &work);
    if (!status && !run->common.explain)
        status = write_model(run, &work, writer);
    pl_forecaster_release(&work.forecaster);
    pl_panel_release(&work.panel);
    pl_calendar_release(&work.training.calendar);
    pl_arena_release(&work.arena);
    pl_operand_close(&work.data);
    pl_operand_close(&work.old);
    return status;
}
