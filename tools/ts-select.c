/* ts-select: a part of a tensor stream, renamed, cut, converted, compressed or put in order.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "base/version.h"
#include "cli/tool.h"
#include "edit/select.h"
#include "formats/input.h"
#include "formats/view.h"
#include "stream/directory.h"
#include "stream/history.h"

struct command {
    struct pl_list names, drop, rename, slice, cast;
    const char *rows, *order;
    int64_t head, tail;
    bool has_head, has_tail; /* they were given */
    int64_t segment;         /* from 1; 0: all */
    int codec;               /* enum pl_codec; -1: as stored */
};

static const struct pl_option options[] = {
    PL_LIST(struct command, names, "name", 'n', "GLOB",
            "keep only the tensors, or columns of a series, whose name matches GLOB; a leading ! "
            "drops them instead",
            "'encoder.*'"),
    PL_LIST(struct command, drop, "drop", 0, "GLOB",
            "drop tensors or columns whose name matches GLOB, as -n '!GLOB' does", "'optim.*'"),
    PL_LIST(struct command, rename, "rename", 0, "PATTERN=NAME",
            "rename what matches PATTERN; each * in NAME stands for what the * in PATTERN matched; "
            "the first rule that matches counts",
            "'encoder.*=enc.*'"),
    PL_INT(struct command, segment, "segment", 0, "0", 0, 9e18, "N",
           "copy only segment N of the input, counted from 1 over all operands; 0: all", "2"),
    PL_LIST(struct command, slice, "slice", 0, "GLOB[RANGES]",
            "cut tensors along their axes: one range an axis, such as 0:10, :, -5:, ::2, or one "
            "index, which takes the axis away",
            "'w[0:10,:,3]'"),
    PL_TEXT(struct command, rows, "rows", 0, NULL, "A:B",
            "cut the first axis of every tensor; of a series, its rows", "-96:"),
    PL_INT_GIVEN(struct command, head, has_head, "head", 0, 0, 9e18, "N", "keep the first N rows",
                 "10"),
    PL_INT_GIVEN(struct command, tail, has_tail, "tail", 0, 0, 9e18, "N", "keep the last N rows",
                 "96"),
    PL_LIST(
        struct command, cast, "cast", 0, "DTYPE[:GLOB]",
        "convert tensors to DTYPE: those whose name matches GLOB, else all of floats; the first "
        "rule that fits counts",
        "f16:'*.weight'"),
    PL_CHOICE(struct command, codec, "codec", 0, NULL, "raw|zlib|shuffle-zlib", "CODEC",
              "store tensors so; without it they stay as they are"),
    PL_TEXT(struct command, order, "order", 0, NULL, "ORDER",
            "write tensors by name, by size (smallest first), or in the order of a list of GLOBs "
            "separated by commas, the others behind",
            "name"),
    PL_OPTIONS_END,
};

static const char *const unused[] = {"seed", "memory", NULL};

/* Fills the selection from the options. */
static enum pl_status prepare(struct pl_context *context, const struct command *command,
                              struct pl_select *select)
{
    enum pl_status status = PL_OK;
    char rows[48];
    for (size_t i = 0; i < command->names.count && status == PL_OK; i++)
        status = pl_patterns_add(context, &select->patterns, command->names.items[i], false);
    for (size_t i = 0; i < command->drop.count && status == PL_OK; i++)
        status = pl_patterns_add(context, &select->patterns, command->drop.items[i], true);
    for (size_t i = 0; i < command->rename.count && status == PL_OK; i++)
        status = pl_select_rename(context, select, command->rename.items[i]);
    for (size_t i = 0; i < command->slice.count && status == PL_OK; i++)
        status = pl_select_cut(context, select, command->slice.items[i]);
    for (size_t i = 0; i < command->cast.count && status == PL_OK; i++)
        status = pl_select_cast(context, select, command->cast.items[i]);
    if (status == PL_OK && command->rows)
        status = pl_select_rows(context, select, command->rows);
    if (status == PL_OK && command->has_head) {
        snprintf(rows, sizeof rows, "0:%lld", (long long)command->head);
        status = pl_select_rows(context, select, rows);
    }
    if (status == PL_OK && command->has_tail) {
        snprintf(rows, sizeof rows, command->tail ? "-%lld:" : "0:%lld", (long long)command->tail);
        status = pl_select_rows(context, select, rows);
    }
    if (status == PL_OK && command->order)
        status = pl_select_order(context, select, command->order);
    select->recode = command->codec >= 0;
    select->codec = select->recode ? (enum pl_codec)command->codec : PL_CODEC_RAW;
    return status;
}

