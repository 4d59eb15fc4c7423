/* lin-merge: one model from models trained on shards of the data.
 * SPDX-License-Identifier: MIT */
#include "base/version.h"
#include "cli/tool.h"
#include "models/operand.h"
#include "tensor/blas.h"

struct command {
    char unused; /* no options of its own */
};

static const struct pl_option options[] = {PL_OPTIONS_END};

struct work {
    struct pl_forecaster forecaster; /* the sum so far */
    struct pl_history history;
    int models;
};

/* Adds one segment to the sum. */
static enum pl_status add_model(struct pl_context *context, struct work *work,
                                const struct pl_bundle *bundle)
{
    struct pl_forecaster next;
    if (work->models++ == 0)
        return pl_forecaster_read(context, &work->forecaster, bundle);
    if (pl_forecaster_read(context, &next, bundle))
        return context->status;
    enum pl_status status = pl_forecaster_merge(context, &work->forecaster, &next);
    if (status)
        pl_fail_at(context, "%s", bundle->source);
    pl_forecaster_release(&next);
    return status;
}

/* All segments of one operand: `cat a b` is two models. */
static enum pl_status add_operand(struct pl_context *context, struct work *work, const char *path)
{
    struct pl_source source;
    struct pl_reader *reader = pl_input_open(context, path, NULL, &source);
    enum pl_status status = reader ? PL_OK : context->status;
    bool found = true;
    while (!status && found) {
        struct pl_bundle bundle = {0};
        status = pl_bundle_read(context, &bundle, reader, &found);
        if (!status && found)
            status = add_model(context, work, &bundle);
        if (!status && found)
            status = pl_history_input(context, &work->history, path,
                                      source.format == PL_FORMAT_STREAM ? bundle.sum : source.sum,
                                      pl_bundle_document(&bundle, "history"));
        pl_bundle_release(&bundle);
    }
    pl_reader_close(reader);
    return status;
}

/* All models are read before the first byte is written, but the writer is open from the start: it
 * tells the next tool of a failure. */
static enum pl_status merge(struct pl_run *run, struct work *work, struct pl_writer *writer)
{
    struct pl_context *context = &run->context;
    int operands = run->operand_count > 0 ? run->operand_count : 1;
    enum pl_status status = pl_history_start(context, &work->history, run->tool->name, PL_VERSION,
                                             run->argc, run->argv, run->common.seed);
    for (int i = 0; i < operands && !status; i++)
        status = add_operand(context, work, pl_run_operand(run, i));
    if (!status && work->models > 1)
        status = pl_forecaster_settle(context, &work->forecaster);
    if (status)
        return status;
    pl_run_note(run, "%d model%s, %lld windows", work->models, work->models == 1 ? "" : "s",
                (long long)work->forecaster.training_windows);
    return pl_forecaster_save(context, &work->forecaster,
                              run->common.history ? &work->history : NULL, writer);
}

static enum pl_status run_command(struct pl_run *run, void *command)
{
    struct pl_context *context = &run->context;
    struct work work = {0};
    (void)command;
    enum pl_status status = pl_run_binary_output(run);
    if (status)
        return status;
    struct pl_writer *writer = pl_writer_open(context, run->common.output);
    if (!writer)
        return context->status;
    status = merge(run, &work, writer);
    if (!status)
        status = pl_writer_commit(context, writer);
    else
        pl_writer_abort(context, writer, run->tool->name);
    pl_history_release(&work.history);
    pl_forecaster_release(&work.forecaster);
    return status;
}

static const struct pl_example examples[] = {{NULL, NULL}};
static const char *const unused[] = {"memory", "explain", NULL};

int main(int argc, char **argv)
{
    static const struct pl_tool tool = {
        .name = "lin-merge",
        .summary = "one model from models trained on shards of the data",
        .operands = "[MODEL ...]",
        .most = -1,
        .options = options,
        .unused = unused,
        .command_size = sizeof(struct command),
        .examples = examples,
        .see_also = "lin-train(1), lin-forecast(1), plumbline(7)",
        .run = run_command,
        .describe = pl_blas_describe,
    };
    return pl_tool_main(&tool, argc, argv);
}
