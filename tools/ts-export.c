/* ts-export: a tensor stream as a table, arrays, weights, a picture or a sound.
 * SPDX-License-Identifier: MIT */
#include "plumbline.h"

#include "formats/export.h"

struct command {
    struct pl_export export;
};

static const struct pl_option options[] = {
    PL_EXPORT_OPTIONS(struct command, export),
    PL_OPTIONS_END,
};

static enum pl_status run(struct pl_run *run, void *fields)
{
    const struct command *command = fields;
    enum pl_status status = PL_OK;
    if (command->export.format != PL_EXPORT_CSV) {
        status = pl_run_binary_output(run);
    }
    if (status) {
        return status;
    }
    struct pl_reader *reader = pl_input_open(&run->context, pl_run_operand(run, 0), NULL, NULL);
    if (!reader) {
        return run->context.status;
    }
    status = pl_export_file(&run->context, reader, &command->export, run->common.output);
    pl_reader_close(reader);
    return status;
}

static const char *const unused[] = {"explain", "memory", "seed", "no-history", NULL};

static const struct pl_example examples[] = {
    {"ts-import data/co2.csv | ts-export -f csv | head -n 3", "There and back again"},
    {NULL, NULL},
};

static const struct pl_tool tool = {
    .name = "ts-export",
    .summary = "write a tensor stream as a table, arrays, weights, a picture or a sound",
    .operands = "[FILE]",
    .least = 0,
    .most = 1,
    .options = options,
    .unused = unused,
    .command_size = sizeof(struct command),
    .examples = examples,
    .see_also = "ts-import(1), ts-info(1), ts-select(1), tensor-stream(5)",
    .run = run,
};

int main(int argc, char **argv)
{
    return pl_tool_main(&tool, argc, argv);
}
