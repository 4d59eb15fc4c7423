/* lin-eval: score a trained model on data it has not seen.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/json.h"
#include "models/eval.h"
#include "models/operand.h"
#include "tensor/blas.h"

struct command {
    struct pl_eval_options eval;
    bool json;
};

static const struct pl_option options[] = {
    PL_FLAG(struct command, json, "json", 0, NULL, "write one JSON object instead of YAML"),
    PL_EVAL_LM_OPTIONS(struct command, eval.lm),
    PL_EVAL_FORECASTER_OPTIONS(struct command, eval.forecaster),
    PL_OPTIONS_END,
};

static enum pl_status write_report(struct pl_run *run, const struct pl_eval_family *family,
                                   const struct pl_meta_node *report, bool json)
{
    struct pl_context *context = &run->context;
    struct pl_buffer text = {0};
    enum pl_status status;
    if (json) {
        status = pl_json_write(context, report, &text);
        if (!status)
            status = pl_buffer_text(context, &text, "\n");
    } else if (family->table && pl_run_to_terminal(run)) {
        status = family->table(context, report, &text);
    } else {
        status = pl_meta_write(context, report, &text);
    }
    if (!status)
        status = pl_run_text_output(run, text.data, text.size);
    pl_buffer_release(&text);
    return status;
}

/* What is written is neither what is read nor what is written beside it. */
static enum pl_status check_files(struct pl_run *run, const struct command *command)
{
    struct pl_context *context = &run->context;
    const char *curve = command->eval.lm.per_position, *output = run->common.output;
    if (strcmp(run->operands[0], "-") == 0 && strcmp(pl_run_operand(run, 1), "-") == 0)
        return pl_fail(context, PL_USAGE, "MODEL and DATA cannot both be standard input");
    for (int i = 0; curve && i < run->operand_count; i++)
        if (pl_file_same(curve, run->operands[i]))
            return pl_fail(context, PL_USAGE, "--per-position %s: the file is read too", curve);
    if (curve && output && pl_file_same(curve, output))
        return pl_fail(context, PL_USAGE, "--per-position %s: the report is written there too",
                       curve);
    return PL_OK;
}

static enum pl_status run_command(struct pl_run *run, void *arguments)
{
    const struct command *command = arguments;
    const char *data = pl_run_operand(run, 1);
    struct pl_operand model = {0};
    struct pl_meta report = {0};
    enum pl_status status = check_files(run, command);
    if (!status)
        status = pl_operand_open(&run->context, &model, run->operands[0], NULL);
    const struct pl_eval_family *family = pl_eval_family(&model.bundle);
    if (!status)
        status = pl_eval_refuse(run, family);
    if (!status)
        status = family->run(&run->context, &model.bundle, data, &command->eval, &report);
    if (!status)
        status = write_report(run, family, report.root, command->json);
    pl_meta_release(&report);
    pl_operand_close(&model);
    return status;
}

static const struct pl_example examples[] = {
    {"lin-train -H 48 --split 0.7,0.1,0.2 data/bike.csv.gz | lin-eval - data/bike.csv.gz",
     "train on the first 70 %, score every window of the last 20 %"},
    {"lin-train -q -m gla -s dim=32 --seq 64 --batch 8 --steps 60 data/shakespeare.txt | "
     "lin-eval --json - data/README.md",
     "bits per byte of another text"},
    {NULL, NULL}};

static const char *const unused[] = {"history", "explain", "memory", "seed", NULL};

static const struct pl_tool tool = {
    .name = "lin-eval",
    .summary = "score a trained model on data it has not seen",
    .operands = "MODEL [DATA]",
    .least = 1,
    .most = 2,
    .options = options,
    .unused = unused,
    .command_size = sizeof(struct command),
    .examples = examples,
    .see_also = "lin-train(1), lin-forecast(1), lin-generate(1), plumbline-language(7)",
    .run = run_command,
    .describe = pl_blas_describe,
};

int main(int argc, char **argv)
{
    return pl_tool_main(&tool, argc, argv);
}
