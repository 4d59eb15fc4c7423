/* ts-import: files of other formats as a tensor stream.
 * SPDX-License-Identifier: MIT */
#include "plumbline.h"

#include "formats/view.h"

struct command {
    struct pl_import import;
    const char *images, *labels; /* a pair of IDX files, instead of operands */
};

static const struct pl_option options[] = {
    PL_IMPORT_OPTIONS(struct command, import),
    PL_TEXT(struct command, images, "images", 0, NULL, "FILE",
            "IDX: a file of pictures, instead of operands; the result is of kind images",
            "train-images-idx3-ubyte.gz"),
    PL_TEXT(struct command, labels, "labels", 0, NULL, "FILE",
            "IDX: the file of labels that belongs to --images", "train-labels-idx1-ubyte.gz"),
    PL_OPTIONS_END,
};

/* The segment being written.  A table is a segment of its own; tensors of other files share one. */
struct segment {
    struct pl_history history;
    bool open, table;
};

static enum pl_status end_segment(struct pl_run *run, struct segment *segment,
                                  struct pl_writer *writer)
{
    enum pl_status status = PL_OK;
    if (run->common.history) {
        status = pl_history_write(&run->context, &segment->history, writer);
    }
    pl_history_release(&segment->history);
    segment->open = false;
    return status ? status : pl_writer_end(&run->context, writer);
}

/* Opens a segment for the next file unless it can go into the one that is open. */
static enum pl_status prepare_segment(struct pl_run *run, struct segment *segment,
                                      struct pl_writer *writer, bool table)
{
    enum pl_status status = PL_OK;
    if (segment->open && (segment->table || table)) {
        status = end_segment(run, segment, writer);
    }
    if (!status && !segment->open) {
        status = pl_history_start(&run->context, &segment->history, run->tool->name, PL_VERSION,
                                  run->argc, run->argv, run->common.seed);
        segment->open = !status;
        segment->table = table;
    }
    return status;
}

static enum pl_status import_file(struct pl_run *run, const struct command *command,
                                  const char *path, struct segment *segment,
                                  struct pl_writer *writer)
{
    struct pl_source source;
    struct pl_foreign *foreign = pl_foreign_open(&run->context, path, &command->import);
    if (!foreign) {
        return run->context.status;
    }
    bool table = pl_foreign_format(foreign) == PL_FORMAT_CSV;
    enum pl_status status = prepare_segment(run, segment, writer, table);
    if (!status) {
        status = pl_foreign_import(&run->context, foreign, writer, &source);
    }
    if (!status) {
        status = pl_history_input(&run->context, &segment->history, path, source.sum, NULL);
    }
    pl_foreign_close(foreign);
    return status;
}

static enum pl_status import_images(struct pl_run *run, const struct command *command,
                                    struct segment *segment, struct pl_writer *writer)
{
    struct pl_source images, labels;
    struct pl_context *context = &run->context;
    enum pl_status status = prepare_segment(run, segment, writer, true);
    if (!status) {
        status =
            pl_import_images(context, command->images, command->labels, writer, &images, &labels);
    }
    if (!status) {
        status = pl_history_input(context, &segment->history, command->images, images.sum, NULL);
    }
    if (!status && command->labels) {
        status = pl_history_input(context, &segment->history, command->labels, labels.sum, NULL);
    }
    return status;
}

static enum pl_status import_all(struct pl_run *run, const struct command *command,
                                 struct pl_writer *writer)
{
    struct segment segment = {0};
    enum pl_status status = PL_OK;
    int count = command->images ? 0 : run->operand_count > 0 ? run->operand_count : 1;
    if (command->images) {
        status = import_images(run, command, &segment, writer);
    }
    for (int i = 0; i < count && !status; i++) {
        status = import_file(run, command, pl_run_operand(run, i), &segment, writer);
    }
    if (!status) {
        return end_segment(run, &segment, writer);
    }
    if (segment.open) {
        pl_history_release(&segment.history);
    }
    return status;
}

static enum pl_status run(struct pl_run *run, void *fields)
{
    const struct command *command = fields;
    if (command->labels && !command->images) {
        return pl_fail(&run->context, PL_USAGE, "--labels needs --images");
    }
    if (command->images && (run->operand_count > 0 || (command->import.format != PL_FORMAT_AUTO &&
                                                       command->import.format != PL_FORMAT_IDX))) {
        return pl_fail(&run->context, PL_USAGE, "--images goes with no operands and only -f idx");
    }
    struct pl_view view;
    enum pl_status status = pl_view_open(&run->context, &view, run->common.output,
                                         pl_run_to_terminal(run) ? PL_VIEW_TABLE : PL_VIEW_STREAM);
    if (status) {
        return status;
    }
    status = import_all(run, command, view.writer);
    return pl_view_close(&run->context, &view, status, run->tool->name);
}

static const char *const unused[] = {"explain", "memory", "seed", NULL};

static const struct pl_example examples[] = {
    {"ts-import data/beijing.csv | ts-info", "Look at the tensors that a table becomes"},
    {NULL, NULL},
};

static const struct pl_tool tool = {
    .name = "ts-import",
    .summary = "turn CSV, NPY, NPZ, safetensors, IDX and raw files into a tensor stream",
    .operands = "[FILE ...]",
    .least = 0,
    .most = -1,
    .options = options,
    .unused = unused,
    .command_size = sizeof(struct command),
    .examples = examples,
    .see_also = "ts-export(1), ts-info(1), ts-select(1), tensor-stream(5)",
    .run = run,
};

int main(int argc, char **argv)
{
    return pl_tool_main(&tool, argc, argv);
}