/* The history of one segment, and its end. */
static enum pl_status end_segment(struct pl_run *run, const struct pl_selected *selected,
                                  const char *name, const struct pl_source *source,
                                  struct pl_writer *writer)
{
    struct pl_context *context = &run->context;
    struct pl_history history = {0};
    enum pl_status status = PL_OK;
    if (run->common.history) {
        bool stream = source->format == PL_FORMAT_STREAM;
        status = pl_history_start(context, &history, run->tool->name, PL_VERSION, run->argc,
                                  run->argv, run->common.seed);
        if (status == PL_OK)
            status = pl_history_input(context, &history, name, stream ? selected->sum : source->sum,
                                      selected->history.root);
        if (status == PL_OK)
            status = pl_history_write(context, &history, writer);
        pl_history_release(&history);
    }
    return status == PL_OK ? pl_writer_end(context, writer) : status;
}

/* One run over all inputs. */
struct job {
    struct pl_run *run;
    struct pl_select select;
    struct pl_writer *writer;
    int64_t wanted, segment; /* the one asked for (0: all), and those that have come */
    struct pl_buffer explained;
};

/* Reads over a segment that was not asked for. */
static enum pl_status skip_segment(struct pl_context *context, struct pl_reader *reader,
                                   bool *found)
{
    struct pl_directory directory = {0};
    enum pl_status status = pl_directory_scan(context, &directory, reader, found);
    pl_directory_release(&directory);
    return status;
}

static enum pl_status select_file(struct job *job, const char *path)
{
    struct pl_context *context = &job->run->context;
    struct pl_source source = {0};
    bool found = true;
    enum pl_status status = PL_OK;
    struct pl_reader *reader = pl_input_open(context, path, NULL, &source);
    if (!reader)
        return context->status;
    while (status == PL_OK && found) {
        struct pl_selected selected = {0};
        bool wanted = job->wanted == 0 || job->segment + 1 == job->wanted;
        if (!wanted)
            status = skip_segment(context, reader, &found);
        else if (!job->writer)
            status = pl_select_explain(context, &job->select, reader, &job->explained, &found);
        else
            status =
                pl_select_segment(context, &job->select, reader, job->writer, &selected, &found);
        job->segment += found;
        if (status == PL_OK && found && wanted && job->writer)
            status = end_segment(job->run, &selected, path, &source, job->writer);
        pl_meta_release(&selected.history);
    }
    pl_reader_close(reader);
    return status;
}

static enum pl_status run(struct pl_run *run, void *filled)
{
    const struct command *command = filled;
    struct pl_context *context = &run->context;
    struct job job = {.run = run, .wanted = command->segment};
    struct pl_view view = {0};
    enum pl_status status = prepare(context, command, &job.select);
    if (status == PL_OK && !run->common.explain)
        status = pl_view_open(context, &view, run->common.output,
                              pl_run_to_terminal(run) ? PL_VIEW_TABLE : PL_VIEW_STREAM);
    job.writer = view.writer;
    int count = run->operand_count > 0 ? run->operand_count : 1;
    for (int i = 0; i < count && status == PL_OK; i++)
        status = select_file(&job, pl_run_operand(run, i));
    if (status == PL_OK && job.segment < job.wanted)
        status = pl_fail(context, PL_BAD_DATA, "there is no segment %lld, only %lld",
                         (long long)job.wanted, (long long)job.segment);
    if (job.writer)
        status = pl_view_close(context, &view, status, run->tool->name);
    else if (status == PL_OK)
        status = pl_run_text_output(run, job.explained.data, job.explained.size);
    pl_buffer_release(&job.explained);
    pl_select_release(&job.select);
    return status;
}

static const struct pl_example examples[] = {
    {"ts-select -n 'temp_*' data/seattle.csv | ts-info", "two columns of a series"},
    {"ts-select --tail 7 data/seattle.csv | ts-export -f csv", "the last week"},
    {"ts-select --rename 'temp_*=t_*' --cast f32 data/seattle.csv | ts-info",
     "shorter names and smaller numbers"},
    {"ts-select --codec shuffle-zlib data/beijing.csv > small.plumb", "for the archive"},
    {NULL, NULL},
};

static const struct pl_tool tool = {
    .name = "ts-select",
    .summary = "select, rename, cut and convert tensors of a stream",
    .operands = "[FILE ...]",
    .least = 0,
    .most = -1,
    .options = options,
    .unused = unused,
    .command_size = sizeof(struct command),
    .examples = examples,
    .see_also = "ts-diff(1), ts-export(1), ts-info(1), tensor-stream(5)",
    .run = run,
};

int main(int argc, char **argv)
{
    return pl_tool_main(&tool, argc, argv);
}
