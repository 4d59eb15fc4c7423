/* ts-info: what is in a tensor stream.
 * SPDX-License-Identifier: MIT */
#include "cli/tool.h"
#include "formats/input.h"
#include "inspect/view.h"
#include "stream/history.h"

struct command {
    struct pl_list names; /* -n: globs of the tensors and channels to show */
    bool stats, json, history;
    const char *meta; /* name of the document to print */
};

static const struct pl_option options[] = {
    PL_LIST(struct command, names, "name", 'n', "GLOB",
            "show only the tensors, or channels of a series, whose name matches GLOB; a leading ! "
            "leaves them out",
            "'encoder.*'"),
    PL_FLAG(struct command, stats, "stats", 0, NULL,
            "read all elements and show smallest, largest, mean, standard deviation, and how many "
            "are NaN, infinite and zero"),
    PL_FLAG(struct command, json, "json", 0, NULL, "print one JSON object a segment, one a line"),
    PL_TEXT(struct command, meta, "meta", 0, NULL, "NAME", "print the document NAME as YAML",
            "model"),
    PL_FLAG(struct command, history, "history", 0, NULL,
            "print the commands that made the stream, as a script for sh"),
    PL_OPTIONS_END,
};

static const char *const unused[] = {"seed", "memory", "threads", "explain", NULL};

/* Everything that printing needs. */
struct job {
    struct pl_context *context;
    const struct command *command;
    struct pl_view view;
    struct pl_output output;
    struct pl_buffer out; /* text of one segment */
};

static enum pl_status no_document(struct job *job, const char *name)
{
    const struct pl_survey *survey = &job->view.survey;
    struct pl_name_list list = {0};
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < survey->document_count && status == PL_OK; i++)
        status = pl_name_list_add(job->context, &list, survey->documents[i].name);
    if (status == PL_OK)
        status = pl_fail(job->context, PL_BAD_DATA, "no document is named '%s'; there is %s", name,
                         pl_name_list_text(job->context, &list));
    pl_name_list_release(&list);
    return status;
}

static enum pl_status print_document(struct job *job, const char *name)
{
    const struct pl_meta_node *document = pl_survey_document(&job->view.survey, name);
    if (!document)
        return no_document(job, name);
    if (job->command->history)
        return pl_history_script(job->context, document, &job->out);
    enum pl_status status = PL_OK;
    if (job->view.segment > 1)
        status = pl_buffer_text(job->context, &job->out, "---\n");
    return status == PL_OK ? pl_meta_write(job->context, document, &job->out) : status;
}

static enum pl_status print_segment(struct job *job)
{
    const struct command *command = job->command;
    if (command->history || command->meta)
        return print_document(job, command->history ? "history" : command->meta);
    enum pl_status status = pl_view_start(job->context, &job->view);
    if (status != PL_OK)
        return status;
    return command->json ? pl_view_json(job->context, &job->view, &job->out)
                         : pl_view_text(job->context, &job->view, &job->out);
}

static enum pl_status print_file(struct job *job, const char *path)
{
    struct pl_source source;
    enum pl_status status = PL_OK;
    struct pl_reader *reader = pl_input_open(job->context, path, NULL, &source);
    if (!reader)
        return job->context->status;
    job->view.source = pl_reader_name(reader);
    job->view.segment = 0;
    for (;;) {
        bool found;
        status = pl_survey_read(job->context, &job->view.survey, reader, &found);
        if (status != PL_OK || !found)
            break;
        job->view.segment++;
        job->out.size = 0;
        status = print_segment(job);
        if (status != PL_OK)
            pl_fail_at(job->context, "%s", job->view.source);
        else
            status = pl_output_write(job->context, &job->output, job->out.data, job->out.size);
        if (status != PL_OK)
            break;
    }
    pl_reader_close(reader);
    return status;
}

static enum pl_status run(struct pl_run *run, void *filled)
{
    struct command *command = filled;
    struct pl_context *context = &run->context;
    struct job job = {.context = context, .command = command};
    if (command->json + command->history + (command->meta != NULL) > 1)
        return pl_fail(context, PL_USAGE, "only one of --json, --meta and --history");
    job.view.survey.statistics = command->stats;
    enum pl_status status = PL_OK;
    for (size_t i = 0; i < command->names.count && status == PL_OK; i++)
        status = pl_patterns_add(context, &job.view.patterns, command->names.items[i], false);
    if (status == PL_OK)
        status = pl_output_open(context, &job.output, run->common.output);
    if (status == PL_OK) {
        int count = run->operand_count > 0 ? run->operand_count : 1;
        for (int i = 0; i < count && status == PL_OK; i++)
            status = print_file(&job, pl_run_operand(run, i));
        if (status == PL_OK)
            status = pl_output_commit(context, &job.output);
        pl_output_abort(&job.output);
    }
    pl_view_release(&job.view);
    pl_buffer_release(&job.out);
    return status;
}

static const struct pl_example examples[] = {
    {"ts-info data/seattle.csv",
     "what a CSV file becomes: its columns are the channels of a series"},
    {"ts-info --stats -n 'temp_*' data/seattle.csv", "extremes, mean and deviation of two columns"},
    {"ts-import data/co2.csv | ts-info --json", "the same for programs"},
    {"ts-import data/co2.csv | ts-info --history", "the commands that made a stream"},
    {NULL, NULL},
};

static const struct pl_tool tool = {
    .name = "ts-info",
    .summary = "show what is in a tensor stream",
    .operands = "[FILE ...]",
    .least = 0,
    .most = -1,
    .options = options,
    .unused = unused,
    .command_size = sizeof(struct command),
    .examples = examples,
    .see_also = "ts-check(1), ts-diff(1), ts-select(1), tensor-stream(5)",
    .run = run,
};

int main(int argc, char **argv)
{
    return pl_tool_main(&tool, argc, argv);
}
